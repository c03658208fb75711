"""How the learnt slopes of a rectifier lie over its data."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...graph.contract.spec import ShapeError, show_shape

__all__ = ["aligned_slopes", "hull_of", "lines_of"]


def _fits(gamma: Sequence[int], data: Sequence[int]) -> bool:
    return all(g in (1, d) for g, d in zip(gamma, data, strict=True))


def aligned_slopes(data: tuple[int, ...], gamma: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the slopes with as many dimensions as the data, each extent 1 or the data's.

    The first that fits: MXNet's way (the slopes' axes are those of the batch and the channels, the last one the channels where that
    fits), numpy's broadcasting of as many dimensions, the axes from the channels on, and one slope a channel in any shape.

    Raises
    ------
    ShapeError
        None fits.

    >>> [aligned_slopes((2, 3, 4), slopes) for slopes in ((3,), (2,), (2, 3), (3, 4))]
    [(1, 3, 1), (2, 1, 1), (2, 3, 1), (1, 3, 4)]
    """
    rank = len(data)
    result, left = [1] * rank, list(gamma)
    for axis in range(min(rank, 2) - 1, -1, -1):
        if left and left[-1] in (1, data[axis]):
            result[axis] = left.pop()
    if not left:
        return tuple(result)
    if len(gamma) == rank and _fits(gamma, data):
        return gamma
    if len(gamma) < rank and _fits(gamma, data[1 : 1 + len(gamma)]):
        return (1, *gamma, *(1,) * (rank - 1 - len(gamma)))
    if math.prod(gamma) == 1:
        return (1,) * rank
    if rank > 1 and math.prod(gamma) == data[1] == max(gamma):
        return (1, data[1], *(1,) * (rank - 2))
    raise ShapeError(
        f"a slope must broadcast to the data {show_shape(data)} from axis 1 or in full, such as "
        f"{show_shape(data[1:2] or data)} or {show_shape((1,) * rank)}"
    )


def hull_of(data: Sequence[int], aligned: Sequence[int]) -> tuple[int, ...]:
    """The smallest shape around the slopes whose axes that are not 1 are neighbours in the data.

    >>> hull_of((2, 3, 4, 5), (1, 3, 1, 5)), hull_of((2, 3, 4, 5), (2, 1, 1, 1))
    ((1, 3, 4, 5), (2, 1, 1, 1))
    """
    varying = [d for d, extent in enumerate(aligned) if extent != 1]
    if not varying:
        return (1,) * len(data)
    first, last = varying[0], varying[-1]
    return (*(1,) * first, *data[first : last + 1], *(1,) * (len(data) - last - 1))


def lines_of(data: Sequence[int], hull: Sequence[int]) -> tuple[int, int, int]:
    """Lines of one slope each, their length, and the number of slopes, for slopes that fill their hull.

    >>> lines_of((2, 3, 4, 5), (1, 3, 4, 1)), lines_of((2, 3, 4), (1, 1, 1))
    ((24, 5, 12), (2, 12, 1))
    """
    size = math.prod(data)
    varying = [d for d, extent in enumerate(hull) if extent != 1]
    if not varying:
        return (data[0], size // data[0], 1) if len(data) > 1 else (1, size, 1)
    inner = math.prod(data[varying[-1] + 1 :])
    return size // inner, inner, math.prod(hull)
