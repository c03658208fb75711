"""The launches that sort rows, for sorting, selection and the gradients of gathers. No operator of its own."""

from __future__ import annotations

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Scalar, Temp, compute_type, defines_for
from ..shared.launch_sizes import device_file, share_grid
from ..shared.rows import Rows

__all__ = ["row_scalars", "sort_calls"]

_BLOCK = 32


def row_scalars(rows: Rows, k: int) -> tuple[Scalar, ...]:
    """The arguments ``rows, n, inner, k`` of the kernels that read sorted rows."""
    return Scalar("long", rows.count), Scalar("long", rows.n), Scalar("long", rows.inner), Scalar("long", k)


def sort_calls(
    src: In | Temp, rows: Rows, dtype: str, descending: bool, ctx: LowerContext, temp: int = 0
) -> tuple[list[KernelCall], Temp, Temp]:
    """Launches that sort the rows of `src`, and the workspaces that then hold keys (of the compute type) and places (int), row after row.

    Four workspaces are used, from index `temp` on.
    """
    size = rows.count * rows.n
    nbytes = size * (8 if compute_type(dtype) in ("double", "long") else 4)
    keys = (Temp(temp, nbytes), Temp(temp + 1, nbytes))
    places = (Temp(temp + 2, 4 * size), Temp(temp + 3, 4 * size))
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
