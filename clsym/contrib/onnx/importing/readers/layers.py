"""Convolution, pooling, normalisation, matrix products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .....symbol import Symbol
from ..node import Node, reads


def _window(n: Node, kernel: tuple[int, ...], shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...], list[int], list[int]]:
    """Strides, dilations and the padding before and behind each axis."""
    rank = len(kernel)
    strides = tuple(n.attr("strides", (1,) * rank))
    dilations = tuple(n.attr("dilations", (1,) * rank))
    pads = n.attr("pads", [0] * 2 * rank)
    before, after = list(pads[:rank]), list(pads[rank:])
    auto = n.attr("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        for i in range(rank):
            n.require(shape[2 + i] > 0, "auto_pad needs known extents")
            out = math.ceil(shape[2 + i] / strides[i])
            total = max((out - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - shape[2 + i], 0)
            before[i], after[i] = (total // 2, total - total // 2) if auto == "SAME_UPPER" else (total - total // 2, total // 2)
    elif auto == "VALID":
        before, after = [0] * rank, [0] * rank
    return strides, dilations, before, after


def _padded(n: Node, x: Symbol, before: list[int], after: list[int], value: float = 0.0) -> Symbol:
    """Padding of its own, where the layer cannot pad so."""
    for axis, (b, a) in enumerate(zip(before, after, strict=True), 2):
        shape, dtype = n.spec(x)
        parts = [x]
        for count, front in ((b, True), (a, False)):
            if count:
                part = n.op("_full", shape=(*shape[:axis], count, *shape[axis + 1 :]), value=value, dtype=dtype)
                parts.insert(0 if front else len(parts), part)
        if len(parts) > 1:
            x = n.op("Concat", *parts, dim=axis)
    return x


@reads("Conv")
def _conv(n: Node) -> Symbol:
    weight = n.shape(1)
    kernel = tuple(n.attr("kernel_shape", weight[2:]))
    strides, dilations, before, after = _window(n, kernel, n.open_shape())
    x = n.x
    if before != after:
        x, before = _padded(n, x, before, after), [0] * len(kernel)
    params: dict[str, Any] = {
        "kernel": kernel, "stride": strides, "dilate": dilations, "pad": tuple(before), "num_filter": weight[0],
        "num_group": n.attr("group", 1), "no_bias": not n.has(2),
    }  # fmt: skip
    return n.out("Convolution", x, n[1], *([n[2]] if n.has(2) else []), **params)


@reads("ConvTranspose")
def _conv_transpose(n: Node) -> Symbol:
    weight, shape = n.shape(1), n.shape()
    kernel = tuple(n.attr("kernel_shape", weight[2:]))
    rank, group = len(kernel), n.attr("group", 1)
    strides, dilations = tuple(n.attr("strides", (1,) * rank)), tuple(n.attr("dilations", (1,) * rank))
    extra = list(n.attr("output_padding", [0] * rank))
    pads = list(n.attr("pads", [0] * 2 * rank))
    wanted = n.attr("output_shape")
    whole = [strides[i] * (shape[2 + i] - 1) + (kernel[i] - 1) * dilations[i] + 1 for i in range(rank)]
    auto = n.attr("auto_pad", "NOTSET")
    if wanted is None and auto in ("SAME_UPPER", "SAME_LOWER"):
        wanted = [shape[2 + i] * strides[i] for i in range(rank)]
    if wanted is not None:
        wanted = wanted[-rank:]
        for i in range(rank):
            total = whole[i] + extra[i] - wanted[i]
            half = total // 2
            pads[i], pads[i + rank] = (half, total - half) if auto == "SAME_UPPER" else (total - half, half)
    params: dict[str, Any] = {
        "kernel": kernel, "stride": strides, "dilate": dilations, "num_filter": weight[1] * group, "num_group": group, "no_bias": True,
    }  # fmt: skip
    # without padding, then cut: what stays is from `pads` on, and may reach beyond the end
    result = n.op("Deconvolution", n.x, n[1], **params)
    begin, end, behind = [], [], []
    for i in range(rank):
        stop = whole[i] - pads[i + rank] + extra[i]
        begin.append(max(pads[i], 0))
        end.append(min(stop, whole[i]))
        behind.append(max(stop - whole[i], 0))
        n.require(pads[i] >= 0, f"negative padding {pads}")
    if any(b or e != w for b, e, w in zip(begin, end, whole, strict=True)):
        result = n.op("slice", result, begin=(None, None, *begin), end=(None, None, *end))
    if any(behind):
        result = _padded(n, result, [0] * rank, behind)
    if n.has(2):
        return n.out("broadcast_add", result, n.op("Reshape", n[2], shape=(1, -1, *[1] * rank)))
    return n.out("_copy", result)


def _pool_windows(n: Node) -> tuple[tuple[int, ...], tuple[int, ...], list[int], list[int], list[int]]:
    """Kernel, strides, padding before and behind, and what must be added behind for windows that reach over the end."""
    kernel = tuple(n.attrs["kernel_shape"])
    shape = n.shape()
    strides, dilations, before, after = _window(n, kernel, shape)
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
def _max_pool(n: Node) -> Symbol:
    n.require(len([o for o in n.outputs if o]) == 1, "the places of the largest elements")
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
        result = n.op("Pooling", _padded(n, x, before, behind, lowest), kernel=kernel, stride=strides, pool_type="max")
    return n.out("Cast", result, dtype=dtype)


def _dilated(n: Node, fill: float) -> tuple[list[Symbol], list[np.ndarray]]:
    """The elements under each tap of windows with gaps, and whether each is of the data, or padding that counts (1) or not (0)."""
    kernel, shape = tuple(n.attrs["kernel_shape"]), n.shape()
    strides, dilations, before, after = _window(n, kernel, shape)
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    lengths = [shape[2 + i] + before[i] + after[i] for i in range(len(kernel))]
    rounded = math.ceil if n.attr("ceil_mode", 0) else math.floor
    counts = [rounded((length - s) / t) + 1 for length, s, t in zip(lengths, spans, strides, strict=True)]
    counts = [c - 1 if (c - 1) * t >= shape[2 + i] + before[i] else c for i, (c, t) in enumerate(zip(counts, strides, strict=True))]
    over = [max((c - 1) * t + s - length, 0) for c, t, s, length in zip(counts, strides, spans, lengths, strict=True)]
    behind = [a + o for a, o in zip(after, over, strict=True)]
    x = _padded(n, n.x, before, behind, fill)
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
    total = n.op("Pooling", _padded(n, n.x, before, behind), kernel=kernel, stride=strides, pool_type="sum")
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
        total = n.op("Pooling", _padded(n, powers, before, behind), kernel=kernel, stride=strides, pool_type="sum")
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


@reads("BatchNormalization")
def _batch_norm(n: Node) -> Symbol:
    n.require(not n.attr("training_mode", 0), "training_mode: graphs are imported for inference")
    if n.opset < 9 and not n.attr("spatial", 1):
        n.fail("spatial=0")
    return n.out(
        "BatchNorm", n.x, *(n[i] for i in range(1, 5)), eps=n.attr("epsilon", 1e-5), momentum=n.attr("momentum", 0.9), fix_gamma=False,
        use_global_stats=True,
    )  # fmt: skip


@reads("InstanceNormalization")
def _instance_norm(n: Node) -> Symbol:
    return n.out("InstanceNorm", n.x, n[1], n[2], eps=n.attr("epsilon", 1e-5))


@reads("GroupNormalization")
def _group_norm(n: Node) -> Symbol:
    shape, groups = n.shape(), n.attrs["num_groups"]
    apart = n.reshape(n.x, (shape[0], groups, -1))
    centred = n.op("broadcast_sub", apart, n.op("mean", apart, axis=2, keepdims=True))
    scale = n.op(
        "rsqrt", n.op("_plus_scalar", n.op("mean", n.op("square", centred), axis=2, keepdims=True), scalar=n.attr("epsilon", 1e-5))
    )
    normal = n.op("broadcast_mul", centred, scale)
    if n.opset < 21:  # a scale for each group
        gamma, beta = (n.reshape(n[i], (1, groups, 1)) for i in (1, 2))
        return n.out("Reshape", n.op("broadcast_add", n.op("broadcast_mul", normal, gamma), beta), shape=shape)
    whole = n.reshape(normal, shape)
    gamma, beta = (n.reshape(n[i], (1, shape[1], *[1] * (len(shape) - 2))) for i in (1, 2))
    return n.out("broadcast_add", n.op("broadcast_mul", whole, gamma), beta)


@reads("LayerNormalization")
def _layer_norm(n: Node) -> list[Symbol | None]:
    shape = n.shape()
    axis = n.attr("axis", -1) % len(shape)
    axes = tuple(range(axis, len(shape)))
    mean = n.op("mean", n.x, axis=axes, keepdims=True)
    centred = n.op("broadcast_sub", n.x, mean)
    scale = n.op(
        "rsqrt", n.op("_plus_scalar", n.op("mean", n.op("square", centred), axis=axes, keepdims=True), scalar=n.attr("epsilon", 1e-5))
    )
    result = n.op("broadcast_mul", n.op("broadcast_mul", centred, scale), n[1])
    return [n.op("broadcast_add", result, n[2]) if n.has(2) else result, mean, scale]


@reads("RMSNormalization")
def _rms_norm(n: Node) -> Symbol:
    shape = n.shape()
    axes = tuple(range(n.attr("axis", -1) % len(shape), len(shape)))
    scale = n.op("rsqrt", n.op("_plus_scalar", n.op("mean", n.op("square", n.x), axis=axes, keepdims=True), scalar=n.attr("epsilon", 1e-5)))
    return n.out("broadcast_mul", n.op("broadcast_mul", n.x, scale), n[1])


@reads("LRN")
def _lrn(n: Node) -> Symbol:
    size = n.attrs["size"]
    return n.out("LRN", n.x, nsize=size, alpha=n.attr("alpha", 1e-4), beta=n.attr("beta", 0.75), knorm=n.attr("bias", 1.0))


@reads("Gemm")
def _gemm(n: Node) -> Symbol:
    alpha, beta = n.attr("alpha", 1.0), n.attr("beta", 1.0)
    a, b = n[0], n[1]
    bias = n.has(2) and n.open_shape(2) and len(n.open_shape(2)) == 1
    if alpha == 1.0 and not n.attr("transA", 0) and n.attr("transB", 0) and (not n.has(2) or (bias and beta == 1.0)):
        units = n.shape(1)[0]
        if not n.has(2):
            return n.out("FullyConnected", a, b, num_hidden=units, no_bias=True, flatten=False)
        if n.shape(2) == (units,):
            return n.out("FullyConnected", a, b, n[2], num_hidden=units, flatten=False)
    product = n.op("dot", a, b, transpose_a=bool(n.attr("transA", 0)), transpose_b=bool(n.attr("transB", 0)))
    if alpha != 1.0:
        product = n.op("_mul_scalar", product, scalar=alpha)
    if not n.has(2):
        return n.out("_copy", product)
    return n.out("broadcast_add", product, n[2] if beta == 1.0 else n.op("_mul_scalar", n[2], scalar=beta))


@reads("MatMul")
def _matmul(n: Node) -> Symbol:
    a, b = n.open_shape(0), n.open_shape(1)
    x, y = n[0], n[1]
    kind = n.dtype()
    if kind not in ("float16", "float32", "float64"):
        x, y = n.cast(x, "float64"), n.cast(y, "float64")
    if len(a) == len(b) == 2 or len(b) == 1 or (len(a) == 1 and len(b) == 2):
        if len(a) > 2:
            rows = n.reshape(x, (-1, a[-1]))
            result = n.op("Reshape", n.op("dot", rows, n.reshape(y, (-1, 1))), shape=tuple(n.shape(0)[:-1]))
        else:
            result = n.op("dot", x, y)
    elif len(b) == 2:
        result = n.op("dot", x, y)  # the last axis of the first with the first of the second
    else:
        result = _batched(n, x, y, n.shape(0), n.shape(1))
    return n.out("Cast", result, dtype=kind) if kind != n.spec(result)[1] else n.out("_copy", result)


def _batched(n: Node, x: Symbol, y: Symbol, a: tuple[int, ...], b: tuple[int, ...]) -> Symbol:
    lead_a = (1, *a) if len(a) == 1 else a
    lead_b = (*b, 1) if len(b) == 1 else b
    batch = np.broadcast_shapes(lead_a[:-2], lead_b[:-2])
    parts = []
    for s, lead in ((x, lead_a), (y, lead_b)):
        whole = (*[1] * (len(batch) - len(lead) + 2), *lead)
        if n.spec(s)[0] != whole:
            s = n.reshape(s, whole)
        if whole[:-2] != batch:
            s = n.op("broadcast_to", s, shape=(*batch, *whole[-2:]))
        parts.append(n.reshape(s, (math.prod(batch), *whole[-2:])))
    product = n.op("batch_dot", *parts)
    shape = (*batch, *(() if len(a) == 1 else (a[-2],)), *(() if len(b) == 1 else (b[-1],)))
    return n.op("Reshape", product, shape=shape or (1,))


@reads("Det")
def _det(n: Node) -> Symbol:
    return n.out("_linalg_det", n.x)
