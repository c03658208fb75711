"""``mx.library``: libraries of operators compiled for MXNet, which only MXNet can load."""

from __future__ import annotations

import os
from typing import NoReturn

from .base import MXNetError

__all__ = ["load"]


def load(path: str, verbose: bool = True) -> NoReturn:
    """Refuses: what such a library holds was compiled against MXNet's own memory and engine.

    Raises
    ------
    MXNetError
        Always; it says where the path itself is wrong, as MXNet does, or what to write instead.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.library.load('/lib/mine.txt')
    Traceback (most recent call last):
    ...
    clsym.base.MXNetError: load path /lib/mine.txt does not exist
    """
    if not os.path.exists(path):
        raise MXNetError(f"load path {path} does not exist")
    if not os.path.isabs(path):
        raise MXNetError(f"load path {path} is not an absolute path")
    if not path.endswith((".so", ".dll")):
        raise MXNetError(f"load path {path} is NOT a library file")
    raise MXNetError(
        f"{path} cannot be loaded: libraries compiled for MXNet's mx.library need MXNet's own runtime. "
        "Write the operator as an OpenCL file (clsym.extension) or in Python (clsym.operator)"
    )
