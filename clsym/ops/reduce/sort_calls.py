"""The launches that sort rows, for sorting, selection and the gradients of gathers. No operator of its own."""

from __future__ import annotations

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Scalar, Temp, compute_type, defines_for
from ..shared.launch_sizes import device_file, share_grid
from ..shared.rows import Rows, column_grid

__all__ = ["SORT_TEMPS", "pair_temps", "row_scalars", "sort_calls"]

_BLOCK = 32
_DIGITS = 256
_RADIX_FROM = 256  # elements of a row
_STRETCHES = 16
_BIAS = {"int8": "128", "int32": "0x80000000u", "int64": "0x8000000000000000ul"}

SORT_TEMPS = 5
"""How many workspaces `sort_calls` uses."""


def row_scalars(rows: Rows, k: int) -> tuple[Scalar, ...]:
    """The arguments ``rows, n, inner, k`` of the kernels that read sorted rows."""
    return Scalar("long", rows.count), Scalar("long", rows.n), Scalar("long", rows.inner), Scalar("long", k)


def pair_temps(size: int, dtype: str, temp: int) -> tuple[tuple[Temp, Temp], tuple[Temp, Temp]]:
    """Workspaces for `size` keys and places, twice."""
    nbytes = size * (8 if compute_type(dtype) in ("double", "long") else 4)
    return (Temp(temp, nbytes), Temp(temp + 1, nbytes)), (Temp(temp + 2, 4 * size), Temp(temp + 3, 4 * size))


def sort_calls(
    src: In | Temp, rows: Rows, dtype: str, descending: bool, ctx: LowerContext, temp: int = 0
) -> tuple[list[KernelCall], Temp, Temp]:
    """Launches that sort the rows of `src`, and the workspaces that then hold keys (of the compute type) and places (int), row after row.

    `SORT_TEMPS` workspaces are used, from index `temp` on.
    """
    if ctx.traits.is_cpu and rows.n >= _RADIX_FROM:
        return _radix_calls(src, rows, dtype, descending, ctx, temp)
    size = rows.count * rows.n
    keys, places = pair_temps(size, dtype, temp)
    defines = defines_for(dtype, "write", DESCENDING=int(descending), BLOCK=_BLOCK)
    extents = (Scalar("long", rows.count), Scalar("long", rows.n))
    blocks = rows.count * -(-rows.n // _BLOCK)
    shape = share_grid(blocks, 16 * size, ctx.traits, elsewhere=blocks, local=64)
    calls = [KernelCall("reduce/sort.cl", "sort_blocks", (src, keys[0], places[0], *extents, Scalar("long", rows.inner)), defines, *shape)]
    merge, width, turn = device_file("reduce/sort_merge", ctx.traits), _BLOCK, 0
    while width < rows.n:
        pairs = rows.count * -(-rows.n // (2 * width))
        shape = share_grid(pairs, 4 * size, ctx.traits, elsewhere=size)
        args = (keys[turn], places[turn], keys[1 - turn], places[1 - turn], *extents, Scalar("long", width))
        calls.append(KernelCall(merge, "sort_merge", args, defines, *shape))
        width, turn = 2 * width, 1 - turn
    return calls, keys[turn], places[turn]


def _radix_calls(
    src: In | Temp, rows: Rows, dtype: str, descending: bool, ctx: LowerContext, temp: int
) -> tuple[list[KernelCall], Temp, Temp]:
    """The same by radix sort, on CPUs: for rows of some length."""
    size, source = rows.count * rows.n, "reduce/sort_radix_cpu.cl"
    keys, places = pair_temps(size, dtype, temp)
    passes = 1 if dtype in ("int8", "uint8", "bool") else 8 if compute_type(dtype) in ("double", "long") else 4
    defines = defines_for(dtype, "write", DESCENDING=int(descending), PASSES=passes, BIAS=_BIAS.get(dtype, 0))
    extents, last = row_scalars(rows, 0)[:3], (passes - 1) % 2
    if rows.count >= 2 * ctx.traits.compute_units:
        args: tuple[Arg, ...] = (src, keys[0], places[0], keys[1], places[1], *extents)
        call = KernelCall(source, "radix_rows", args, defines, *column_grid(rows.count, 4 * size, ctx.traits))
        return [call], keys[last], places[last]
    stretches = _STRETCHES * ctx.traits.compute_units // 2 if rows.n > 65536 else ctx.traits.compute_units
    counts, cut = Temp(temp + 4, 4 * rows.count * _DIGITS * stretches), Scalar("int", stretches)
    launch = (rows.count * stretches,), (1,)
    calls = []
    for p in range(passes):
        turn = p % 2
        here = *extents, cut, Scalar("int", p)
        old = keys[1 - turn], places[1 - turn]
        calls.append(KernelCall(source, "radix_count", (src, old[0], counts, *here), defines, *launch))
        calls.append(KernelCall(source, "radix_scan", (counts, extents[0], cut), defines, (rows.count,), (1,)))
        args = (src, *old, counts, keys[turn], places[turn], *here)
        calls.append(KernelCall(source, "radix_scatter", args, defines, *launch))
    return calls, keys[last], places[last]
