"""Images out of files, by Pillow."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..base import MXNetError
from ..context import cpu
from ..ndarray import NDArray, array
from ..recordio.pictures import grey, pillow

__all__ = ["imdecode", "imread"]


def _decode(content: bytes, flag: int, to_rgb: Any, what: str) -> NDArray:
    if flag not in (0, 1):
        raise MXNetError(f"flag={flag} must be 0 (one grey channel) or 1 (three of colour)")
    if not content:
        raise MXNetError("Input cannot be an empty buffer")
    image_library = pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = image_library.open(io.BytesIO(content))
            pixels = np.asarray(image.convert("RGB")) if flag else grey(image)
    except Exception as exc:  # Pillow's decoders raise whatever they meet
        raise MXNetError(f"Decoding failed. Invalid image file ({what}): {exc}") from exc
    if not flag:
        pixels = pixels[:, :, None]
    elif not to_rgb:
        pixels = pixels[:, :, ::-1]
    return array(np.ascontiguousarray(pixels), ctx=cpu(), dtype="uint8")


def imdecode(buf: Any, flag: int = 1, to_rgb: Any = True, out: NDArray | None = None) -> NDArray:
    """The image that a file's bytes hold, as an array (H, W, C) of uint8 on the host.

    Parameters
    ----------
    buf : bytes, bytearray, numpy.ndarray or NDArray
        The bytes of a JPEG, a PNG or what else Pillow knows.
    flag : {1, 0}
        Three channels of colour, or one of grey.
    to_rgb : bool, default True
        RGB; otherwise BGR.
    out : NDArray, optional
        Where the image goes, too.

    Raises
    ------
    MXNetError
        There is no image in it.
    ValueError
        `buf` is something else.
    """
    if isinstance(buf, NDArray):
        buf = buf.asnumpy()
    if isinstance(buf, np.ndarray):
        buf = buf.astype(np.uint8).tobytes()
    if not isinstance(buf, (bytes, bytearray)):
        raise ValueError(
            "buf must be of type bytes, bytearray or numpy.ndarray,if you would like to input type str, please convert to bytes"
        )
    image = _decode(bytes(buf), flag, to_rgb, f"{len(buf)} bytes")
    if out is None:
        return image
    out[:] = image
    return out


def imread(filename: Any, flag: int = 1, to_rgb: Any = True) -> NDArray:
    """The image in a file; see `imdecode`.

    Raises
    ------
    MXNetError
        The file cannot be read, or there is no image in it.
    """
    try:
        content = Path(filename).read_bytes()
    except OSError as exc:
        raise MXNetError(f"Imread: '{filename}' couldn't open file: {exc.strerror}") from exc
    return _decode(content, flag, to_rgb, str(filename))
