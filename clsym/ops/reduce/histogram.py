"""Histograms: _histogram."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, UnsupportedType, show_shape, unify_shape
from ...params import Field, Floats, Int, Params
from ..shared.strided import flat_copy

__all__ = ["Histogram"]

_SOURCE = "reduce/histogram.cl"
_AT_ONCE = 1 << 30
"""Elements of a launch: its counters have 32 bits."""


@register
class Histogram(Op):
    """How many elements lie in each bin, and the edges of the bins.

    A bin holds its lower edge but not its upper one, the last one both; NaN and what lies outside is not counted.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and type but bool.
    bins : Symbol or NDArray
        Rising edges, (n + 1,), of the type of the data; only without `bin_cnt`.
    bin_cnt : int or None, default None
        Number of bins of equal width.
    range : tuple of two floats or None, default None
        Lowest and highest edge; given together with `bin_cnt`.

    Returns
    -------
    list of Symbol or NDArray
        Counts, (n,) of int64, and edges, (n + 1,).

    Raises
    ------
    MXNetError
        Only one of `bin_cnt` and `range` is given, or the range falls.

    Examples
    --------
    >>> import clsym as mx
    >>> [y.asnumpy().tolist() for y in mx.nd.histogram(mx.nd.array([0, 1, 1, 2, 5]), bins=2, range=(0, 2))]
    [[1, 3], [0.0, 1.0, 2.0]]

    Source: MXNet 1.9.1, ``histogram``.
    """

    name = "_histogram"
    inputs = ("data", "bins")
    outputs = ("output0", "output1")
    params: dict[str, Field] = {
        "bin_cnt": Int(None, "Number of bins of equal width.", none=True),
        "range": Floats(None, "Lowest and highest edge.", none=True),
    }

    def input_names(self, p: Params) -> tuple[str, ...]:
        return ("data", "bins") if p.bin_cnt is None else ("data",)

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if (p.bin_cnt is None) != (p.range is None):
            raise ShapeError("bin_cnt and range must be given both or not at all")
        if p.bin_cnt is not None:
            if p.bin_cnt < 0 or len(p.range) != 2 or not p.range[0] <= p.range[1]:
                raise ShapeError(f"bin_cnt={p.bin_cnt} must not be negative, range={p.range} must be two numbers, the lower one first")
            return ins, [(p.bin_cnt,), (p.bin_cnt + 1,)]
        edges = unify_shape(ins[1], outs[1])
        if edges is None:
            return ins, outs
        if len(edges) != 1 or edges[0] == 0:
            raise ShapeError(f"bins must be a vector of at least one edge, got shape {show_shape(edges)}")
        return [ins[0], edges], [(edges[0] - 1,) if edges[0] > 0 else (-1,), edges]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        found = next((t for t in (*ins, outs[1]) if t is not None), None)
        if found == "bool":
            raise UnsupportedType("bool", "histogram does not take data of type bool; cast it first")
        return [found] * len(ins), ["int64", found]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None] * len(g.ins)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        bins, dtype, traits, equal = outs[0].size, ins[0].dtype, ctx.traits, int(p.bin_cnt is not None)
        edges: In | Out | Temp = In(1)
        calls: list[KernelCall] = []

        def call(entry: str, work: int, *args: Arg, req: str = "write", per_item: int = 4096) -> KernelCall:
            wide = "double" if dtype == "float64" else "float"
            size, local = grid(work, traits, per_item)
            return KernelCall(_SOURCE, entry, args, defines_for(dtype, req, EQUAL=equal, E=wide), size, local)

        if p.bin_cnt is not None:
            edges = Temp(0, outs[1].nbytes)
            kind = "double" if dtype == "float64" else "float"
            calls.append(call("histogram_edges", bins + 1, edges, Scalar("int", bins), *(Scalar(kind, v) for v in p.range)))
        if ctx.reqs[1] != "null":
            calls += flat_copy(outs[1].size, dtype, ctx, ctx.reqs[1], edges, Out(1))
        if ctx.reqs[0] == "null" or not bins:
            return calls
        n = ins[0].size
        copies = grid(min(n, _AT_ONCE), traits)[0][0] if traits.is_cpu else 1
        counts = Temp(1, 4 * copies * bins)
        number = Scalar("int", bins), Scalar("int", copies)
        for first in range(0, max(n, 1), _AT_ONCE):
            last = min(n, first + _AT_ONCE)
            calls.append(call("histogram_clear", copies * bins, counts, Scalar("long", copies * bins)))
            if n:
                span = Scalar("long", first), Scalar("long", last)
                calls.append(call("histogram_count", last - first, In(0), edges, counts, *span, *number))
            fresh = Scalar("int", int(first == 0))
            calls.append(call("histogram_total", bins, counts, Out(0), *number, fresh, req=ctx.reqs[0]))
        return calls
