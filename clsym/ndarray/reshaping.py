"""The shape codes of ``reshape``."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence

from ..base import MXNetError

__all__ = ["infer_reshape"]


class ReshapeError(MXNetError, ValueError):
    """The sizes differ; MXNet raises the one or the other, depending on which is larger."""


def infer_reshape(old: Sequence[int], codes: Sequence[int], reverse: bool = False) -> tuple[int, ...]:
    """The new shape that MXNet's reshape codes describe.

    Parameters
    ----------
    old : sequence of int
    codes : sequence of int
        0 keeps an extent, -1 is inferred, -2 takes all extents left, -3 merges two, -4 splits one into the two numbers behind it.
    reverse : bool
        Match from the right; a -4 then stands behind its two numbers.

    Raises
    ------
    ValueError
        The sizes differ.
    MXNetError
        Codes that do not fit.

    >>> infer_reshape((2, 3, 4), (0, -4, 1, -1, 0)), infer_reshape((8, 3, 3, 3, 4, 4), (0, -3, -2))
    ((2, 1, 3, 4), (8, 9, 3, 4, 4))
    """
    codes = [operator.index(c) for c in codes]
    if reverse:
        return infer_reshape(tuple(reversed(old)), codes[::-1])[::-1]
    new: list[int] = []
    unknown = -1
    source = 0  # the next extent of `old`
    i = 0

    def take() -> int:
        nonlocal source
        if source >= len(old):
            raise MXNetError(f"reshape {tuple(codes)} uses more extents than the shape {tuple(old)} has")
        source += 1
        return old[source - 1]

    while i < len(codes):
        code = codes[i]
        i += 1
        if code == 0:
            new.append(take())
        elif code == -1:
            if unknown >= 0:
                raise MXNetError(f"reshape {tuple(codes)}: one and only one extent can be inferred")
            unknown = len(new)
            new.append(1)
            source += 1
        elif code == -2:
            new.extend(old[source:])
            source = len(old)
        elif code == -3:
            new.append(take() * take())
        elif code == -4:
            whole = take()
            if i + 2 > len(codes):
                raise MXNetError(f"reshape {tuple(codes)}: -4 needs two numbers behind it")
            left, right = codes[i], codes[i + 1]
            i += 2
            if left == right == -1 or min(left, right) < -1 or 0 in (left, right):
                raise MXNetError(f"reshape {tuple(codes)}: -4 splits an extent into two positive numbers, one of which may be -1")
            left = whole // right if left == -1 else left
            right = whole // left if right == -1 else right
            if left * right != whole:
                raise MXNetError(f"reshape {tuple(codes)}: {whole} does not split into {left} and {right}")
            new += [left, right]
        elif code > 0:
            new.append(code)
            source += 1
        else:
            raise MXNetError(f"reshape {tuple(codes)}: {code} is no code; use 0, -1, -2, -3 or -4")
    size, have = math.prod(old), math.prod(new)
    if unknown >= 0 and have and size % have == 0:
        new[unknown] = size // have
    if math.prod(new) != size:
        raise ReshapeError(f"Cannot reshape array of size {size} into shape {tuple(codes)}")
    return tuple(new)
