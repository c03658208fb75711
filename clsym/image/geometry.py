"""Images (H, W, C) in other sizes, parts of them, and borders around them."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base import MXNetError
from ..ndarray import NDArray, array
from ..ndarray import image as operators
from ..ndarray import slice as part_of

__all__ = [
    "center_crop",
    "color_normalize",
    "copyMakeBorder",
    "fixed_crop",
    "imresize",
    "random_crop",
    "random_size_crop",
    "resize_short",
    "scale_down",
]

Region = tuple[int, int, int, int]
Size = Sequence[int]

# how numpy calls OpenCV's ways to fill a border
_BORDERS = {1: "edge", 2: "symmetric", 3: "wrap", 4: "reflect"}


def method_number(interp: int, sizes: Size = ()) -> int:
    """The number of a method: 9 chooses by `sizes` (height and width before, then after), 10 draws one."""
    if interp == 9:
        if not sizes:
            return 2
        before, after = sizes[:2], sizes[2:]
        if all(a > b for a, b in zip(after, before, strict=True)):
            return 2
        return 3 if all(a < b for a, b in zip(after, before, strict=True)) else 1
    if interp == 10:
        return random.randint(0, 4)
    if interp not in (0, 1, 2, 3, 4):
        raise ValueError(f"Unknown interp method {interp}")
    return interp


def imresize(src: NDArray, w: int, h: int, interp: int = 1, out: NDArray | None = None) -> NDArray:
    """An image in another size, computed by the operator `_image_resize`.

    Parameters
    ----------
    src : NDArray
        (H, W, C), uint8, float32 or float64.
    w, h : int
    interp : int, default 1
        0 nearest, 1 bilinear, 2 bicubic, 3 by areas, 4 Lanczos over eight pixels.

    >>> import clsym as mx
    >>> mx.image.imresize(mx.nd.zeros((4, 6, 3)), 3, 2).shape
    (2, 3, 3)
    """
    resized: NDArray = operators.resize(src, size=(w, h), interp=interp)
    if out is None:
        return resized
    out[:] = resized
    return out


def scale_down(src_size: Size, size: Size) -> tuple[int, int]:
    """The width and height `size`, scaled so that it fits into `src_size`.

    >>> scale_down((640, 480), (720, 120))
    (640, 106)
    """
    w: float
    h: float
    (w, h), (sw, sh) = size, src_size
    if sh < h:
        w, h = float(w * sh) / h, sh
    if sw < w:
        w, h = sw, float(h * sw) / w
    return int(w), int(h)


def resize_short(src: NDArray, size: int, interp: int = 2) -> NDArray:
    """An image whose shorter edge becomes `size`; see `imresize`, and `interp` of 9 (chosen by the sizes) and 10 (drawn)."""
    h, w = src.shape[:2]
    new_h, new_w = (size * h // w, size) if h > w else (size, size * w // h)
    return imresize(src, new_w, new_h, interp=method_number(interp, (h, w, new_h, new_w)))


def fixed_crop(src: NDArray, x0: int, y0: int, w: int, h: int, size: Size | None = None, interp: int = 2) -> NDArray:
    """The rectangle of `w` by `h` pixels at (`x0`, `y0`), resized to `size` (width, height) where that is given."""
    part = part_of(src, begin=(y0, x0, 0), end=(y0 + h, x0 + w, src.shape[2]))
    if size is not None and (w, h) != tuple(size):
        part = imresize(part, size[0], size[1], interp=method_number(interp, (h, w, size[1], size[0])))
    return part


def random_crop(src: NDArray, size: Size, interp: int = 2) -> tuple[NDArray, Region]:
    """A part of the width and height `size` at a random place, enlarged where the image is smaller; and the part, (x, y, w, h)."""
    h, w = src.shape[:2]
    new_w, new_h = scale_down((w, h), size)
    x0 = random.randint(0, w - new_w)
    y0 = random.randint(0, h - new_h)
    return fixed_crop(src, x0, y0, new_w, new_h, size, interp), (x0, y0, new_w, new_h)


def center_crop(src: NDArray, size: Size, interp: int = 2) -> tuple[NDArray, Region]:
    """The middle of the width and height `size`, enlarged where the image is smaller; and the part, (x, y, w, h).

    >>> import clsym as mx
    >>> mx.image.center_crop(mx.nd.zeros((8, 10, 3)), (4, 4))[1]
    (3, 2, 4, 4)
    """
    h, w = src.shape[:2]
    new_w, new_h = scale_down((w, h), size)
    x0, y0 = (w - new_w) // 2, (h - new_h) // 2
    return fixed_crop(src, x0, y0, new_w, new_h, size, interp), (x0, y0, new_w, new_h)


def random_size_crop(
    src: NDArray, size: Size, area: float | tuple[float, float], ratio: tuple[float, float], interp: int = 2, **kwargs: Any
) -> tuple[NDArray, Region]:
    """A part of random area and aspect ratio at a random place, resized to `size`; and the part, (x, y, w, h).

    Parameters
    ----------
    area : float or tuple of float
        Bounds of its share of the image; one number is the lower bound.
    ratio : tuple of float
        Bounds of width divided by height.
    """
    h, w = src.shape[:2]
    if "min_area" in kwargs:
        area = kwargs.pop("min_area")
    if kwargs:
        raise MXNetError(f"unexpected arguments: {', '.join(kwargs)}")
    low, high = area if isinstance(area, (tuple, list)) else (area, 1.0)
    for _ in range(10):
        pixels = random.uniform(low, high) * h * w
        aspect = np.exp(random.uniform(math.log(ratio[0]), math.log(ratio[1])))
        new_w, new_h = round(np.sqrt(pixels * aspect)), round(np.sqrt(pixels / aspect))
        if new_w <= w and new_h <= h:
            x0 = random.randint(0, w - new_w)
            y0 = random.randint(0, h - new_h)
            return fixed_crop(src, x0, y0, new_w, new_h, size, interp), (x0, y0, new_w, new_h)
    return center_crop(src, size, interp)


def color_normalize(src: NDArray, mean: Any, std: Any = None) -> NDArray:
    """An image less `mean`, divided by `std`, each by channels; in its own memory, as in MXNet."""
    if mean is not None:
        src -= mean
    if std is not None:
        src /= std
    return src


def copyMakeBorder(
    src: NDArray, top: int, bot: int, left: int, right: int, type: int = 0, value: float = 0.0, values: Sequence[float] = ()
) -> NDArray:
    """An image with a border around it.

    Parameters
    ----------
    top, bot, left, right : int
        Widths of the border.
    type : {0, 1, 2, 3, 4}
        Filled with a number, with the edge, by reflection that repeats the edge, from the other side, by reflection that does not.
    value, values : float, tuple of float
        The number, or one for each channel.

    >>> import clsym as mx
    >>> mx.image.copyMakeBorder(mx.nd.ones((1, 1, 3)), 1, 1, 0, 0).shape
    (3, 1, 3)
    """
    if type not in (0, *_BORDERS):
        raise MXNetError(f"type={type}: a border is filled in the ways 0 to 4")
    pixels = src.asnumpy()
    widths = ((top, bot), (left, right), (0, 0))
    if type:
        bordered = np.pad(pixels, widths, mode=_BORDERS[type])  # type: ignore[call-overload]
    else:
        bordered = np.pad(pixels, widths)
        inner = np.zeros(bordered.shape[:2], bool)
        inner[top : top + pixels.shape[0], left : left + pixels.shape[1]] = True
        numbers = [*values, *[0.0] * pixels.shape[2]][: pixels.shape[2]] if len(values) else [value] * pixels.shape[2]
        bordered[~inner] = np.array(numbers).astype(pixels.dtype)
    return array(bordered, ctx=src.context, dtype=src.dtype)
