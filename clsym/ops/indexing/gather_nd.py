"""Gathers and scatters by tuples of indices: gather_nd, scatter_nd; and flat indices from tuples and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, Temp, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, Shape, ShapeError, TensorSpec, known, unify_shape
from ...params import Field, Params
from ...params import Shape as ShapeField
from ..shared.rows import Rows
from .calls import check_indexed, nd_keys, scatter_add_calls, scatter_last_calls, take_call

__all__ = ["GatherNd", "RavelMultiIndex", "ScatterNd", "ScatterSetNd", "UnravelIndex"]


def _indexed(indices: TensorSpec, shape: Shape) -> tuple[Shape, Rows, int]:
    """The extents that are indexed, the slices behind them as rows, and the number of index tuples."""
    m = check_indexed(indices.shape, shape)
    extents = shape[:m]
    return extents, Rows(1, math.prod(extents), math.prod(shape[m:])), math.prod(indices.shape[1:])


@register
class GatherNd(Op):
    """Slices of `data` at tuples of indices: ``out[y] = data[indices[0, y], ..., indices[M-1, y]]``.

    Parameters
    ----------
    data : Symbol or NDArray
        Shape (X0, ..., XN), of any type.
    indices : Symbol or NDArray
        Shape (M, Y0, ..., YK), M at most the number of the data's dimensions. Negative indices count from the back.

    Returns
    -------
    Symbol or NDArray
        Shape (Y0, ..., YK, XM, ..., XN). Only `data` gets a gradient; equal tuples are added in order.

    Raises
    ------
    MXNetError
        `indices` has fewer than two dimensions, or addresses more than there are.
    IndexError
        An index is out of range; raised where the result, or anything else of the device, is waited for.
    """

    name = "gather_nd"
    inputs = ("data", "indices")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data, indices = ins
        if data is None or indices is None or not known(indices[:1]):
            return ins, outs
        m = check_indexed(indices, data)
        return ins, [(*indices[1:], *data[m:])] if known(indices) and known(data) else outs

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        data = ins[0] or outs[0]
        return [data, ins[1]], [data]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_backward_gather_nd", g.ograd(), g.input(1), shape=g.ins[0].shape), None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        extents, rows, count = _indexed(ins[1], ins[0].shape)
        keys = Temp(0, 4 * max(count, 1))
        return [
            nd_keys(In(1), keys, count, extents, ins[1].dtype, ctx, checked=True),
            take_call(In(0), keys, Out(0), rows, count, (ins[0].dtype, "int32"), "clip", ctx.reqs[0], ctx),
        ]


class _Scatter(Op):
    """What gives a tensor of the parameter `shape` from slices and index tuples."""

    inputs: tuple[str, ...] = ("data", "indices")
    params: dict[str, Field] = {"shape": ShapeField(doc="Shape of the result.")}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if any(d < 0 for d in p.shape):
            raise ShapeError(f"shape must not hold negative extents, got {p.shape}")
        data, indices = ins[-2:]
        if indices and data is not None and not known(indices[:1]):  # how many axes are indexed follows from the ranks
            indices = (len(indices) - 1 + len(p.shape) - len(data), *indices[1:])
        if indices is not None and known(indices[:1]):
            m = check_indexed(indices, p.shape)
            full = cast(Shape, unify_shape(data, (*indices[1:], *p.shape[m:])))  # a check: the data's shape must be given
            indices = unify_shape(indices, (m, *full[: len(full) - len(p.shape[m:])]))
        return [*ins[:-2], data, indices], [p.shape]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        data = next((t for t in (*ins[:-1], outs[0]) if t), None)
        return [*(t or data for t in ins[:-1]), ins[-1]], [data]


@register
class ScatterNd(_Scatter):
    """A tensor of zeros with slices put at tuples of indices: ``out[indices[0, y], ..., indices[M-1, y]] = data[y]``.

    Parameters
    ----------
    data : Symbol or NDArray
        Shape (Y0, ..., YK, XM, ..., XN), of any type.
    indices : Symbol or NDArray
        Shape (M, Y0, ..., YK). Of equal tuples the last one wins. Negative indices count from the back.
    shape : tuple of int
        Shape of the result, (X0, ..., XN).

    Raises
    ------
    MXNetError
        The shapes do not fit.
    """

    name = "scatter_nd"

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("gather_nd", g.ograd(), g.input(1)), None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return _scatter(None, In(0), In(1), ins[1], p.shape, outs[0].dtype, ctx)


@register
class ScatterSetNd(_Scatter):
    """A copy of `lhs` with slices of `rhs` put at tuples of indices; what ``x[indices] = value`` becomes.

    Parameters
    ----------
    lhs : Symbol or NDArray
        Of the parameter `shape`.
    rhs : Symbol or NDArray
        Shape (Y0, ..., YK, XM, ..., XN).
    indices : Symbol or NDArray
        Shape (M, Y0, ..., YK). Of equal tuples the last one wins.
    shape : tuple of int
        Shape of the result.
    """

    name = "_scatter_set_nd"
    inputs = ("lhs", "rhs", "indices")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        ins, outs = super().infer_shape(p, ins, outs)
        return [unify_shape(ins[0], p.shape), *ins[1:]], outs

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return _scatter(In(0), In(1), In(2), ins[2], p.shape, outs[0].dtype, ctx)


def _scatter(base: In | None, data: In, index: In, indices: TensorSpec, shape: Shape, dtype: str, ctx: LowerContext) -> list[KernelCall]:
    extents, rows, count = _indexed(indices, shape)
    keys = Temp(0, 4 * max(count, 1))
    return [
        nd_keys(index, keys, count, extents, indices.dtype, ctx),
        *scatter_last_calls(base, data, keys, rows.n, rows.inner, count, dtype, ctx, 1),
    ]


@register
class GatherNdBackward(_Scatter):
    """Gradient of gather_nd: the slices of the head gradient, added up where they came from."""

    name = "_backward_gather_nd"
    hidden = True

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("gather_nd", g.ograd(), g.input(1)), None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        extents, rows, count = _indexed(ins[1], p.shape)
        keys = Temp(0, 4 * max(count, 1))
        return [
            nd_keys(In(1), keys, count, extents, ins[1].dtype, ctx),
            *scatter_add_calls(In(0), keys, Out(0), rows, count, outs[0].dtype, ctx.reqs[0], ctx, 1),
        ]


# ------------------------------------------------------------------------------------------------------------- flat indices


def _digits(shape: Shape) -> tuple[Scalar, Scalar]:
    """Extents and strides, padded; the first extent never limits anything, so it may be unknown."""
    if not 1 <= len(shape) <= 8:
        raise ShapeError(f"shape must have 1 to 8 dimensions, got {shape}")
    if any(d < 1 for d in shape[1:]):
        raise ShapeError(f"only the first extent of shape may be unknown, got {shape}")
    pad = 8 - len(shape)
    strides = tuple(math.prod(shape[m + 1 :]) for m in range(len(shape)))
    return Scalar("long8", (*(max(d, 1) for d in shape), *(1,) * pad)), Scalar("long8", (*strides, *(0,) * pad))


class _Flat(Op):
    params: dict[str, Field] = {"shape": ShapeField(None, "Shape of the array that is indexed.", none=True)}
    entry = ""

    def dims(self, p: Params) -> int:
        """Number of dimensions of the indexed array."""
        if p.shape is None:
            raise ShapeError(f"{self.name} needs the parameter shape")
        _digits(p.shape)
        return len(p.shape)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n = min(ins[0].size, outs[0].size)
        args = (In(0), Out(0), Scalar("long", n), Scalar("int", self.dims(p)), *_digits(p.shape))
        return [KernelCall("indexing/flat_index.cl", self.entry, args, defines_for(outs[0].dtype, ctx.reqs[0]), *grid(n, ctx.traits))]


@register
class RavelMultiIndex(_Flat):
    """Tuples of indices to flat indices in row-major order; nothing is checked against the extents.

    Parameters
    ----------
    data : Symbol or NDArray
        Shape (M, N): a tuple in each column.
    shape : tuple of int
        M extents; the first may be -1.

    Returns
    -------
    Symbol or NDArray
        Shape (N,), of the data's type.
    """

    name = "_ravel_multi_index"
    aliases = ("ravel_multi_index",)
    entry = "ravel"

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        m = self.dims(p)
        length = outs[0][0] if outs[0] is not None and len(outs[0]) == 1 else -1
        if ins[0] is None and outs[0] is None:
            return ins, outs
        data = unify_shape(ins[0], (m, length), f"data must have the shape ({m}, N), one row for each dimension of {p.shape}")
        return [data], [None if data is None else data[1:]]


@register
class UnravelIndex(_Flat):
    """Flat indices to tuples of indices in row-major order.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape.
    shape : tuple of int
        M extents; the first may be -1.

    Returns
    -------
    Symbol or NDArray
        Shape (M, ...), of the data's type; an index beyond the array shows in the first row.
    """

    name = "_unravel_index"
    aliases = ("unravel_index",)
    entry = "unravel"

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        m = self.dims(p)
        data = ins[0] if outs[0] is None or len(outs[0]) == 0 else unify_shape(ins[0], outs[0][1:])
        return [data], [None if data is None else (m, *data)]
