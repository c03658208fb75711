"""The shapes of broadcasting: which result two shapes have, and how few dimensions describe the walk over them."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.spec import PartialShape, ShapeError, show_shape

__all__ = ["MAX_DIMS", "broadcast_shape", "collapse", "steps_of"]

MAX_DIMS = 8


def broadcast_shape(a: PartialShape, b: PartialShape) -> PartialShape:
    """The shape that two shapes broadcast to, the shorter padded with ones in front.

    >>> broadcast_shape((2, 1, 3), (4, 1)), broadcast_shape((-1, 3), (2, 1)), broadcast_shape(None, (2,))
    ((2, 4, 3), (2, 3), None)
    """
    if a is None or b is None:
        return None
    n = max(len(a), len(b))
    out = []
    for x, y in zip((1,) * (n - len(a)) + a, (1,) * (n - len(b)) + b, strict=True):
        if x == 1 or y == 1:
            out.append(y if x == 1 else x)
        elif x < 0 or y < 0:
            out.append(max(x, y))
        elif x == y:
            out.append(x)
        else:
            raise ShapeError(
                f"operands of shapes {show_shape(a)} and {show_shape(b)} cannot be broadcast together; an extent must be equal or 1"
            )
    return tuple(out)


def steps_of(shape: Sequence[int], full: Sequence[int]) -> tuple[int, ...]:
    """Elements to step along each dimension of `full` in a tensor of `shape`, padded in front: 0 where it is repeated.

    >>> steps_of((3, 1), (2, 3, 4)), steps_of((2, 3, 4), (2, 3, 4))
    ((0, 1, 0), (12, 4, 1))
    """
    padded = (1,) * (len(full) - len(shape)) + tuple(shape)
    steps, size = [0] * len(full), 1
    for d in range(len(full) - 1, -1, -1):
        steps[d] = 0 if padded[d] == 1 else size
        size *= padded[d]
    return tuple(steps)


def collapse(full: Sequence[int], walks: Sequence[Sequence[int]]) -> tuple[list[int], list[list[int]]]:
    """The same walk in as few dimensions as possible: extents of one dropped, neighbours merged where every walk goes on evenly.

    Returns at least one dimension.

    >>> collapse((2, 3, 4), [(12, 4, 1), (0, 0, 1)])
    ([6, 4], [[4, 1], [0, 1]])
    """
    dims: list[int] = []
    out: list[list[int]] = [[] for _ in walks]
    for d, extent in enumerate(full):
        if extent == 1:
            continue
        if dims and all(w[-1] == walk[d] * extent for w, walk in zip(out, walks, strict=True)):
            dims[-1] *= extent
            for w, walk in zip(out, walks, strict=True):
                w[-1] = walk[d]
            continue
        dims.append(extent)
        for w, walk in zip(out, walks, strict=True):
            w.append(walk[d])
    if not dims:
        return [1], [[0] for _ in walks]
    if len(dims) > MAX_DIMS:
        raise ShapeError(
            f"broadcasting to {show_shape(tuple(full))} needs more than {MAX_DIMS} dimensions that do not merge; reshape the operands first"
        )
    return dims, out
