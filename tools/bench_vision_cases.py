"""Layers of detectors as `bench_op.py` measures them: inputs that are like those of a model, and what the layer is in ONNX."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from bench_case import Array, Case, one_node

__all__ = ["vision_cases"]


def _roi_align(count: int, channels: int, height: int, width: int, pooled: int, ratio: int) -> Case:
    """Boxes of 60 to 400 pixels in an image that the data have a sixteenth of."""

    def inputs(rng: np.random.RandomState) -> list[Array]:
        middle, side = rng.uniform(0, (16 * width, 16 * height), (count, 2)), rng.uniform(60, 400, (count, 2))
        low, high = np.maximum(middle - side / 2, 0), np.minimum(middle + side / 2, (16 * width - 1, 16 * height - 1))
        return [rng.standard_normal((1, channels, height, width)), np.concatenate([np.zeros((count, 1)), low, high], 1)]

    def feed(x0: Array, x1: Array) -> list[Array]:
        return [x0, np.ascontiguousarray(x1[:, 1:]), x1[:, 0].astype(np.int64)]

    onnx = one_node(
        "RoiAlign", 16,
        {
            "output_height": pooled, "output_width": pooled, "sampling_ratio": ratio, "spatial_scale": 0.0625,
            "coordinate_transformation_mode": "output_half_pixel",
        },
        feed,
    )  # fmt: skip
    shapes = [(1, channels, height, width), (count, 5)]
    params = {"pooled_size": (pooled, pooled), "spatial_scale": 0.0625, "sample_ratio": ratio or -1}
    moved = 4 * (channels * height * width + 5 * count + count * channels * pooled * pooled)
    name = f"{count} boxes, {channels}x{height}x{width}, {pooled}x{pooled} bins, {ratio or 'adaptive'} samples"
    return Case("roi-align", name, "_contrib_ROIAlign", shapes, params, 0, moved, inputs, onnx)


def _deformable(channels: int, side: int, filters: int) -> Case:
    """3x3, offsets of two pixels; a mask, since ONNX's border is that of the modulated one."""
    shapes = [(1, channels, side, side), (1, 18, side, side), (1, 9, side, side), (filters, channels, 3, 3)]

    def inputs(rng: np.random.RandomState) -> list[Array]:
        x, offset, mask, weight = (rng.standard_normal(s) for s in shapes)
        return [x, 2 * offset, 1 / (1 + np.exp(-mask)), weight * 0.02]

    def feed(x0: Array, x1: Array, x2: Array, x3: Array) -> list[Array]:
        return [x0, x3, x1, np.zeros(filters, np.float32), x2]

    params = {"kernel": (3, 3), "pad": (1, 1), "num_filter": filters, "no_bias": True}
    onnx = one_node("DeformConv", 19, {"kernel_shape": [3, 3], "pads": [1] * 4, "strides": [1, 1]}, feed)
    flops = 2 * filters * side * side * channels * 9
    name = f"{channels}x{side}x{side} -> {filters}"
    return Case("deformable", name, "_contrib_ModulatedDeformableConvolution", shapes, params, flops, 0, inputs, onnx, weights=(3,))


def vision_cases() -> Iterator[Case]:
    """Boxes of one size after the other; three depths of a net."""
    yield _roi_align(300, 256, 50, 50, 7, 2)
    yield _roi_align(1000, 256, 50, 68, 7, 0)
    yield _roi_align(100, 256, 50, 50, 14, 2)
    for channels, side in ((64, 56), (256, 50), (512, 14)):
        yield _deformable(channels, side, channels)
