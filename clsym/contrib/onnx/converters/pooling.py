"""Pooling. Windows are written with explicit padding at both ends, since runtimes disagree on ceil_mode together with padding."""

from __future__ import annotations

import math

import numpy as np

from ..layer import Layer, converter


def _per_dimension(given: tuple[int, ...], n: int, default: int) -> list[int]:
    return list(given or (default,) * n)


def _padded(layer: Layer, x: str, before: list[int], after: list[int], value: float) -> str:
    if not any((*before, *after)):
        return x
    return layer.emit("Pad", x, layer.ints(0, 0, *before, 0, 0, *after), layer.const(value), mode="constant")


def _global(layer: Layer) -> str:
    kind = layer.p.pool_type
    if kind == "sum":
        return layer.emit("ReduceSum", layer.x, layer.ints(*range(2, layer.rank)), keepdims=1)
    if kind == "lp":
        return layer.emit("GlobalLpPool", layer.x, p=layer.p.p_value)
    return layer.emit("GlobalMaxPool" if kind == "max" else "GlobalAveragePool", layer.x)


def _ends(layer: Layer, kernel: list[int], stride: list[int], begin: list[int]) -> list[int]:
    """What must follow the data along each dimension for the last window to be whole."""
    ends = []
    for i, (k, s, b) in enumerate(zip(kernel, stride, begin, strict=True)):
        out = layer.out_shapes[0][2 + i]
        if out < 0 and layer.p.pooling_convention == "valid":
            ends.append(b)  # too much by less than a stride does no harm
            continue
        extent = layer.extent(0, 2 + i)
        ends.append(max((out - 1) * s + k - extent - b, 0))
    return ends


@converter("Pooling", "Pooling_v1")
def _pooling(layer: Layer) -> str:
    p, kind = layer.p, layer.p.pool_type
    if p.global_pool:
        return _global(layer)
    n = layer.rank - 2
    kernel, stride, pad = list(p.kernel), _per_dimension(p.stride, n, 1), _per_dimension(p.pad, n, 0)
    ends = _ends(layer, kernel, stride, pad)
    attrs = {"kernel_shape": kernel, "strides": stride}
    legacy = layer.op.name == "Pooling_v1"
    if kind == "max":
        lowest = float(np.finfo(layer.dtype).min)
        if legacy:  # there the padding takes part, as zeros; what a last window reaches beyond it does not
            beyond = [max(e - b, 0) for e, b in zip(ends, pad, strict=True)]
            inner = _padded(layer, layer.x, pad, pad, 0)
            return layer.emit("MaxPool", _padded(layer, inner, [0] * n, beyond, lowest), **attrs)
        if any(e >= k for e, k in zip(ends, kernel, strict=True)):  # ONNX pads by less than a window
            return layer.emit("MaxPool", _padded(layer, layer.x, pad, ends, lowest), **attrs)
        return layer.emit("MaxPool", layer.x, pads=[*pad, *ends], **attrs)
    if kind == "lp":
        return layer.emit("LpPool", _padded(layer, layer.x, pad, ends, 0), p=p.p_value, **attrs)
    if kind == "sum" or legacy:
        made = layer.emit("AveragePool", _padded(layer, layer.x, pad, ends, 0), **attrs)
        return layer.emit("Mul", made, layer.const(math.prod(kernel))) if kind == "sum" else made
    return _average(layer, pad, ends, attrs)


@converter("_contrib_AdaptiveAvgPooling2D")
def _adaptive(layer: Layer) -> str:
    extents, size = (layer.extent(0, 2), layer.extent(0, 3)), layer.out_shapes[0][2:]
    if size == (1, 1):
        return layer.emit("GlobalAveragePool", layer.x)
    if any(x % y for x, y in zip(extents, size, strict=True)):
        layer.fail(f"output_size={layer.p.output_size} does not divide {extents}", "use Pooling, or a size that does")
    window = [x // y for x, y in zip(extents, size, strict=True)]
    return layer.emit("AveragePool", layer.x, kernel_shape=window, strides=window)


@converter("_contrib_BilinearResize2D")
def _resize(layer: Layer) -> str:
    size = layer.ints(*layer.shape(layer.out_shapes[0]))
    mode = "align_corners" if layer.p.align_corners else "pytorch_half_pixel"
    return layer.emit("Resize", layer.x, "", "", size, mode="linear", coordinate_transformation_mode=mode)


def _average(layer: Layer, pad: list[int], ends: list[int], attrs: dict[str, list[int]]) -> str:
    """The padding is counted or not, what a last window reaches beyond it never is."""
    if layer.p.count_include_pad is False:
        if any(e >= k for e, k in zip(ends, attrs["kernel_shape"], strict=True)):
            layer.fail(f"kernel={layer.p.kernel}, stride={layer.p.stride}: the last window holds no element", "use a smaller stride")
        return layer.emit("AveragePool", layer.x, pads=[*pad, *ends], count_include_pad=0, **attrs)
    beyond = [max(e - p, 0) for e, p in zip(ends, pad, strict=True)]
    if not any(beyond):
        return layer.emit("AveragePool", layer.x, pads=[*pad, *pad], count_include_pad=1, **attrs)
    x = _padded(layer, layer.x, pad, pad, 0)
    return layer.emit("AveragePool", x, pads=[*(0 for _ in pad), *beyond], count_include_pad=0, **attrs)
