"""The usual list of augmenters for detection."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import augmenters as a
from .create import _EIGENVALUES, _EIGENVECTORS, _MEAN, _STD
from .det_augmenters import DetAugmenter, DetBorrowAug, DetHorizontalFlipAug, DetRandomCropAug, DetRandomPadAug, DetRandomSelectAug

__all__ = ["CreateDetAugmenter", "CreateMultiRandCropAugmenter"]


def CreateMultiRandCropAugmenter(
    min_object_covered: Any = 0.1,
    aspect_ratio_range: Any = (0.75, 1.33),
    area_range: Any = (0.05, 1.0),
    min_eject_coverage: Any = 0.3,
    max_attempts: Any = 50,
    skip_prob: float = 0,
) -> DetRandomSelectAug:
    """One of several `DetRandomCropAug`, at random: lists of equal length give an argument for each.

    >>> len(CreateMultiRandCropAugmenter(min_object_covered=[0.1, 0.5, 0.9]).aug_list)
    3
    """
    columns = [
        p if isinstance(p, list) else [p] for p in (min_object_covered, aspect_ratio_range, area_range, min_eject_coverage, max_attempts)
    ]
    count = max(len(column) for column in columns)
    for column in columns:
        if len(column) not in (1, count):
            raise AssertionError(f"lists of arguments must be of one length: {len(column)} and {count}")
    rows = zip(*(column * count if len(column) == 1 else column for column in columns), strict=True)
    return DetRandomSelectAug([DetRandomCropAug(*row) for row in rows], skip_prob=skip_prob)


def CreateDetAugmenter(
    data_shape: tuple[int, ...],
    resize: int = 0,
    rand_crop: float = 0,
    rand_pad: float = 0,
    rand_gray: float = 0,
    rand_mirror: bool = False,
    mean: Any = None,
    std: Any = None,
    brightness: float = 0,
    contrast: float = 0,
    saturation: float = 0,
    pca_noise: float = 0,
    hue: float = 0,
    inter_method: int = 2,
    min_object_covered: Any = 0.1,
    aspect_ratio_range: Any = (0.75, 1.33),
    area_range: Any = (0.05, 3.0),
    min_eject_coverage: Any = 0.3,
    max_attempts: int = 50,
    pad_val: Any = (127, 127, 127),
) -> list[DetAugmenter]:
    """Augmenters for detection that lead to images of `data_shape` (C, H, W), in the order in which MXNet applies them.

    Parameters
    ----------
    resize : int
        The shorter edge at first; 0 leaves the image.
    rand_crop, rand_pad, rand_gray : float
        Probabilities of a random part, of a border around the image, and of grey.
    rand_mirror : bool
    mean, std : array or True, optional
        By channels; True: ImageNet's.
    brightness, contrast, saturation, pca_noise, hue : float
        Strengths.
    inter_method : int
        See `clsym.image.imresize`; 9 chooses by the sizes, 10 draws one.
    min_object_covered, aspect_ratio_range, area_range, min_eject_coverage, max_attempts, pad_val
        See `DetRandomCropAug` and `DetRandomPadAug`; the areas of the latter end where `area_range` ends.

    >>> [type(x).__name__ for x in CreateDetAugmenter((3, 8, 8), rand_mirror=True)]
    ['DetHorizontalFlipAug', 'DetBorrowAug', 'DetBorrowAug']
    """
    found: list[DetAugmenter] = []
    if resize > 0:
        found.append(DetBorrowAug(a.ResizeAug(resize, inter_method)))
    if rand_crop > 0:
        crops = (min_object_covered, aspect_ratio_range, area_range, min_eject_coverage, max_attempts)
        found.append(CreateMultiRandCropAugmenter(*crops, skip_prob=1 - rand_crop))
    if rand_mirror > 0:
        found.append(DetHorizontalFlipAug(0.5))
    if rand_pad > 0:
        pad = DetRandomPadAug(aspect_ratio_range, (1.0, area_range[1]), max_attempts, pad_val)
        found.append(DetRandomSelectAug([pad], 1 - rand_pad))
    plain: list[a.Augmenter] = [a.ForceResizeAug((data_shape[2], data_shape[1]), inter_method), a.CastAug()]
    if brightness or contrast or saturation:
        plain.append(a.ColorJitterAug(brightness, contrast, saturation))
    if hue:
        plain.append(a.HueJitterAug(hue))
    if pca_noise > 0:
        plain.append(a.LightingAug(pca_noise, np.array(_EIGENVALUES), np.array(_EIGENVECTORS)))
    if rand_gray > 0:
        plain.append(a.RandomGrayAug(rand_gray))
    mean = np.array(_MEAN) if mean is True else mean
    std = np.array(_STD) if std is True else std
    if mean is not None or std is not None:
        plain.append(a.ColorNormalizeAug(mean, std))
    return [*found, *map(DetBorrowAug, plain)]
