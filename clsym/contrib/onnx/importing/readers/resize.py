"""Other extents by interpolation: a gather along each axis, or a small matrix for each axis."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .....symbol import Symbol
from ..node import Node, reads


@reads("Upsample")
def _upsample(n: Node) -> Symbol:
    scales = n.attr("scales", None)
    factors = [float(v) for v in (scales if scales is not None else n.constant(1))]
    shape = n.shape()
    sizes = [math.floor(d * f) for d, f in zip(shape, factors, strict=True)]
    mode = {"bilinear": "linear", "trilinear": "linear"}.get(n.attr("mode", "nearest"), n.attr("mode", "nearest"))
    return _resized(n, factors, sizes, mode, "asymmetric", "floor")


@reads("Resize")
def _resize(n: Node) -> Symbol:
    shape, mode = n.shape(), n.attr("mode", "nearest")
    way = n.attr("coordinate_transformation_mode", "half_pixel" if n.opset > 10 else "asymmetric")
    axes = [a % len(shape) for a in n.attr("axes", range(len(shape)))]
    first = 2 if n.opset > 10 else 1  # before version 11 the scales came second
    factors, sizes = [1.0] * len(shape), list(shape)
    if n.has(first) and n.value(first).shape != (0,) and n.constant(first).size:
        for a, f in zip(axes, n.constant(first).ravel().tolist(), strict=True):
            factors[a], sizes[a] = f, math.floor(shape[a] * f)
    else:
        wanted = [int(v) for v in n.constant(3).ravel()]
        policy = n.attr("keep_aspect_ratio_policy", "stretch")
        own = [w / shape[a] for a, w in zip(axes, wanted, strict=True)]
        if policy != "stretch":
            common = min(own) if policy == "not_larger" else max(own)
            own = [common] * len(axes)
            wanted = [math.floor(common * shape[a] + 0.5) for a in axes]
        for a, f, w in zip(axes, own, wanted, strict=True):
            factors[a], sizes[a] = f, w
    roi = None
    if way == "tf_crop_and_resize":
        given = n.constant(1).ravel().tolist()
        roi = {a: (given[i], given[i + len(axes)]) for i, a in enumerate(axes)}
    return _resized(n, factors, sizes, mode, way, n.attr("nearest_mode", "round_prefer_floor" if n.opset > 10 else "floor"), roi)


def _places(extent: int, size: int, factor: float, way: str, roi: tuple[float, float] | None) -> np.ndarray:
    """Where in the input each output element lies."""
    x = np.arange(size, dtype=np.float64)
    if way == "align_corners":
        length = factor * extent  # not rounded
        return x * (extent - 1) / (length - 1) if length > 1 else np.zeros(size)
    if way == "asymmetric":
        return x / factor
    if way == "pytorch_half_pixel":
        return (x + 0.5) / factor - 0.5 if size > 1 else np.zeros(size)
    if way == "half_pixel_symmetric":
        adjustment = size / (factor * extent)
        return extent / 2 * (1 - adjustment) + (x + 0.5) / factor - 0.5
    if way == "tf_crop_and_resize" and roi is not None:
        start, stop = roi
        if size > 1:
            return start * (extent - 1) + x * (stop - start) * (extent - 1) / (size - 1)
        return np.full(size, 0.5 * (start + stop) * (extent - 1))
    if way == "tf_half_pixel_for_nn":
        return (x + 0.5) / factor
    return (x + 0.5) / factor - 0.5


_ROUND: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
}


def _matrix(
    places: np.ndarray, extent: int, kernel: Callable[[np.ndarray], np.ndarray], reach: float, shrink: float, outside: bool
) -> np.ndarray:
    """Weights (size, extent) of an interpolation; places beyond the ends count for the end, or for nothing with `outside`."""
    scale = 1 / shrink if shrink < 1 else 1.0
    span = math.ceil(reach * scale) + 1
    result = np.zeros((len(places), extent))
    for row, place in enumerate(places):
        centre = math.floor(place)
        taps = np.arange(centre - span, centre + span + 1)
        weights = kernel((taps - place) / scale)
        if outside:
            weights = np.where((taps >= 0) & (taps < extent), weights, 0)
        total = weights.sum()
        if scale != 1.0 or outside:
            weights = weights / total if total else weights
        np.add.at(result[row], np.clip(taps, 0, extent - 1), weights)
    return result


def _cubic(a: float) -> Callable[[np.ndarray], np.ndarray]:
    def kernel(t: np.ndarray) -> np.ndarray:
        t = np.abs(t)
        near = ((a + 2) * t - (a + 3)) * t**2 + 1
        far = ((t - 5) * t + 8) * t * a - 4 * a
        return np.where(t <= 1, near, np.where(t < 2, far, 0))

    return kernel


def _triangle(t: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(t), 0)


def _resized(
    n: Node, factors: list[float], sizes: list[int], mode: str, way: str, rounding: str, roi: dict[int, tuple[float, float]] | None = None
) -> Symbol:
    shape = n.shape()
    dtype = n.dtype()
    x = n.x
    fill: Any = None
    for a, extent in enumerate(shape):
        if sizes[a] == extent and factors[a] == 1 and (roi is None or roi.get(a, (0, 1)) == (0, 1)):
            continue
        places = _places(extent, sizes[a], factors[a], way, roi.get(a) if roi else None)
        beyond = (places < 0) | (places > extent - 1)
        if mode == "nearest":
            index = np.clip(_ROUND[rounding](places), 0, extent - 1).astype(np.int32)
            x = n.op("take", x, n.const(index), axis=a)
        else:
            shrink = factors[a] if n.attr("antialias", 0) else 1.0
            kernel, reach = (_triangle, 1.0) if mode == "linear" else (_cubic(n.attr("cubic_coeff_a", -0.75)), 2.0)
            outside = bool(n.attr("exclude_outside", 0))
            weights = _matrix(places, extent, kernel, reach, shrink, outside)
            x = _along(n, x, weights, a, len(shape), dtype)
        if way == "tf_crop_and_resize" and beyond.any():
            mask = beyond.reshape([-1 if i == a else 1 for i in range(len(shape))])
            fill = mask if fill is None else fill | mask
    if fill is not None:
        whole = np.broadcast_to(fill, sizes)
        value = n.op("_full", shape=tuple(sizes), value=n.attr("extrapolation_value", 0.0), dtype=dtype)
        return n.out("where", n.const(whole, "float32"), value, x)
    return n.out("_copy", x)


def _along(n: Node, x: Symbol, weights: np.ndarray, axis: int, rank: int, dtype: str) -> Symbol:
    """The matrix (size, extent) applied along one axis."""
    if axis == rank - 1:
        return n.op("dot", x, n.const(weights, dtype), transpose_b=True)
    order = [*(i for i in range(rank) if i != axis), axis]
    moved = n.op("dot", n.op("transpose", x, axes=tuple(order)), n.const(weights, dtype), transpose_b=True)
    return n.op("transpose", moved, axes=tuple(int(i) for i in np.argsort(order)))
