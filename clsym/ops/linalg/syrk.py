"""Products of matrices with their own transposition: linalg.syrk."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.facets import Estimated, Recomputable
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, TensorSpec
from ...params import Bool, Float, Params
from ..matrix.gemm import product
from .batch import batch_of, block, floating, matrices, square

__all__ = ["Syrk"]


@register
class Syrk(Op, Recomputable, Estimated):
    """``alpha A A^T``, or with `transpose` ``alpha A^T A``, of every matrix.

    Parameters
    ----------
    A : Symbol or NDArray
        (..., m, n), float32 or float64.
    transpose : bool, default False
    alpha : float, default 1

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.linalg.syrk(mx.nd.array([[1, 2]]), alpha=2).asnumpy().tolist()
    [[10.0]]

    Source: MXNet 1.9.1, ``linalg.syrk``.
    """

    name = "_linalg_syrk"
    aliases = ("linalg_syrk",)
    inputs = ("A",)
    recompute = "heavy"
    params = {"transpose": Bool(False, "Whether the first factor is the transposed one."), "alpha": Float(1.0, "Factor of the product.")}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        matrices(ins[0])
        out, a = square(outs[0], "the product"), ins[0]
        if a is None:
            return ins, [out]
        n = a[-1] if p.transpose else a[-2]
        return ins, [(*a[:-2], n, n)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return floating(ins, outs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        both = g.apply("_linalg_part", g.ograd(), part="sum", scale=g.p.alpha)
        return [g.apply("_linalg_gemm2", g.input(0), both) if g.p.transpose else g.apply("_linalg_gemm2", both, g.input(0))]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows, columns = ins[0].shape[-2:]
        n, k = (columns, rows) if p.transpose else (rows, columns)
        a, b = (block(In(0), rows, columns, transposed=t) for t in (p.transpose, not p.transpose))
        entries = batch_of(ins[0])
        return product(n, n, k, a, b, block(Out(0), n, n), ins[0].dtype, ctx.reqs[0], ctx.traits, entries=entries, alpha=p.alpha)

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 2 * ins[0].size * outs[0].shape[-1], ins[0].nbytes + outs[0].nbytes
