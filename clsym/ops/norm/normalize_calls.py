"""The launches of normalisations by the statistics of rows, and their gradient operator. No operator of its own for the user."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, defines_for, req_code
from ...graph.contract.op import Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, Shape, TensorSpec
from ...graph.contract.traits import DeviceTraits
from ...params import Enum, Field, Float, Int, Params
from ..reduce.calls import reduce_calls
from ..shared.row_forms import RowForm, by_columns, by_rows
from ..shared.rows import Rows, column_grid, row_grid

__all__ = ["NormalizeBackward", "normalize_calls"]

_TILE = 256  # of kernels/include/normalize.h
L2, PER_PLACE, PER_ROW = 0, 1, 2
"""What gamma belongs to: there is none, a place within the row, a row."""


def _along_cpu(rows: Rows, traits: DeviceTraits) -> RowForm:
    if rows.inner == 1:
        return _along_gpu(rows, traits)
    return by_columns("norm/normalize_columns.cl", "normalize_columns", rows, _TILE, traits)


def _along_gpu(rows: Rows, traits: DeviceTraits) -> RowForm:
    return by_rows("norm/normalize.cl", "normalize_rows", rows, traits)


def _affine_cpu(rows: Rows, traits: DeviceTraits) -> tuple[RowForm, int]:
    """Of the kernel that sums up what the gradients of gamma and beta are; and in how many parts it does."""
    tiles, splits = -(-rows.n // _TILE), 1
    if rows.inner == 1:
        splits = max(1, min(4 * traits.compute_units // tiles, rows.outer // 64, 64))
    size, local = column_grid(splits * tiles if rows.inner == 1 else rows.n, rows.count * rows.n, traits)
    return RowForm("norm/normalize_affine_cpu.cl", "affine_gradient", rows.outer, (Scalar("int", 1), Scalar("int", 0)), size, local), splits


def _affine_gpu(rows: Rows, traits: DeviceTraits) -> tuple[RowForm, int]:
    size, local, mapping = row_grid(rows.n, rows.count, traits, rows.inner == 1)
    return RowForm("norm/normalize_affine_gpu.cl", "affine_gradient", rows.outer, mapping, size, local), 1


@dataclass(frozen=True)
class _Forms:
    """How a kind of device goes along the rows, and how it sums up the gradients of a gamma and beta that belong to places."""

    along: Callable[[Rows, DeviceTraits], RowForm]
    affine: Callable[[Rows, DeviceTraits], tuple[RowForm, int]]


def _forms(traits: DeviceTraits) -> _Forms:
    return _Forms(_along_cpu, _affine_cpu) if traits.is_cpu else _Forms(_along_gpu, _affine_gpu)


def _launch(
    name: str, buffers: tuple[Arg, ...], rows: Rows, affine: int, groups: int, eps: float, dtype: str, ctx: LowerContext, **more: int
) -> KernelCall:
    form = _forms(ctx.traits).along(rows, ctx.traits)
    extents = (Scalar("long", form.count), Scalar("long", rows.n), Scalar("long", rows.inner))
    args = (*buffers, *extents, Scalar("int", groups), Scalar(compute_type(dtype), eps), *form.more)
    defines = defines_for(dtype, ctx.reqs[0], AFFINE=affine, **more)
    return KernelCall(form.source, form.entry + name, args, defines, form.size, form.local)


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
        form, splits = _forms(ctx.traits).affine(rows, ctx.traits)
        parts = (Temp(1, splits * rows.n * size), Temp(2, splits * rows.n * size))
        extents = (Scalar("long", v) for v in (form.count, rows.n, rows.inner, splits))
        args: tuple[Arg, ...] = (In(0), In(1), stat, *parts, *extents, *form.more)
        calls.append(KernelCall(form.source, form.entry, args, defines_for(dtype, "write", AFFINE=1), form.size, form.local))
        for k in (1, 2):
            if ctx.reqs[k] != "null":
                calls += reduce_calls(parts[k - 1], Out(k), (splits, rows.n), (0,), wide, ctx, out_dtype=dtype, req=ctx.reqs[k], temp=3)
        return calls


def _half(stat: Temp, half: int, shape: Shape, wide: str, dtype: str, out: Out, ctx: LowerContext, req: str) -> list[KernelCall]:
    """Sum one half of the row statistics over the batch."""
    return reduce_calls(stat, out, shape[1:], (0,), wide, ctx, out_dtype=dtype, req=req, temp=1, offset=half * shape[1] * shape[2])
