"""The launches of a reduction, for every operator that sums, multiplies or takes an extremum over axes. No operator of its own."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, ctype, defines_for
from ...graph.contract.traits import DeviceTraits
from ..shared.launch_sizes import group_size
from ..shared.rows import Collapsed, collapse, lowest

__all__ = ["reduce_calls"]

_FOLDS = {"sum": 0, "prod": 1, "max": 2, "min": 3}
_MAPS = {"": 0, "abs": 1, "square": 2, "nan0": 3, "nan1": 4}
_FINISH = {"": 0, "mean": 1, "sqrt": 2}
_TILE = 2048  # of kernels/reduce/reduce_cpu.cl
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
    form = _OnCpu(ctx.traits) if ctx.traits.is_cpu else _OnGpu(ctx.traits)
    length = geometry.length if geometry.outputs and all(shape) else 0
    splits = form.splits(geometry) if length else 1
    outputs = geometry.outputs
    out_dtype = out_dtype or dtype
    if splits == 1:
        return [_call(src, dst, geometry, length, 1, dtype, ctype(out_dtype), form, fold, map, finish, req, length, offset)]
    compute = compute_type(dtype)
    wide = {"float": "float32", "double": "float64", "int": "int32", "long": "int64"}[compute]
    partial = Temp(temp, splits * outputs * (8 if compute in ("double", "long") else 4))
    first = _call(src, partial, geometry, length, splits, dtype, compute, form, fold, map, "", "write", length, offset)
    second = collapse((splits, outputs), (0,))
    return [first, _call(partial, dst, second, splits, 1, wide, ctype(out_dtype), form, fold, "", finish, req, length, 0)]


class _OnCpu:
    """A work-item takes results, or tiles of neighbouring ones."""

    source = "reduce/reduce_cpu.cl"

    def __init__(self, traits: DeviceTraits) -> None:
        self._units = traits.compute_units

    @staticmethod
    def _width(geometry: Collapsed) -> int:
        return 1 if geometry.contiguous else geometry.kept[-1][0]

    def splits(self, geometry: Collapsed) -> int:
        """Into how many parts each reduction is cut so that the device is busy."""
        width = self._width(geometry)
        return _splits(geometry, geometry.outputs // width * -(-width // _TILE), 4 * self._units, max(16, _SPLIT // min(width, _TILE)))

    def sizes(self, geometry: Collapsed, length: int, splits: int) -> tuple[tuple[int, ...], tuple[int, ...], int]:
        """Global and local size, and how many work-items share a result."""
        width = self._width(geometry)
        items = (geometry.outputs // width * -(-width // _TILE)) * splits
        return (max(1, min(items, 8 * self._units, -(-geometry.outputs * length // 4096))),), (1,), 1


class _OnGpu:
    """Several work-items of a group share a result."""

    source = "reduce/reduce_gpu.cl"

    def __init__(self, traits: DeviceTraits) -> None:
        self._units, self._group = traits.compute_units, group_size(256, traits)

    def splits(self, geometry: Collapsed) -> int:
        """Into how many parts each reduction is cut so that the device is busy."""
        return _splits(geometry, geometry.outputs, 64 * 16 * self._units, 1024)

    def sizes(self, geometry: Collapsed, length: int, splits: int) -> tuple[tuple[int, ...], tuple[int, ...], int]:
        """Global and local size, and how many work-items share a result."""
        group = self._group
        lanes, most = 1, group if geometry.contiguous else max(1, group // 16)
        while lanes < most and lanes * 4 <= -(-length // splits):
            lanes *= 2
        groups = max(1, min(-(-geometry.outputs * splits * lanes // group), 64 * self._units))
        return (groups * group,), (group,), lanes


def _splits(geometry: Collapsed, items: int, wanted: int, least: int) -> int:
    """The parts that make `wanted` work-items of `items`, each of `least` elements at least."""
    return 1 if items >= wanted else max(1, min(wanted // max(items, 1), geometry.length // least))


def _call(
    src: In | Out | Temp, dst: In | Out | Temp, geometry: Collapsed, length: int, splits: int, dtype: str, out_type: str,
    form: _OnCpu | _OnGpu, fold: str, map: str, finish: str, req: str, count: int, offset: int,
) -> KernelCall:  # fmt: skip
    size, local, lanes = form.sizes(geometry, length, splits)
    kept, reduced = geometry.scalars()
    first = {"sum": "0", "prod": "1", "max": lowest(dtype), "min": lowest(dtype, highest=True)}[fold]
    defines = defines_for(dtype, req, FOLD=_FOLDS[fold], MAP=_MAPS[map], FINISH=_FINISH[finish], FIRST=first, TY=out_type)
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
    return KernelCall(form.source, "reduce_inner" if geometry.contiguous else "reduce_outer", args, defines, size, local)
