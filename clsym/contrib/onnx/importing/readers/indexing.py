"""Elements by their places."""

from __future__ import annotations

import math

import numpy as np

from .....symbol import Symbol
from ..node import Node, reads


def _wrapped(n: Node, i: int, extent: int) -> Symbol:
    """Places, negative ones from the end."""
    if n.is_constant(i):
        known = n.constant(i)
        return n.const(np.where(known < 0, known + extent, known).reshape(known.shape or (1,)), "int32")
    places = n.cast(n[i], "float64" if extent > 1 << 24 else "float32")
    return n.op("elemwise_add", places, n.op("_mul_scalar", n.op("_lesser_scalar", places, scalar=0.0), scalar=float(extent)))


@reads("Gather")
def _gather(n: Node) -> Symbol:
    shape = n.shape()
    axis = n.attr("axis", 0) % len(shape)
    found_shape = (*shape[:axis], *(() if n.value(1).scalar else n.shape(1)), *shape[axis + 1 :])
    taken = n.op("take", n.x, _wrapped(n, 1, shape[axis]), axis=axis, mode="clip")
    return n.out("Reshape", taken, shape=found_shape or (1,))


@reads("GatherElements")
def _gather_elements(n: Node) -> Symbol:
    shape, places = n.shape(), n.shape(1)
    axis = n.attr("axis", 0) % len(shape)
    wrapped = n.cast(_wrapped(n, 1, shape[axis]), "int32")
    rows = [n.const(np.broadcast_to(np.arange(d).reshape([-1 if j == i else 1 for j in range(len(places))]), places), "int32")
            for i, d in enumerate(places)]  # fmt: skip
    rows[axis] = wrapped
    index = n.op("stack", *rows, axis=0)
    return n.out("gather_nd", n.x, index)


@reads("GatherND")
def _gather_nd(n: Node) -> Symbol:
    shape, places = n.shape(), n.shape(1)
    batch, depth = n.attr("batch_dims", 0), places[-1]
    extents = shape[batch : batch + depth]
    if n.is_constant(1) or batch:
        index = n.constant(1)
        whole = np.where(index < 0, index + np.array(extents), index)
        for i in reversed(range(batch)):
            own = np.arange(places[i]).reshape([-1 if j == i else 1 for j in range(len(places))])
            whole = np.concatenate([np.broadcast_to(own, (*places[:-1], 1)), whole], axis=-1)
        return n.out("gather_nd", n.x, n.const(np.moveaxis(whole, -1, 0), "int32"))
    moved = n.op("transpose", n.cast(n[1], "float32"), axes=(len(places) - 1, *range(len(places) - 1)))
    size = n.const(np.reshape(extents, (-1, *[1] * (len(places) - 1))), "float32")
    added = n.op("broadcast_mul", n.op("_lesser_scalar", moved, scalar=0.0), size)
    return n.out("gather_nd", n.x, n.cast(n.op("elemwise_add", moved, added), "int32"))


@reads("ScatterElements", "Scatter")
def _scatter_elements(n: Node) -> Symbol:
    n.require(n.attr("reduction", "none") == "none", f"reduction {n.attr('reduction')!r}")
    shape, places = n.shape(), n.shape(1)
    axis = n.attr("axis", 0) % len(shape)
    rows = [n.const(np.broadcast_to(np.arange(d).reshape([-1 if j == i else 1 for j in range(len(places))]), places), "int32")
            for i, d in enumerate(places)]  # fmt: skip
    rows[axis] = n.cast(_wrapped(n, 1, shape[axis]), "int32")
    return n.out("_scatter_set_nd", n.x, n[2], n.op("stack", *rows, axis=0), shape=shape)


@reads("ScatterND")
def _scatter_nd(n: Node) -> Symbol:
    n.require(n.attr("reduction", "none") == "none", f"reduction {n.attr('reduction')!r}")
    shape, places = n.shape(), n.shape(1)
    index = n.constant(1)
    whole = np.where(index < 0, index + np.array(shape[: places[-1]]), index)
    return n.out("_scatter_set_nd", n.x, n[2], n.const(np.moveaxis(whole, -1, 0), "int32"), shape=shape)


@reads("OneHot")
def _one_hot(n: Node) -> Symbol:
    depth = int(n.constant(1).ravel()[0])
    places = n.shape()
    axis = n.attr("axis", -1) % (len(places) + 1)
    hot = n.op("one_hot", _wrapped(n, 0, depth), depth=depth, dtype="float32")
    if axis != len(places):
        hot = n.op("transpose", hot, axes=(*range(axis), len(places), *range(axis, len(places))))
    kind = n.dtype(2)
    if n.is_constant(2):
        off, on = (float(v) for v in n.constant(2).ravel())
        return n.out("Cast", n.op("_plus_scalar", n.op("_mul_scalar", hot, scalar=on - off), scalar=off), dtype=kind)
    ends = n.cast(n[2], "float32")
    off_value, on_value = (n.op("slice_axis", ends, axis=0, begin=i, end=i + 1) for i in (0, 1))
    shape = n.spec(hot)[0]
    return n.out(
        "Cast",
        n.op("where", hot, *(n.op("broadcast_to", n.reshape(v, [1] * len(shape)), shape=shape) for v in (on_value, off_value))),
        dtype=kind,
    )


@reads("NonZero")
def _non_zero(n: Node) -> np.ndarray:
    return np.stack(np.nonzero(n.constant(0))).astype(np.int64)


@reads("Compress")
def _compress(n: Node) -> Symbol:
    chosen = np.flatnonzero(n.constant(1))
    shape = n.shape()
    if "axis" not in n.attrs:
        return n.out("take", n.reshape(n.x, (math.prod(shape),)), n.const(chosen, "int32"), axis=0)
    return n.out("take", n.x, n.const(chosen, "int32"), axis=n.attrs["axis"] % len(shape))
