"""Other shapes and orders of the same elements, and parts of them put together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .....symbol import Symbol
from ..node import Node, reads
from ..reader import element_type


@reads("Reshape")
def _reshape(n: Node) -> Symbol:
    target = n.ints("shape", 1)
    shape = n.open_shape()
    if n.attr("allowzero", 0) and 0 in target:
        n.require(-1 not in target, "allowzero with both 0 and -1")
        return n.out("Reshape", n.x, shape=target or (1,)) if 0 not in target else _empty(n, target)
    if not target:
        return n.out("Reshape", n.x, shape=(1,))
    if -1 not in shape:  # spelled out, since 0 and negative codes mean more in MXNet
        whole = [shape[i] if d == 0 else d for i, d in enumerate(target)]
        if -1 in whole:
            rest = math.prod(d for d in whole if d != -1)
            n.require(rest > 0 and math.prod(shape) % rest == 0, f"shape {shape} cannot become {target}")
            whole[whole.index(-1)] = math.prod(shape) // rest
        n.require(math.prod(whole) == math.prod(shape), f"shape {shape} cannot become {target}")
        return _empty(n, tuple(whole)) if 0 in whole else n.out("Reshape", n.x, shape=tuple(whole))
    return n.out("Reshape", n.x, shape=target)


def _empty(n: Node, shape: tuple[int, ...]) -> Symbol:
    """An array without elements."""
    return n.out("_copy", n.const(np.zeros(shape), n.dtype()))


@reads("Flatten")
def _flatten(n: Node) -> Symbol:
    axis = n.attr("axis", 1)
    if axis == 1:
        return n.out("Flatten", n.x)
    shape = n.shape()
    axis = axis + len(shape) if axis < 0 else axis
    return n.out("Reshape", n.x, shape=(math.prod(shape[:axis]), math.prod(shape[axis:])))


@reads("Transpose")
def _transpose(n: Node) -> Symbol:
    axes = tuple(n.attr("perm", range(n.rank() - 1, -1, -1)))
    return n.out("transpose", n.x, axes=axes) if axes else n.out("_copy", n.x)


@reads("Squeeze")
def _squeeze(n: Node) -> Symbol:
    shape = n.open_shape()
    axes = n.ints("axes", 1) or tuple(i for i, d in enumerate(shape) if d == 1)
    gone = {a % len(shape) for a in axes}
    n.require(all(shape[a] in (1, -1) for a in gone), f"axes {axes} of shape {shape} are not all 1")
    if len(gone) == len(shape):
        return n.out("Reshape", n.x, shape=(1,))
    return n.out("squeeze", n.x, axis=tuple(sorted(gone))) if gone else n.out("_copy", n.x)


@reads("Unsqueeze")
def _unsqueeze(n: Node) -> Symbol:
    axes = n.ints("axes", 1)
    if n.value(0).scalar:
        return n.out("Reshape", n.x, shape=(1,) * len(axes))
    rank = n.rank() + len(axes)
    result = n.x
    for a in sorted(a % rank for a in axes):
        result = n.op("expand_dims", result, axis=a)
    return n.out("_copy", result)


@reads("Concat")
def _concat(n: Node) -> Symbol:
    return n.out("Concat", *n.all, dim=n.attr("axis", 1) % n.rank())


@reads("Split")
def _split(n: Node) -> list[Symbol]:
    shape, axis = n.shape(), n.attr("axis", 0)
    axis %= len(shape)
    parts = n.ints("split", 1)
    if not parts:
        count = n.attr("num_outputs", len(n.outputs))
        size = math.ceil(shape[axis] / count)
        parts = tuple(min(size, shape[axis] - i * size) for i in range(count))
    n.require(sum(parts) == shape[axis] and min(parts) >= 0, f"parts {parts} of {shape[axis]}")
    ends = np.cumsum(parts)
    return [_stretch(n, int(e) - p, int(e), axis) for p, e in zip(parts, ends, strict=True)]


def _stretch(n: Node, start: int, stop: int, axis: int) -> Symbol:
    if start == stop:
        shape = n.shape()
        return n.op("_copy", n.const(np.zeros((*shape[:axis], 0, *shape[axis + 1 :])), n.dtype()))
    return n.op("slice_axis", n.x, axis=axis, begin=start, end=stop)


@reads("Slice")
def _slice(n: Node) -> Symbol:
    shape = n.open_shape()
    starts, ends = n.ints("starts", 1), n.ints("ends", 2)
    axes = n.ints("axes", 3) or tuple(range(len(starts)))
    steps = n.ints("steps", 4) or (1,) * len(starts)
    begin: list[int | None] = [None] * len(shape)
    end: list[int | None] = [None] * len(shape)
    step: list[int | None] = [1] * len(shape)
    whole = list(shape)
    for start, stop, axis, stride in zip(starts, ends, axes, steps, strict=True):
        a = axis % len(shape)
        extent = shape[a]
        if extent < 0:
            n.require(
                stride > 0 and start >= 0, f"a slice of the open axis {a} from {start} by {stride}; give its extent with shapes={{...}}"
            )
            begin[a], end[a], step[a] = start, None if stop >= 1 << 31 else stop, stride
            continue
        first, last, stride = slice(start, stop if stop > -(1 << 60) else None, stride).indices(extent)
        begin[a], end[a], step[a] = first, last if last >= 0 else None, stride
        whole[a] = len(range(first, last, stride))
    if 0 in whole:
        return _empty(n, tuple(whole))
    return n.out("slice", n.x, begin=tuple(begin), end=tuple(end), step=tuple(step))


@reads("Pad")
def _pad(n: Node) -> Symbol:
    shape, mode = n.shape(), n.attr("mode", "constant")
    pads = n.ints("pads", 1)
    axes = [a % len(shape) for a in n.ints("axes", 3, range(len(shape)))]
    before, after = [0] * len(shape), [0] * len(shape)
    for i, a in enumerate(axes):
        before[a], after[a] = pads[i], pads[i + len(axes)]
    x = n.x
    if min(*before, *after, 0) < 0:  # negative ones cut off
        x = n.op("slice", x, begin=tuple(max(-b, 0) for b in before), end=tuple(d - max(-a, 0) for d, a in zip(shape, after, strict=True)))
        before, after = [max(b, 0) for b in before], [max(a, 0) for a in after]
    value = float(n.attr("value", 0.0))
    if n.has(2):
        value = float(n.constant(2).ravel()[0])
    for a in range(len(shape)):
        if before[a] or after[a]:
            x = _pad_axis(n, x, a, before[a], after[a], mode, value)
    return n.out("_copy", x)


def _pad_axis(n: Node, x: Symbol, axis: int, before: int, after: int, mode: str, value: float) -> Symbol:
    shape, dtype = n.spec(x)
    extent = shape[axis]
    parts = [x]
    if mode == "constant":
        for count, place in ((before, 0), (after, len(parts))):
            if count:
                part = n.op("_full", shape=(*shape[:axis], count, *shape[axis + 1 :]), value=value, dtype=dtype)
                parts.insert(0 if place == 0 else len(parts), part)
        return n.op("Concat", *parts, dim=axis)
    n.require(mode in ("reflect", "edge", "wrap"), f"mode {mode!r}")
    way: Any = mode
    places = np.pad(np.arange(extent), (before, after), mode=way)
    return n.op("take", x, n.const(places, "int32"), axis=axis)


@reads("Expand")
def _expand(n: Node) -> Symbol:
    shape = n.shape()
    target = tuple(np.broadcast_shapes(shape, n.ints("shape", 1)))
    if 0 in target:
        return _empty(n, target)
    x = n.reshape(n.x, (*[1] * (len(target) - len(shape)), *shape)) if len(target) > len(shape) else n.x
    return n.out("broadcast_to", x, shape=target) if target else n.out("_copy", x)


@reads("Tile")
def _tile(n: Node) -> Symbol:
    return n.out("tile", n.x, reps=n.ints("repeats", 1))


@reads("Shape")
def _shape(n: Node) -> np.ndarray:
    shape = () if n.value(0).scalar else n.shape()
    return np.array(shape[slice(n.attr("start", 0), n.attr("end"))], dtype=np.int64)


@reads("Size")
def _size(n: Node) -> np.ndarray:
    return np.array(math.prod(n.shape()), dtype=np.int64)


@reads("ConstantOfShape")
def _constant_of_shape(n: Node) -> np.ndarray:
    value = n.attr("value", np.zeros(1, np.float32))
    return np.full(tuple(int(d) for d in n.constant(0)), value.ravel()[0], dtype=value.dtype)


@reads("EyeLike")
def _eye_like(n: Node) -> Symbol:
    rows, columns = n.shape()
    dtype = element_type(n.attrs["dtype"], n.text("attribute 'dtype'")) if "dtype" in n.attrs else n.dtype()
    return n.out("_eye", N=rows, M=columns, k=n.attr("k", 0), dtype=dtype)


@reads("Range")
def _range(n: Node) -> np.ndarray:
    start, stop, step = (n.constant(i).ravel()[0] for i in range(3))
    count = max(math.ceil((stop.item() - start.item()) / step.item()), 0)
    return (start + np.arange(count, dtype=start.dtype) * step).astype(start.dtype)


@reads("DepthToSpace")
def _depth_to_space(n: Node) -> Symbol:
    block = n.attrs["blocksize"]
    if n.attr("mode", "DCR") == "DCR":
        return n.out("depth_to_space", n.x, block_size=block)
    batch, channels, height, width = n.shape()
    apart = n.reshape(n.x, (batch, channels // block**2, block, block, height, width))
    moved = n.op("transpose", apart, axes=(0, 1, 4, 2, 5, 3))
    return n.out("Reshape", moved, shape=(batch, channels // block**2, height * block, width * block))


@reads("SpaceToDepth")
def _space_to_depth(n: Node) -> Symbol:
    block = n.attrs["blocksize"]
    if n.attr("mode", "DCR") == "DCR":
        return n.out("space_to_depth", n.x, block_size=block)
    batch, channels, height, width = n.shape()
    apart = n.reshape(n.x, (batch, channels, height // block, block, width // block, block))
    moved = n.op("transpose", apart, axes=(0, 1, 3, 5, 2, 4))
    return n.out("Reshape", moved, shape=(batch, channels * block**2, height // block, width // block))


@reads("Trilu")
def _trilu(n: Node) -> Symbol:
    shape = n.shape()
    k = int(n.constant(1).ravel()[0]) if n.has(1) else 0
    kept = np.triu(np.ones(shape[-2:]), k) if n.attr("upper", 1) else np.tril(np.ones(shape[-2:]), k)
    if 0 in shape:
        return _empty(n, shape)
    mask = n.op("broadcast_to", n.reshape(n.const(kept, "float32"), (*[1] * (len(shape) - 2), *shape[-2:])), shape=shape)
    return n.out("where", mask, n.x, n.op("zeros_like", n.x))


@reads("ReverseSequence")
def _reverse_sequence(n: Node) -> Symbol:
    batch_axis, time_axis = n.attr("batch_axis", 1), n.attr("time_axis", 0)
    n.require(n.rank() >= 2, "needs at least two axes")
    order = [time_axis, batch_axis, *(a for a in range(n.rank()) if a not in (time_axis, batch_axis))]
    moved = n.op("transpose", n.x, axes=tuple(order))
    turned = n.op("SequenceReverse", moved, n.cast(n[1], "float32"), use_sequence_length=True)
    return n.out("transpose", turned, axes=tuple(int(i) for i in np.argsort(order)))
