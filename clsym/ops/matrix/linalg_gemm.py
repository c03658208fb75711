"""linalg_gemm and linalg_gemm2: scaled matrix products of batches of matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.facets import Estimated, Recomputable
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import Bool, Float, Int, Params
from .gemm import Matrix, product, scaled

__all__ = ["Gemm", "Gemm2"]

_PARAMS = {
    "transpose_a": Bool(False, "Multiply with transposed of first input (A)."),
    "transpose_b": Bool(False, "Multiply with transposed of second input (B)."),
    "alpha": Float(1.0, "Scalar factor multiplied with A*B."),
}
_AXIS = Int(-2, "Axis corresponding to the matrix rows.")
_GEMM2_PARAMS = {**_PARAMS, "axis": _AXIS}
_GEMM_PARAMS = {**_PARAMS, "beta": Float(1.0, "Scalar factor multiplied with C."), "axis": _AXIS}
_SCALE_PARAMS = {"beta": Float(1.0)}


def _row_axis(p: Params, ndim: int) -> int:
    if ndim < 2:
        raise ShapeError(f"matrices need at least two dimensions, got {ndim}")
    axis = int(p.axis + ndim if p.axis < 0 else p.axis)
    if not 0 <= axis < ndim - 1:
        raise ShapeError(
            f"axis {p.axis} cannot be the rows' of arrays of {ndim} dimensions: it must lie in [0, {ndim - 2}] or [-{ndim}, -2]"
        )
    return axis


def _operand(arg: In | Out, shape: Sequence[int], axis: int, entry: int) -> Matrix:
    """Matrices with rows along `axis`, columns along the last one; those that share the extents before `axis` start at `entry`."""
    between = math.prod(shape[axis + 1 : -1])
    return Matrix(arg, between * shape[-1], 1, shape[-1] if between > 1 else 0, entry * shape[axis] * between * shape[-1])


class _Gemm(Op, Estimated):
    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        a, b = ins[:2]
        if a is None or b is None:
            return ins, outs
        if len(a) != len(b):
            raise ShapeError(f"A and B must have the same number of dimensions, got {a} and {b}")
        axis = _row_axis(p, len(a))

        def lead(shape: Sequence[int]) -> tuple[int, ...]:
            return (*shape[:axis], *shape[axis + 1 : -1])

        unify_shape(lead(a), lead(b), f"A {a} and B {b} may differ along axes {axis} and {len(a) - 1} only")
        m, ka = (a[-1], a[axis]) if p.transpose_a else (a[axis], a[-1])
        kb, n = (b[-1], b[axis]) if p.transpose_b else (b[axis], b[-1])
        if ka != kb and ka >= 0 and kb >= 0:
            raise ShapeError(
                f"the matrices of A {a} and B {b} cannot be multiplied: inner extents {ka} and {kb}; check transpose_a and transpose_b"
            )
        out = (*(max(x, y) for x, y in zip(a[:axis], b[:axis], strict=True)), m,
               *(max(x, y) for x, y in zip(a[axis + 1 : -1], b[axis + 1 : -1], strict=True)), n)  # fmt: skip
        if len(ins) == 2:
            return ins, [out]
        return [a, b, unify_shape(ins[2], out, "C must have the shape of the product")], [out]

    def _calls(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext, req: str) -> list[KernelCall]:
        a, b, c = ins[0].shape, ins[1].shape, outs[0].shape
        axis = _row_axis(p, len(c))
        between = math.prod(c[axis + 1 : -1])
        m, n, k = c[axis], c[-1], a[axis] if p.transpose_a else a[-1]
        entries = math.prod(c[:axis])
        calls: list[KernelCall] = []
        if between == 1:
            x, y, z = (Matrix(arg, s[-1], 1, s[axis] * s[-1]) for arg, s in ((In(0), a), (In(1), b), (Out(0), c)))
            jobs, launches = [(x, y, z)], entries
        else:  # rows of different matrices interleave: a launch for each index before the row axis
            jobs = [(_operand(In(0), a, axis, i), _operand(In(1), b, axis, i), _operand(Out(0), c, axis, i)) for i in range(entries)]
            launches = between
        for x, y, z in jobs:
            x, y = (x.transposed if p.transpose_a else x), (y.transposed if p.transpose_b else y)
            calls += product(m, n, k, x, y, z, outs[0].dtype, req, ctx.traits, entries=launches, alpha=p.alpha)
        return calls

    def _factor_gradients(self, g: Gradient) -> list[Entry | None]:
        ta, tb, head = g.p.transpose_a, g.p.transpose_b, g.ograd()
        same = {"alpha": g.p.alpha, "axis": g.p.axis}
        found: list[Entry | None] = [None, None]
        if g.needed[0]:
            found[0] = (
                g.apply("_linalg_gemm2", g.input(1), head, transpose_a=tb, transpose_b=True, **same)
                if ta
                else g.apply("_linalg_gemm2", head, g.input(1), transpose_a=False, transpose_b=not tb, **same)
            )
        if g.needed[1]:
            found[1] = (
                g.apply("_linalg_gemm2", head, g.input(0), transpose_a=True, transpose_b=ta, **same)
                if tb
                else g.apply("_linalg_gemm2", g.input(0), head, transpose_a=not ta, transpose_b=False, **same)
            )
        return found

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        a = ins[0].shape
        inner = a[_row_axis(p, len(a))] if p.transpose_a else a[-1]
        return 2 * outs[0].size * inner, sum(t.nbytes for t in (*ins, *outs))


@register
class Gemm2(_Gemm, Recomputable):
    """Scaled matrix product ``alpha op(A) op(B)`` of every pair of matrices.

    Parameters
    ----------
    A, B : Symbol or NDArray
        Arrays of the same number (at least 2) of dimensions; rows along `axis`, columns along the last axis.
    transpose_a, transpose_b : bool, default False
    alpha : float, default 1
    axis : int, default -2

    Raises
    ------
    MXNetError
        The extents do not fit.

    Examples
    --------
    >>> import clsym as mx
    >>> a = mx.nd.ones((1, 2))
    >>> mx.nd.linalg_gemm2(a, a, transpose_b=True, alpha=2.0).asnumpy().tolist()
    [[4.0]]

    Source: MXNet, linalg.gemm2.
    """

    multiply_adds = True
    name = "_linalg_gemm2"
    recompute = "heavy"
    aliases = ("linalg_gemm2",)
    inputs = ("A", "B")
    params = _GEMM2_PARAMS

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return self._factor_gradients(g)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return self._calls(p, ins, outs, ctx, ctx.reqs[0])


@register
class Gemm(_Gemm, Recomputable):
    """Scaled matrix product and sum ``alpha op(A) op(B) + beta C`` of every triple of matrices.

    Parameters
    ----------
    A, B, C : Symbol or NDArray
        Arrays of the same number (at least 2) of dimensions; rows along `axis`, columns along the last axis.
    transpose_a, transpose_b : bool, default False
    alpha, beta : float, default 1
    axis : int, default -2

    Raises
    ------
    MXNetError
        The extents do not fit.

    Examples
    --------
    >>> import clsym as mx
    >>> a = mx.nd.ones((1, 1))
    >>> mx.nd.linalg_gemm(a, a, a, alpha=2.0, beta=3.0).asnumpy().tolist()
    [[5.0]]

    Source: MXNet, linalg.gemm.
    """

    name = "_linalg_gemm"
    recompute = "heavy"
    aliases = ("linalg_gemm",)
    inputs = ("A", "B", "C")
    params = _GEMM_PARAMS

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        third = g.apply("_linalg_scale", g.ograd(), beta=g.p.beta) if g.needed[2] else None
        return [*self._factor_gradients(g), third]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        first = scaled(In(2), Out(0), outs[0].size, p.beta, outs[0].dtype, ctx.reqs[0], ctx.traits)
        return [first, *self._calls(p, ins, outs, ctx, "add")]


class Scale(Op):
    """``beta data``: the gradient of the sum's operand."""

    name = "_linalg_scale"
    hidden = True
    params = _SCALE_PARAMS

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [scaled(In(0), Out(0), outs[0].size, p.beta, outs[0].dtype, ctx.reqs[0], ctx.traits)]


register(Scale)


differs(
    "linalg.gemm2",
    "grad_req='add' adds",
    "x = mx.nd.array([[2]]); g = mx.nd.ones(x.shape); "
    "e = mx.sym.linalg.gemm2(mx.sym.var('x'), mx.sym.var('y')).bind(mx.cpu(), {'x': x, 'y': x}, {'x': g}, 'add'); "
    "_ = e.forward(is_train=True); e.backward(mx.nd.array([[10]])); print(g.asnumpy().astype('float64').round(3).tolist())",
    ours="[[21.0]]",
    mxnet="[[20.0]]",
    why="With grad_req='add' MXNet's gradient overwrites what is there instead of adding to it. linalg.gemm likewise.",
)
