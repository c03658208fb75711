"""Pooling."""

from __future__ import annotations

import math

import numpy as np

from .....symbol import Symbol
from ..node import Node, reads
from .layers import padded, window


def _pool_windows(n: Node) -> tuple[tuple[int, ...], tuple[int, ...], list[int], list[int], list[int]]:
    """Kernel, strides, padding before and behind, and what must be added behind for windows that reach over the end."""
    kernel = tuple(n.attrs["kernel_shape"])
    shape = n.shape()
    strides, dilations, before, after = window(n, kernel, shape)
    n.require(all(d == 1 for d in dilations), f"dilations {dilations}")
    over = [0] * len(kernel)
    if n.attr("ceil_mode", 0):
        for i, k in enumerate(kernel):
            length = shape[2 + i] + before[i] + after[i]
            count = math.ceil((length - k) / strides[i]) + 1
            if (count - 1) * strides[i] >= shape[2 + i] + before[i]:
                count -= 1  # a window must begin inside
            over[i] = max((count - 1) * strides[i] + k - length, 0)
    return kernel, strides, before, after, over


@reads("MaxPool")
def _max_pool(n: Node) -> Symbol | list[Symbol]:
    if len([o for o in n.outputs if o]) > 1:
        return _max_pool_with_places(n)
    dtype = n.dtype()
    kernel = tuple(n.attrs["kernel_shape"])
    if any(d != 1 for d in n.attr("dilations", (1,))):
        return _dilated_max_pool(n)
    kernel, strides, before, after, over = _pool_windows(n)
    behind = [a + o for a, o in zip(after, over, strict=True)]
    x = n.x if dtype in ("float16", "float32", "float64") else n.cast(n.x, "float32")
    if before == behind and all(b < k for b, k in zip(before, kernel, strict=True)):
        result = n.op("Pooling", x, kernel=kernel, stride=strides, pad=tuple(before), pool_type="max")
    else:
        lowest = -math.inf
        result = n.op("Pooling", padded(n, x, before, behind, lowest), kernel=kernel, stride=strides, pool_type="max")
    return n.out("Cast", result, dtype=dtype)


def _max_pool_with_places(n: Node) -> list[Symbol]:
    """The largest elements, and where each lies in the whole tensor: by the tap that it was found at."""
    shape, kernel = n.shape(), tuple(n.attrs["kernel_shape"])
    strides, dilations, before, _ = window(n, kernel, shape)
    parts, _ = _dilated(n, -math.inf)
    out_shape = n.spec(parts[0])[0]
    stacked = n.op("stack", *parts, axis=0)
    extents = shape[2:]
    steps = [math.prod(extents[i + 1 :]) for i in range(len(extents))]
    if n.attr("storage_order", 0):  # columns one behind the other
        steps = [math.prod(extents[:i]) for i in range(len(extents))]
    taps = [sum(p * d * s for p, d, s in zip(place, dilations, steps, strict=True)) for place in np.ndindex(*kernel)]
    base = np.arange(shape[0] * shape[1]).reshape(shape[0], shape[1], *[1] * len(extents)) * math.prod(extents)
    for i, (stride, pad, step) in enumerate(zip(strides, before, steps, strict=True)):
        own = (np.arange(out_shape[2 + i]) * stride - pad) * step
        base = base + own.reshape([-1 if a == 2 + i else 1 for a in range(len(out_shape))])
    tap = n.op("take", n.const(taps, "int64"), n.op("argmax", stacked, axis=0), axis=0)
    return [n.op("Cast", n.op("max", stacked, axis=0), dtype=n.dtype()), n.op("elemwise_add", tap, n.const(base, "int64"))]


def _dilated(n: Node, fill: float) -> tuple[list[Symbol], list[np.ndarray]]:
    """The elements under each tap of windows with gaps, and whether each is of the data, or padding that counts (1) or not (0)."""
    kernel, shape = tuple(n.attrs["kernel_shape"]), n.shape()
    strides, dilations, before, after = window(n, kernel, shape)
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    lengths = [shape[2 + i] + before[i] + after[i] for i in range(len(kernel))]
    rounded = math.ceil if n.attr("ceil_mode", 0) else math.floor
    counts = [rounded((length - s) / t) + 1 for length, s, t in zip(lengths, spans, strides, strict=True)]
    counts = [c - 1 if (c - 1) * t >= shape[2 + i] + before[i] else c for i, (c, t) in enumerate(zip(counts, strides, strict=True))]
    over = [max((c - 1) * t + s - length, 0) for c, t, s, length in zip(counts, strides, spans, lengths, strict=True)]
    behind = [a + o for a, o in zip(after, over, strict=True)]
    x = padded(n, n.x, before, behind, fill)
    held = np.ones(shape[2:])
    if n.attr("count_include_pad", 0):
        held = np.pad(np.pad(held, list(zip(before, after, strict=True)), constant_values=1), [(0, o) for o in over])
    else:
        held = np.pad(held, list(zip(before, behind, strict=True)))
    parts, weights = [], []
    for place in np.ndindex(*kernel):
        begin = [p * d for p, d in zip(place, dilations, strict=True)]
        end = [b + (c - 1) * t + 1 for b, c, t in zip(begin, counts, strides, strict=True)]
        parts.append(n.op("slice", x, begin=(None, None, *begin), end=(None, None, *end), step=(1, 1, *strides)))
        weights.append(held[tuple(slice(b, e, t) for b, e, t in zip(begin, end, strides, strict=True))])
    return parts, weights


def _dilated_max_pool(n: Node) -> Symbol:
    """Windows with gaps: the largest of shifted copies."""
    parts, _ = _dilated(n, -math.inf)
    result = parts[0]
    for part in parts[1:]:
        result = n.op("_maximum", result, part)
    return n.out("_copy", result)


def _dilated_average_pool(n: Node) -> Symbol:
    """The sum of shifted copies over how many elements each window holds."""
    parts, weights = _dilated(n, 0.0)
    return n.out("broadcast_div", n.op("add_n", *parts), n.const(np.sum(weights, axis=0)[None, None], n.dtype()))


@reads("AveragePool")
def _average_pool(n: Node) -> Symbol:
    if any(d != 1 for d in n.attr("dilations", (1,))):
        return _dilated_average_pool(n)
    shape = n.shape()
    kernel, strides, before, after, over = _pool_windows(n)
    behind = [a + o for a, o in zip(after, over, strict=True)]
    counted = bool(n.attr("count_include_pad", 0))
    if before == behind and not any(over):
        return n.out("Pooling", n.x, kernel=kernel, stride=strides, pad=tuple(before), pool_type="avg", count_include_pad=counted)
    # by sums, over counts of what each window holds
    total = n.op("Pooling", padded(n, n.x, before, behind), kernel=kernel, stride=strides, pool_type="sum")
    held = np.ones([shape[2 + i] for i in range(len(kernel))])
    if counted:
        held = np.pad(held, list(zip(before, after, strict=True)), constant_values=1)
        held = np.pad(held, [(0, o) for o in over])
    else:
        held = np.pad(held, list(zip(before, behind, strict=True)))
    for axis, (k, t) in enumerate(zip(kernel, strides, strict=True)):
        windows = np.lib.stride_tricks.sliding_window_view(held, k, axis=axis).sum(axis=-1)
        held = np.take(windows, range(0, windows.shape[axis], t), axis=axis)
    return n.out("broadcast_div", total, n.const(held[None, None], n.dtype()))


@reads("LpPool")
def _lp_pool(n: Node) -> Symbol:
    p = float(n.attr("p", 2))
    if any(d != 1 for d in n.attr("dilations", (1,))):
        parts, _ = _dilated(n, 0.0)
        total = n.op("add_n", *(n.op("_power_scalar", n.op("abs", part), scalar=p) for part in parts))
    else:
        kernel, strides, before, after, over = _pool_windows(n)
        powers = n.op("_power_scalar", n.op("abs", n.x), scalar=p)
        behind = [a + o for a, o in zip(after, over, strict=True)]
        total = n.op("Pooling", padded(n, powers, before, behind), kernel=kernel, stride=strides, pool_type="sum")
    return n.out("_power_scalar", total, scalar=1 / p)


@reads("GlobalAveragePool")
def _global_average(n: Node) -> Symbol:
    return n.out("mean", n.x, axis=tuple(range(2, n.rank())), keepdims=True) if n.rank() > 5 or n.rank() < 3 else _global(n, "avg")


@reads("GlobalMaxPool")
def _global_max(n: Node) -> Symbol:
    return _global(n, "max")


@reads("GlobalLpPool")
def _global_lp(n: Node) -> Symbol:
    p, axes = float(n.attr("p", 2)), tuple(range(2, n.rank()))
    total = n.op("sum", n.op("_power_scalar", n.op("abs", n.x), scalar=p), axis=axes, keepdims=True)
    return n.out("_power_scalar", total, scalar=1 / p)


def _global(n: Node, kind: str) -> Symbol:
    return n.out("Pooling", n.x, kernel=(1,) * (n.rank() - 2), global_pool=True, pool_type=kind)
