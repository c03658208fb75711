"""What an operator may ask the producer of its input to take over, and what rewriting an operator gives."""

from __future__ import annotations

from dataclasses import dataclass

from ..contract.op import Entry

__all__ = ["Activate", "Add", "Affine", "Blocked", "Request"]


@dataclass(frozen=True)
class Affine:
    """A request to multiply by `scale` and add `shift`, one value a channel."""

    scale: Entry
    shift: Entry


@dataclass(frozen=True)
class Add:
    """A request to add a tensor of the same shape and layout."""

    entry: Entry


@dataclass(frozen=True)
class Activate:
    """A request to apply an activation: ``relu``, ``sigmoid``, ``tanh``, ``clip`` to [low, high], or ``leaky`` with slope `low`."""

    kind: str
    low: float = 0.0
    high: float = 0.0


Request = Affine | Add | Activate


@dataclass(frozen=True)
class Blocked:
    """A result of `Rewriting.rewrite` in blocked layout: the entry is (N, ceil(C / block), H, W, block)."""

    entry: Entry
