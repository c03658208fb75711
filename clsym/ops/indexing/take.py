"""Gathers along one axis: take, Embedding, pick, batch_take; and one_hot."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, Temp, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, known, unify_shape
from ...params import Bool, Enum, Field, Float, Int, Params
from ...params import Shape as ShapeField
from ..shared.launch_sizes import stretch_grid
from ..shared.rows import Rows, check_axis, reduced_shape, split_axis
from ..shared.strided import value_scalar
from .calls import index_defines, plain_keys, scatter_add_calls, take_call

__all__ = ["BatchTake", "Embedding", "OneHot", "Pick", "Take"]

_ALL_TYPES = ("float16", "float32", "float64", "int32", "int64", "int8", "uint8")


class _DataAndIndex(Op):
    """The type rule that gathers share: the result has the data's type, the indices any."""

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        data = ins[0] or outs[0]
        return [data, ins[1] or "float32"], [data]


@register
class Take(_DataAndIndex):
    """Slices of `a` along an axis, picked by `indices`: ``out[..., i, ..., :] = a[..., indices[i], ..., :]``.

    Parameters
    ----------
    a : Symbol or NDArray
        Of any shape and type.
    indices : Symbol or NDArray
        Of any shape and type; floating-point ones are truncated.
    axis : int
    mode : {'clip', 'wrap', 'raise'}
        Out-of-range indices are cut to the range, wrap around, or are an error.

    Returns
    -------
    Symbol or NDArray
        The shape of `a` with that of `indices` in the place of `axis`. Only `a` gets a gradient.

    Raises
    ------
    MXNetError
        The axis does not exist. With ``mode='raise'``, an index is out of range: where the result, or anything else of the device, is
        waited for.
    """

    name = "take"
    inputs = ("a", "indices")
    params: dict[str, Field] = {
        "axis": Int(0, "The axis to take along."),
        "mode": Enum(("clip", "raise", "wrap"), "clip", "What to do with indices that are out of range."),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        a, indices = ins
        if a is None or indices is None:
            return ins, outs
        axis = check_axis(p.axis, len(a))
        return ins, [(*a[:axis], *indices, *a[axis + 1 :])] if known(indices) else outs

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [_take_gradient(g, 1, check_axis(g.p.axis, g.ins[0].ndim), g.p.mode, g.ins[0].shape) if g.needed[0] else None, None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows = split_axis(ins[0].shape, check_axis(p.axis, ins[0].ndim))
        return [take_call(In(0), In(1), Out(0), rows, ins[1].size, (ins[0].dtype, ins[1].dtype), p.mode, ctx.reqs[0], ctx)]


def _take_gradient(g: Gradient, index: int, axis: int, mode: str, shape: tuple[int, ...]) -> Entry:
    return g.apply("_backward_take", g.ograd(), g.input(index), axis=axis, mode=mode, shape=shape)


@register
class TakeBackward(Op):
    """Gradient of take: the slices of the head gradient, added up where they came from, in the order of the indices."""

    name = "_backward_take"
    hidden = True
    inputs = ("ograd", "indices")
    params: dict[str, Field] = {"axis": Int(0), "mode": Enum(("clip", "raise", "wrap"), "clip"), "shape": ShapeField(())}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, [ins[0]]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("take", g.ograd(), g.input(1), axis=g.p.axis, mode=g.p.mode), None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows, count = split_axis(p.shape, p.axis), ins[1].size
        keys = Temp(0, 4 * max(count, 1))
        return [
            plain_keys(In(1), keys, count, rows.n, ins[1].dtype, p.mode, ctx),
            *scatter_add_calls(In(0), keys, Out(0), rows, count, outs[0].dtype, ctx.reqs[0], ctx, 1),
        ]


@register
class Embedding(Op):
    """Rows of `weight`, picked by the integers in `data`: ``out[..., :] = weight[data[...], :]``.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and type; floating-point indices are truncated, those out of range cut to 0..input_dim-1.
    weight : Symbol or NDArray
        Shape (input_dim, output_dim).
    input_dim, output_dim : int
    dtype : str
        Element type of `weight` where nothing else tells it.
    sparse_grad : bool
        Accepted for MXNet's sake; the gradient is dense.

    Returns
    -------
    Symbol or NDArray
        The shape of `data` with output_dim behind it. Only `weight` gets a gradient; equal indices are added in order.
    """

    name = "Embedding"
    inputs = ("data", "weight")
    params: dict[str, Field] = {
        "input_dim": Int(doc="Number of rows of the weight."),
        "output_dim": Int(doc="Length of a row."),
        "dtype": Enum(_ALL_TYPES, "float32", "Element type of the weight."),
        "sparse_grad": Bool(False, "Accepted; the gradient is dense."),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if p.input_dim < 1 or p.output_dim < 1:
            raise ShapeError(f"input_dim and output_dim must be positive, got {p.input_dim} and {p.output_dim}")
        data = ins[0]
        if data is None:  # nothing follows from the output alone
            unify_shape(ins[1], (p.input_dim, p.output_dim))
            return ins, outs
        return [data, (p.input_dim, p.output_dim)], [(*data, p.output_dim)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        weight = ins[1] or outs[0] or p.dtype
        return [ins[0] or "float32", weight], [weight]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None, _take_gradient(g, 0, 0, "clip", g.ins[1].shape) if g.needed[1] else None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows = Rows(1, p.input_dim, p.output_dim)
        return [take_call(In(1), In(0), Out(0), rows, ins[0].size, (ins[1].dtype, ins[0].dtype), "clip", ctx.reqs[0], ctx)]


@register
class SparseEmbedding(Embedding):
    """Rows of `weight`, picked by the integers in `data`: ``out[..., :] = weight[data[...], :]``; the gradient is dense.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and type; floating-point indices are truncated, those out of range cut to 0..input_dim-1.
    weight : Symbol or NDArray
        Shape (input_dim, output_dim).

    Returns
    -------
    Symbol or NDArray
        The shape of `data` with output_dim behind it.
    """

    name = "_contrib_SparseEmbedding"
    params: dict[str, Field] = {
        **{name: Embedding.params[name] for name in ("input_dim", "output_dim", "dtype")},
        "deterministic": Bool(False, "Accepted; the gradient always is."),
    }


@register
class OneHot(Op):
    """Integers to indicator vectors: ``out[..., d] = on_value`` where d is the index, else `off_value`.

    Parameters
    ----------
    indices : Symbol or NDArray
        Of any shape and type; floating-point ones are truncated. One out of range gives a row of `off_value`.
    depth : int
        Length of the vectors.
    on_value, off_value : float
    dtype : str
        Element type of the result.

    Returns
    -------
    Symbol or NDArray
        The shape of `indices` with `depth` behind it.
    """

    name = "one_hot"
    inputs = ("indices",)
    params: dict[str, Field] = {
        "depth": Int(doc="Length of the vectors."),
        "on_value": Float(1.0, "Value at the index."),
        "off_value": Float(0.0, "Value elsewhere."),
        "dtype": Enum(_ALL_TYPES, "float32", "Element type of the result."),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if p.depth < 0:
            raise ShapeError(f"depth must not be negative, got {p.depth}")
        return ins, [(*ins[0], p.depth)] if ins[0] is not None and known(ins[0]) else outs

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return [ins[0] or "float32"], [p.dtype]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        dtype, count = outs[0].dtype, ins[0].size
        size, local = stretch_grid(count, p.depth, ctx.traits)
        values = (value_scalar(p.on_value, dtype), value_scalar(p.off_value, dtype))
        args = (In(0), Out(0), Scalar("long", count), Scalar("long", p.depth), *values)
        return [KernelCall("indexing/indexing.cl", "one_hot", args, index_defines(dtype, ins[0].dtype, ctx.reqs[0]), size, local)]


@register
class Pick(_DataAndIndex):
    """One element of each row: ``out[i] = data[i, index[i]]`` along an axis.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and type.
    index : Symbol or NDArray
        The data's shape without `axis`, or with extent 1 there; floating-point indices are truncated.
    axis : int
    keepdims : bool
        Keep the axis with extent 1.
    mode : {'clip', 'wrap'}
        What to do with indices that are out of range.

    Raises
    ------
    MXNetError
        The axis is None or does not exist, or the index's shape does not fit.

    Notes
    -----
    Only `data` gets a gradient.
    """

    name = "pick"
    aliases = ("choose_element_0index",)
    inputs = ("data", "index")
    params: dict[str, Field] = {
        "axis": Int(-1, "The axis to pick along.", none=True),
        "keepdims": Bool(False, "Keep the axis with extent 1."),
        "mode": Enum(("clip", "wrap"), "clip", "What to do with indices that are out of range."),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data, index = ins
        if p.axis is None:
            raise ShapeError("axis=None is not supported by pick; name an axis, or flatten the data first")
        if data is None:
            return ins, outs
        axis = (check_axis(p.axis, len(data)),)
        kept, dropped = reduced_shape(data, axis, True), reduced_shape(data, axis, False)
        index = unify_shape(index, kept if index is not None and len(index) == len(data) and len(data) > 1 else dropped)
        return [data, index], [kept if p.keepdims else dropped]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        axis = check_axis(g.p.axis, g.ins[0].ndim)
        return [g.apply("_backward_pick", g.ograd(), g.input(1), axis=axis, mode=g.p.mode, shape=g.ins[0].shape), None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows = split_axis(ins[0].shape, check_axis(p.axis, ins[0].ndim))
        return [_pick(rows, ins, p.mode, ctx)]


def _pick(rows: Rows, ins: Sequence[TensorSpec], mode: str, ctx: LowerContext) -> KernelCall:
    args = (In(0), In(1), Out(0), Scalar("long", rows.outer), Scalar("long", rows.n), Scalar("long", rows.inner))
    defines = index_defines(ins[0].dtype, ins[1].dtype, ctx.reqs[0], mode)
    return KernelCall("indexing/indexing.cl", "pick", args, defines, *grid(rows.count, ctx.traits))


@register
class PickBackward(Op):
    """Gradient of pick: the head gradient at the picked place of each row, 0 elsewhere."""

    name = "_backward_pick"
    hidden = True
    inputs = ("ograd", "index")
    params: dict[str, Field] = {"axis": Int(0), "mode": Enum(("clip", "wrap"), "clip"), "shape": ShapeField(())}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, [ins[0]]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows = split_axis(p.shape, p.axis)
        size, local = stretch_grid(rows.outer * rows.n, rows.inner, ctx.traits)
        args = (In(0), In(1), Out(0), Scalar("long", rows.outer), Scalar("long", rows.n), Scalar("long", rows.inner))
        return [
            KernelCall(
                "indexing/indexing.cl", "pick_backward", args, index_defines(outs[0].dtype, ins[1].dtype, ctx.reqs[0], p.mode), size, local
            )
        ]


@register
class BatchTake(Op):
    """One element of each row: ``out[i] = a[i, indices[i]]``; `pick` is newer and differentiable.

    Parameters
    ----------
    a : Symbol or NDArray
        Shape (N, M), of any type.
    indices : Symbol or NDArray
        N integers of type int32, in any shape; cut to 0..M-1.

    Returns
    -------
    Symbol or NDArray
        The shape of `indices`.
    """

    name = "batch_take"
    inputs = ("a", "indices")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        a, indices = ins
        if a is not None and len(a) != 2:
            raise ShapeError(f"a must have 2 dimensions (N, M), got {a}")
        shape = unify_shape(indices, outs[0])
        if a is not None and shape is not None and min((*a, *shape), default=0) >= 0 and math.prod(shape) != a[0]:
            raise ShapeError(f"indices must hold one index for each of the {a[0]} rows, got shape {shape}")
        return [a, shape], [shape]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        if ins[1] not in (None, "int32"):
            raise ShapeError(f"indices must be of type int32, not {ins[1]}; cast them with mx.sym.cast")
        data = ins[0] or outs[0]
        return [data, "int32"], [data]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [_pick(Rows(ins[0].shape[0], ins[0].shape[1], 1), ins, "clip", ctx)]
