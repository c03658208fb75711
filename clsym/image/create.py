"""The usual list of augmenters."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ndarray import array
from . import augmenters as a
from .geometry import Size

__all__ = ["CreateAugmenter"]

_MEAN, _STD = (123.68, 116.28, 103.53), (58.395, 57.12, 57.375)
_EIGENVALUES = (55.46, 4.794, 1.148)
_EIGENVECTORS = ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203))


def CreateAugmenter(
    data_shape: Size,
    resize: int = 0,
    rand_crop: bool = False,
    rand_resize: bool = False,
    rand_mirror: bool = False,
    mean: Any = None,
    std: Any = None,
    brightness: float = 0,
    contrast: float = 0,
    saturation: float = 0,
    hue: float = 0,
    pca_noise: float = 0,
    rand_gray: float = 0,
    inter_method: int = 2,
) -> list[a.Augmenter]:
    """Augmenters that lead to images of `data_shape` (C, H, W), in the order in which MXNet applies them.

    Parameters
    ----------
    resize : int
        The shorter edge before cropping; 0 leaves the image.
    rand_crop, rand_resize : bool
        A part at a random place, or of random size as well (which needs `rand_crop`); else the middle.
    rand_mirror : bool
    mean, std : array or True, optional
        By channels; True: ImageNet's.
    brightness, contrast, saturation, hue, pca_noise, rand_gray : float
        Strengths; the last one is a probability.
    inter_method : int
        See `imresize`; 9 chooses by the sizes, 10 draws one.

    >>> [type(x).__name__ for x in CreateAugmenter((3, 8, 8), rand_mirror=True)]
    ['CenterCropAug', 'HorizontalFlipAug', 'CastAug']
    """
    found: list[a.Augmenter] = []
    if resize > 0:
        found.append(a.ResizeAug(resize, inter_method))
    crop_size = (data_shape[2], data_shape[1])
    if rand_resize:
        if not rand_crop:
            raise AssertionError("rand_resize needs rand_crop")
        found.append(a.RandomSizedCropAug(crop_size, 0.08, (3.0 / 4.0, 4.0 / 3.0), inter_method))
    elif rand_crop:
        found.append(a.RandomCropAug(crop_size, inter_method))
    else:
        found.append(a.CenterCropAug(crop_size, inter_method))
    if rand_mirror:
        found.append(a.HorizontalFlipAug(0.5))
    found.append(a.CastAug())
    if brightness or contrast or saturation:
        found.append(a.ColorJitterAug(brightness, contrast, saturation))
    if hue:
        found.append(a.HueJitterAug(hue))
    if pca_noise > 0:
        found.append(a.LightingAug(pca_noise, np.array(_EIGENVALUES), np.array(_EIGENVECTORS)))
    if rand_gray > 0:
        found.append(a.RandomGrayAug(rand_gray))
    mean = array(_MEAN) if mean is True else mean
    std = array(_STD) if std is True else std
    if mean is not None or std is not None:
        found.append(a.ColorNormalizeAug(mean, std))
    return found
