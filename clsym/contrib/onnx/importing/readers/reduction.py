"""Sums and the like over axes, softmax, and what orders elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from .....symbol import Symbol
from ..node import READERS, Node, Reader, reads


def _axes(n: Node) -> tuple[int, ...] | None:
    """The axes to reduce; None: none at all."""
    axes = n.ints("axes", 1, ())
    if not axes:
        return None if n.attr("noop_with_empty_axes", 0) else tuple(range(max(n.rank(), 1)))
    return tuple(a % max(n.rank(), 1) for a in axes)


def _reduce(name: str, before: str = "", after: str = "") -> Reader:
    def read(n: Node) -> Symbol:
        axes, keep = _axes(n), bool(n.attr("keepdims", 1))
        x = n.op(before, n.x) if before else n.x
        if axes is None:
            return n.out(after or "_copy", x)
        kind = n.dtype()
        if kind == "bool":
            x = n.cast(x, "int32")
        arguments: dict[str, Any] = {"axis": axes, "keepdims": keep}
        if after:
            return n.out(after, n.op(name, x, **arguments))
        return n.out("Cast", n.op(name, x, **arguments), dtype=kind) if n.spec(x)[1] != kind else n.out(name, x, **arguments)

    return read


READERS.update(
    ReduceSum=_reduce("sum"),
    ReduceMean=_reduce("mean"),
    ReduceMax=_reduce("max"),
    ReduceMin=_reduce("min"),
    ReduceProd=_reduce("prod"),
    ReduceL1=_reduce("sum", "abs"),
    ReduceL2=_reduce("sum", "square", "sqrt"),
    ReduceSumSquare=_reduce("sum", "square"),
    ReduceLogSum=_reduce("sum", "", "log"),
)


@reads("ReduceLogSumExp")
def _log_sum_exp(n: Node) -> Symbol:
    axes, keep = _axes(n), bool(n.attr("keepdims", 1))
    if axes is None:
        return n.out("_copy", n.x)
    top = n.op("max", n.x, axis=axes, keepdims=True)
    finite = n.op("clip", top, a_min=-3e38 if n.dtype() != "float16" else -6e4, a_max=3e38 if n.dtype() != "float16" else 6e4)
    total = n.op("log", n.op("sum", n.op("exp", n.op("broadcast_sub", n.x, finite)), axis=axes, keepdims=True))
    result = n.op("broadcast_add", total, finite)
    return n.out("_copy", result) if keep else n.out("sum", result, axis=axes, keepdims=False)


def _softmax(name: str) -> Reader:
    def read(n: Node) -> Symbol:
        axis = n.attr("axis", -1 if n.opset >= 13 else 1)
        if n.opset >= 13 or axis % n.rank() == n.rank() - 1:
            return n.out(name, n.x, axis=axis)
        shape = n.shape()
        rows = int(np.prod(shape[: axis % n.rank()]))
        return n.out("Reshape", n.op(name, n.reshape(n.x, (rows, int(np.prod(shape)) // rows if rows else 0)), axis=-1), shape=shape)

    return read


READERS.update(Softmax=_softmax("softmax"), LogSoftmax=_softmax("log_softmax"))


@reads("Hardmax")
def _hardmax(n: Node) -> Symbol:
    axis = n.attr("axis", -1 if n.opset >= 13 else 1)
    shape = n.shape()
    x, moved = n.x, shape
    if n.opset < 13:
        rows = int(np.prod(shape[: axis % n.rank()]))
        x, moved, axis = n.reshape(x, (rows, int(np.prod(shape)) // rows)), (rows, int(np.prod(shape)) // rows), -1
    axis %= len(moved)
    hot = n.op("one_hot", n.op("argmax", x, axis=axis), depth=moved[axis], dtype=n.dtype())
    order = [*range(axis), len(moved) - 1, *range(axis, len(moved) - 1)]
    return n.out("Reshape", n.op("transpose", hot, axes=tuple(order)), shape=shape)


def _arg(name: str) -> Reader:
    def read(n: Node) -> Symbol:
        axis, keep = n.attr("axis", 0), bool(n.attr("keepdims", 1))
        axis %= n.rank()
        if n.attr("select_last_index", 0):
            last = n.op(name, n.op("reverse", n.x, axis=axis), axis=axis, keepdims=keep)
            return n.out("Cast", n.op("_rminus_scalar", last, scalar=float(n.shape()[axis] - 1)), dtype="int64")
        return n.out("Cast", n.op(name, n.x, axis=axis, keepdims=keep), dtype="int64")

    return read


READERS.update(ArgMax=_arg("argmax"), ArgMin=_arg("argmin"))


@reads("TopK")
def _top_k(n: Node) -> list[Symbol]:
    k = int(n.scalar("k", 1))
    ascending = not n.attr("largest", 1)
    found = n.op("topk", n.x, axis=n.attr("axis", -1), k=k, ret_typ="both", is_ascend=ascending, dtype="int64")
    return [found[0], found[1]]


@reads("CumSum")
def _cumsum(n: Node) -> Symbol:
    axis = int(n.constant(1).ravel()[0]) % n.rank()
    x, backward = n.x, bool(n.attr("reverse", 0))
    if backward:
        x = n.op("reverse", x, axis=axis)
    total = n.op("_np_cumsum", x, axis=axis)
    if n.attr("exclusive", 0):
        total = n.op("elemwise_sub", total, x)
    return n.out("reverse", total, axis=axis) if backward else n.out("_copy", total)


@reads("MeanVarianceNormalization")
def _mean_variance(n: Node) -> Symbol:
    axes = tuple(n.attr("axes", (0, 2, 3)))
    centred = n.op("broadcast_sub", n.x, n.op("mean", n.x, axis=axes, keepdims=True))
    spread = n.op("sqrt", n.op("mean", n.op("square", centred), axis=axes, keepdims=True))
    return n.out("broadcast_div", centred, n.op("_plus_scalar", spread, scalar=1e-9))


@reads("LpNormalization")
def _lp_normalization(n: Node) -> Symbol:
    axis = n.attr("axis", -1)
    if n.attr("p", 2) == 2:
        size = n.op("sqrt", n.op("sum", n.op("square", n.x), axis=axis, keepdims=True))
    else:
        size = n.op("sum", n.op("abs", n.x), axis=axis, keepdims=True)
    nothing = n.op("_equal_scalar", size, scalar=0.0)  # zeros stay zeros
    return n.out("broadcast_div", n.x, n.op("elemwise_add", size, nothing))
