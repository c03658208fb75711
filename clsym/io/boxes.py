"""Boxes of objects in images that are cropped, padded and mirrored. A row: class, left, top, right, bottom (from 0 to 1), ..."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["cropped_boxes", "drawn_crop", "mirrored_boxes", "placed_boxes"]

Boxes = np.ndarray[Any, Any]
_FRAME = slice(1, 5)


def mirrored_boxes(objects: Boxes) -> Boxes:
    """The boxes in the mirrored image.

    >>> mirrored_boxes(np.array([[0, .25, 0, .5, 1]])).tolist()
    [[0.0, 0.5, 0.0, 0.75, 1.0]]
    """
    out = objects.copy()
    out[:, 1], out[:, 3] = 1 - objects[:, 3], 1 - objects[:, 1]
    return out


def placed_boxes(objects: Boxes, frame: tuple[float, float, float, float]) -> Boxes:
    """The boxes as seen from a frame (left, top, right, bottom), which may be larger than the image.

    >>> placed_boxes(np.array([[0, 0, 0, 1, 1]]), (-1., -1., 1., 1.)).tolist()
    [[0.0, 0.5, 0.5, 1.0, 1.0]]
    """
    left, top, right, bottom = frame
    out = objects.astype(np.float64)
    out[:, [1, 3]] = (out[:, [1, 3]] - left) / (right - left)
    out[:, [2, 4]] = (out[:, [2, 4]] - top) / (bottom - top)
    return out


def _areas(boxes: Boxes) -> Boxes:
    return np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0)


def _shared(objects: Boxes, frame: tuple[float, float, float, float]) -> Boxes:
    """The area that each box has in common with the frame."""
    boxes = objects[:, _FRAME]
    return _areas(np.concatenate([np.maximum(boxes[:, :2], frame[:2]), np.minimum(boxes[:, 2:], frame[2:])], 1))


def cropped_boxes(objects: Boxes, frame: tuple[float, float, float, float], mode: str, threshold: float) -> Boxes:
    """The boxes that stay in a crop, cut at its edges: those with their centre in it, or with that share of their area."""
    boxes = objects[:, _FRAME]
    if mode == "center":
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        kept = ((middle >= frame[:2]) & (middle <= frame[2:])).all(1)
    else:
        kept = _shared(objects, frame) / np.maximum(_areas(boxes), 1e-12) > threshold
    out = placed_boxes(objects[kept], frame)
    out[:, _FRAME] = np.clip(out[:, _FRAME], 0, 1)
    return out


def drawn_crop(
    objects: Boxes, p: Any, shape: tuple[int, int], rng: np.random.Generator
) -> tuple[Boxes, tuple[float, float, float, float]] | None:
    """A crop that satisfies one of the samplers, with the boxes in it; None where none does within its trials."""

    def of(name: str, i: int) -> float:
        values = getattr(p, name)
        return float(values[min(i, len(values) - 1)])

    found = []
    for i in range(p.num_crop_sampler):
        limits = [(of(f"min_crop_{name}", i), of(f"max_crop_{name}", i)) for name in ("overlaps", "sample_coverages", "object_coverages")]
        for _ in range(int(of("max_crop_trials", i))):
            scale = rng.uniform(of("min_crop_scales", i), of("max_crop_scales", i))
            low, high = of("min_crop_aspect_ratios", i), of("max_crop_aspect_ratios", i)
            ratio = rng.uniform(max(low, scale * scale), max(low, scale * scale, min(high, 1 / max(scale * scale, 1e-6))))
            wide, tall = min(1.0, scale * math.sqrt(ratio)), min(1.0, scale / math.sqrt(max(ratio, 1e-6)))
            if wide * shape[1] < 1 or tall * shape[0] < 1:
                continue
            left, top = rng.uniform(0, 1 - wide), rng.uniform(0, 1 - tall)
            frame = (left, top, left + wide, top + tall)
            common, areas = _shared(objects, frame), _areas(objects[:, _FRAME])
            shares = (common / np.maximum(areas + wide * tall - common, 1e-12), common / (wide * tall), common / np.maximum(areas, 1e-12))
            asked = [(share, low, high) for share, (low, high) in zip(shares, limits, strict=True) if low > 0 or high < 1]
            fits = np.ones(len(objects), bool)
            for share, low, high in asked:
                fits &= (share >= low) & (share <= high)
            if asked and not fits.any():
                continue
            inside = cropped_boxes(objects, frame, p.crop_emit_mode, p.emit_overlap_thresh)
            if len(inside) or not len(objects):
                found.append((inside, frame))
                break
    return found[int(rng.integers(0, len(found)))] if found else None
