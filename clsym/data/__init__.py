"""The handwritten digits that ``clsym demo`` and the tests train on."""

from __future__ import annotations

from importlib import resources
from typing import Any

import numpy as np

__all__ = ["load_digits"]


def load_digits() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """1,797 handwritten digits of 8 by 8 pixels: images (1797, 8, 8) float32 in 0..1, labels (1797,) float32.

    Source: "Optical Recognition of Handwritten Digits", E. Alpaydin and C. Kaynak, UCI Machine Learning Repository;
    CC BY 4.0 (see README.md here).

    >>> images, labels = load_digits()
    >>> images.shape, float(images.max()), labels[:3].tolist()
    ((1797, 8, 8), 1.0, [0.0, 1.0, 2.0])
    """
    with resources.files(__name__).joinpath("digits.npz").open("rb") as f, np.load(f) as data:
        return data["images"].astype(np.float32) / 16, data["labels"].astype(np.float32)
