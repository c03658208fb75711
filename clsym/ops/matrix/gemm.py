"""Matrix products as kernel calls: shared by FullyConnected, dot, linalg_gemm and the gradients of Convolution."""

from __future__ import annotations

from dataclasses import dataclass

from ...base import MXNetError
from ...graph.contract.kernel_call import In, KernelCall, Local, Out, Scalar, Temp, compute_type, ctype, defines_for, grid
from ...graph.contract.traits import DeviceTraits
from .gemm_cpu import L2_ELEMENTS, CpuProduct, Matrix, ladder, stored_as_computed

__all__ = ["Blocking", "Matrix", "Tile", "blocking", "ladder", "product", "scaled", "split_work", "tile_for"]

Arg = In | Out | Temp

MAX_AXPY_ROWS, MAX_DOT_ROWS = 8, 4
"""Products with at most so many rows (or columns) read the large operand in place: packing it would cost more than the product.

As dot products (packing such an operand transposes it), or as sums of its rows.
"""

DEPTH = 384
"""Depth of a panel of B, about: deep enough that loading and storing the sums does not count, shallow enough for the L2 cache."""


@dataclass(frozen=True)
class Tile:
    """The register tile of ``include/gemm_cpu.h``: `mr` rows by `nv` vectors of `vw` elements."""

    vw: int
    nv: int
    mr: int
    same: bool
    itemsize: int

    @property
    def nr(self) -> int:
        """Columns of the tile."""
        return self.nv * self.vw

    def rows_in(self, m: int, parts: int) -> int:
        """Rows of a block, in whole tiles, when m rows are cut into `parts`."""
        tiles = -(-m // self.mr)
        return -(-tiles // parts) * self.mr

    def columns_in(self, n: int, parts: int) -> int:
        """The same for columns, in whole panels."""
        panels = -(-n // self.nr)
        return -(-panels // parts) * self.nr

    def defines(self, **more: str | int) -> dict[str, str | int]:
        """The defines of the kernels that use it."""
        return {"VW": self.vw, "NV": self.nv, "MR": self.mr, "SAME": int(self.same), **more}

    def depth(self, k: int, traits: DeviceTraits, unit: int = 1, cols: int = 1 << 30) -> int:
        """How much of K is packed at a time, in whole `unit`s if they are not too long; all of it where C could not hold partial sums.

        With few columns more of it, so that a row of A is read in long stretches.
        """
        if not self.same:
            return max(1, k)
        room = (traits.local_mem - 1024) // ((self.nr + self.vw // 4 + 1) * self.itemsize)
        limit = max(8, min(DEPTH * max(1, self.nr // (-(-cols // self.vw) * self.vw)), room))
        if k <= min(limit * 5 // 4, room):
            return max(1, k)
        if unit <= limit:
            units = -(-k // unit)
            return -(-units // -(-units // (limit // unit))) * unit
        return -(-k // -(-k // limit))


def tile_for(dtype: str, traits: DeviceTraits) -> Tile:
    """The tile that fills the vector registers: 32 of them with 512-bit vectors, 16 otherwise."""
    wide = traits.vector_width >= 16
    itemsize = 8 if compute_type(dtype) in ("double", "long") else 4
    vw = (16 if wide else 8 if traits.vector_width >= 8 else 4) * 4 // itemsize
    return Tile(vw, 3, 8 if wide else 4, compute_type(dtype) == ctype(dtype), itemsize)


@dataclass(frozen=True)
class Blocking:
    """How a work-item goes through its block of a product.

    Attributes
    ----------
    direct : bool
        A is read in place.
    kc : int
        Depth of the panels.
    mc : int
        Rows of A that are packed at a time.
    launched : int
        Number of work-items.
    work : Local or Temp
        Where the panels lie: in local memory, a work-item being a work-group; in a workspace where the compute type is not the type of C.
    """

    direct: bool
    kc: int
    mc: int
    launched: int
    work: Local | Temp


def blocking(
    tile: Tile,
    m: int,
    k: int,
    mrows: int,
    items: int,
    direct: bool,
    traits: DeviceTraits,
    temp: int,
    unit: int = 1,
    extra: int = 0,
    cols: int = 1 << 30,
) -> Blocking:
    """Blocks and memory for `items` blocks of `mrows` of the m rows; the panel of B gets `extra` more columns."""
    kc = tile.depth(k, traits, unit, cols)
    panel = kc * (tile.nr + extra)
    if not tile.same:
        mc, launched = min(mrows, max(tile.mr, L2_ELEMENTS // kc // tile.mr * tile.mr)), min(items, 2 * traits.compute_units)
        return Blocking(False, kc, mc, launched, Temp(temp, launched * (panel + kc * mc) * tile.itemsize))
    launched = min(items, 64 * traits.compute_units)
    room = min(traits.local_mem // tile.itemsize * 3 // 4, L2_ELEMENTS) - panel
    mc = min(mrows, max(tile.mr, room // kc // tile.mr * tile.mr))
    if m >= tile.mr and (direct or mc < min(mrows, 8 * tile.mr)):
        return Blocking(True, kc, mrows, launched, Local((panel) * tile.itemsize))
    return Blocking(False, kc, mc, launched, Local((panel + kc * mc) * tile.itemsize))


def split_work(tiles: int, panels: int, k: int, entries: int, traits: DeviceTraits, tile: Tile) -> tuple[int, int, bool]:
    """Into how many row and column blocks to cut a product, and whether to read A in place.

    The estimate counts, along one k, the vector multiply-adds of the busiest core and its other work: packing B, about a cycle a vector,
    once for every block of rows; packing A, about a cycle an element, once for every block of columns, or a quarter for fetching it in
    place. A is read in place when few panels share it or when the block stays in the L2 cache anyway (a large one, at a stride of a power
    of two, would crowd into few sets of it). More blocks than cores keep both busy when something else runs on one.
    """
    units = traits.compute_units
    best: tuple[float, int, int, bool] | None = None
    for down in ladder(min(tiles, 4 * units)):
        for across in ladder(min(panels, 8 * units)):
            blocks = entries * down * across
            rows, cols = -(-tiles // down), -(-panels // across)
            direct = tile.same and (cols < 8 or rows * tile.mr * k <= L2_ELEMENTS)
            work = rows * cols * tile.mr * tile.nv / 2 + cols * tile.nr / 2 + rows * tile.mr * (0.25 if direct else 1)
            cost = -(-blocks // units) * work * (1 + 0.001 * down * across + 0.1 * units / blocks)
            if best is None or cost < best[0]:
                best = (cost, down, across, direct)
    assert best is not None
    return best[1:]


def product(
    m: int,
    n: int,
    k: int,
    a: Matrix,
    b: Matrix,
    c: Matrix,
    dtype: str,
    req: str,
    traits: DeviceTraits,
    *,
    entries: int = 1,
    bias: Arg | None = None,
    bias_of_rows: bool = False,
    alpha: float = 1.0,
    temp: int = 0,
    total: tuple[Arg, int] | None = None,
    act: tuple[str, float, float] = ("none", 0.0, 0.0),
) -> list[KernelCall]:
    """The calls that compute ``C = alpha * A B + bias`` for every batch entry.

    Parameters
    ----------
    m, n, k : int
        C is m x n, A m x k, B k x n.
    a, b, c : Matrix
        The operands; the columns of `c` are contiguous (``c.cols == 1``), or it has a single column or row.
    dtype, req : str
        Element type of all of them, and the store mode of C.
    entries : int
        Number of products in the batch.
    bias : In, Temp or None
        n values, or m with `bias_of_rows`.
    temp : int
        Index of the workspace that may be used.
    total : (In, int) or None
        A tensor of so many elements that lies as C does, and to which the product is added; it may be the very memory of C.
    act : (str, float, float)
        One of `ACTIVATIONS` and its limits, applied to the result: of float types on CPUs, with `req` ``write``.
    """
    if max(m, n, k) >= 1 << 31:
        raise MXNetError(f"a matrix product of ({m}, {k}) and ({k}, {n}) is too large: every extent must be below 2**31")
    if act[0] != "none" and not (traits.is_cpu and stored_as_computed(dtype) and req == "write"):
        raise MXNetError(f"a matrix product of {dtype} on {traits.kind} with grad_req={req!r} is not followed by act_type={act[0]!r}")
    if total is not None and not (traits.is_cpu and stored_as_computed(dtype) and req == "write"):
        rest = product(
            m, n, k, a, b, c, dtype, "add", traits, entries=entries, bias=bias, bias_of_rows=bias_of_rows, alpha=alpha, temp=temp
        )
        return [scaled(total[0], c.arg, total[1], 1, dtype, req, traits), *rest]
    more: dict[str, str | int] = {"BIAS": (2 if bias_of_rows else 1) if bias is not None else 0}
    factor = Scalar(compute_type(dtype), alpha if compute_type(dtype) in ("float", "double") else int(alpha))
    given = bias if bias is not None else a.arg
    if not traits.is_cpu:
        defines = defines_for(dtype, req, A_K_FAST=int(a.cols == 1), B_K_FAST=int(b.cols != 1), **more)
        longs = (a.rows, a.cols, b.rows, b.cols, c.rows, a.batch, b.batch, c.batch)
        args = (
            a.arg, b.arg, c.arg, given, *(Scalar("int", v) for v in (m, n, k)), *(Scalar("long", v) for v in longs),
            Scalar("int", a.period or entries), *(Scalar("long", v) for v in (a.offset, b.offset, c.offset)),
            factor,
        )  # fmt: skip
        return [KernelCall("matrix/gemm.cl", "gemm", args, defines, (-(-n // 64) * 16, -(-m // 64) * 16, entries), (16, 16, 1))]
    if stored_as_computed(dtype):
        into = total[0] if total is not None else None
        return CpuProduct(m, n, k, a, b, c, dtype, req, traits, entries, given, int(more["BIAS"]), alpha, temp, into, act).calls()
    thin = _thin(m, n, k, a, b, c, given, dtype, req, traits, entries, factor, more)
    if thin is not None:
        return [thin]
    tile = tile_for(dtype, traits)
    down, across, _ = split_work(-(-m // tile.mr), -(-n // tile.nr), k, entries, traits, tile)
    mrows, ncols = tile.rows_in(m, down), tile.columns_in(n, across)
    items = entries * -(-m // mrows) * -(-n // ncols)
    block = blocking(tile, m, k, mrows, items, False, traits, temp, cols=n)
    longs = (a.rows, a.cols, b.rows, b.cols, c.rows, a.batch, b.batch, c.batch)
    given_args = (
        a.arg, b.arg, c.arg, given, block.work, *(Scalar("int", v) for v in (m, n, k)), *(Scalar("long", v) for v in longs),
        Scalar("int", a.period or entries), *(Scalar("long", v) for v in (a.offset, b.offset, c.offset)), factor,
        Scalar("long", c.cols), *(Scalar("int", v) for v in (mrows, ncols, block.mc, block.kc)), Scalar("long", items),
    )  # fmt: skip
    defines = defines_for(dtype, req, **tile.defines(), **more)
    return [KernelCall("matrix/gemm.cl", "gemm", given_args, defines, (block.launched,), (1,))]


def _thin(
    m: int, n: int, k: int, a: Matrix, b: Matrix, c: Matrix, bias: Arg, dtype: str, req: str, traits: DeviceTraits, entries: int,
    factor: Scalar, more: dict[str, str | int],
) -> KernelCall | None:  # fmt: skip
    """The call for a product of few rows or few columns, where the strides allow one."""
    if min(m, n) > MAX_DOT_ROWS or a.offset or b.offset or c.offset or a.period:
        return None
    x, w, out, rows, lines = a, b.transposed, c, m, n  # w as lines x k
    if n < m:
        x, w, out, rows, lines = b.transposed, a, c.transposed, n, m
        more = {**more, "BIAS": {0: 0, 1: 2, 2: 1}[int(more["BIAS"])]}
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
    return KernelCall("matrix/gemm.cl", entry, args, defines_for(dtype, req, **tile.defines(**shape), **more), (size,), (1,))


def scaled(source: Arg, out: Arg, size: int, beta: float, dtype: str, req: str, traits: DeviceTraits) -> KernelCall:
    """The call for ``out = beta * source``."""
    shape, local = grid(size, traits, local=64)
    args = (source, out, Scalar("long", size), Scalar(compute_type(dtype), beta))
    return KernelCall("matrix/gemm.cl", "gemm_scale", args, defines_for(dtype, req), shape, local)
