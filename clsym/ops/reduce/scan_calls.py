"""Running sums as kernel calls: shared by cumsum and by what numbers the elements that it keeps. No operator of its own."""

from __future__ import annotations

import math

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, ctype, defines_for
from ..shared.launch_sizes import stretch_grid
from ..shared.rows import Rows

__all__ = ["scan_calls"]

_SOURCE = "reduce/scan.cl"
_WIDTH = 64  # of kernels/reduce/scan.cl


def scan_calls(
    source: In | Temp, out: Out | Temp, rows: Rows, types: tuple[str, str], req: str, ctx: LowerContext, temp: int,
    *, backward: bool = False, count: bool = False,
) -> list[KernelCall]:  # fmt: skip
    """Launches that sum along the middle axis of (outer, n, inner).

    Parameters
    ----------
    types : (str, str)
        Element types of source and result; sums are computed as the result is.
    temp : int
        Index of the workspace.
    backward : bool
        From the end to each element.
    count : bool
        Count the elements that are not zero.
    """
    chunk = max(1024 if ctx.traits.is_cpu else 64, math.isqrt(rows.n))
    chunks = -(-rows.n // chunk)
    partial = Temp(temp, rows.outer * chunks * rows.inner * (8 if compute_type(types[1]) in ("double", "long") else 4))
    defines = defines_for(types[1], req, S=ctype(types[0]), BACKWARD=int(backward), COUNT=int(count), CHUNKED=int(chunks > 1))
    longs = tuple(Scalar("long", v) for v in (rows.outer, rows.n, rows.inner, chunk))
    size, local = stretch_grid(rows.outer * chunks, rows.inner, ctx.traits, _WIDTH)
    last = KernelCall(_SOURCE, "scan_within", (source, partial if chunks > 1 else source, out, *longs), defines, size, local)
    if chunks == 1:
        return [last]
    between, alone = stretch_grid(rows.outer, rows.inner, ctx.traits, _WIDTH)
    return [
        KernelCall(_SOURCE, "scan_chunks", (source, partial, *longs), defines, size, local),
        KernelCall(
            _SOURCE, "scan_partial", (partial, longs[0], Scalar("long", chunks), longs[2]), defines, between, alone
        ),
        last,
    ]  # fmt: skip
