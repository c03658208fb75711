"""Matrix products on CPUs, of element types that are computed in as another one: see ``kernels/matrix/gemm_cpu.cl``."""

from __future__ import annotations

from ...graph.contract.kernel_call import In, KernelCall, Out, Scalar, Temp, defines_for
from ...graph.contract.traits import DeviceTraits
from .gemm_cpu import Matrix
from .register_tile import blocking, split_work, tile_for

__all__ = ["converted_product"]

Arg = In | Out | Temp

_SOURCE = "matrix/gemm_cpu.cl"
MAX_AXPY_ROWS, MAX_DOT_ROWS = 8, 4
"""Products with at most so many rows (or columns) read the large operand in place: packing it would cost more than the product.

As dot products (packing such an operand transposes it), or as sums of its rows.
"""


def converted_product(
    m: int, n: int, k: int, a: Matrix, b: Matrix, c: Matrix, bias: Arg, bias_code: int, factor: Scalar, dtype: str, req: str,
    traits: DeviceTraits, entries: int, temp: int,
) -> KernelCall:  # fmt: skip
    """The call for ``C = factor * A B + bias``; `bias_code` is 0 for none, 1 for n values, 2 for m."""
    thin = _thin(m, n, k, a, b, c, bias, bias_code, dtype, req, traits, entries, factor)
    if thin is not None:
        return thin
    tile = tile_for(dtype, traits)
    down, across, _ = split_work(-(-m // tile.mr), -(-n // tile.nr), k, entries, traits, tile)
    mrows, ncols = tile.rows_in(m, down), tile.columns_in(n, across)
    items = entries * -(-m // mrows) * -(-n // ncols)
    block = blocking(tile, m, k, mrows, items, False, traits, temp, cols=n)
    longs = (a.rows, a.cols, b.rows, b.cols, c.rows, a.batch, b.batch, c.batch)
    args = (
        a.arg, b.arg, c.arg, bias, block.work, *(Scalar("int", v) for v in (m, n, k)), *(Scalar("long", v) for v in longs),
        Scalar("int", a.period or entries), *(Scalar("long", v) for v in (a.offset, b.offset, c.offset)), factor,
        Scalar("long", c.cols), *(Scalar("int", v) for v in (mrows, ncols, block.mc, block.kc)), Scalar("long", items),
    )  # fmt: skip
    defines = defines_for(dtype, req, **tile.defines(), BIAS=bias_code)
    return KernelCall(_SOURCE, "gemm", args, defines, (block.launched,), (1,))


def _thin(
    m: int, n: int, k: int, a: Matrix, b: Matrix, c: Matrix, bias: Arg, bias_code: int, dtype: str, req: str, traits: DeviceTraits,
    entries: int, factor: Scalar,
) -> KernelCall | None:  # fmt: skip
    """The call for a product of few rows or few columns, where the strides allow one."""
    if min(m, n) > MAX_DOT_ROWS or a.offset or b.offset or c.offset or a.period:
        return None
    x, w, out, rows, lines = a, b.transposed, c, m, n  # w as lines x k
    if n < m:
        x, w, out, rows, lines = b.transposed, a, c.transposed, n, m
        bias_code = {0: 0, 1: 2, 2: 1}[bias_code]
    tile = tile_for(dtype, traits)
    padded = min(8, 1 << (rows - 1).bit_length())
    if w.cols == 1 and x.cols == 1:
        entry, shape, grain = "gemm_dot", {"ROWS": padded, "LINES": 4 if padded < 8 else 2}, 4
        strides: tuple[int, ...] = (x.rows, w.rows)
    elif w.rows == 1 and rows <= MAX_AXPY_ROWS:
        entry, shape, grain = "gemm_axpy", {}, 4 * tile.vw
        strides = (x.rows, x.cols, w.cols)
    else:
        return None
    share = -(-lines * entries // (4 * traits.compute_units))
    per_item = max(grain, -(-share // grain) * grain)
    per_item = max(per_item, -(-16384 // max(1, k * rows) // grain) * grain)  # an item of less work is not worth its launch
    args = (
        x.arg, w.arg, out.arg, bias, *(Scalar("int", v) for v in (rows, lines, k)),
        *(Scalar("long", v) for v in (*strides, out.rows, out.cols, x.batch, w.batch, out.batch)), factor, Scalar("int", per_item),
    )  # fmt: skip
    size = entries * -(-lines // per_item)
    return KernelCall(_SOURCE, entry, args, defines_for(dtype, req, **tile.defines(**shape), BIAS=bias_code), (size,), (1,))
