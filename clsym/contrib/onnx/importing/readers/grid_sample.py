"""Samples of an image at places between its pixels: a few gathers, weighted."""

from __future__ import annotations

import itertools

import numpy as np

from .....symbol import Symbol
from ..node import Node, reads


def _mirrored(n: Node, x: Symbol, low: float, high: float) -> Symbol:
    """Places beyond the ends, thrown back between them."""
    span = high - low
    if span <= 0:
        return n.op("zeros_like", x)
    period = n.op("_mod_scalar", n.op("abs", n.op("_minus_scalar", x, scalar=low)), scalar=2 * span)
    folded = n.op("_rminus_scalar", n.op("abs", n.op("_rminus_scalar", period, scalar=span)), scalar=span)
    return n.op("_plus_scalar", folded, scalar=low)


def _pixels(n: Node, place: Symbol, extent: int, corners: bool, padding: str) -> Symbol:
    """From -1 ... 1 to pixels; with padding other than zeros inside the image."""
    if corners:
        x = n.op("_mul_scalar", n.op("_plus_scalar", place, scalar=1.0), scalar=(extent - 1) / 2)
    else:
        x = n.op("_minus_scalar", n.op("_mul_scalar", n.op("_plus_scalar", place, scalar=1.0), scalar=extent / 2), scalar=0.5)
    return x if padding != "reflection" else _mirrored(n, x, 0.0 if corners else -0.5, extent - 1.0 if corners else extent - 0.5)


def _cubic_weights(n: Node, t: Symbol) -> list[Symbol]:
    """Weights of the four pixels around, for the distance from the second, by the kernel with a = -0.75."""

    def polynomial(x: Symbol, *factors: float) -> Symbol:
        result = n.op("_mul_scalar", x, scalar=factors[0])
        for f in factors[1:-1]:
            result = n.op("elemwise_mul", n.op("_plus_scalar", result, scalar=f), x)
        return n.op("_plus_scalar", result, scalar=factors[-1])

    a = -0.75
    near, far = (a + 2, -(a + 3), 0.0, 1.0), (a, -5 * a, 8 * a, -4 * a)
    rest = n.op("_rminus_scalar", t, scalar=1.0)
    return [
        polynomial(n.op("_plus_scalar", t, scalar=1.0), *far), polynomial(t, *near), polynomial(rest, *near),
        polynomial(n.op("_plus_scalar", rest, scalar=1.0), *far),
    ]  # fmt: skip


def _taps(n: Node, x: Symbol, mode: str) -> list[tuple[Symbol, Symbol | None]]:
    """The pixels along one axis with their weights (None: 1)."""
    if mode == "nearest":
        return [(n.half_even(x), None)]
    base = n.op("floor", x)
    t = n.op("elemwise_sub", x, base)
    if mode in ("linear", "bilinear"):
        return [(base, n.op("_rminus_scalar", t, scalar=1.0)), (n.op("_plus_scalar", base, scalar=1.0), t)]
    weights = _cubic_weights(n, t)
    return [(n.op("_plus_scalar", base, scalar=i - 1.0), w) for i, w in enumerate(weights)]


@reads("GridSample")
def _grid_sample(n: Node) -> Symbol:
    mode, padding, corners = n.attr("mode", "linear"), n.attr("padding_mode", "zeros"), bool(n.attr("align_corners", 0))
    shape, grid_shape = n.shape(), n.shape(1)
    batch, channels, extents = shape[0], shape[1], shape[2:]
    count, outside = int(np.prod(grid_shape[1:-1])), grid_shape[1:-1]
    if mode in ("linear", "bilinear") and padding == "zeros" and len(extents) == 2 and corners:
        return n.out("BilinearSampler", n.x, n.op("transpose", n[1], axes=(0, 3, 1, 2)))
    places = n.reshape(n[1], (batch, count, len(extents)))
    axes = []
    for axis, extent in enumerate(extents):  # the grid has x first, that is the last axis
        k = len(extents) - 1 - axis
        place = n.reshape(n.op("slice_axis", places, axis=2, begin=k, end=k + 1), (batch, count))
        x = _pixels(n, place, extent, corners, padding)
        if padding == "border":
            x = n.op("clip", x, a_min=0.0, a_max=extent - 1.0) if mode not in ("cubic", "bicubic") else x
        axes.append(_taps(n, x, mode))
    rows = n.reshape(n.op("transpose", n.reshape(n.x, (batch, channels, -1)), axes=(0, 2, 1)), (-1, channels))
    first = n.const(np.repeat(np.arange(batch) * int(np.prod(extents)), count).reshape(batch, count), "float32")
    total: Symbol | None = None
    for taps in itertools.product(*axes):
        index, weight = first, None
        for axis, (x, w) in enumerate(taps):
            extent, stride = extents[axis], int(np.prod(extents[axis + 1 :]))
            if padding == "zeros":
                inside = n.op(
                    "elemwise_mul", n.op("_greater_equal_scalar", x, scalar=0.0), n.op("_lesser_equal_scalar", x, scalar=extent - 1.0)
                )
                w = inside if w is None else n.op("elemwise_mul", w, inside)
            elif padding == "reflection":
                x = _mirrored(n, x, 0.0 if corners else -0.5, extent - 1.0 if corners else extent - 0.5)
            weight = w if weight is None else weight if w is None else n.op("elemwise_mul", weight, w)
            kept = n.op("clip", n.op("rint", x), a_min=0.0, a_max=extent - 1.0)
            index = n.op("elemwise_add", index, n.op("_mul_scalar", kept, scalar=float(stride)))
        part = n.op("take", rows, index, axis=0)
        if weight is not None:
            part = n.op("broadcast_mul", part, n.op("expand_dims", weight, axis=2))
        total = part if total is None else n.op("elemwise_add", total, part)
    assert total is not None
    return n.out("Reshape", n.op("transpose", total, axes=(0, 2, 1)), shape=(batch, channels, *outside))
