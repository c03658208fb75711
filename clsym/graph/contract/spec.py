"""Shapes, known in part or whole, and what describes a tensor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...base import MXNetError

__all__ = [
    "PartialShape",
    "PlainShapeError",
    "Shape",
    "ShapeError",
    "TensorSpec",
    "UnsupportedType",
    "known",
    "same_shape",
    "show_shape",
    "unify_shape",
]

Shape = tuple[int, ...]
"""A shape; -1 is an unknown extent, and None instead of a tuple is an unknown number of dimensions."""

PartialShape = Shape | None


class ShapeError(MXNetError):
    """Shapes (or element types) contradict one another.

    The text says what must hold. Which tensor is at fault, what it was given and what was expected is found by the inference pass
    (`clsym.graph.contract.contradiction`), which names the node as well.
    """


class PlainShapeError(ShapeError):
    """Two shapes (or types) are different, and there is no more to say of them."""


class UnsupportedType(ShapeError):
    """An element type that an operator does not compute with.

    What follows from it is known nevertheless: the operator's other types follow from it as from one that it computes with.

    Attributes
    ----------
    dtype : str
        The type.
    """

    def __init__(self, dtype: str, text: str) -> None:
        super().__init__(text)
        self.dtype = dtype


@dataclass(frozen=True)
class TensorSpec:
    """The shape and element type of a tensor, both fully known."""

    shape: Shape
    dtype: str = "float32"

    @cached_property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return int(np.dtype(self.dtype).itemsize)

    @cached_property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.size * self.itemsize

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)


def unify_shape(a: PartialShape, b: PartialShape, note: str = "") -> PartialShape:
    """The shape that both partial shapes describe, in any order.

    Parameters
    ----------
    a, b : tuple of int or None
    note : str
        What must hold, for the error: ``'weight must be (num_hidden, depth)'``.

    Raises
    ------
    ShapeError
        They contradict one another.

    >>> unify_shape((2, -1), (-1, 3)), unify_shape(None, (4,))
    ((2, 3), (4,))
    """
    if a is None or a == b:
        return b
    if b is None:
        return a
    if len(a) != len(b) or any(x != y and x >= 0 and y >= 0 for x, y in zip(a, b, strict=True)):
        raise ShapeError(note) if note else PlainShapeError(f"{show_shape(a)} and {show_shape(b)} are different shapes")
    return tuple(y if x < 0 else x for x, y in zip(a, b, strict=True))


def known(shape: PartialShape) -> bool:
    """Whether every extent is known."""
    return shape is not None and all(d >= 0 for d in shape)


def show_shape(shape: PartialShape) -> str:
    """A partial shape as text, with ``?`` for unknown extents."""
    if shape is None:
        return "(unknown)"
    return "(" + ", ".join("?" if d < 0 else str(d) for d in shape) + ("," if len(shape) == 1 else "") + ")"


def same_shape(ins: Sequence[PartialShape], outs: Sequence[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
    """The rule of element-wise operators: all shapes equal, known in both directions."""
    shape: PartialShape = None
    for s in (*ins, *outs):
        shape = unify_shape(shape, s)
    return [shape] * len(ins), [shape] * len(outs)
