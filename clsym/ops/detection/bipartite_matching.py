"""Matching of rows and columns by their scores: bipartite_matching."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import REQUIRED, Bool, Field, Float, Int, Params
from ..shared.float_types import one_float_type
from .matching_calls import Matching

__all__ = ["BipartiteMatching"]


@register
class BipartiteMatching(Op):
    """Greedy matching of rows and columns: going through all scores, best first, a pair matches whose row and column are both free.

    Equal scores go in the order of the data. NaN never matches.

    Parameters
    ----------
    data : Symbol or NDArray
        Scores, shape (..., N, M).
    is_ascend : bool
        Small scores are good.
    threshold : float
        Only scores greater than this match; with `is_ascend`, smaller ones.
    topk : int
        Matching ends when there are more than topk matches, if that is positive: there can be topk + 1, as in MXNet.

    Returns
    -------
    list of Symbol or NDArray
        The column of each row, shape (..., N), and the row of each column, shape (..., M); -1 for none. They have no gradient (it is zero).

    Raises
    ------
    MXNetError
        The data have fewer than two dimensions, or are no floating-point numbers.

    Examples
    --------
    >>> import clsym as mx
    >>> x = mx.nd.array([[0.5, 0.6], [0.1, 0.2], [0.3, 0.4]])
    >>> [m.asnumpy().tolist() for m in mx.nd.contrib.bipartite_matching(x, threshold=1e-12, is_ascend=False)]
    [[1.0, -1.0, 0.0], [2.0, 0.0]]
    """

    name = "_contrib_bipartite_matching"
    outputs = ("output0", "output1")
    params: dict[str, Field] = {
        "is_ascend": Bool(False, "Small scores are good."), "threshold": Float(REQUIRED, "Only better scores match."),
        "topk": Int(-1, "Matching ends when there are more matches; not if negative or 0."),
    }  # fmt: skip

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        shape = ins[0]
        if shape is None:
            rows, columns = outs
            if rows is None or columns is None or len(rows) != len(columns) or not rows:
                return ins, outs
            lead = unify_shape(rows[:-1], columns[:-1])
            assert lead is not None
            return [(*lead, rows[-1], columns[-1])], outs
        if len(shape) < 2:
            raise ShapeError(f"data must have at least 2 dimensions (..., rows, columns), got {shape}")
        return ins, [shape[:-1], (*shape[:-2], shape[-1])]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        *lead, rows, columns = ins[0].shape
        limit = p.topk + 1 if p.topk > 0 else min(rows, columns)
        work = Matching(math.prod(lead), rows, columns, ins[0].dtype, rows <= columns, False, p.is_ascend, p.threshold, limit, 0)
        calls = work.calls(In(0), ctx)
        for k, found in enumerate((work.row_matches, work.column_matches)):
            if ctx.reqs[k] != "null":
                defines = defines_for(outs[k].dtype, ctx.reqs[k], GROUP=1)
                args = (found, Out(k), Scalar("long", outs[k].size))
                calls.append(KernelCall("detection/matching.cl", "match_store", args, defines, *grid(outs[k].size, ctx.traits)))
        return calls
