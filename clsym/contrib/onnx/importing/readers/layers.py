"""Convolution, normalisation, matrix products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .....symbol import Symbol
from ..node import Node, reads


def window(n: Node, kernel: tuple[int, ...], shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...], list[int], list[int]]:
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


def padded(n: Node, x: Symbol, before: list[int], after: list[int], value: float = 0.0) -> Symbol:
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
    strides, dilations, before, after = window(n, kernel, n.open_shape())
    x = n.x
    if before != after:
        x, before = padded(n, x, before, after), [0] * len(kernel)
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
        result = padded(n, result, [0] * rank, behind)
    if n.has(2):
        return n.out("broadcast_add", result, n.op("Reshape", n[2], shape=(1, -1, *[1] * rank)))
    return n.out("_copy", result)


@reads("BatchNormalization")
def _batch_norm(n: Node) -> Symbol | list[Symbol]:
    if n.attr("training_mode", 0):
        return _batch_norm_of_the_batch(n)
    if n.opset < 9 and not n.attr("spatial", 1):
        n.fail("spatial=0")
    return n.out(
        "BatchNorm", n.x, *(n[i] for i in range(1, 5)), eps=n.attr("epsilon", 1e-5), momentum=n.attr("momentum", 0.9), fix_gamma=False,
        use_global_stats=True,
    )  # fmt: skip


def _batch_norm_of_the_batch(n: Node) -> list[Symbol]:
    """By the moments of the batch, which also move the running ones."""
    rank, momentum = n.rank(), n.attr("momentum", 0.9)
    found = n.op("moments", n.x, axes=(0, *range(2, rank)), keepdims=True)

    def wide(s: Symbol) -> Symbol:
        return n.op("Reshape", s, shape=(1, -1, *[1] * (rank - 2)))

    scale = n.op("broadcast_mul", n.op("rsqrt", n.op("_plus_scalar", found[1], scalar=n.attr("epsilon", 1e-5))), wide(n[1]))
    result = n.op("broadcast_mul", n.op("broadcast_sub", n.x, found[0]), scale)
    running = [
        n.op(
            "elemwise_add",
            n.op("_mul_scalar", n[i], scalar=momentum),
            n.op("_mul_scalar", n.op("Reshape", found[i - 3], shape=(-1,)), scalar=1 - momentum),
        )
        for i in (3, 4)
    ]
    return [n.out("broadcast_add", result, wide(n[2])), *running]


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
