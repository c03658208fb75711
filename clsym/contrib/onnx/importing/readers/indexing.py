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


def _coordinates(n: Node, batch: int = 0) -> Symbol:
    """Places in the data, their coordinates on the first axis; those of the first `batch` axes are the places' own."""
    shape, places = n.shape(), n.shape(1)
    depth, outer = places[-1], places[:-1]
    extents = shape[batch : batch + depth]
    own = [np.broadcast_to(np.arange(places[i]).reshape([-1 if j == i else 1 for j in range(len(outer))]), outer) for i in range(batch)]
    if n.is_constant(1):
        index = n.constant(1)
        whole = np.moveaxis(np.where(index < 0, index + np.array(extents), index), -1, 0)
        return n.const(np.concatenate([np.stack(own), whole]) if own else whole, "int32")
    kind = "float64" if max(extents, default=0) > 1 << 24 else "float32"
    moved = n.op("transpose", n.cast(n[1], kind), axes=(len(outer), *range(len(outer))))
    size = n.const(np.reshape(extents, (-1, *[1] * len(outer))), kind)
    wrapped = n.cast(n.op("elemwise_add", moved, n.op("broadcast_mul", n.op("_lesser_scalar", moved, scalar=0.0), size)), "int32")
    return n.op("Concat", n.const(np.stack(own), "int32"), wrapped, dim=0) if own else wrapped


_MOST_TURNS = 64
"""How often one place may be written where updates are multiplied or compared."""


def _scattered(n: Node, index: Symbol) -> Symbol:
    """The data with updates at places, coordinates first: put there, or added, multiplied, compared with what is there."""
    shape, way = n.shape(), n.attr("reduction", "none")
    if way == "none":
        return n.out("_scatter_set_nd", n.x, n[2], index, shape=shape)
    if way == "add":
        return n.out("elemwise_add", n.x, n.op("_backward_gather_nd", n[2], index, shape=shape))
    combine = {"mul": "elemwise_mul", "max": "_maximum", "min": "_minimum"}.get(way)
    if combine is None:
        n.fail(f"reduction {way!r}")
    known = n.graph.known(index)
    if known is None:
        n.constant(1)  # which place is written twice must be known
    assert known is not None
    rows = known.reshape(len(known), -1)
    turns: dict[bytes, int] = {}
    turn_of = np.zeros(rows.shape[1], np.int64)
    for k in range(rows.shape[1]):
        key = rows[:, k].tobytes()
        turn_of[k] = turns[key] = turns.get(key, -1) + 1
    count = max(turns.values(), default=-1) + 1
    n.require(count <= _MOST_TURNS, f"reduction {way!r} with {count} updates of one place")
    x, updates = n.x, n.op("Reshape", n[2], shape=(rows.shape[1], *(shape[len(known) :] or (1,))))
    for turn in range(count):
        which = np.flatnonzero(turn_of == turn)
        place = n.const(rows[:, which], "int32")
        there = n.op("gather_nd", x, place)
        given = n.op("reshape_like", n.op("take", updates, n.const(which, "int32"), axis=0), there)
        x = n.op("_scatter_set_nd", x, n.op(combine, there, given), place, shape=shape)
    return n.out("_copy", x)


@reads("GatherND")
def _gather_nd(n: Node) -> Symbol:
    return n.out("gather_nd", n.x, _coordinates(n, n.attr("batch_dims", 0)))


@reads("ScatterElements", "Scatter")
def _scatter_elements(n: Node) -> Symbol:
    shape, places = n.shape(), n.shape(1)
    axis = n.attr("axis", 0) % len(shape)
    rows = [n.const(np.broadcast_to(np.arange(d).reshape([-1 if j == i else 1 for j in range(len(places))]), places), "int32")
            for i, d in enumerate(places)]  # fmt: skip
    rows[axis] = n.cast(_wrapped(n, 1, shape[axis]), "int32")
    whole = [n.graph.known(r) for r in rows]
    if all(w is not None for w in whole):
        return _scattered(n, n.const(np.stack([np.asarray(w) for w in whole]), "int32"))
    return _scattered(n, n.op("stack", *rows, axis=0))


@reads("ScatterND")
def _scatter_nd(n: Node) -> Symbol:
    return _scattered(n, _coordinates(n))


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
