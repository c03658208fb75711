"""The launches of normalisations by the statistics of rows, and their gradient operator. No operator of its own for the user."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, defines_for, req_code
from ...graph.contract.op import Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, Shape, TensorSpec
from ...params import Enum, Field, Float, Int, Params
from ..reduce.calls import reduce_calls
from ..shared.rows import Rows, column_grid, column_tile, row_grid

__all__ = ["NormalizeBackward", "normalize_calls"]

_TILE = 256  # of kernels/norm/normalize.cl
L2, PER_PLACE, PER_ROW = 0, 1, 2
"""What gamma belongs to: there is none, a place within the row, a row."""


def _launch(
    name: str, buffers: tuple[Arg, ...], rows: Rows, affine: int, groups: int, eps: float, dtype: str, ctx: LowerContext, **more: int
) -> KernelCall:
    columns = ctx.traits.is_cpu and rows.inner > 1
    extents = (Scalar("long", rows.outer if columns else rows.count), Scalar("long", rows.n), Scalar("long", rows.inner))
    args = (*buffers, *extents, Scalar("int", groups), Scalar(compute_type(dtype), eps))
    if columns:
        tile = column_tile(rows, _TILE, ctx.traits)
        args += (Scalar("int", tile),)
        size, local = column_grid(rows.outer * -(-rows.inner // tile), rows.count * rows.n, ctx.traits)
        name = "normalize_columns" + name
    else:
        size, local, mapping = row_grid(rows.count, rows.n, ctx.traits, rows.inner > 1)
        args += mapping
        name = "normalize_rows" + name
    return KernelCall("norm/normalize.cl", name, args, defines_for(dtype, ctx.reqs[0], AFFINE=affine, **more), size, local)


def normalize_calls(rows: Rows, affine: int, groups: int, eps: float, dtype: str, ctx: LowerContext) -> list[KernelCall]:
    """Inputs data, gamma, beta (data alone without gamma); outputs the result and, if the node has them, mean and deviation of the rows."""
    gamma, beta = (In(0), In(0)) if affine == L2 else (In(1), In(2))
    reqs = (*ctx.reqs, "null", "null")
    mean, std = (Out(k) if reqs[k] != "null" else Out(0) for k in (1, 2))
    buffers = (In(0), gamma, beta, Out(0), mean, std)
    return [_launch("", buffers, rows, affine, groups, eps, dtype, ctx, REQ1=req_code(reqs[1]), REQ2=req_code(reqs[2]))]


@register
class NormalizeBackward(Op):
    """Gradients of a normalisation with respect to data, gamma and beta, from the head gradient, the data and gamma."""

    name = "_backward_normalize"
    hidden = True
    params: dict[str, Field] = {
        "affine": Enum(("none", "place", "row"), "none"), "outer": Int(1), "n": Int(1), "inner": Int(1), "groups": Int(1),
        "eps": Float(1e-5),
    }  # fmt: skip

    def input_names(self, p: Params) -> tuple[str, ...]:
        return ("ograd", "data") if p.affine == "none" else ("ograd", "data", "gamma")

    def output_names(self, p: Params) -> tuple[str, ...]:
        return ("output",) if p.affine == "none" else ("data", "gamma", "beta")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if p.affine == "none":
            return ins, [ins[1]]
        return ins, [ins[1], ins[2], ins[2]]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        # dgamma of 'place' is summed from head gradient and data after dx was written
        return () if p.affine == "place" else ((0, 0), (0, 1))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows = Rows(p.outer, p.n, p.inner)
        dtype = ins[0].dtype
        affine = ("none", "place", "row").index(p.affine)
        want_dx = ctx.reqs[0] != "null"
        wide = "float64" if dtype == "float64" else "float32"
        size = 8 if wide == "float64" else 4
        if affine == L2:
            return [_launch("_backward", (In(0), In(1), In(1), Out(0), In(1)), rows, affine, 1, p.eps, dtype, ctx, WANT_DX=1)]
        stat = Temp(0, 2 * rows.count * size)
        dx = Out(0) if want_dx else stat  # not touched then
        calls = [_launch("_backward", (In(0), In(1), In(2), dx, stat), rows, affine, p.groups, p.eps, dtype, ctx, WANT_DX=int(want_dx))]
        if affine == PER_ROW:
            batch = rows.count // p.groups
            both = (2, batch, p.groups)
            for k, half in ((1, 0), (2, 1)):
                if ctx.reqs[k] != "null":
                    calls += _half(stat, half, both, wide, dtype, Out(k), ctx, ctx.reqs[k])
            return calls
        if ctx.reqs[1] == ctx.reqs[2] == "null":
            return calls
        splits = 1
        if ctx.traits.is_cpu and rows.inner == 1:
            splits = max(1, min(4 * ctx.traits.compute_units // -(-rows.n // _TILE), rows.outer // 64, 64))
        parts = (Temp(1, splits * rows.n * size), Temp(2, splits * rows.n * size))
        if ctx.traits.is_cpu:
            tiles = splits * -(-rows.n // _TILE) if rows.inner == 1 else rows.n
            (grid, local), mapping = column_grid(tiles, rows.count * rows.n, ctx.traits), (Scalar("int", 1), Scalar("int", 0))
        else:
            grid, local, mapping = row_grid(rows.n, rows.count, ctx.traits, rows.inner == 1)
        extents = (Scalar("long", v) for v in (rows.outer, rows.n, rows.inner, splits))
        args: tuple[Arg, ...] = (In(0), In(1), stat, *parts, *extents, *mapping)
        calls.append(KernelCall("norm/normalize.cl", "affine_gradient", args, defines_for(dtype, "write", AFFINE=1), grid, local))
        for k in (1, 2):
            if ctx.reqs[k] != "null":
                calls += reduce_calls(parts[k - 1], Out(k), (splits, rows.n), (0,), wide, ctx, out_dtype=dtype, req=ctx.reqs[k], temp=3)
        return calls


def _half(stat: Temp, half: int, shape: Shape, wide: str, dtype: str, out: Out, ctx: LowerContext, req: str) -> list[KernelCall]:
    """Sum one half of the row statistics over the batch."""
    return reduce_calls(stat, out, shape[1:], (0,), wide, ctx, out_dtype=dtype, req=req, temp=1, offset=half * shape[1] * shape[2])
