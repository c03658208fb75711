"""Convolution, matrix products, and enlarging of images."""

from __future__ import annotations

import numpy as np

from ....ops.convolution.deconvolution import cut
from ..layer import Layer, converter


@converter("Convolution")
def _convolution(layer: Layer) -> str:
    p = layer.p
    n = len(p.kernel)
    pad = p.pad or (0,) * n
    return layer.emit(
        "Conv", *layer.ins, kernel_shape=list(p.kernel), strides=list(p.stride or (1,) * n), dilations=list(p.dilate or (1,) * n),
        pads=[*pad, *pad], group=p.num_group,
    )  # fmt: skip


@converter("Deconvolution")
def _deconvolution(layer: Layer) -> str:
    p = layer.p
    n = len(p.kernel)
    pad, adj = p.pad or (0,) * n, p.adj or (0,) * n
    if any(p.target_shape):
        cuts = [cut(p, i, layer.extent(0, 2 + i)) for i in range(n)]
        pad, adj = ([c[k] for c in cuts] for k in range(2))
    return layer.emit(
        "ConvTranspose", *layer.ins, kernel_shape=list(p.kernel), strides=list(p.stride or (1,) * n), dilations=list(p.dilate or (1,) * n),
        pads=[*pad, *pad], output_padding=list(adj), group=p.num_group,
    )  # fmt: skip


@converter("FullyConnected")
def _fully_connected(layer: Layer) -> str:
    x, weight, *bias = layer.ins
    if layer.p.flatten or layer.rank <= 2:
        if layer.rank > 2:
            x = layer.emit("Flatten", x, axis=1)
        return layer.emit("Gemm", x, weight, *bias, transB=1)
    made = layer.emit("MatMul", x, layer.transpose(weight, (1, 0)))
    return layer.emit("Add", made, bias[0]) if bias else made


@converter("dot")
def _dot(layer: Layer) -> str:
    a, b = layer.ins
    ranks = [len(s) for s in layer.in_shapes]
    if layer.p.transpose_a:
        a = layer.transpose(a, [*range(1, ranks[0]), 0])
    if layer.p.transpose_b:
        b = layer.transpose(b, [ranks[1] - 1, *range(ranks[1] - 1)])
    k = layer.extent(0, 0 if layer.p.transpose_a else -1)
    if ranks[0] > 2:
        a = layer.reshape(a, (-1, k))
    if ranks[1] > 2:
        b = layer.reshape(b, (k, -1))
    made = layer.emit("MatMul", a, b)
    return layer.reshape(made, layer.out_shapes[0]) if max(ranks) > 2 or ranks == [1, 1] else made


def _product(layer: Layer) -> str:
    """The product of the last two axes."""
    a, b = layer.ins[:2]
    ranks = [len(s) for s in layer.in_shapes]
    if layer.p.transpose_a:
        a = layer.swap_last(a, ranks[0])
    if layer.p.transpose_b:
        b = layer.swap_last(b, ranks[1])
    return layer.emit("MatMul", a, b)


@converter("batch_dot")
def _batch_dot(layer: Layer) -> str:
    return _product(layer)


@converter("_linalg_gemm", "_linalg_gemm2")
def _gemm(layer: Layer) -> str:
    if layer.p.axis not in (-2, layer.rank - 2):
        layer.fail(f"axis={layer.p.axis}", "transpose the operands so that rows are the last axis but one")
    made = _product(layer)
    if layer.p.alpha != 1:
        made = layer.emit("Mul", made, layer.const(layer.p.alpha))
    if layer.op.name == "_linalg_gemm2":
        return made
    return layer.emit("Add", made, layer.emit("Mul", layer.ins[2], layer.const(layer.p.beta)))


@converter("UpSampling")
def _up_sampling(layer: Layer) -> str:
    p = layer.p
    if p.sample_type == "bilinear":
        extent, pad = 2 * p.scale - p.scale % 2, p.scale // 2
        return layer.emit(
            "ConvTranspose", *layer.ins, kernel_shape=[extent] * 2, strides=[p.scale] * 2, pads=[pad] * 4, group=layer.extent(0, 1)
        )
    made = []
    for i, x in enumerate(layer.ins):
        scale = float(p.scale if i == 0 else p.scale * layer.extent(0, 2) // layer.extent(i, 2))
        scales = layer.const([1, 1, scale, scale], "float32")
        made.append(layer.emit("Resize", x, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"))
    if len(made) == 1:
        return made[0]
    return layer.emit("Sum", *made) if p.multi_input_mode == "sum" else layer.emit("Concat", *made, axis=1)


def _one_hot_windows(layer: Layer, channels: int) -> str:
    """A kernel for each element of the window, which takes that one alone; for every channel of its own."""
    kernel = layer.p.kernel
    size = int(np.prod(kernel))
    return layer.const(np.tile(np.eye(size).reshape(size, 1, *kernel), (channels, *[1] * (1 + len(kernel)))))


def _window(layer: Layer) -> dict[str, list[int]]:
    p, n = layer.p, len(layer.p.kernel)
    pad = list(p.pad or (0,) * n)
    return {"kernel_shape": list(p.kernel), "strides": list(p.stride or (1,) * n), "dilations": list(p.dilate or (1,) * n), "pads": pad * 2}


@converter("im2col")
def _im2col(layer: Layer) -> str:
    """A convolution of each channel by itself, whose kernels take one element each."""
    channels = layer.extent(0, 1)
    made = layer.emit("Conv", layer.x, _one_hot_windows(layer, channels), group=channels, **_window(layer))
    return layer.reshape(made, (0, layer.out_shapes[0][1], -1))


@converter("col2im")
def _col2im(layer: Layer) -> str:
    """The transposed one; ONNX's Col2Im is younger than what is written here."""
    p, size = layer.p, layer.p.output_size
    window, channels = _window(layer), layer.shape(layer.out_shapes[0][1:2])[0]
    counts = []
    ends = []
    for side, k, s, d, pad in zip(size, p.kernel, window["strides"], window["dilations"], window["pads"], strict=False):
        span = d * (k - 1) + 1
        counts.append((side + 2 * pad - span) // s + 1)
        ends.append(side + pad - (counts[-1] - 1) * s - span)
    x = layer.reshape(layer.x, (layer.in_shapes[0][0], layer.in_shapes[0][1], *counts))
    n = len(size)
    pads = [*window["pads"][:n], *(-min(e, 0) for e in ends)]
    extra = [max(e, 0) for e in ends]
    made = layer.emit("ConvTranspose", x, _one_hot_windows(layer, channels), group=channels, **{**window, "pads": pads})
    if any(extra):
        made = layer.emit("Pad", made, layer.ints(0, 0, *[0] * n, 0, 0, *extra), layer.const(0), mode="constant")
    return made
