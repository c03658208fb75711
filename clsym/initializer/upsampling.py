"""The weights with which a deconvolution interpolates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["bilinear"]


def bilinear(shape: Sequence[int]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Bilinear interpolation for weights (.., .., H, W): a tent along each axis, the width of W.

    >>> bilinear((1, 1, 2, 4))[0, 0].tolist()
    [[0.0625, 0.1875, 0.1875, 0.0625], [0.1875, 0.5625, 0.5625, 0.1875]]
    """
    height, width = shape[2], shape[3]
    half = np.ceil(width / 2.0)
    centre = (2 * half - 1 - half % 2) / (2.0 * half)
    along_x = 1 - abs(np.arange(width) / half - centre)
    along_y = 1 - abs(np.arange(height) / half - centre)
    return np.broadcast_to((along_x[None, :] * along_y[:, None]).astype("float32"), tuple(shape))
