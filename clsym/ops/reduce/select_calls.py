"""The launches that find the first few elements of sorted rows. No operator of its own."""

from __future__ import annotations

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Scalar, Temp, compute_type, defines_for
from ..shared.rows import Rows, column_grid
from .sort_calls import pair_temps, row_scalars, sort_calls

__all__ = ["first_calls"]

_MOST = 4096  # beyond it, and beyond an eighth of a row, sorting is no slower
_GROUPS = 32
_LONG = 16384  # elements of a row that are worth a work-item of their own


def first_calls(
    src: In | Temp, rows: Rows, k: int, dtype: str, descending: bool, ctx: LowerContext, temp: int = 0
) -> tuple[list[KernelCall], Temp, Temp, int]:
    """Launches that find the first `k` elements of the sorted rows, the workspaces of keys and places, and the length of a row in those.

    That is `k` where the rows are not sorted for it, else their own. As many workspaces are used as by `sort_calls`.
    """
    if not (ctx.traits.is_cpu and k <= _MOST and 8 * k <= rows.n):
        return *sort_calls(src, rows, dtype, descending, ctx, temp), rows.n
    stretches, share = 1, 4 if k < 256 else 1  # every stretch finds k
    while rows.count * stretches < share * ctx.traits.compute_units and rows.n >= _LONG * stretches and rows.n >= 32 * k * stretches:
        stretches *= 2
    source, runs = "reduce/select_cpu.cl", rows.count * stretches
    keys, places = pair_temps(runs * k, dtype, temp)
    defines = defines_for(dtype, "write", DESCENDING=int(descending))
    groups = max(_GROUPS, -(-4 * k // _GROUPS) * _GROUPS)
    groups = groups if rows.inner == 1 and rows.n >= 4 * groups * stretches else 0
    peaks = Temp(temp + 4, runs * groups * (8 if compute_type(dtype) in ("double", "long") else 4)) if groups else keys[1]
    args = (src, keys[0], places[0], peaks, *row_scalars(rows, k), Scalar("int", stretches), Scalar("long", groups))
    calls = [KernelCall(source, "select_best", args, defines, *column_grid(runs, rows.count * rows.n, ctx.traits))]
    turn = 0
    while runs > rows.count:
        runs //= 2
        merge = (keys[turn], places[turn], keys[1 - turn], places[1 - turn], Scalar("long", runs), Scalar("long", k))
        calls.append(KernelCall(source, "select_merge", merge, defines, *column_grid(runs, 4 * runs * k, ctx.traits)))
        turn = 1 - turn
    return calls, keys[turn], places[turn], k
