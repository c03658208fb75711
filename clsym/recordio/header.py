"""What stands before the content in a record: flag, labels, and two numbers."""

from __future__ import annotations

import struct
from collections import namedtuple
from typing import Any

import numpy as np

from ..base import MXNetError

__all__ = ["IRHeader", "pack", "unpack"]

IRHeader = namedtuple("HEADER", ["flag", "label", "id", "id2"])  # type: ignore[name-match]
_IR_FORMAT = "IfQQ"
_IR_SIZE = struct.calcsize(_IR_FORMAT)


def pack(header: Any, s: bytes) -> bytes:
    """A record of a header and bytes.

    Parameters
    ----------
    header : IRHeader
        flag, label (a number, or several, whose count then becomes the flag), id, id2.
    s : bytes

    Examples
    --------
    >>> import clsym as mx
    >>> record = mx.recordio.pack(mx.recordio.IRHeader(0, [1, 2], 7, 0), b'content')
    >>> header, content = mx.recordio.unpack(record)
    >>> header.label.tolist(), header.id, content
    ([1.0, 2.0], 7, b'content')
    """
    header = IRHeader(*header)
    if isinstance(header.label, int | float | np.number):
        return struct.pack(_IR_FORMAT, 0, *header[1:]) + s
    label = np.asarray(header.label, dtype=np.float32)
    return struct.pack(_IR_FORMAT, label.size, 0, *header[2:]) + label.tobytes() + s


def unpack(s: bytes) -> tuple[Any, bytes]:
    """Header and content of a record; a header with several labels has them as a float32 array.

    Raises
    ------
    MXNetError
        The record is shorter than its header says.
    """
    if len(s) < _IR_SIZE:
        raise MXNetError(f"a record of {len(s)} bytes has no header, which takes {_IR_SIZE}")
    header = IRHeader(*struct.unpack(_IR_FORMAT, s[:_IR_SIZE]))
    s = s[_IR_SIZE:]
    if header.flag > 0:
        if len(s) < header.flag * 4:
            raise MXNetError(f"a record's header tells of {header.flag} labels, and {len(s)} bytes follow it")
        header = header._replace(label=np.frombuffer(s, np.float32, header.flag))
        s = s[header.flag * 4 :]
    return header, s
