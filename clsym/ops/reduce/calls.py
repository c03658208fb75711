"""The launches of a reduction, for every operator that sums, multiplies or takes an extremum over axes. No operator of its own."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, ctype, defines_for
from ..shared.rows import Collapsed, collapse, lowest

__all__ = ["reduce_calls"]

_FOLDS = {"sum": 0, "prod": 1, "max": 2, "min": 3}
_MAPS = {"": 0, "abs": 1, "square": 2, "nan0": 3, "nan1": 4}
_FINISH = {"": 0, "mean": 1, "sqrt": 2}
_TILE = 2048  # of kernels/reduce/reduce.cl
_SPLIT = 16384
"""Elements that a part of a split reduction has at least."""


def reduce_calls(
    src: In | Out | Temp, dst: In | Out | Temp, shape: tuple[int, ...], axes: Sequence[int], dtype: str, ctx: LowerContext, *,
    fold: str = "sum", map: str = "", finish: str = "", out_dtype: str = "", req: str = "write", temp: int = 0,
    offset: int = 0,
) -> list[KernelCall]:  # fmt: skip
    """Launches that reduce `src`, of `shape` and `dtype`, over `axes` into `dst`; a long reduction to few results takes two.

    Parameters
    ----------
    fold : {'sum', 'prod', 'max', 'min'}
    map : {'', 'abs', 'square', 'nan0', 'nan1'}
        Applied to each element first.
    finish : {'', 'mean', 'sqrt'}
        Applied to each result; ``'mean'`` divides by the number of elements.
    temp : int
        Index of the workspace that may be used.
    offset : int
        Where the tensor starts in `src`, in elements.
    """
    geometry = collapse(shape, axes)
    length = geometry.length if geometry.outputs and all(shape) else 0
    splits = _splits(geometry, ctx) if length else 1
    outputs = geometry.outputs
    out_dtype = out_dtype or dtype
    if splits == 1:
        return [_call(src, dst, geometry, length, 1, dtype, ctype(out_dtype), ctx, fold, map, finish, req, length, offset)]
    compute = compute_type(dtype)
    wide = {"float": "float32", "double": "float64", "int": "int32", "long": "int64"}[compute]
    partial = Temp(temp, splits * outputs * (8 if compute in ("double", "long") else 4))
    first = _call(src, partial, geometry, length, splits, dtype, compute, ctx, fold, map, "", "write", length, offset)
    second = collapse((splits, outputs), (0,))
    return [first, _call(partial, dst, second, splits, 1, wide, ctype(out_dtype), ctx, fold, "", finish, req, length, 0)]


def _splits(geometry: Collapsed, ctx: LowerContext) -> int:
    """Into how many parts each reduction is cut so that the device is busy."""
    if ctx.traits.is_cpu:
        width = 1 if geometry.inner_reduced or not geometry.kept else geometry.kept[-1][0]
        items, wanted = geometry.outputs // width * -(-width // _TILE), 4 * ctx.traits.compute_units
        least = max(16, _SPLIT // min(width, _TILE))
    else:
        items, wanted, least = geometry.outputs, 64 * 16 * ctx.traits.compute_units, 1024
    if items >= wanted:
        return 1
    return max(1, min(wanted // max(items, 1), geometry.length // least))


def _call(
    src: In | Out | Temp, dst: In | Out | Temp, geometry: Collapsed, length: int, splits: int, dtype: str, out_type: str, ctx: LowerContext,
    fold: str, map: str, finish: str, req: str, count: int, offset: int,
) -> KernelCall:  # fmt: skip
    inner = geometry.inner_reduced or not geometry.kept
    part = -(-length // splits)
    lanes = 1
    if ctx.traits.is_cpu:
        width = 1 if inner else geometry.kept[-1][0]
        items = (geometry.outputs // width * -(-width // _TILE)) * splits
        size: tuple[int, ...] = (max(1, min(items, 8 * ctx.traits.compute_units, -(-geometry.outputs * length // 4096))),)
        local: tuple[int, ...] = (1,)
    else:
        group = min(256, ctx.traits.max_work_group_size)
        group = 1 << (group.bit_length() - 1)
        most = group if inner else max(1, group // 16)
        while lanes < most and lanes * 4 <= part:
            lanes *= 2
        groups = max(1, min(-(-geometry.outputs * splits * lanes // group), 64 * ctx.traits.compute_units))
        size, local = (groups * group,), (group,)
    kept, reduced = geometry.scalars()
    first = {"sum": "0", "prod": "1", "max": lowest(dtype), "min": lowest(dtype, highest=True)}[fold]
    defines = defines_for(
        dtype, req, FOLD=_FOLDS[fold], MAP=_MAPS[map], FINISH=_FINISH[finish], FIRST=first, TY=out_type
    )  # fmt: skip
    args = (
        src,
        dst,
        Scalar("long", geometry.outputs),
        Scalar("long", splits),
        kept,
        reduced,
        Scalar("long", length),
        Scalar("long", count),
        Scalar("long", offset),
        Scalar("int", lanes),
    )
    return KernelCall("reduce/reduce.cl", "reduce_inner" if inner else "reduce_outer", args, defines, size, local)
