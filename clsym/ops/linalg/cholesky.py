"""Cholesky factorization: linalg.potrf, and the inverse from its factor: linalg.potri."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.facets import Estimated, Recomputable
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Refusal, Temp
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, TensorSpec
from ...params import Bool, Field, Params
from ..matrix.gemm import product
from ..matrix.gemm_cpu import Matrix
from .batch import Result, batch_of, block, floating, identity, matrix_call, same_square, side
from .triangular import Triangle, block_side, copied, solve

__all__ = ["Potrf", "Potri", "Square"]

_LOWER: dict[str, Field] = {"lower": Bool(True, "Whether the factor is the lower triangular one.")}


class Square(Op, Recomputable, Estimated):
    """What operators from square matrices to square matrices of the same shape share."""

    inputs = ("A",)
    recompute = "heavy"
    text = ""

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return same_square(ins, outs)

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return floating(ins, outs)

    def refusal(self, spec: TensorSpec) -> Refusal:
        """Where kernels note a matrix that is wrong: its number, and what of it."""
        where = "matrix {axis} of the batch" if batch_of(spec) > 1 else "the matrix"
        return Refusal("MXNetError", self.text.format(where=where))

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return ins[0].size * ins[0].shape[-1], 2 * ins[0].nbytes


@register
class Potrf(Square):
    """Cholesky factorization: the lower triangular L with positive diagonal for which ``A = L L^T``, of every matrix.

    Only the triangle of A that the factor has is read.

    Parameters
    ----------
    A : Symbol or NDArray
        Symmetric, positive definite matrices, (..., n, n), float32 or float64.
    lower : bool, default True
        Whether the factor is L; else it is ``U = L^T``.

    Raises
    ------
    MXNetError
        A matrix is not square, or not positive definite: whoever waits for the result next is told.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.linalg.potrf(mx.nd.array([[4, 2], [2, 5]])).asnumpy().tolist()
    [[2.0, 0.0], [1.0, 2.0]]

    Source: MXNet 1.9.1, ``linalg.potrf``.
    """

    name = "_linalg_potrf"
    aliases = ("linalg_potrf",)
    params = _LOWER
    text = (
        "potrf: {where} is not positive definite: its leading minor of order {{value}} is not positive; "
        "add a multiple of the identity to it, or check what it is made of"
    )

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)  # a matrix is copied, or is one block, which a work-group reads as a whole before it writes

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        y, lower = g.output(), g.p.lower
        inner = g.apply("_linalg_gemm2", y, g.ograd(), transpose_a=lower, transpose_b=not lower)
        inner = g.apply("_linalg_part", inner, part="mirrored")
        left = g.apply("_linalg_trsm", y, inner, lower=lower, transpose=lower)
        return [g.apply("_linalg_trsm", y, left, lower=lower, transpose=not lower, rightside=True, alpha=0.5)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n, batch, dtype, traits = side(ins[0]), batch_of(ins[0]), ins[0].dtype, ctx.traits
        nb, upper = block_side(n, traits), int(not p.lower)
        result = Result(0, outs[0], ctx, 4)
        inverse = Temp(2, batch * nb * nb * ins[0].itemsize)
        work: In | Temp = In(0)
        calls: list[KernelCall] = []
        if n > nb:
            work = Temp(1, ins[0].nbytes)
            calls.append(copied(In(0), work, ins[0].size, 1.0, dtype, traits))
        out = result.arg
        for start in range(0, n, nb):
            end = min(start + nb, n)
            if start:  # what the columns (rows) before take away from this panel
                if p.lower:
                    a, b = block(out, n, n, start), block(out, n, n, start, transposed=True)
                    rows, columns = n - start, end - start
                else:
                    a, b = block(out, n, n, 0, start, transposed=True), block(out, n, n, 0, start)
                    rows, columns = end - start, n - start
                calls += product(
                    rows, columns, start, a, b, block(work, n, n, start, start), dtype, "add", traits, entries=batch, alpha=-1.0, temp=3
                )
            args = (work, out, inverse, batch, n, start, upper, self.refusal(ins[0]))
            calls.append(matrix_call("linalg/cholesky.cl", "cholesky_block", args, batch, dtype, ctx, NB=nb))
            if end == n:
                break
            diagonal = Matrix(inverse, nb, 1, nb * nb)
            if p.lower:
                a, b, c, rows, columns = block(work, n, n, end, start), diagonal.transposed, block(out, n, n, end, start), n - end, nb
            else:
                a, b, c, rows, columns = diagonal, block(work, n, n, start, end), block(out, n, n, start, end), nb, n - end
            calls += product(rows, columns, nb, a, b, c, dtype, "write", traits, entries=batch, temp=3)
        return calls + result.finish


@register
class Potri(Square):
    """The inverse ``(L L^T)^-1`` of every matrix, from its Cholesky factor.

    Parameters
    ----------
    A : Symbol or NDArray
        The factors, (..., n, n), float32 or float64; only their triangle is read.
    lower : bool, default True
        Whether they are lower triangular L; else upper triangular U, and the result is ``(U^T U)^-1``.

    Raises
    ------
    MXNetError
        A matrix is not square, or has a zero on its diagonal: whoever waits for the result next is told.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.linalg.potri(mx.nd.array([[2, 0], [0, 4]])).asnumpy().tolist()
    [[0.25, 0.0], [0.0, 0.0625]]

    Source: MXNet 1.9.1, ``linalg.potri``.
    """

    name = "_linalg_potri"
    aliases = ("linalg_potri",)
    params = _LOWER
    text = "potri: {where} is no Cholesky factor: element {{value}} of its diagonal is zero; make it with linalg.potrf"

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        both, lower = g.apply("_linalg_part", g.ograd(), part="sum"), g.p.lower
        middle = g.apply("_linalg_gemm2", g.output(), both) if lower else g.apply("_linalg_gemm2", both, g.output())
        whole = g.apply("_linalg_trsm", g.input(0), middle, lower=lower, transpose=True, rightside=lower, alpha=-1.0)
        return [g.apply("_linalg_part", whole, part="lower" if lower else "upper")]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n, batch, dtype, traits = side(ins[0]), batch_of(ins[0]), ins[0].dtype, ctx.traits
        ones, inverse = Temp(1, ins[0].nbytes), Temp(2, ins[0].nbytes)
        judge = matrix_call("linalg/cholesky.cl", "invertible", (In(0), batch, n, self.refusal(ins[0])), batch, dtype, ctx)
        calls = [judge, *identity(ones, outs[0], ctx)]
        calls += solve(Triangle(In(0), n, batch, p.lower), ones, inverse, n, False, dtype, ctx, 3)
        left, right = block(inverse, n, n, transposed=p.lower), block(inverse, n, n, transposed=not p.lower)
        return calls + product(n, n, n, left, right, block(Out(0), n, n), dtype, ctx.reqs[0], traits, entries=batch, temp=4)
