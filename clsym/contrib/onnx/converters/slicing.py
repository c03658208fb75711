"""Parts of tensors, and elements picked by index."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..layer import Layer, converter

_FAR = int(np.iinfo(np.int64).max)


def _slice(layer: Layer, parts: Sequence[tuple[int, int | None, int | None, int | None]]) -> str:
    """``x[begin:end:step]`` for each (axis, begin, end, step)."""
    if not parts:
        return layer.x
    begins, ends = [], []
    for _, begin, end, step in parts:
        back = (step or 1) < 0
        begins.append(begin if begin is not None else _FAR if back else 0)
        ends.append(end if end is not None else -_FAR if back else _FAR)
    lists = (begins, ends, [a for a, *_ in parts], [s or 1 for *_, s in parts])
    return layer.emit("Slice", layer.x, *(layer.ints(*v) for v in lists))


@converter("slice")
def _basic(layer: Layer) -> str:
    p = layer.p
    steps = p.step or (None,) * len(p.begin)
    return _slice(layer, [(a, *bes) for a, bes in enumerate(zip(p.begin, p.end, steps, strict=True))])


@converter("slice_axis")
def _slice_axis(layer: Layer) -> str:
    return _slice(layer, [(layer.axis(layer.p.axis), layer.p.begin, layer.p.end, 1)])


@converter("slice_like", "Crop")
def _ranges(layer: Layer) -> str:
    ranges = layer.op.ranges(layer.p, layer.in_shapes)
    parts: list[tuple[int, int | None, int | None, int | None]] = []
    for axis, ((begin, step, count), extent) in enumerate(zip(ranges, layer.in_shapes[0], strict=True)):
        if count != extent:
            if count < 0:
                layer.extent(0, axis)
            parts.append((axis, begin, begin + count * step, step))
    return _slice(layer, parts)


def _split(layer: Layer, sizes: Sequence[int]) -> list[str]:
    axis = layer.axis(layer.p.axis)
    made = layer.emits("Split", len(sizes), layer.x, layer.ints(*sizes), axis=axis) if len(sizes) > 1 else [layer.x]
    return [layer.squeeze(name, axis) for name in made] if layer.p.squeeze_axis else made


@converter("SliceChannel", "_split_v2")
def _splitting(layer: Layer) -> list[str]:
    bounds = layer.op.bounds(layer.p, layer.extent(0, layer.axis(layer.p.axis)))
    if bounds[0][0] > 0:
        layer.fail(f"indices={layer.p.indices} leave out the beginning", "let the first index be 0")
    return _split(layer, [end - begin for begin, end in bounds])


# ------------------------------------------------------------------------------------------------------------------------ by index


def _inside(layer: Layer, index: str, extent: int, mode: str) -> str:
    """Indices cut to the range, or wrapped around."""
    if mode == "wrap":
        return layer.emit("Mod", index, layer.const(extent, "int64"))
    return layer.emit("Clip", index, layer.const(0, "int64"), layer.const(extent - 1, "int64"))


@converter("take")
def _take(layer: Layer) -> str:
    axis = layer.axis(layer.p.axis)
    return layer.emit("Gather", layer.x, _inside(layer, layer.indices(1), layer.extent(0, axis), layer.p.mode), axis=axis)


@converter("batch_take")
def _batch_take(layer: Layer) -> str:
    place = _inside(layer, layer.reshape(layer.indices(1), (-1, 1)), layer.extent(0, 1), "clip")
    return layer.reshape(layer.emit("GatherElements", layer.x, place, axis=1), layer.out_shapes[0])


@converter("Embedding", "_contrib_SparseEmbedding")
def _embedding(layer: Layer) -> str:
    return layer.emit("Gather", layer.ins[1], _inside(layer, layer.indices(0), layer.extent(1, 0), "clip"), axis=0)


@converter("pick")
def _pick(layer: Layer) -> str:
    p = layer.p
    if p.axis is None:
        layer.fail("axis=None", "flatten the data and give axis=0")
    axis = layer.axis(p.axis)
    index = _inside(layer, layer.indices(1), layer.extent(0, axis), p.mode)
    if len(layer.in_shapes[1]) < layer.rank:
        index = layer.unsqueeze(index, axis)
    made = layer.emit("GatherElements", layer.x, index, axis=axis)
    return made if p.keepdims else layer.squeeze(made, axis)


@converter("gather_nd")
def _gather_nd(layer: Layer) -> str:
    return layer.emit("GatherND", layer.x, _coordinates(layer, 1))


def _coordinates(layer: Layer, i: int) -> str:
    """Coordinates on the last axis, as ONNX has them."""
    return layer.transpose(layer.indices(i), [*range(1, len(layer.in_shapes[i])), 0])


@converter("scatter_nd")
def _scatter_nd(layer: Layer) -> str:
    empty = layer.const(np.zeros(layer.shape(layer.out_shapes[0])))
    return layer.emit("ScatterND", empty, _coordinates(layer, 1), layer.x)


@converter("_scatter_set_nd")
def _scatter_set(layer: Layer) -> str:
    return layer.emit("ScatterND", layer.x, _coordinates(layer, 2), layer.ins[1])


def _strides(shape: Sequence[int]) -> list[int]:
    return [int(np.prod(shape[i + 1 :])) for i in range(len(shape))]


@converter("_ravel_multi_index")
def _ravel(layer: Layer) -> str:
    column = layer.const(np.reshape(_strides(layer.p.shape), (-1, *[1] * (layer.rank - 1))), "int64")
    made = layer.emit("ReduceSum", layer.emit("Mul", layer.indices(0), column), layer.ints(0), keepdims=0)
    return layer.cast(made, "int64", layer.out_dtypes[0])


@converter("_unravel_index")
def _unravel(layer: Layer) -> str:
    def column(values: Sequence[int]) -> str:
        return layer.const(np.reshape(values, (-1, *[1] * layer.rank)), "int64")

    whole = layer.emit("Div", layer.unsqueeze(layer.indices(0), 0), column(_strides(layer.p.shape)))
    return layer.cast(layer.emit("Mod", whole, column(layer.p.shape)), "int64", layer.out_dtypes[0])


@converter("one_hot")
def _one_hot(layer: Layer) -> str:
    p = layer.p
    places = layer.const(np.arange(p.depth), "int64")  # ONNX's OneHot takes negative indices from the end, MXNet sets nothing
    hit = layer.emit("Equal", layer.unsqueeze(layer.indices(0), -1), places)
    return layer.emit("Where", hit, layer.const(p.on_value, p.dtype), layer.const(p.off_value, p.dtype))
