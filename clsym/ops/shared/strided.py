"""Strided copies: what transposes, slices, concatenations, tiles, flips and paddings become. No operator of its own.

A tensor is walked by a `Walk`: an offset and a step a dimension, in elements. `copy` moves one walk of extents onto another, `fill`
writes a value along one, `flat_copy` is the plain copy that a view becomes where the planner cannot alias it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...graph.contract.kernel_call import Arg, KernelCall, LowerContext, Scalar, compute_type, defines_for, grid
from ...graph.contract.kernel_call import In as InArg
from ...graph.contract.kernel_call import Out as OutArg
from ...graph.contract.kernel_call import Temp as TempArg
from ...graph.contract.traits import DeviceTraits
from .launch_sizes import device_file

__all__ = ["Walk", "copy", "fill", "flat_copy", "row_major", "value_scalar"]

Buffer = InArg | OutArg | TempArg
_FIRST_IN, _FIRST_OUT = InArg(0), OutArg(0)

_STEM = "shape/strided_copy"
_MAX_DIMS = 8
# a copy that overwrites moves bits: one program an element size, not one a type (float16 has none of ours: short)
_BITS = {"float32": "int32", "float64": "int64", "bool": "uint8", "int8": "uint8"}


@dataclass(frozen=True)
class Walk:
    """Where an index tuple lies in a buffer: ``offset + sum(index * step)``, in elements."""

    offset: int
    steps: tuple[int, ...]


def row_major(shape: Sequence[int], offset: int = 0) -> Walk:
    """The walk of a whole tensor.

    >>> row_major((2, 3, 4))
    Walk(offset=0, steps=(12, 4, 1))
    """
    steps = [1] * len(shape)
    for d in range(len(shape) - 2, -1, -1):
        steps[d] = steps[d + 1] * shape[d + 1]
    return Walk(offset, tuple(steps))


def copy(
    src: Buffer, dst: Buffer, extents: Sequence[int], src_walk: Walk, dst_walk: Walk, dtype: str, ctx: LowerContext, req: str = "write"
) -> list[KernelCall]:
    """Launches that move ``src[src_walk(i)]`` to ``dst[dst_walk(i)]`` for every index tuple below `extents`; any order, no overlap."""
    if math.prod(extents) == 0:
        return []
    dims = _collapse(extents, src_walk.steps, dst_walk.steps)
    calls = []
    for (x0, y0), inner in _at_most(dims):
        offsets = (Scalar("long", src_walk.offset + x0), Scalar("long", dst_walk.offset + y0))
        calls.append(_transpose(src, dst, inner, offsets, dtype, ctx, req) or _copy(src, dst, inner, offsets, dtype, ctx, req))
    return calls


def fill(
    dst: Buffer, extents: Sequence[int], walk: Walk, value: float, dtype: str, ctx: LowerContext, req: str = "write"
) -> list[KernelCall]:
    """Launches that write (or add) `value` along a walk."""
    if math.prod(extents) == 0:
        return []
    calls = []
    for (_, y0), inner in _at_most(_collapse(extents, (0,) * len(extents), walk.steps)):
        n = math.prod(d[0] for d in inner)
        global_size, local_size = grid(n, ctx.traits)
        args = (dst, Scalar("long", n), Scalar("int", len(inner)), _column(inner, 0), _column(inner, 2), Scalar("long", walk.offset + y0))
        scalar = value_scalar(value, dtype) if req == "add" else _bits_scalar(value, dtype)
        defines = _defines(dtype, req, WIDE=int(n >= 1 << 31))
        calls.append(KernelCall(device_file(_STEM, ctx.traits), "strided_fill", (*args, scalar), defines, global_size, local_size))
    return calls


def flat_copy(n: int, dtype: str, ctx: LowerContext, req: str, src: Buffer = _FIRST_IN, dst: Buffer = _FIRST_OUT) -> list[KernelCall]:
    """The launch that copies `n` elements as they lie; it costs nothing but the launch where source and destination are one buffer."""
    global_size, local_size = grid(n, ctx.traits)
    return [KernelCall("shape/plain_copy.cl", "plain_copy", (src, dst, Scalar("long", n)), _defines(dtype, req), global_size, local_size)]


def value_scalar(value: float, dtype: str) -> Scalar:
    """A kernel argument of the compute type of `dtype`, converted as a cast in C would."""
    kind = compute_type(dtype)
    if kind in ("float", "double"):
        return Scalar(kind, float(value))
    if dtype == "bool":
        return Scalar(kind, int(value != 0))
    bits = 63 if kind == "long" else 31
    if value != value or not -(2**bits) <= value < 2**bits:
        return Scalar(kind, -(2**bits))
    return Scalar(kind, int(value))


# --------------------------------------------------------------------------------------------------------------------- lowering

Dim = tuple[int, int, int]
"""Extent, step in the source, step in the destination."""


def _collapse(extents: Sequence[int], src: Sequence[int], dst: Sequence[int]) -> list[Dim]:
    """Dimensions, outermost first by the destination's step, those that lie behind one another in both merged."""
    dims: list[Dim] = [(e, a, b) for e, a, b in zip(extents, src, dst, strict=True) if e != 1]
    dims.sort(key=lambda d: -abs(d[2]))  # stable: equal steps keep their order
    merged: list[Dim] = []
    for e, a, b in dims:
        if merged:
            pe, pa, pb = merged[-1]
            if pa == a * e and pb == b * e:
                merged[-1] = (pe * e, a, b)
                continue
        merged.append((e, a, b))
    return merged or [(1, 0, 0)]


def _at_most(dims: list[Dim]) -> list[tuple[tuple[int, int], list[Dim]]]:
    """Groups of at most `_MAX_DIMS` dimensions with the offsets of each; one group but for freakish tiles of many dimensions."""
    if len(dims) <= _MAX_DIMS:
        return [((0, 0), dims)]
    # the shortest dimensions become separate launches
    order = sorted(range(len(dims)), key=lambda d: dims[d][0])[: len(dims) - _MAX_DIMS]
    outer = [dims[d] for d in order]
    inner = [d for i, d in enumerate(dims) if i not in order]
    groups = []
    for index in itertools.product(*(range(d[0]) for d in outer)):
        x0 = sum(i * d[1] for i, d in zip(index, outer, strict=True))
        y0 = sum(i * d[2] for i, d in zip(index, outer, strict=True))
        groups.append(((x0, y0), inner))
    return groups


def _column(dims: Sequence[Dim], k: int) -> Scalar:
    return Scalar("long8", tuple(d[k] for d in reversed(dims)))


def _defines(dtype: str, req: str, **more: str | int) -> tuple[tuple[str, str | int], ...]:
    if req == "add":
        return defines_for(dtype, req, **more)
    if dtype == "float16":
        return (("T", "short"), ("CT", "int"), ("IS_FLOAT", 0), ("REQ", 1), ("BITS", 1), *more.items())
    return defines_for(_BITS.get(dtype, dtype), req, BITS=1, **more)


def _bits_scalar(value: float, dtype: str) -> Scalar:
    """The argument with which a fill that overwrites stores `value`: its bits as an integer of the same size."""
    kind = "long" if dtype in ("float64", "int64") else "int"
    if not dtype.startswith("float"):
        return Scalar(kind, value_scalar(value, dtype).value)
    with np.errstate(over="ignore"):
        number = np.array([value]).astype(dtype)
    return Scalar(kind, int(number.view(f"int{8 * number.itemsize}")[0]))


def _copy(src: Buffer, dst: Buffer, dims: list[Dim], offsets: tuple[Scalar, Scalar], dtype: str, ctx: LowerContext, req: str) -> KernelCall:
    n = math.prod(d[0] for d in dims)
    args = (src, dst, Scalar("long", n), Scalar("int", len(dims)), _column(dims, 0), _column(dims, 1), _column(dims, 2), *offsets)
    defines = _defines(dtype, req, WIDE=int(n >= 1 << 31))
    return KernelCall(device_file(_STEM, ctx.traits), "strided_copy", args, defines, *grid(n, ctx.traits))


def _transpose(
    src: Buffer, dst: Buffer, dims: list[Dim], offsets: tuple[Scalar, Scalar], dtype: str, ctx: LowerContext, req: str
) -> KernelCall | None:
    """The tiled kernel, where the source runs along another dimension than the destination and both are long enough."""
    along_dst = next((i for i, d in enumerate(dims) if d[2] == 1), None)
    along_src = next((i for i, d in enumerate(dims) if d[1] == 1), None)
    if along_dst is None or along_src is None or along_dst == along_src or min(dims[along_dst][0], dims[along_src][0]) < 8:
        return None
    (nc, xc, _), (nr, _, yr) = dims[along_dst], dims[along_src]
    batch = [d for i, d in enumerate(dims) if i not in (along_dst, along_src)]
    n = math.prod(d[0] for d in batch)
    shape = (Scalar("long", nr), Scalar("long", nc), Scalar("long", xc), Scalar("long", yr))
    walk = (Scalar("long", n), Scalar("int", len(batch)), _column(batch, 0), _column(batch, 1), _column(batch, 2))
    args = (src, dst, *shape, *walk, *offsets)
    defines = _defines(dtype, req, WIDE=int(n >= 1 << 31))
    if ctx.traits.is_cpu:
        return _transpose_on_cpu(args, defines, (n, nr, nc), 8 if dtype in ("float64", "int64") else 16, ctx.traits)
    return _transpose_on_gpu(args, defines, (n, nr, nc), ctx.traits)


_Defines = tuple[tuple[str, str | int], ...]
_Matrices = tuple[int, int, int]
"""How many matrices are transposed, rows and columns of each result."""


def _transpose_on_cpu(
    args: tuple[Arg, ...], defines: _Defines, extents: tuple[int, int, int], side: int, traits: DeviceTraits
) -> KernelCall:
    n, nr, nc = extents
    side = side if min(nr, nc) >= side else 8
    high = 256  # rows of a band: long runs of the source, but enough bands for the cores
    while high > side and n * -(-nr // high) < 8 * traits.compute_units:
        high //= 2
    items = max(1, min(n * -(-nr // high), n * nr * nc // 4096, 8 * traits.compute_units))
    more = (*defines, ("SIDE", side))
    return KernelCall("shape/transpose_cpu.cl", "strided_transpose", (*args, Scalar("int", high)), more, (items,), (1,))


def _transpose_on_gpu(args: tuple[Arg, ...], defines: _Defines, extents: _Matrices, traits: DeviceTraits) -> KernelCall:
    n, nr, nc = extents
    tile = 32 if traits.max_work_group_size >= 256 else 16
    rows = min(tile, max(1, traits.max_work_group_size // tile), 8)
    groups = min(n * -(-nr // tile) * -(-nc // tile), 64 * traits.compute_units)
    more = (*defines, ("TILE", tile), ("TILE_ROWS", rows))
    return KernelCall("shape/transpose_gpu.cl", "strided_transpose", args, more, (groups * tile, rows), (tile, rows))
