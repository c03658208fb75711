"""Images of bytes resized on the host as OpenCV does: by its methods' numbers, with weights of 11 bits, to the bit but for areas."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

__all__ = ["Image", "chosen_method", "resized"]

Image = np.ndarray[Any, Any]
_NEAREST, _LINEAR, _CUBIC, _AREA, _LANCZOS, _AUTO, _RANDOM = 0, 1, 2, 3, 4, 9, 10


def chosen_method(method: int, before: tuple[int, int], behind: tuple[int, int], rng: np.random.Generator | None = None) -> int:
    """The method itself; of 9 the one that suits the sizes, and of 10 a random one."""
    if method == _RANDOM:
        return _LINEAR if rng is None else int(rng.integers(0, 5))
    if method == _AUTO:
        if behind[0] > before[0] and behind[1] > before[1]:
            return _CUBIC
        return _AREA if behind[0] < before[0] and behind[1] < before[1] else _LINEAR
    return method


def resized(image: Image, height: int, width: int, method: int = 1) -> Image:
    """An image, uint8 (h, w, C), in another size.

    >>> resized(np.array([[[1], [3]]], 'uint8'), 1, 4).ravel().tolist()
    [1, 2, 3, 3]
    """
    h, w = image.shape[:2]
    if (h, w) == (height, width):
        return image
    if method == _NEAREST:
        rows, columns = (np.minimum((np.arange(n) * (m / n)).astype(int), m - 1) for n, m in ((height, h), (width, w)))
        return image[rows][:, columns]
    if method == _LINEAR and h == 2 * height and w == 2 * width:
        method = _AREA
    if method == _AREA and h >= height and w >= width:
        down, across = _cover(h, height), _cover(w, width)
        part = np.tensordot(down, image.astype(np.float32), 1)
        return _bytes(np.rint(np.einsum("hwc,Ww->hWc", part, across, optimize=True)))
    kind = 6 if method == _AREA else method
    columns, across = _taps(w, width, kind, True)
    rows, down = _taps(h, height, kind, False)
    sums = _weighted(image, columns, across, 1)
    if len(rows) > 2:
        return _bytes((_weighted(sums, rows, down, 0) + (1 << 21)) >> 22)
    sums >>= 4
    total = np.zeros((height, *sums.shape[1:]), np.int32)
    for row, weight in zip(rows, down, strict=True):
        part = sums[row]
        part *= weight[:, None, None]
        part >>= 16
        total += part
    total += 2
    total >>= 2
    return total.astype(np.uint8)


def _weighted(values: Image, taps: Image, weights: Image, axis: int) -> Image:
    shape = (-1, 1, 1) if axis == 0 else (1, -1, 1)
    total = np.take(values, taps[0], axis).astype(np.int32)
    total *= weights[0].reshape(shape)
    for tap, weight in zip(taps[1:], weights[1:], strict=True):
        total += np.multiply(np.take(values, tap, axis), weight.reshape(shape), dtype=np.int32)
    return total


def _bytes(values: Image) -> Image:
    return np.clip(values, 0, 255).astype(np.uint8)


@lru_cache(64)
def _cover(extent: int, size: int) -> Image:
    """Which share each of the pixels has in each output pixel."""
    edges = np.arange(size + 1) * (extent / size)
    edges[-1] = extent
    pixels = np.arange(extent)
    share = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    share = np.maximum(share, 0)
    return (share / share.sum(1, keepdims=True)).astype(np.float32)


@lru_cache(64)
def _taps(extent: int, size: int, method: int, inside: bool) -> tuple[Image, Image]:
    """The pixels that each output pixel reads, and their weights; (taps, size) both. `inside`: at the edge, the edge counts alone."""
    scale, out = extent / size, np.arange(size)
    if method == 6:  # linear, but between pixels only as far as the output pixel straddles them
        low = np.floor(out * scale).astype(int)
        at = ((out + 1) - (low + 1) * (1 / scale)).astype(np.float32)
        at = np.where(at <= 0, 0, at - np.floor(at)).astype(np.float32)
    else:
        at = ((out + 0.5) * scale - 0.5).astype(np.float32)
        low = np.floor(at).astype(int)
        at = at - low.astype(np.float32)
    if method in (_LINEAR, 6):
        if inside:
            at = np.where((low < 0) | (low >= extent - 1), np.float32(0), at)
            low = np.clip(low, 0, extent - 1)
        first, weights = 0, [1 - at, at]
    elif method == _CUBIC:
        a, u = np.float32(-0.75), 1 - at
        near = [((a + 2) * t - (a + 3)) * t * t + 1 for t in (at, u)]
        far = ((a * (at + 1) - 5 * a) * (at + 1) + 8 * a) * (at + 1) - 4 * a
        first, weights = -1, [far, *near, 1 - far - near[0] - near[1]]
    else:
        offsets = at + 3 - np.arange(8)[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            raw = np.sin(offsets * (math.pi / 4)) / (offsets * offsets) * np.where(np.arange(8) % 2, -1, 1)[:, None]
        raw = np.where(at < 1.1920929e-7, np.arange(8)[:, None] == 3, raw)
        first, weights = -3, list(raw / raw.sum(0))
    taps = np.clip(low + np.arange(first, first + len(weights))[:, None], 0, extent - 1)
    return taps, np.rint(np.array(weights, np.float32) * 2048).astype(np.int32)
