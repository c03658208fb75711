"""LQ factorization: linalg.gelqf."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.facets import Estimated, Recomputable
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, Temp, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, show_shape, unify_shape
from ...params import Params
from ..matrix.gemm import product
from ..matrix.gemm_cpu import Matrix
from ..shared.launch_sizes import stretch_grid
from .batch import Result, batch_of, block, floating, identity, matrices, matrix_call
from .triangular import copied

__all__ = ["Gelqf"]

_NB = 32


@register
class Gelqf(Op, Recomputable, Estimated):
    """LQ factorization ``A = L Q`` of every matrix: L lower triangular, the rows of Q orthonormal.

    The signs are LAPACK's: what a reflection leaves on the diagonal of L has the sign opposite to what stood there.

    Parameters
    ----------
    A : Symbol or NDArray
        (..., m, n) with m <= n, float32 or float64.

    Returns
    -------
    list of Symbol or NDArray
        Q, (..., m, n), and L, (..., m, m).

    Raises
    ------
    MXNetError
        The matrices have more rows than columns.

    Examples
    --------
    >>> import clsym as mx
    >>> q, l = mx.nd.linalg.gelqf(mx.nd.array([[-3, 4]]))
    >>> q.asnumpy().round(4).tolist(), l.asnumpy().tolist()
    ([[-0.6000000238418579, 0.800000011920929]], [[5.0]])

    Source: MXNet 1.9.1, ``linalg.gelqf``.
    """

    name = "_linalg_gelqf"
    aliases = ("linalg_gelqf",)
    inputs = ("A",)
    outputs = ("output0", "output1")
    recompute = "heavy"

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        a = unify_shape(ins[0], outs[0])
        matrices(a)
        if a is None:
            return [a], [a, outs[1]]
        if a[-2] > a[-1] >= 0:
            raise ShapeError(f"A {show_shape(a)} must not have more rows than columns: its last dimension must be >= the one before")
        return [a], [a, (*a[:-1], a[-2])]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return floating(ins, outs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        q, lower, of_q, of_l = g.output(0), g.output(1), g.ograd(0), g.ograd(1)
        inner = g.apply("_linalg_gemm2", lower, of_l, transpose_a=True)
        inner = g.apply("_linalg_gemm", of_q, q, inner, transpose_b=True, alpha=-1.0)
        inner = g.apply("_linalg_part", inner, part="mirrored")
        return [g.apply("_linalg_trsm", lower, g.apply("_linalg_gemm", inner, q, of_q), transpose=True)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        spec, dtype, traits = ins[0], ins[0].dtype, ctx.traits
        m, n = spec.shape[-2:]
        batch, panels = batch_of(spec), -(-m // _NB)
        work, reflections = Temp(0, spec.nbytes), Temp(1, spec.nbytes)
        factors = Temp(2, batch * panels * _NB * _NB * spec.itemsize)
        parts = [Temp(3 + i, batch * m * _NB * spec.itemsize) for i in range(2)]
        temp, result = 5, Result(0, outs[0], ctx, 6)

        def reflect(target: Temp | Out, rows: range, start: int, size: int, transposed: bool) -> list[KernelCall]:
            """Launches that multiply rows of a matrix, from the panel's first column on, with the panel's reflections from the right."""
            count, width = len(rows), n - start
            of = block(target, m, n, rows.start, start)
            v = block(reflections, m, n, start, start)
            first, second = (Matrix(t, _NB, 1, m * _NB) for t in parts)
            factor = Matrix(factors, _NB, 1, panels * _NB * _NB, start // _NB * _NB * _NB)
            if transposed:
                factor = factor.transposed
            return [
                *product(count, size, width, of, v.transposed, first, dtype, "write", traits, entries=batch, temp=temp),
                *product(count, size, size, first, factor, second, dtype, "write", traits, entries=batch, temp=temp),
                *product(count, width, size, second, v, of, dtype, "add", traits, alpha=-1.0, entries=batch, temp=temp),
            ]

        calls = [copied(In(0), work, spec.size, 1.0, dtype, traits)]
        for start in range(0, m, _NB):
            end = min(start + _NB, m)
            calls.append(
                matrix_call("linalg/lq.cl", "lq_panel", (work, reflections, factors, batch, m, n, start), batch, dtype, ctx, NB=_NB)
            )
            if end < m:
                calls += reflect(work, range(end, m), start, end - start, False)
        if ctx.reqs[1] != "null":
            args = (work, Out(1), Scalar("long", batch), Scalar("int", m), Scalar("int", n))
            size, local = stretch_grid(batch * m, m, traits)
            calls.append(KernelCall("linalg/lq.cl", "lq_lower", args, defines_for(dtype, ctx.reqs[1], NB=_NB), size, local))
        if ctx.reqs[0] != "null":
            calls += identity(result.arg, outs[0], ctx)
            for start in reversed(range(0, m, _NB)):
                calls += reflect(result.arg, range(start, m), start, min(_NB, m - start), True)
            calls += result.finish
        return calls

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 4 * ins[0].size * ins[0].shape[-2], ins[0].nbytes + sum(o.nbytes for o in outs)
