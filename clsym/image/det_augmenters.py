"""Augmenters for detection: they change an image and its objects, rows (class, left, top, right, bottom, ...) on [0, 1]."""

from __future__ import annotations

import json
import logging
import random
import warnings
from math import sqrt
from numbers import Number
from typing import Any

import numpy as np

from ..differences import differs
from ..ndarray import NDArray
from ..ndarray import flip as reversed_axis
from .augmenters import Augmenter, _plain
from .geometry import copyMakeBorder, fixed_crop

__all__ = ["DetAugmenter", "DetBorrowAug", "DetHorizontalFlipAug", "DetRandomCropAug", "DetRandomPadAug", "DetRandomSelectAug"]

Changed = tuple[NDArray, Any]


class DetAugmenter:
    """Base of the augmenters for detection; its arguments are what `dumps` tells."""

    def __init__(self, **kwargs: Any) -> None:
        self._kwargs = {key: _plain(value) for key, value in kwargs.items()}

    def dumps(self) -> Any:
        """Its name and arguments as JSON."""
        return json.dumps([self.__class__.__name__.lower(), self._kwargs])

    def __call__(self, src: NDArray, label: Any) -> Changed:
        """The image and its objects, changed."""
        raise NotImplementedError("Must override implementation.")


class DetBorrowAug(DetAugmenter):
    """An augmenter that leaves the objects where they are."""

    def __init__(self, augmenter: Augmenter) -> None:
        if not isinstance(augmenter, Augmenter):
            raise TypeError("Borrowing from invalid Augmenter")
        super().__init__(augmenter=augmenter.dumps())
        self.augmenter = augmenter

    def dumps(self) -> Any:
        return [self.__class__.__name__.lower(), self.augmenter.dumps()]

    def __call__(self, src: NDArray, label: Any) -> Changed:
        return self.augmenter(src), label


class DetRandomSelectAug(DetAugmenter):
    """One of several augmenters, or, with probability `skip_prob`, none."""

    def __init__(self, aug_list: Any, skip_prob: float = 0) -> None:
        super().__init__(skip_prob=skip_prob)
        self.aug_list: list[DetAugmenter] = aug_list if isinstance(aug_list, (list, tuple)) else [aug_list]  # type: ignore[assignment]
        for augmenter in self.aug_list:
            if not isinstance(augmenter, DetAugmenter):
                raise ValueError("Allow DetAugmenter in list only")
        self.skip_prob = skip_prob if self.aug_list else 1

    def dumps(self) -> Any:
        return [self.__class__.__name__.lower(), [x.dumps() for x in self.aug_list]]

    def __call__(self, src: NDArray, label: Any) -> Changed:
        if random.random() < self.skip_prob:
            return src, label
        random.shuffle(self.aug_list)
        return self.aug_list[0](src, label)


class DetHorizontalFlipAug(DetAugmenter):
    """Mirrored with probability `p`."""

    def __init__(self, p: float) -> None:
        super().__init__(p=p)
        self.p = p

    def __call__(self, src: NDArray, label: Any) -> Changed:
        if random.random() < self.p:
            src = reversed_axis(src, axis=1)
            self._flip_label(label)
        return src, label

    def _flip_label(self, label: Any) -> None:
        label[:, 1], label[:, 3] = 1.0 - label[:, 3], 1.0 - label[:, 1]


def _areas(boxes: Any) -> Any:
    return np.maximum(0, boxes[:, 3] - boxes[:, 1]) * np.maximum(0, boxes[:, 2] - boxes[:, 0])


class _RandomRectangle(DetAugmenter):
    """What cropping and padding have in common: ranges of the aspect ratio and of the area."""

    _least_area = 0.0

    def __init__(self, aspect_ratio_range: Any, area_range: Any, max_attempts: int, **kwargs: Any) -> None:
        name = type(self).__name__
        if not isinstance(aspect_ratio_range, (tuple, list)):
            assert isinstance(aspect_ratio_range, Number)
            logging.info("Using fixed aspect ratio: %s in %s", aspect_ratio_range, name)
            aspect_ratio_range = (aspect_ratio_range, aspect_ratio_range)
        if not isinstance(area_range, (tuple, list)):
            assert isinstance(area_range, Number)
            logging.info("Using fixed area range: %s in %s", area_range, name)
            area_range = (area_range, area_range)
        super().__init__(aspect_ratio_range=aspect_ratio_range, area_range=area_range, max_attempts=max_attempts, **kwargs)
        self.aspect_ratio_range, self.area_range, self.max_attempts = aspect_ratio_range, area_range, max_attempts
        self.enabled = False
        if area_range[1] <= self._least_area or area_range[0] > area_range[1]:
            warnings.warn(f"Skip {name} due to invalid area_range: {area_range}", stacklevel=3)
        elif aspect_ratio_range[0] > aspect_ratio_range[1] or aspect_ratio_range[0] <= 0:
            warnings.warn(f"Skip {name} due to invalid aspect_ratio_range: {aspect_ratio_range}", stacklevel=3)
        else:
            self.enabled = True

    def _heights(self, ratio: float, height: int, width: int) -> tuple[int, int]:
        """The least and the greatest height of a rectangle of this aspect ratio."""
        least, most = (round(sqrt(share * height * width / ratio)) for share in self.area_range)
        return least, most


class DetRandomCropAug(_RandomRectangle):
    """A random part that holds enough of the objects; those of which too little is left are dropped.

    Parameters
    ----------
    min_object_covered : float, default 0.1
        The least share of each object in it that must be in it.
    aspect_ratio_range, area_range : tuple of float
        Bounds of width divided by height, and of the share of the image's area.
    min_eject_coverage : float, default 0.3
        Objects of which a smaller share is left are dropped.
    max_attempts : int, default 50
        After so many the image stays as it is.
    """

    def __init__(
        self,
        min_object_covered: float = 0.1,
        aspect_ratio_range: Any = (0.75, 1.33),
        area_range: Any = (0.05, 1.0),
        min_eject_coverage: float = 0.3,
        max_attempts: int = 50,
    ) -> None:
        kept = {"min_object_covered": min_object_covered, "min_eject_coverage": min_eject_coverage}
        super().__init__(aspect_ratio_range, area_range, max_attempts, **kept)
        order = ("min_object_covered", "aspect_ratio_range", "area_range", "min_eject_coverage", "max_attempts")
        self._kwargs = {key: self._kwargs[key] for key in order}
        self.min_object_covered, self.min_eject_coverage = min_object_covered, min_eject_coverage

    def __call__(self, src: NDArray, label: Any) -> Changed:
        found = self._random_crop_proposal(label, src.shape[0], src.shape[1])
        if not found:
            return src, label
        x, y, w, h, label = found
        return fixed_crop(src, x, y, w, h, None), label

    def _calculate_areas(self, label: Any) -> Any:
        return _areas(label)

    def _intersect(self, label: Any, xmin: float, ymin: float, xmax: float, ymax: float) -> Any:
        """Boxes cut to a rectangle; zeros where nothing is left."""
        out = label.copy()
        out[:, :2] = np.maximum(label[:, :2], (xmin, ymin))
        out[:, 2:4] = np.minimum(label[:, 2:4], (xmax, ymax))
        out[(out[:, 0] >= out[:, 2]) | (out[:, 1] >= out[:, 3])] = 0
        return out

    def _check_satisfy_constraints(self, label: Any, xmin: int, ymin: int, xmax: int, ymax: int, width: int, height: int) -> bool:
        """Whether every object that the rectangle meets is covered enough."""
        if (xmax - xmin) * (ymax - ymin) < 2:
            return False
        areas = _areas(label[:, 1:])
        large = np.where(areas * width * height > 2)[0]
        if large.size < 1:
            return False
        parts = self._intersect(label[large, 1:], xmin / width, ymin / height, xmax / width, ymax / height)
        covered = _areas(parts) / areas[large]
        covered = covered[covered > 0]
        return bool(covered.size > 0 and np.amin(covered) > self.min_object_covered)

    def _update_labels(self, label: Any, crop_box: tuple[int, int, int, int], height: int, width: int) -> Any:
        """The objects that are left, on the part's scale; None where there is none."""
        x, y, w, h = crop_box[0] / width, crop_box[1] / height, crop_box[2] / width, crop_box[3] / height
        out = label.copy()
        out[:, (1, 3)] -= x
        out[:, (2, 4)] -= y
        out[:, (1, 3)] /= w
        out[:, (2, 4)] /= h
        out[:, 1:5] = np.clip(out[:, 1:5], 0, 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            covered = _areas(out[:, 1:]) * w * h / _areas(label[:, 1:])
        out = out[(out[:, 3] > out[:, 1]) & (out[:, 4] > out[:, 2]) & (covered > self.min_eject_coverage)]
        return out if len(out) else None

    def _random_crop_proposal(self, label: Any, height: int, width: int) -> Any:
        """(x, y, w, h, objects), or () where nothing fits."""
        if not self.enabled or height <= 0 or width <= 0:
            return ()
        least, most = (share * height * width for share in self.area_range)
        for _ in range(self.max_attempts):
            ratio = random.uniform(*self.aspect_ratio_range)
            if ratio <= 0:
                continue
            h, highest = self._heights(ratio, height, width)
            if round(highest * ratio) > width:
                highest = int((width + 0.4999999) / ratio)
            highest = min(highest, height)
            h = min(h, highest)
            if h < highest:
                h = random.randint(h, highest)
            w = round(h * ratio)
            # rounding may leave the range
            if w * h < least:
                h += 1
                w = round(h * ratio)
            if w * h > most:
                h -= 1
                w = round(h * ratio)
            if not (least <= w * h <= most and 0 <= h <= height and 0 <= w <= width):
                continue
            y = random.randint(0, max(0, height - h))
            x = random.randint(0, max(0, width - w))
            if self._check_satisfy_constraints(label, x, y, x + w, y + h, width, height):
                left = self._update_labels(label, (x, y, w, h), height, width)
                if left is not None:
                    return x, y, w, h, left
        return ()


class DetRandomPadAug(_RandomRectangle):
    """The image at a random place of a larger one of colour `pad_val`.

    Parameters
    ----------
    aspect_ratio_range, area_range : tuple of float
        Bounds of the larger image's width divided by its height, and of its area, in areas of the image.
    max_attempts : int, default 50
        After so many the image stays as it is.
    pad_val : float or tuple of float
    """

    _least_area = 1.0

    def __init__(
        self,
        aspect_ratio_range: Any = (0.75, 1.33),
        area_range: Any = (1.0, 3.0),
        max_attempts: int = 50,
        pad_val: Any = (128, 128, 128),
    ) -> None:
        super().__init__(aspect_ratio_range, area_range, max_attempts, pad_val=pad_val)
        self.pad_val = pad_val

    def __call__(self, src: NDArray, label: Any) -> Changed:
        height, width = src.shape[:2]
        found = self._random_pad_proposal(label, height, width)
        if not found:
            return src, label
        x, y, w, h, label = found
        colour = self.pad_val if isinstance(self.pad_val, (list, tuple)) else (self.pad_val,)
        colour = colour * src.shape[2] if len(colour) == 1 else colour
        return copyMakeBorder(src, y, h - y - height, x, w - x - width, values=colour), label

    def _update_labels(self, label: Any, pad_box: tuple[int, int, int, int], height: int, width: int) -> Any:
        """The objects on the larger image's scale."""
        out = label.copy()
        out[:, (1, 3)] = (out[:, (1, 3)] * width + pad_box[0]) / pad_box[2]
        out[:, (2, 4)] = (out[:, (2, 4)] * height + pad_box[1]) / pad_box[3]
        return out

    def _random_pad_proposal(self, label: Any, height: int, width: int) -> Any:
        """(x, y, w, h, objects), or () where nothing fits."""
        if not self.enabled or height <= 0 or width <= 0:
            return ()
        for _ in range(self.max_attempts):
            ratio = random.uniform(*self.aspect_ratio_range)
            if ratio <= 0:
                continue
            h, highest = self._heights(ratio, height, width)
            if round(h * ratio) < width:
                h = int((width + 0.499999) / ratio)
            h = min(max(h, height), highest)
            if h < highest:
                h = random.randint(h, highest)
            w = round(h * ratio)
            if h - height < 2 or w - width < 2:
                continue
            y = random.randint(0, max(0, h - height))
            x = random.randint(0, max(0, w - width))
            return x, y, w, h, self._update_labels(label, (x, y, w, h), height, width)
        return ()


differs(
    "DetRandomCropAug",
    "ranges in which nothing lies",
    "import warnings; warnings.simplefilter('ignore'); print(mx.image.DetRandomCropAug(area_range=(0.9, 0.1)).enabled)",
    ours="False",
    mxnet="TypeError: category must be a Warning subclass, not 'tuple'",
    why="MXNet means to warn and to leave images as they are, and calls the warning wrongly; so do its DetRandomPadAug and draw_next.",
)
differs(
    "DetRandomPadAug",
    "one number as the colour",
    "import random; random.seed(1); box = mx.nd.array([[0, 0.1, 0.1, 0.5, 0.5]]).asnumpy()\n"
    "print(mx.image.DetRandomPadAug(pad_val=3)(mx.nd.ones((6, 7, 3)), box)[0][0, 0].asnumpy())",
    ours="[3. 3. 3.]",
    mxnet="3 in the first channel, what lies in memory in the others",
)
