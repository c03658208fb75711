"""Eigenvalues and eigenvectors of symmetric matrices: linalg.syevd."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.facets import Estimated, Recomputable
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, Temp, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, TensorSpec, unify_shape
from ...params import Params
from ..shared.launch_sizes import stretch_grid
from .batch import Result, batch_of, floating, matrix_call, side, square

__all__ = ["Syevd"]

_SWEEPS = {"float32": 14, "float64": 18}
"""More than what converges quadratically needs; those that find nothing to do return at once."""
_ROWS = 32
"""Of a block: two of them, of matrices with some hundred columns, stay in a core's cache."""


@register
class Syevd(Op, Recomputable, Estimated):
    """Eigenvectors and eigenvalues of every symmetric matrix: ``A = U^T diag(L) U``, eigenvalues rising, eigenvectors in the rows of U.

    Only the lower triangle of A is read. The sign of an eigenvector is such that its element of the largest absolute value is positive.

    Parameters
    ----------
    A : Symbol or NDArray
        (..., n, n), float32 or float64.

    Returns
    -------
    list of Symbol or NDArray
        U, (..., n, n), and L, (..., n).

    Raises
    ------
    MXNetError
        The matrices are not square.

    Examples
    --------
    >>> import clsym as mx
    >>> u, l = mx.nd.linalg.syevd(mx.nd.array([[2, 0], [0, 1]]))
    >>> u.asnumpy().tolist(), l.asnumpy().tolist()
    ([[0.0, 1.0], [1.0, 0.0]], [1.0, 2.0])

    Source: MXNet 1.9.1, ``linalg.syevd``; one-sided Jacobi rotations, Hestenes (1958).
    """

    name = "_linalg_syevd"
    inputs = ("A",)
    outputs = ("output0", "output1")
    recompute = "heavy"

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        a = square(unify_shape(ins[0], outs[0]))
        return [a], [a, outs[1] if a is None else a[:-1]]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return floating(ins, outs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        u = g.output(0)
        middle = g.apply("_linalg_gemm2", g.ograd(0), u, transpose_b=True)
        middle = g.apply("_backward_linalg_syevd", middle, g.output(1), g.ograd(1))
        return [g.apply("_linalg_gemm2", g.apply("_linalg_gemm2", u, middle, transpose_a=True), u)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        spec, dtype = ins[0], ins[0].dtype
        n, batch, wide = side(spec), batch_of(spec), int(ins[0].dtype == "float64")
        sweeps, rows = _SWEEPS[dtype], _ROWS if n > 2 * _ROWS else -(-n // 4) * 2
        blocks = -(-n // (2 * rows)) * 2 if n > 1 else 0
        work, going, unsorted = Temp(0, spec.nbytes), Temp(1, 4 * batch * (sweeps + 1)), Temp(2, outs[1].nbytes)
        u, values = Result(0, outs[0], ctx, 3), Result(1, outs[1], ctx, 4)

        def call(entry: str, problems: int, *args: In | Out | Temp | int) -> KernelCall:
            return matrix_call("linalg/jacobi.cl", entry, args, problems, dtype, ctx, WIDE=wide)

        return [
            call("jacobi_begin", batch, In(0), work, going, batch, n, sweeps),
            *(
                call("jacobi_sweep", batch * blocks // 2, work, going, batch, n, blocks, rows, sweep, turn)
                for sweep in range(sweeps)
                for turn in range(blocks - 1)
            ),
            call("jacobi_end", batch, In(0), work, unsorted, u.arg, values.arg, batch, n),
            *u.finish,
            *values.finish,
        ]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 45 * ins[0].size * ins[0].shape[-1], 2 * ins[0].nbytes


@register
class SyevdBackward(Op):
    """What stands between the eigenvectors in the gradient: the gradient of the eigenvalues, and that of the vectors over the gaps."""

    name = "_backward_linalg_syevd"
    hidden = True
    inputs = ("product", "values", "ograd")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [ins[0]]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n, batch = side(ins[0]), batch_of(ins[0])
        args = (In(0), In(1), In(2), Out(0), Scalar("long", batch), Scalar("int", n))
        defines = defines_for(ins[0].dtype, ctx.reqs[0], WIDE=int(ins[0].dtype == "float64"))
        return [KernelCall("linalg/jacobi.cl", "syevd_middle", args, defines, *stretch_grid(batch * n, n, ctx.traits))]
