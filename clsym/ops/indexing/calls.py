"""The launches of gathers and scatters by computed indices. No operator of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...graph.contract.kernel_call import (
    Arg,
    In,
    KernelCall,
    LowerContext,
    Out,
    Refusal,
    Scalar,
    Temp,
    compute_type,
    ctype,
    defines_for,
    grid,
)
from ...graph.contract.spec import Shape, ShapeError
from ..reduce.sort_calls import sort_calls
from ..shared.launch_sizes import stretch_grid
from ..shared.rows import Rows

__all__ = ["index_defines", "nd_keys", "ordered_calls", "plain_keys", "scatter_add_calls", "scatter_last_calls", "take_call"]

_SOURCE = "indexing/indexing.cl"
_TILE = 64  # of kernels/indexing/indexing.cl
_MAX_INDEXED = 8
_OUT_OF_BOUND = Refusal("MXNetError", "take operator contains indices out of bound: {value} is not in 0..{extent}-1")
_OUT_OF_RANGE = Refusal("IndexError", "index {value} is out of bounds for axis {axis} with size {extent}")
_STRETCHES = 4  # a core of the CPU
_STRETCH = 4096  # keys that are worth a work-item
_DENSE = 2  # counters a key, beyond which sorting the keys costs less than clearing and adding the counters


def index_defines(dtype: str, index_type: str, req: str, mode: str = "clip", **more: int) -> tuple[tuple[str, str | int], ...]:
    """The defines of a kernel that reads indices; ``'raise'`` cuts like ``'clip'``, beside being noted where the kernel can."""
    return defines_for(dtype, req, TI=ctype(index_type), CI=compute_type(index_type), MODE=int(mode == "wrap"), **more)


def _long(*values: int) -> tuple[Scalar, ...]:
    return tuple(Scalar("long", v) for v in values)


def take_call(
    data: Arg, index: Arg, out: Arg, rows: Rows, count: int, types: tuple[str, str], mode: str, req: str, ctx: LowerContext
) -> KernelCall:
    """The launch that gathers `count` of the n slices of `data`; `types`: of the data and of the indices."""
    size, local = stretch_grid(rows.outer * count, rows.inner, ctx.traits)
    checked = mode == "raise"
    args = (data, index, out, *_long(rows.outer, rows.n, rows.inner, count), *[_OUT_OF_BOUND] * checked)
    return KernelCall(_SOURCE, "take", args, index_defines(types[0], types[1], req, mode, CHECKED=int(checked)), size, local)


def plain_keys(index: Arg, keys: Temp, count: int, n: int, index_type: str, mode: str, ctx: LowerContext) -> KernelCall:
    """The launch that turns indices into keys 0..n-1."""
    defines = index_defines("float32", index_type, "write", mode)
    return KernelCall(_SOURCE, "plain_keys", (index, keys, *_long(count, n)), defines, *grid(count, ctx.traits))


def nd_keys(
    index: Arg, keys: Temp, count: int, extents: Sequence[int], index_type: str, ctx: LowerContext, checked: bool = False
) -> KernelCall:
    """The launch that turns tuples of indices, (len(extents), count), into keys below the product of the extents.

    With `checked`, an index beyond its extent is an IndexError.
    """
    strides = [math.prod(extents[m + 1 :]) for m in range(len(extents))]
    pad = (0,) * (_MAX_INDEXED - len(extents))
    args = (
        index,
        keys,
        Scalar("long", count),
        Scalar("int", len(extents)),
        Scalar("long8", (*extents, *pad)),
        Scalar("long8", (*strides, *pad)),
        *[_OUT_OF_RANGE] * checked,
    )
    return KernelCall(
        _SOURCE, "nd_keys", args, index_defines("float32", index_type, "write", CHECKED=int(checked)), *grid(count, ctx.traits)
    )


def check_indexed(indices: Shape, data: Shape) -> int:
    """How many dimensions an index tensor addresses.

    Raises
    ------
    ShapeError
        It has fewer than two dimensions, or addresses more than there are.
    """
    if len(indices) < 2:
        raise ShapeError(f"the index tensor needs at least 2 dimensions (M, ...), got {indices}")
    m = indices[0]
    if m > len(data):
        raise ShapeError(f"the index tensor {indices} addresses {m} dimensions, but the data have {len(data)}: {data}")
    if m > _MAX_INDEXED:
        raise ShapeError(f"at most {_MAX_INDEXED} dimensions can be indexed, got {m}")
    return m


def ordered_calls(keys: Temp, count: int, n: int, ctx: LowerContext, temp: int) -> tuple[list[KernelCall], Temp, Temp]:
    """Launches that put `count` items in the order of their keys 0..n-1, equal ones as they came; that order, and where each key starts.

    The workspaces (int) hold `count` and ``n + 1`` numbers; they, and others, are those from index `temp` on.
    """
    start = Temp(temp, 4 * (n + 1))
    defines = index_defines("float32", "int32", "write")
    stretches = min(_STRETCHES * ctx.traits.compute_units, -(-count // _STRETCH), _DENSE * count // max(n, 1))
    if ctx.traits.is_cpu and stretches > 0:
        return *_counting_calls(keys, start, n, count, stretches, defines, ctx, temp + 1), start
    calls, ordered, order = sort_calls(keys, Rows(1, count, 1), "int32", False, ctx, temp + 1)
    calls.append(KernelCall(_SOURCE, "bucket_starts", (ordered, start, *_long(count, n)), defines, *grid(n + 1, ctx.traits)))
    return calls, order, start


def scatter_add_calls(
    g: Arg, keys: Temp, out: Out, rows: Rows, count: int, dtype: str, req: str, ctx: LowerContext, temp: int
) -> list[KernelCall]:
    """Launches that add the `count` slices of `g`, (outer, count, inner), into the n slices of `out` that `keys` name.

    The slices of each key are added in order, so two runs give the same bits. Workspaces from index `temp` on.
    """
    calls, order, start = ordered_calls(keys, count, rows.n, ctx, temp)
    defines = index_defines(dtype, "int32", req)
    size, local = stretch_grid(rows.outer * rows.n, rows.inner, ctx.traits, _TILE)
    args = (g, order, start, out, *_long(rows.outer, rows.n, rows.inner, count))
    return [*calls, KernelCall(_SOURCE, "scatter_add", args, defines, size, local)]


def _counting_calls(
    keys: Temp, start: Temp, n: int, count: int, stretches: int, defines: tuple[tuple[str, str | int], ...], ctx: LowerContext, temp: int
) -> tuple[list[KernelCall], Temp]:
    """A counting sort of keys below n, stable, on CPUs: the launches, and the workspace with the order."""
    ranges = max(1, min(_STRETCHES * ctx.traits.compute_units, n * stretches // _STRETCH))
    order, counts, total = Temp(temp, 4 * count), Temp(temp + 1, 4 * n * stretches), Temp(temp + 2, 4 * ranges)

    def call(entry: str, items: int, *args: Temp | Scalar) -> KernelCall:
        return KernelCall(_SOURCE, entry, args, defines, (items,), (1,))

    return [
        call("bucket_count", stretches, keys, counts, *_long(count, n, stretches)),
        call("bucket_totals", ranges, counts, total, *_long(n, stretches, ranges)),
        call("bucket_offsets", ranges, counts, total, start, *_long(n, stretches, ranges)),
        call("bucket_place", stretches, keys, counts, order, *_long(count, n, stretches)),
    ], order


def scatter_last_calls(
    base: In | None, data: In, keys: Temp, n: int, inner: int, count: int, dtype: str, ctx: LowerContext, temp: int
) -> list[KernelCall]:
    """Launches that put `count` slices of `data` where `keys` say, the last of equal keys winning; elsewhere `base`, or 0."""
    slot = Temp(temp, 4 * n)
    defines = index_defines(dtype, "int32", ctx.reqs[0], HAS_BASE=int(base is not None))
    size, local = stretch_grid(n, inner, ctx.traits)
    return [
        KernelCall(_SOURCE, "scatter_clear", (slot, *_long(n)), defines, *grid(n, ctx.traits)),
        KernelCall(_SOURCE, "scatter_last", (keys, slot, *_long(count)), defines, *grid(count, ctx.traits)),
        KernelCall(_SOURCE, "scatter_put", (base or data, data, slot, Out(0), *_long(n, inner)), defines, size, local),
    ]
