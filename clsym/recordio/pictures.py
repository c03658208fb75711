"""Images in records, coded and decoded by Pillow. Arrays are (height, width, BGR), as OpenCV has them."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np

from ..base import MXNetError
from .header import pack, unpack

__all__ = ["decoded", "encoded", "grey", "pack_img", "pillow", "pixels", "unpack_img"]


def pillow() -> Any:
    """Pillow's module, or an error that says how to install it."""
    try:
        from PIL import Image
    except ImportError as exc:
        raise MXNetError("images are read and written by Pillow; pip install 'clsym[image]'") from exc
    return Image


def grey(image: Any) -> Any:
    """Grey as OpenCV's readers have it: a JPEG's own luma, a PNG's sum of colours rounded down."""
    if image.format == "JPEG":
        image.draft("L", image.size)
    if image.format != "PNG" or image.mode in ("1", "L", "LA", "I;16", "I"):
        return np.asarray(image.convert("L"))
    colours = np.asarray(image.convert("RGB"))
    equal = (colours == colours[:, :, :1]).all(axis=2)
    rounded = (colours.astype(np.int64) @ (9797, 19234, 3737)) >> 15
    return np.where(equal, colours[:, :, 0], rounded).astype(np.uint8)


def decoded(content: bytes, iscolor: int = -1) -> np.ndarray[Any, Any]:
    """An image as uint8: BGR with 1, grey with 0, as the file has it with -1 (with alpha where it has that).

    Raises
    ------
    MXNetError
        It is no image that Pillow knows, or a damaged one.
    """
    image_module = pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = image_module.open(io.BytesIO(content))
            if iscolor == 0:
                return np.array(grey(image))
            if iscolor < 0 and image.mode in ("L", "1"):
                return np.array(image.convert("L"))
            if iscolor < 0 and image.mode in ("RGBA", "LA", "PA"):
                return np.ascontiguousarray(np.asarray(image.convert("RGBA"))[:, :, [2, 1, 0, 3]])
            return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])
    except Exception as exc:  # Pillow's decoders raise whatever they meet
        raise MXNetError(f"an image of {len(content)} bytes cannot be decoded: {exc}") from exc


def pixels(content: bytes, channels: int) -> np.ndarray[Any, Any]:
    """An image as uint8, (height, width, channels): grey, RGB, or RGBA, which only images with alpha have.

    Raises
    ------
    MXNetError
        It is no image that Pillow knows, or a damaged one, or has no alpha where four channels are asked for.
    """
    image_module = pillow()
    mode = {1: "", 3: "RGB", 4: "RGBA"}[channels]
    try:
        image = image_module.open(io.BytesIO(content))
        has = len(image.getbands())
        if channels == 1:
            found = grey(image)
        else:
            found = np.asarray(image if image.mode == mode else image.convert(mode))
    except Exception as exc:  # Pillow's decoders raise whatever they meet
        raise MXNetError(f"an image of {len(content)} bytes cannot be decoded: {exc}") from exc
    if channels == 4 and has != 4:
        raise MXNetError(f"an image of {has} channels, and 4 are expected")
    return found.reshape(*found.shape[:2], channels)


def encoded(img: Any, quality: int = 95, img_fmt: str = ".jpg") -> bytes:
    """An image, uint8 grey, BGR or BGRA, as a JPEG of that quality (1 to 100) or a PNG of that compression (0 to 9)."""
    array = np.asarray(img)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise MXNetError(f"an image is uint8, (height, width) or (height, width, 1, 3 or 4), not {array.dtype} {array.shape}")
    if array.ndim == 3:
        array = array[:, :, 0] if array.shape[2] == 1 else array[:, :, [2, 1, 0, 3][: array.shape[2]]]
    image = pillow().fromarray(np.ascontiguousarray(array))
    out = io.BytesIO()
    kind = img_fmt.lower()
    if kind in (".jpg", ".jpeg"):
        image.convert("RGB" if image.mode == "RGBA" else image.mode).save(out, "JPEG", quality=quality, subsampling=2)
    elif kind == ".png":
        image.save(out, "PNG", compress_level=min(max(quality, 0), 9))
    else:
        raise MXNetError(f"image format {img_fmt!r}; records hold .jpg or .png")
    return out.getvalue()


def pack_img(header: Any, img: Any, quality: int = 95, img_fmt: str = ".jpg") -> bytes:
    """A record of a header and an image.

    Parameters
    ----------
    header : IRHeader
    img : numpy.ndarray
        uint8, (height, width, BGR), or grey.
    quality : int
        Of a JPEG 1 to 100; the compression of a PNG, 0 to 9.
    img_fmt : {'.jpg', '.png'}

    Examples
    --------
    >>> import clsym as mx
    >>> import numpy as np
    >>> record = mx.recordio.pack_img(mx.recordio.IRHeader(0, 3, 1, 0), np.full((4, 5, 3), 9, 'uint8'), 9, '.png')
    >>> mx.recordio.unpack_img(record)[1].shape
    (4, 5, 3)
    """
    return pack(header, encoded(img, quality, img_fmt))


def unpack_img(s: bytes, iscolor: int = -1) -> tuple[Any, np.ndarray[Any, Any]]:
    """Header and image of a record; see `pack_img`.

    Raises
    ------
    MXNetError
        There is no header, or no image.
    """
    header, content = unpack(s)
    return header, decoded(content, iscolor)
