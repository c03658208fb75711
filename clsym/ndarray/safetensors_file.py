"""Arrays by name in safetensors files, by the library of that name (extra ``safetensors``)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..base import DTYPE_FLAGS, MXNetError

__all__ = ["is_safetensors", "read", "write"]


def _library() -> Any:
    try:
        import safetensors.numpy
    except ImportError as exc:
        raise MXNetError("safetensors files need the library safetensors: pip install 'clsym[safetensors]'") from exc
    return safetensors.numpy


def is_safetensors(path: Any) -> bool:
    """Whether a file is one by its name.

    >>> is_safetensors('net.safetensors'), is_safetensors('net-0000.params')
    (True, False)
    """
    return isinstance(path, (str, os.PathLike)) and os.fspath(path).endswith(".safetensors")


def read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of a file by name.

    Raises
    ------
    MXNetError
        The file is missing or damaged, or has an element type that clsym has not; the library is not installed.
    """
    library = _library()
    try:
        found = library.load_file(path)
    except Exception as exc:  # the library's own error class is no public name in all versions
        raise MXNetError(f"cannot read {os.fspath(path)!r}: {type(exc).__name__}: {exc}") from exc
    for name, array in found.items():
        if array.dtype.name not in DTYPE_FLAGS:
            raise MXNetError(f"{os.fspath(path)!r}: {name!r} has element type {array.dtype.name}; clsym has {', '.join(DTYPE_FLAGS)}")
    return dict(found)


def write(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by name, whole or not at all.

    Raises
    ------
    MXNetError
        The file cannot be written; the library is not installed.
    """
    library = _library()
    part = f"{os.fspath(path)}.{os.getpid()}.part"
    try:
        library.save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, part)
        os.replace(part, path)
    except OSError as exc:
        raise MXNetError(f"cannot write {os.fspath(path)!r}: {exc}") from exc
    finally:
        if os.path.exists(part):
            os.unlink(part)
