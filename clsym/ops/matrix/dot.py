"""dot and batch_dot."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...graph.contract.facets import Estimated, Recomputable
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import Bool, Enum, Params
from .gemm import product
from .product import matrix

__all__ = ["BatchDot", "Dot"]

_PARAMS = {
    "transpose_a": Bool(False, "Whether to transpose the first operand."),
    "transpose_b": Bool(False, "Whether to transpose the second operand."),
    "forward_stype": Enum(("csr", "default", "row_sparse"), None, "Storage type of the output; every type is computed densely."),
}


def _factor_gradients(g: Gradient, m: int, n: int, k: int, batch: int) -> list[Entry | None]:
    """Gradients of both factors of ``op(a) op(b)``: each is a product of the head gradient with the other factor."""
    ta, tb, head = g.p.transpose_a, g.p.transpose_b, g.ograd()
    found: list[Entry | None] = [None, None]
    if g.needed[0]:
        shape = g.ins[0].shape
        if ta:  # a is k x m: da = op(b) head^T
            found[0] = g.apply(
                "_matrix_product", g.input(1), head, shape=shape, m=k, n=m, k=n, batch=batch, transpose_a=tb, transpose_b=True
            )
        else:
            found[0] = g.apply("_matrix_product", head, g.input(1), shape=shape, m=m, n=k, k=n, batch=batch, transpose_b=not tb)
    if g.needed[1]:
        shape = g.ins[1].shape
        if tb:  # b is n x k: db = head^T op(a)
            found[1] = g.apply(
                "_matrix_product", head, g.input(0), shape=shape, m=n, n=k, k=m, batch=batch, transpose_a=True, transpose_b=ta
            )
        else:
            found[1] = g.apply("_matrix_product", g.input(0), head, shape=shape, m=k, n=n, k=m, batch=batch, transpose_a=not ta)
    return found


def _dot_extents(p: Params, a: Sequence[int], b: Sequence[int]) -> tuple[int, int, int]:
    """m, n, k of the operands as matrices: the contracted axis is the last of a and the first of b, the other way round if transposed."""
    k = a[0] if p.transpose_a or len(a) == 1 else a[-1]
    return math.prod(a) // max(k, 1), math.prod(b) // max(k, 1), k


@register
class Dot(Op, Recomputable, Estimated):
    """Dot product of two arrays: the last axis of `lhs` with the first axis of `rhs`.

    1-D with 1-D is the inner product, of shape (1,). ``transpose_a`` contracts the first axis of `lhs` instead,
    ``transpose_b`` the last axis of `rhs`; the other axes keep their order.

    Parameters
    ----------
    lhs, rhs : Symbol or NDArray
        (..., K) and (K, ...).
    transpose_a, transpose_b : bool, default False

    Raises
    ------
    MXNetError
        The contracted extents differ, or two vectors are to be transposed.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.dot(mx.nd.array([[1, 2], [3, 4]]), mx.nd.array([1, 1])).asnumpy().tolist()
    [3.0, 7.0]

    Source: MXNet, dot.
    """

    name = "dot"
    recompute = "heavy"
    multiply_adds = True
    inputs = ("lhs", "rhs")
    params = _PARAMS

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        a, b = ins
        if a is None or b is None:
            return ins, outs
        if not a or not b:
            raise ShapeError("dot needs operands of at least one dimension")
        if len(a) == 1 and len(b) == 1:
            if p.transpose_a or p.transpose_b:
                raise ShapeError("dot cannot transpose vectors; leave transpose_a and transpose_b out")
            same = unify_shape(a, b)
            return [same, same], [(1,)]
        at, bt = (0 if p.transpose_a else len(a) - 1), (len(b) - 1 if p.transpose_b else 0)
        if a[at] != b[bt] and a[at] >= 0 and b[bt] >= 0:
            raise ShapeError(
                f"dot contracts axis {at} of lhs {a} with axis {bt} of rhs {b}, whose extents {a[at]} and {b[bt]} differ; "
                "check transpose_a and transpose_b"
            )
        k = max(a[at], b[bt])
        a, b = (*a[:at], k, *a[at + 1 :]), (*b[:bt], k, *b[bt + 1 :])
        return [a, b], [(*a[:at], *a[at + 1 :], *b[:bt], *b[bt + 1 :])]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return _factor_gradients(g, *_dot_extents(g.p, g.ins[0].shape, g.ins[1].shape), 1)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        m, n, k = _dot_extents(p, ins[0].shape, ins[1].shape)
        if k == 0:
            m, n = outs[0].size, 1
        a, b = matrix(In(0), m, k, transposed=p.transpose_a), matrix(In(1), k, n, transposed=p.transpose_b)
        return product(m, n, k, a, b, matrix(Out(0), m, n), outs[0].dtype, ctx.reqs[0], ctx.traits)

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 2 * math.prod(_dot_extents(p, ins[0].shape, ins[1].shape)), sum(t.nbytes for t in (*ins, *outs))


def _batch_extents(p: Params, a: Sequence[int], b: Sequence[int]) -> tuple[int, int, int]:
    m, k = (a[-1], a[-2]) if p.transpose_a else (a[-2], a[-1])
    return m, b[-2] if p.transpose_b else b[-1], k


@register
class BatchDot(Op, Recomputable, Estimated):
    """Matrix product of each pair of matrices: ``out[i] = op(lhs[i]) op(rhs[i])``.

    Parameters
    ----------
    lhs, rhs : Symbol or NDArray
        (..., M, K) and (..., K, N), at least three axes, equal leading extents; transposed (..., K, M) and (..., N, K).
    transpose_a, transpose_b : bool, default False

    Raises
    ------
    MXNetError
        Leading or contracted extents differ, or an operand has fewer than three axes.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.batch_dot(mx.nd.ones((2, 1, 3)), mx.nd.ones((2, 3, 1))).asnumpy().tolist()
    [[[3.0]], [[3.0]]]

    Source: MXNet, batch_dot.
    """

    name = "batch_dot"
    recompute = "heavy"
    multiply_adds = True
    inputs = ("lhs", "rhs")
    params = _PARAMS

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        a, b = ins
        if a is None or b is None:
            return ins, outs
        if len(a) < 3 or len(a) != len(b):
            raise ShapeError(f"batch_dot needs two arrays of the same number (at least 3) of dimensions, got {a} and {b}")
        lead = unify_shape(a[:-2], b[:-2], f"the leading extents of batch_dot's operands must be equal, got {a} and {b}")
        assert lead is not None
        at, bt = (-2 if p.transpose_a else -1), (-1 if p.transpose_b else -2)
        if a[at] != b[bt] and a[at] >= 0 and b[bt] >= 0:
            raise ShapeError(f"batch_dot contracts extents {a[at]} of lhs {a} and {b[bt]} of rhs {b}; check transpose_a and transpose_b")
        k = max(a[at], b[bt])
        m, n = a[-1 if p.transpose_a else -2], b[-2 if p.transpose_b else -1]
        return [(*lead, k, m) if p.transpose_a else (*lead, m, k), (*lead, n, k) if p.transpose_b else (*lead, k, n)], [(*lead, m, n)]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        a, b = g.ins[0].shape, g.ins[1].shape
        return _factor_gradients(g, *_batch_extents(g.p, a, b), math.prod(a[:-2]))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        m, n, k = _batch_extents(p, ins[0].shape, ins[1].shape)
        a = matrix(In(0), m, k, transposed=p.transpose_a, batched=True)
        b = matrix(In(1), k, n, transposed=p.transpose_b, batched=True)
        c = matrix(Out(0), m, n, batched=True)
        return product(m, n, k, a, b, c, outs[0].dtype, ctx.reqs[0], ctx.traits, entries=math.prod(outs[0].shape[:-2]))

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        m, n, k = _batch_extents(p, ins[0].shape, ins[1].shape)
        return 2 * math.prod(outs[0].shape[:-2]) * m * n * k, sum(t.nbytes for t in (*ins, *outs))
