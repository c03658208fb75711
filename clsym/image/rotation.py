"""Images (C, H, W) turned about their middle."""

from __future__ import annotations

from numbers import Number
from typing import Any

import numpy as np

from ..ndarray import BilinearSampler, NDArray, array

__all__ = ["imrotate", "random_rotate"]


def imrotate(src: NDArray, rotation_degrees: Any, zoom_in: bool = False, zoom_out: bool = False) -> NDArray:
    """Images turned about their middle; what comes from outside is 0.

    Parameters
    ----------
    src : NDArray
        (C, H, W) or (N, C, H, W), float32.
    rotation_degrees : float or NDArray
        One angle, or one for each image.
    zoom_in : bool, default False
        Enlarge it until nothing from outside is seen.
    zoom_out : bool, default False
        Shrink it until nothing of the image is lost.

    >>> import clsym as mx
    >>> imrotate(mx.nd.ones((3, 4, 4)), 90).shape
    (3, 4, 4)
    """
    if zoom_in and zoom_out:
        raise ValueError("`zoom_in` and `zoom_out` cannot be both True")
    if src.dtype != np.float32:
        raise TypeError("Only `float32` images are supported by this function")
    single = src.ndim == 3
    if single:
        if not isinstance(rotation_degrees, Number):
            raise TypeError("When a single image is passed the rotation angle is required to be a scalar.")
        src = src.expand_dims(axis=0)
    elif src.ndim != 4:
        raise ValueError("Only 3D and 4D are supported by this function")
    if isinstance(rotation_degrees, Number):
        degrees = np.full(len(src), rotation_degrees, np.float32)
    else:
        degrees = np.asarray(rotation_degrees.asnumpy() if isinstance(rotation_degrees, NDArray) else rotation_degrees, np.float32)
    if len(degrees) != len(src):
        raise ValueError("The number of images must be equal to the number of rotation angles")
    points = _sampled(src.shape[2], src.shape[3], np.pi * degrees.astype(np.float64) / 180, zoom_in, zoom_out)
    turned: NDArray = BilinearSampler(src, array(points.astype(np.float32), ctx=src.context))
    return turned[0] if single else turned


def _sampled(h: int, w: int, angles: Any, zoom_in: bool, zoom_out: bool) -> Any:
    """Where each pixel comes from, (N, 2, H, W), x before y, on [-1, 1]."""
    half_h, half_w = (h - 1) / 2, (w - 1) / 2
    y, x = np.meshgrid(np.arange(h) - half_h, np.arange(w) - half_w, indexing="ij")
    cosine, sine = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        points = np.stack([(x * cosine - y * sine) / half_w, (x * sine + y * cosine) / half_h], axis=1)
    if zoom_in or zoom_out:
        # the corners, turned either way: how far they reach along each edge, in edges
        radius, corner = np.hypot(h, w), np.arctan2(h, w)
        reach = [
            np.abs(radius * wave(corner + sign * np.abs(angles))) / edge for wave, edge in ((np.cos, w), (np.sin, h)) for sign in (1, -1)
        ]
        scale = np.max(reach, axis=0) if zoom_out else 1 / np.max(reach, axis=0)
        points *= scale[:, None, None, None]
    return points


def random_rotate(src: NDArray, angle_limits: tuple[float, float], zoom_in: bool = False, zoom_out: bool = False) -> NDArray:
    """`imrotate` by angles drawn uniformly between two limits (numpy's generator), one for each image."""
    if src.ndim == 3:
        return imrotate(src, np.random.uniform(*angle_limits), zoom_in=zoom_in, zoom_out=zoom_out)
    return imrotate(src, np.random.uniform(*angle_limits, size=len(src)), zoom_in=zoom_in, zoom_out=zoom_out)
