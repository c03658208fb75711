"""Tuned numbers: what a lowering would choose, overruled by what a tuner measured on the device.

A lowering asks `tuned` for its numbers (tile sizes, the point from which another kernel pays). The module of the operator says once, with
`tunable`, which values a tuner may try. `observe_lookups` tells the tuner what a lowering asked for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass

from ...base import MXNetError
from .traits import DeviceTraits

__all__ = ["Lookup", "Tunable", "find_tunable", "observe_lookups", "refusal", "tunable", "tuned"]

Allowed = Callable[[DeviceTraits, Mapping[str, int]], bool]


@dataclass(frozen=True)
class Tunable:
    """What may be tried for a family of kernels.

    Attributes
    ----------
    family : str
        ``gemm``, or ``gemm/blocks`` where the classes of a family have different numbers.
    candidates : dict of str to (tuple of int)
        By number; what is not among them is not tuned.
    allowed : callable or None
        From the traits and all numbers together to whether the kernels work with them.
    """

    family: str
    candidates: Mapping[str, tuple[int, ...]]
    allowed: Allowed | None = None


@dataclass(frozen=True)
class Lookup:
    """One call of `tuned`: the key that it looked up, and what it would choose."""

    family: str
    shape_class: str
    defaults: tuple[tuple[str, int], ...]

    @property
    def key(self) -> str:
        """``family/class``, as `DeviceTraits.tuning` has it."""
        return f"{self.family}/{self.shape_class}"


_tunables: dict[str, Tunable] = {}
_observer: ContextVar[list[Lookup] | None] = ContextVar("tuning_observer", default=None)


def tunable(family: str, candidates: Mapping[str, Sequence[int]], allowed: Allowed | None = None) -> None:
    """Declare which values a tuner may try for a family of kernels; called once, where the operators are defined.

    Parameters
    ----------
    family : str
        As `tuned` is given it, or ``family/class``, which goes before.
    candidates : dict of str to (list of int)
        Any combination must either compute the right result or be refused by `allowed` or by the lowering.
    allowed : callable, optional
        ``allowed(traits, numbers)``: whether the kernels work with these numbers. Combinations that it refuses are never used.

    Raises
    ------
    MXNetError
        The family is declared already, or a number has no candidate.
    """
    if family in _tunables:
        raise MXNetError(f"tunable({family!r}) is declared twice; a family is declared where its kernels are called, once")
    empty = [name for name, values in candidates.items() if not values]
    if empty or not candidates:
        raise MXNetError(f"tunable({family!r}) gives no candidates for {empty or 'anything'}; leave out what is not to be tuned")
    _tunables[family] = Tunable(family, {name: tuple(values) for name, values in candidates.items()}, allowed)


def find_tunable(key: str) -> Tunable | None:
    """What was declared for a key ``family/class``: for exactly that, else for the family."""
    return _tunables.get(key) or _tunables.get(key.partition("/")[0])


def refusal(key: str, numbers: Mapping[str, int]) -> str:
    """Why numbers from a file cannot be used for a key; '' if they can."""
    declared = find_tunable(key)
    if declared is None:
        return f"{key!r} names no kernels that have tuned numbers"
    for name, value in numbers.items():
        if value not in declared.candidates.get(name, ()):
            known = declared.candidates.get(name)
            return f"{key!r}: {name}={value} is not among {known}" if known else f"{key!r} has no number {name!r}"
    return ""


def tuned(traits: DeviceTraits, family: str, shape_class: str, defaults: Mapping[str, int]) -> dict[str, int]:
    """`defaults` with the values that `DeviceTraits.tuning` holds for this family of kernels and class of shapes.

    >>> tuned(DeviceTraits(tuning={'example/n512': {'mr': 6}}), 'example', 'n512', {'mr': 4, 'nv': 3})
    {'mr': 6, 'nv': 3}
    """
    key = f"{family}/{shape_class}"
    seen = _observer.get()
    if seen is not None:
        seen.append(Lookup(family, shape_class, tuple(defaults.items())))
    found = traits.tuning.get(key)
    if not found:
        return dict(defaults)
    numbers = {**defaults, **{k: v for k, v in found.items() if k in defaults}}
    declared = find_tunable(key)
    return numbers if declared is None or declared.allowed is None or declared.allowed(traits, numbers) else dict(defaults)


@contextlib.contextmanager
def observe_lookups() -> Iterator[list[Lookup]]:
    """Collect what `tuned` is asked for in this thread; nested blocks see their own.

    For lowerings: a compiler that remembers those asks only once.


    >>> with observe_lookups() as seen:
    ...     _ = tuned(DeviceTraits(), 'example', 'n512', {'mr': 4})
    >>> [s.key for s in seen]
    ['example/n512']
    """
    seen: list[Lookup] = []
    token = _observer.set(seen)
    try:
        yield seen
    finally:
        _observer.reset(token)
