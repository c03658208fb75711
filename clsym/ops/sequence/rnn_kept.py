"""What the forward pass of a recurrent layer stack keeps for the gradient, in one tensor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from .rnn_layout import RnnExtents

__all__ = ["Kept"]


@dataclass(frozen=True)
class Kept:
    """Offsets, in elements, of what is kept for each layer; None where it is not.

    Attributes
    ----------
    own_input : bool
        Whether a layer above the first reads something else than the output of the one below: after dropout, or masked by lengths.
    own_output : bool
        Whether the last layer's states lie here, as the node's output is not what they are (masked).
    """

    extents: RnnExtents
    own_input: bool
    own_output: bool

    @cached_property
    def _all(self) -> tuple[dict[tuple[str, int], int], int]:
        e = self.extents
        each = e.directions * e.steps * e.batch
        found: dict[tuple[str, int], int] = {}
        at = 0
        for layer in range(e.layers):
            sizes = {
                "gates": each * e.rows if e.gates > 1 else 0,
                "cells": each * e.state if e.mode == "lstm" else 0,
                "parts": each * e.state if e.mode == "gru" else 0,
                "unprojected": each * e.state if e.projection else 0,
                "output": each * e.fed if layer + 1 < e.layers or self.own_output else 0,
                "input": each * e.fed if layer and self.own_input else 0,
            }
            for what, size in sizes.items():
                if size:
                    found[what, layer] = at
                    at += size
        return found, at

    def at(self, what: str, layer: int) -> int | None:
        """Where it begins: ``gates``, ``cells``, ``parts``, ``unprojected``, ``output`` or ``input``."""
        return self._all[0].get((what, layer))

    @property
    def size(self) -> int:
        """Length of the tensor."""
        return self._all[1]
