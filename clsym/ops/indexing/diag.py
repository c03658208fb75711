"""Diagonals: diag."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec
from ...params import Int, Params
from ..shape.reshape import axis_index
from ..shared.strided import Walk, copy, fill, row_major

__all__ = ["Diag"]


def diagonal(p: Params, shape: Sequence[int]) -> tuple[tuple[int, ...], Walk]:
    """The shape of a tensor's diagonals, the diagonal last, and the walk through the tensor."""
    first, second = axis_index(p.axis1, len(shape), "axis1"), axis_index(p.axis2, len(shape), "axis2")
    if first == second:
        raise ShapeError(f"axis1={p.axis1} and axis2={p.axis2} are the same axis")
    steps = row_major(shape).steps
    row, column = max(0, -p.k), max(0, p.k)
    length = min(shape[first] - row, shape[second] - column)
    if length < 0:
        raise ShapeError(f"diagonal k={p.k} does not exist in a matrix of {shape[first]} x {shape[second]}")
    rest = [d for d in range(len(shape)) if d not in (first, second)]
    walk = Walk(row * steps[first] + column * steps[second], (*(steps[d] for d in rest), steps[first] + steps[second]))
    return (*(shape[d] for d in rest), length), walk


@register
class Diag(Op):
    """The diagonal of a matrix, or the matrix of a diagonal.

    A vector becomes a square matrix with it on diagonal `k`; of any other tensor the diagonals over `axis1` and `axis2` are taken,
    as the last axis.

    Parameters
    ----------
    data : Symbol or NDArray
        Of at least one dimension.
    k : int
        The diagonal: 0 the main one, positive above, negative below.
    axis1, axis2 : int
        The axes that span the matrices.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.diag(mx.nd.array([[1, 2], [3, 4]])).asnumpy().tolist()
    [1.0, 4.0]

    Source: MXNet 1.9.1, ``diag``.
    """

    name = "diag"
    params = {
        "k": Int(0, "Which diagonal."),
        "axis1": Int(0, "First axis of the matrices."),
        "axis2": Int(1, "Second axis of the matrices."),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        shape = ins[0]
        if shape is not None and len(shape) == 1 and shape[0] < 0:
            return ins, [(-1, -1)]
        if shape is None or any(d < 0 for d in shape):
            return ins, outs
        if not shape:
            raise ShapeError("data has no dimension; diag needs at least one")
        if len(shape) == 1:
            n = shape[0] + abs(p.k)
            return ins, [(n, n)]
        return ins, [diagonal(p, shape)[0]]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        dtype, req = outs[0].dtype, ctx.reqs[0]
        if ins[0].ndim > 1:
            extents, walk = diagonal(p, ins[0].shape)
            return copy(In(0), Out(0), extents, walk, row_major(extents), dtype, ctx, req)
        n = outs[0].shape[0]
        walk = Walk(max(0, -p.k) * n + max(0, p.k), (n + 1,))
        calls = fill(Out(0), (n * n,), row_major((n * n,)), 0.0, dtype, ctx) if req == "write" else []
        return calls + copy(In(0), Out(0), ins[0].shape, row_major(ins[0].shape), walk, dtype, ctx, req)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        if g.ins[0].ndim == 1:
            return [g.apply("diag", g.ograd(), k=g.p.k)]
        _, walk = diagonal(g.p, g.ins[0].shape)
        return [g.apply("_backward_slice", g.ograd(), shape=g.ins[0].shape, offset=walk.offset, steps=walk.steps)]
