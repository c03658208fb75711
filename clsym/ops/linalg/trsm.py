"""Products with triangular matrices, and their systems: linalg.trmm, linalg.trsm."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.facets import Estimated, Recomputable
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Temp
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, show_shape, unify_shape
from ...params import Bool, Float, Params
from ..matrix.gemm import product
from .batch import Result, batch_of, block, floating, matrices, side, square
from .parts import part_call
from .triangular import Triangle, copied, several_blocks, solve

__all__ = ["Trmm", "Trsm"]


class _Triangular(Op, Recomputable, Estimated):
    inputs = ("A", "B")
    recompute = "heavy"
    params = {
        "transpose": Bool(False, "Whether the transposition of A is used."),
        "rightside": Bool(False, "Whether A stands right of the other matrix."),
        "lower": Bool(True, "Whether A is lower triangular."),
        "alpha": Float(1.0, "Factor of the result."),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        a, b = square(ins[0]), unify_shape(ins[1], outs[0])
        matrices(b, "B")
        if a is None and outs[0] is not None:
            n = outs[0][-1 if p.rightside else -2]
            a = (*outs[0][:-2], n, n)
        if a is None or b is None:
            return ins, outs
        if len(a) != len(b):
            raise ShapeError(f"A and B must have the same number of dimensions, got {show_shape(a)} and {show_shape(b)}")
        lead = unify_shape(a[:-2], b[:-2], f"A {show_shape(a)} and B {show_shape(b)} may differ in their last two dimensions only")
        assert lead is not None
        at = len(b) - (1 if p.rightside else 2)
        if a[-1] != b[at] and a[-1] >= 0 and b[at] >= 0:
            raise ShapeError(
                f"the matrices of A {show_shape(a)} and B {show_shape(b)} cannot be multiplied with rightside={p.rightside}: "
                f"{a[-1]} rows of A, {b[at]} of B"
            )
        n = max(a[-1], b[at])
        a, b = (*lead, n, n), (*lead, *((b[-2], n) if p.rightside else (n, b[-1])))
        return [a, b], [b]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return floating(ins, outs)

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return outs[0].size * ins[0].shape[-1], ins[0].nbytes + 2 * outs[0].nbytes

    def _outer(self, g: Gradient, left: Entry, right: Entry, alpha: float) -> Entry:
        """The gradient of A as a product of one that lies like B and one that A was multiplied with."""
        p = g.p
        first, second = (right, left) if p.transpose != p.rightside else (left, right)
        whole = g.apply("_linalg_gemm2", first, second, transpose_a=p.rightside, transpose_b=not p.rightside, alpha=alpha)
        return g.apply("_linalg_part", whole, part="lower" if p.lower else "upper")


@register
class Trmm(_Triangular):
    """Product with a triangular matrix: ``alpha op(A) B``, or with `rightside` ``alpha B op(A)``, of every pair of matrices.

    Parameters
    ----------
    A : Symbol or NDArray
        (..., n, n), float32 or float64; only the triangle that `lower` says is read.
    B : Symbol or NDArray
        (..., n, m), or with `rightside` (..., m, n).
    transpose : bool, default False
        Whether op(A) is the transposition of A.
    rightside : bool, default False
    lower : bool, default True
    alpha : float, default 1

    Raises
    ------
    MXNetError
        The extents do not fit.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.linalg.trmm(mx.nd.array([[1, 9], [2, 3]]), mx.nd.array([[1], [1]])).asnumpy().tolist()
    [[1.0], [5.0]]

    Source: MXNet 1.9.1, ``linalg.trmm``.
    """

    name = "_linalg_trmm"
    aliases = ("linalg_trmm",)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        p = g.p
        found: list[Entry | None] = [None, None]
        if g.needed[0]:
            found[0] = self._outer(g, g.ograd(), g.input(1), p.alpha)
        if g.needed[1]:
            given = {"rightside": p.rightside, "lower": p.lower, "alpha": p.alpha}
            found[1] = g.apply("_linalg_trmm", g.input(0), g.ograd(), transpose=not p.transpose, **given)
        return found

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n, batch, dtype = side(ins[0]), batch_of(ins[0]), ins[0].dtype
        rows, columns = outs[0].shape[-2:]
        triangle = Temp(0, ins[0].nbytes)
        calls = [part_call("lower" if p.lower else "upper", In(0), triangle, ins[0], 1.0, ctx)]
        a, b = block(triangle, n, n, transposed=p.transpose), block(In(1), rows, columns)
        if p.rightside:
            a, b = b, a
        out = block(Out(0), rows, columns)
        return calls + product(rows, columns, n, a, b, out, dtype, ctx.reqs[0], ctx.traits, entries=batch, alpha=p.alpha, temp=1)


@register
class Trsm(_Triangular):
    """Solves systems with a triangular matrix: X of ``op(A) X = alpha B``, or with `rightside` ``X op(A) = alpha B``, for every pair.

    Parameters
    ----------
    A : Symbol or NDArray
        (..., n, n), float32 or float64; only the triangle that `lower` says is read. A zero on the diagonal gives inf and NaN.
    B : Symbol or NDArray
        (..., n, m), or with `rightside` (..., m, n).
    transpose : bool, default False
        Whether op(A) is the transposition of A.
    rightside : bool, default False
    lower : bool, default True
    alpha : float, default 1

    Raises
    ------
    MXNetError
        The extents do not fit.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.linalg.trsm(mx.nd.array([[1, 9], [2, 4]]), mx.nd.array([[1], [4]])).asnumpy().tolist()
    [[1.0], [0.5]]

    Source: MXNet 1.9.1, ``linalg.trsm``.
    """

    name = "_linalg_trsm"
    aliases = ("linalg_trsm",)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        p = g.p
        given = {"rightside": p.rightside, "lower": p.lower}
        of_b = g.apply("_linalg_trsm", g.input(0), g.ograd(), transpose=not p.transpose, alpha=p.alpha, **given)
        found: list[Entry | None] = [None, of_b]
        if g.needed[0]:
            found[0] = self._outer(g, of_b, g.output(), -1.0 / p.alpha if p.alpha else 0.0)
        return found

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n, batch, dtype = side(ins[0]), batch_of(ins[0]), ins[0].dtype
        other = outs[0].shape[-2] if p.rightside else outs[0].shape[-1]
        result = Result(0, outs[0], ctx, 3)
        calls: list[KernelCall] = []
        work: In | Temp = In(1)
        if several_blocks(n, ctx.traits):
            work = Temp(0, outs[0].nbytes)
            calls.append(copied(In(1), work, outs[0].size, p.alpha, dtype, ctx.traits))
        tri = Triangle(In(0), n, batch, p.lower, p.transpose)
        alpha = 1.0 if isinstance(work, Temp) else p.alpha
        return calls + solve(tri, work, result.arg, other, p.rightside, dtype, ctx, 1, alpha) + result.finish
