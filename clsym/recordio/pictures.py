"""Images in records, coded and decoded by Pillow. Arrays are (height, width, BGR), as OpenCV has them."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np

from ..base import MXNetError
from .header import pack, unpack

__all__ = ["decoded", "encoded", "pack_img", "pixels", "unpack_img"]


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as exc:
        raise MXNetError("images are read and written by Pillow; pip install 'clsym[image]'") from exc
    return Image


def decoded(content: bytes, iscolor: int = -1) -> np.ndarray[Any, Any]:
    """An image as uint8: BGR with 1, grey with 0, as the file has it with -1 (with alpha where it has that).

    Raises
    ------
    MXNetError
        It is no image that Pillow knows, or a damaged one.
    """
    image_module = _pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = image_module.open(io.BytesIO(content))
            if iscolor == 0:
                return np.array(image.convert("L"))
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
    image_module = _pillow()
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    try:
        image = image_module.open(io.BytesIO(content))
        has = len(image.getbands())
        if channels == 1 and image.format == "JPEG":  # it holds the grey itself
            image.draft("L", image.size)
        if channels == 1 and image.format == "PNG" and has > 2:  # cut, not rounded, as libpng has it
            found = (np.asarray(image.convert("RGB")) @ np.array([9798, 19235, 3735])) >> 15
            return found[..., None].astype(np.uint8)
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
    image = _pillow().fromarray(np.ascontiguousarray(array))
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
