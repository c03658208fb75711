"""Other shapes and orders of the same elements."""

from __future__ import annotations

import numpy as np

from ....graph.contract.spec import known
from ..layer import Layer, converter


@converter("Flatten")
def _flatten(layer: Layer) -> str:
    return layer.emit("Flatten", layer.x, axis=1)


@converter("Reshape")
def _reshape(layer: Layer) -> str:
    shape, codes = layer.out_shapes[0], layer.p.shape
    plain = codes and not layer.p.reverse and all(c >= -1 for c in codes)
    if sum(d < 0 for d in shape) > 1 and plain:
        return layer.emit("Reshape", layer.x, layer.ints(*codes))  # 0 and -1 mean the same in ONNX
    return layer.reshape(layer.x, shape)


@converter("reshape_like")
def _reshape_like(layer: Layer) -> str:
    if not known(layer.out_shapes[0]) and all(v is None for v in (layer.p.lhs_begin, layer.p.lhs_end, layer.p.rhs_begin, layer.p.rhs_end)):
        return layer.emit("Reshape", layer.x, layer.emit("Shape", layer.ins[1]))
    return layer.reshape(layer.x, layer.out_shapes[0])


@converter("expand_dims")
def _expand_dims(layer: Layer) -> str:
    return layer.unsqueeze(layer.x, layer.p.axis)


@converter("squeeze")
def _squeeze(layer: Layer) -> str:
    return layer.reshape(layer.x, layer.out_shapes[0])


@converter("transpose", "SwapAxis")
def _transpose(layer: Layer) -> str:
    return layer.transpose(layer.x, layer.op.order(layer.p, layer.rank))


@converter("reverse")
def _reverse(layer: Layer) -> str:
    n = len(layer.p.axis)
    last, before_all, step = layer.ints(*[-1] * n), layer.ints(*[np.iinfo(np.int64).min] * n), layer.ints(*[-1] * n)
    return layer.emit("Slice", layer.x, last, before_all, layer.ints(*layer.p.axis), step)


@converter("depth_to_space")
def _depth_to_space(layer: Layer) -> str:
    return layer.emit("DepthToSpace", layer.x, blocksize=layer.p.block_size, mode="DCR")


@converter("space_to_depth")
def _space_to_depth(layer: Layer) -> str:
    return layer.emit("SpaceToDepth", layer.x, blocksize=layer.p.block_size)


@converter("tile")
def _tile(layer: Layer) -> str:
    reps = layer.p.reps
    x = layer.x
    if len(reps) > layer.rank:
        x = layer.unsqueeze(x, *range(len(reps) - layer.rank))
    return layer.emit("Tile", x, layer.ints(*(1,) * (layer.rank - len(reps)), *reps))


@converter("repeat")
def _repeat(layer: Layer) -> str:
    x, rank, axis = layer.x, layer.rank, layer.p.axis
    if axis is None:
        x, rank, axis = layer.reshape(x, (-1,)), 1, 0
    axis %= rank
    reps = [1] * (rank + 1)
    reps[axis + 1] = layer.p.repeats
    return layer.reshape(layer.emit("Tile", layer.unsqueeze(x, axis + 1), layer.ints(*reps)), layer.out_shapes[0])


@converter("broadcast_to")
def _broadcast_to(layer: Layer) -> str:
    return layer.emit("Expand", layer.x, layer.ints(*(d or 1 for d in layer.p.shape)))


@converter("broadcast_axis")
def _broadcast_axis(layer: Layer) -> str:
    shape = [1] * layer.rank
    for axis, size in zip(layer.p.axis, layer.p.size, strict=True):
        shape[axis] = size
    return layer.emit("Expand", layer.x, layer.ints(*shape))


@converter("broadcast_like")
def _broadcast_like(layer: Layer) -> str:
    if layer.p.lhs_axes is None:
        return layer.emit("Expand", layer.x, layer.emit("Shape", layer.ins[1]))
    return layer.emit("Expand", layer.x, layer.ints(*layer.shape(layer.out_shapes[0])))


@converter("Concat", "_rnn_param_concat")
def _concat(layer: Layer) -> str:
    return layer.emit("Concat", *layer.ins, axis=layer.p.dim) if len(layer.ins) > 1 else layer.x


@converter("stack")
def _stack(layer: Layer) -> str:
    axis = layer.p.axis % (layer.rank + 1)
    return layer.emit("Concat", *(layer.unsqueeze(x, axis) for x in layer.ins), axis=axis)


@converter("Pad")
def _pad(layer: Layer) -> str:
    widths = layer.p.pad_width
    value = (layer.const(layer.p.constant_value),) if layer.p.mode == "constant" else ()
    return layer.emit("Pad", layer.x, layer.ints(*widths[::2], *widths[1::2]), *value, mode=layer.p.mode)


@converter("shape_array")
def _shape_array(layer: Layer) -> str:
    return layer.emit("Shape", layer.x)


@converter("size_array")
def _size_array(layer: Layer) -> str:
    return layer.reshape(layer.emit("Size", layer.x), (1,))
