"""Axes, and the loops that they mean: shared by reductions, softmax, normalisations and sorting. No operator of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...graph.contract.kernel_call import Scalar, compute_type
from ...graph.contract.spec import Shape, ShapeError
from ...graph.contract.traits import DeviceTraits

__all__ = [
    "Collapsed",
    "Rows",
    "check_axis",
    "collapse",
    "column_grid",
    "column_tile",
    "lowest",
    "reduced_axes",
    "reduced_shape",
    "row_grid",
    "split_axis",
]

_MAX_DIMS = 4
"""Dimensions of each kind, kept and reduced, that a kernel takes after collapsing: enough for eight alternating ones."""


def check_axis(axis: int, ndim: int, what: str = "axis") -> int:
    """The axis counted from the front.

    Raises
    ------
    ShapeError
        There is no such axis.
    """
    if not -ndim <= axis < ndim:
        raise ShapeError(f"{what} {axis} exceeds the input dimension of {ndim}; it must lie in [{-ndim}, {ndim - 1}]")
    return axis % ndim


def reduced_axes(axis: tuple[int, ...] | None, ndim: int, exclude: bool = False) -> tuple[int, ...]:
    """The axes that a reduction runs over, from the front and in order. None and () mean all, even with `exclude`.

    Raises
    ------
    ShapeError
        An axis does not exist or is named twice.

    >>> reduced_axes((-1, 0), 3), reduced_axes((1,), 3, exclude=True), reduced_axes(None, 2)
    ((0, 2), (0, 2), (0, 1))
    """
    if not axis:
        return tuple(range(ndim))
    found = sorted(check_axis(a, ndim, "reduction axis") for a in axis)
    if len(set(found)) != len(found):
        raise ShapeError(f"reduction axes have duplicates: {tuple(axis)}; name each axis once")
    return tuple(a for a in range(ndim) if a not in found) if exclude else tuple(found)


def reduced_shape(shape: Shape, axes: Sequence[int], keepdims: bool) -> Shape:
    """The shape after reducing `axes`; a full reduction leaves (1,), as MXNet without numpy shapes has no scalars.

    >>> reduced_shape((2, 3, 4), (1,), False), reduced_shape((2, 3), (0, 1), False), reduced_shape((2, 3), (0, 1), True)
    ((2, 4), (1,), (1, 1))
    """
    if keepdims:
        return tuple(1 if a in axes else d for a, d in enumerate(shape))
    return tuple(d for a, d in enumerate(shape) if a not in axes) or (1,)


@dataclass(frozen=True)
class Collapsed:
    """A reduction after merging neighbouring axes of one kind and dropping those of extent 1.

    Attributes
    ----------
    kept, reduced : tuple of (extent, stride)
        Outermost first; strides in elements of the input.
    inner_reduced : bool
        Whether the axis that is contiguous in memory is reduced.
    """

    kept: tuple[tuple[int, int], ...]
    reduced: tuple[tuple[int, int], ...]
    inner_reduced: bool

    @property
    def outputs(self) -> int:
        """Number of results."""
        return math.prod(e for e, _ in self.kept)

    @property
    def length(self) -> int:
        """Number of elements that make one result."""
        return math.prod(e for e, _ in self.reduced)

    @property
    def contiguous(self) -> bool:
        """Whether the elements of a result are neighbours in memory; those of a single result count as such."""
        return self.inner_reduced or not self.kept

    def scalars(self) -> tuple[Scalar, Scalar]:
        """The kernel arguments ``kept`` and ``reduced``: four extents, then four strides; innermost first, padded with 1 and 0."""
        return _pack(self.kept), _pack(self.reduced)


def _pack(dims: Sequence[tuple[int, int]]) -> Scalar:
    inner_first = list(reversed(dims))
    pad = _MAX_DIMS - len(inner_first)
    return Scalar("long8", (*(e for e, _ in inner_first), *(1,) * pad, *(s for _, s in inner_first), *(0,) * pad))


def collapse(shape: Shape, axes: Sequence[int]) -> Collapsed:
    """How to walk a tensor that is reduced over `axes`.

    Raises
    ------
    ShapeError
        Kept and reduced axes alternate more than four times each.

    >>> collapse((2, 3, 4, 5), (1, 2))
    Collapsed(kept=((2, 60), (5, 1)), reduced=((12, 5),), inner_reduced=False)
    """
    dims: list[tuple[int, int, bool]] = []
    stride = math.prod(shape)
    for a, extent in enumerate(shape):
        stride //= max(extent, 1)
        if extent == 1:
            continue
        is_reduced = a in axes
        if dims and dims[-1][2] == is_reduced:
            dims[-1] = (dims[-1][0] * extent, stride, is_reduced)
        else:
            dims.append((extent, stride, is_reduced))
    kept = tuple((e, s) for e, s, r in dims if not r)
    reduced = tuple((e, s) for e, s, r in dims if r)
    if max(len(kept), len(reduced)) > _MAX_DIMS:
        raise ShapeError(f"shape {shape} reduced over {tuple(axes)}: kept and reduced axes alternate too often; transpose the tensor first")
    return Collapsed(kept, reduced, bool(dims) and dims[-1][2])


@dataclass(frozen=True)
class Rows:
    """A tensor as (outer, n, inner) around one axis: `outer * inner` rows of `n` elements, `inner` apart."""

    outer: int
    n: int
    inner: int

    @property
    def count(self) -> int:
        """Number of rows."""
        return self.outer * self.inner


def split_axis(shape: Shape, axis: int) -> Rows:
    """The rows along one axis, counted from the front.

    >>> split_axis((2, 3, 4), 1)
    Rows(outer=2, n=3, inner=4)
    """
    return Rows(math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))


def row_grid(count: int, n: int, traits: DeviceTraits, strided: bool = False) -> tuple[tuple[int], tuple[int], tuple[Scalar, Scalar]]:
    """Global size, local size and the arguments ``lanes, strided`` of a kernel built on ROWS_BEGIN."""
    if traits.is_cpu:
        items = max(1, min(count, 8 * traits.compute_units, -(-count * n // 4096)))
        return (items,), (1,), (Scalar("int", 1), Scalar("int", 0))
    group = min(256, traits.max_work_group_size)
    group = 1 << (group.bit_length() - 1)
    lanes = 1
    # strided rows coalesce across rows: keep at least 16 side by side
    most = max(1, group // 16) if strided else group
    while lanes < most and lanes * 4 <= n:
        lanes *= 2
    groups = max(1, min(-(-count * lanes // group), 64 * traits.compute_units))
    return (groups * group,), (group,), (Scalar("int", lanes), Scalar("int", int(strided)))


def column_tile(rows: Rows, most: int, traits: DeviceTraits) -> int:
    """How many neighbouring rows a CPU work-item takes at once: all of their elements should stay in the second-level cache.

    >>> column_tile(Rows(8, 100, 3136), 256, DeviceTraits(compute_units=4))
    256
    """
    tile = most
    while tile > 32 and (tile * rows.n > 65536 or rows.outer * -(-rows.inner // tile) < 2 * traits.compute_units):
        tile //= 2
    return tile


def column_grid(items: int, work: int, traits: DeviceTraits, per_item: int = 4096) -> tuple[tuple[int], tuple[int]]:
    """Global and local size of a CPU kernel that shares `items` tiles, `work` elements in all, among work-items."""
    return (max(1, min(items, 8 * traits.compute_units, -(-work // per_item))),), (1,)


_LOWEST = {"float": "(-INFINITY)", "double": "(-INFINITY)", "int": "INT_MIN", "long": "LONG_MIN"}
_HIGHEST = {"float": "INFINITY", "double": "INFINITY", "int": "INT_MAX", "long": "LONG_MAX"}


def lowest(dtype: str, highest: bool = False) -> str:
    """The smallest (largest) value of the compute type of `dtype`, in OpenCL C."""
    return (_HIGHEST if highest else _LOWEST)[compute_type(dtype)]
