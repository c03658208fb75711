"""Amounts of memory as users write them."""

from __future__ import annotations

import operator
import re
from fractions import Fraction

from ...base import MXNetError

__all__ = ["parse_bytes"]

_UNITS = {
    "": 1,
    "b": 1,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "tib": 1 << 40,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
}
_TEXT = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-z]*)\s*", re.ASCII)


def parse_bytes(amount: int | str) -> int:
    """Bytes from a number or from text with a unit: KiB, MiB, GiB, TiB (powers of 1024), kB, MB, GB, TB (powers of 1000), B.

    Raises
    ------
    MXNetError
        It is not such an amount, or is negative. A fraction of a unit is rounded down to whole bytes.

    Examples
    --------
    >>> parse_bytes('2GiB'), parse_bytes('690 MiB'), parse_bytes('1.5kB'), parse_bytes(4096)
    (2147483648, 723517440, 1500, 4096)
    """
    if isinstance(amount, str):
        found = _TEXT.fullmatch(amount)
        unit = found[2].lower() if found else ""
        if found is None or unit not in _UNITS or ("." in found[1] and _UNITS[unit] == 1):
            raise MXNetError(
                f"{amount!r} is not an amount of memory; write a number of bytes, or a number and a unit such as '2GiB' or '690MiB'"
            )
        return int(Fraction(found[1]) * _UNITS[unit])
    try:
        if isinstance(amount, bool):
            raise TypeError
        number = operator.index(amount)
    except TypeError as exc:
        raise MXNetError(f"{amount!r} is not an amount of memory; give an int of bytes, or text such as '2GiB'") from exc
    if number < 0:
        raise MXNetError(f"{amount!r} bytes is not an amount of memory: it is negative")
    return number
