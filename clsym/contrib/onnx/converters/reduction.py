"""Reductions over axes, and the places of extremes."""

from __future__ import annotations

from collections.abc import Sequence

from ....ops.shared.rows import reduced_axes
from ..layer import Layer, converter

_REDUCE = {"sum": "ReduceSum", "mean": "ReduceMean", "max": "ReduceMax", "min": "ReduceMin", "prod": "ReduceProd",
           "_square_sum": "ReduceSumSquare"}  # fmt: skip


def _reduce(layer: Layer, name: str, axes: Sequence[int]) -> str:
    attrs: dict[str, object] = {"keepdims": int(layer.p.keepdims)}
    if not axes:
        return layer.emit("Abs", layer.x) if name.startswith("ReduceL") else layer.x
    if name == "ReduceSum":
        made = layer.emit(name, layer.x, layer.ints(*axes), **attrs)
    else:
        made = layer.emit(name, layer.x, axes=list(axes), **attrs)
    # MXNet has no scalars: all axes reduced is one element
    return layer.reshape(made, (1,)) if len(axes) == layer.rank and not layer.p.keepdims else made


@converter(*_REDUCE)
def _reduction(layer: Layer) -> str:
    return _reduce(layer, _REDUCE[layer.op.name], reduced_axes(layer.p.axis, layer.rank, layer.p.exclude))


@converter("norm")
def _norm(layer: Layer) -> str:
    if layer.dtype != layer.out_dtypes[0]:
        layer.fail(f"out_dtype={layer.p.out_dtype}", "cast the result")
    return _reduce(layer, "ReduceL1" if layer.p.ord == 1 else "ReduceL2", reduced_axes(layer.p.axis, layer.rank, False))


@converter("argmax", "argmin")
def _arg_extremum(layer: Layer) -> str:
    name = "ArgMax" if layer.op.name == "argmax" else "ArgMin"
    if layer.p.axis is None:
        place = layer.emit(name, layer.reshape(layer.x, (-1,)), axis=0, keepdims=1)
        place = layer.reshape(place, (1,) * len(layer.out_shapes[0]))
    else:
        place = layer.emit(name, layer.x, axis=layer.axis(layer.p.axis), keepdims=int(layer.p.keepdims))
        if layer.rank == 1 and not layer.p.keepdims:
            place = layer.reshape(place, (1,))
    return layer.cast(place, "int64", layer.out_dtypes[0])


@converter("argmax_channel")
def _argmax_channel(layer: Layer) -> str:
    return layer.cast(layer.emit("ArgMax", layer.x, axis=1, keepdims=0), "int64", layer.out_dtypes[0])


def _sorted(layer: Layer, count: int | None, ascending: bool) -> tuple[str, str]:
    """The `count` first values along the axis (None: all), and their places."""
    axis, x, extent = layer.p.axis, layer.x, -1
    if axis is None:
        x, axis = layer.reshape(x, (-1,)), 0
        extent = 1
        for a in range(layer.rank):
            extent *= layer.extent(0, a)
    else:
        axis = layer.axis(axis)
        extent = layer.extent(0, axis)
    k = layer.ints(extent if count is None else min(count, extent))
    values, places = layer.emits("TopK", 2, x, k, axis=axis, largest=int(not ascending), sorted=1)
    return values, places


@converter("topk")
def _topk(layer: Layer) -> str | list[str]:
    p = layer.p
    if p.ret_typ == "mask":
        layer.fail("ret_typ='mask'", "use ret_typ='indices' with one_hot")
    values, places = _sorted(layer, p.k if p.k > 0 else None, p.is_ascend)
    if p.ret_typ == "value":
        return values
    places = layer.cast(places, "int64", p.dtype)
    return places if p.ret_typ == "indices" else [values, places]


@converter("sort")
def _sort(layer: Layer) -> str:
    return _sorted(layer, None, layer.p.is_ascend)[0]


@converter("argsort")
def _argsort(layer: Layer) -> str:
    return layer.cast(_sorted(layer, None, layer.p.is_ascend)[1], "int64", layer.p.dtype)


@converter("nansum", "nanprod")
def _without_nan(layer: Layer) -> str:
    name = layer.op.name
    layer.ins[0] = layer.emit("Where", layer.emit("IsNaN", layer.x), layer.const(int(name == "nanprod")), layer.x)
    return _reduce(layer, _REDUCE[name.removeprefix("nan")], reduced_axes(layer.p.axis, layer.rank, layer.p.exclude))


@converter("moments")
def _moments(layer: Layer) -> list[str]:
    axes = sorted(reduced_axes(layer.p.axes, layer.rank, False))
    mean = layer.emit("ReduceMean", layer.x, axes=axes, keepdims=1)
    apart = layer.emit("Sub", layer.x, mean)
    found = [mean, layer.emit("ReduceMean", layer.emit("Mul", apart, apart), axes=axes, keepdims=1)]
    if layer.p.keepdims:
        return found
    return [layer.reshape(s, (1,)) if len(axes) == layer.rank else layer.squeeze(s, *axes) for s in found]


@converter("_np_cumsum")
def _cumsum(layer: Layer) -> str:
    x = layer.cast(layer.x, layer.dtype, layer.out_dtypes[0])
    axis = layer.p.axis
    if axis is None:
        x, axis = layer.reshape(x, (-1,)), 0
    return layer.emit("CumSum", x, layer.const(axis, "int64"))


@converter("softmax_cross_entropy")
def _softmax_cross_entropy(layer: Layer) -> str:
    logs = layer.emit("LogSoftmax", layer.x, axis=1)
    chosen = layer.emit("GatherElements", logs, layer.unsqueeze(layer.indices(1), 1), axis=1)
    return layer.emit("Neg", layer.emit("ReduceSum", layer.reshape(chosen, (-1,)), layer.ints(0), keepdims=1))
