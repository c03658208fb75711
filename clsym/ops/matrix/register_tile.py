"""The register tile of ``include/gemm_cpu.h``, and how CPUs block and share out a product that uses it."""

from __future__ import annotations

from dataclasses import dataclass

from ...graph.contract.kernel_call import Local, Temp, compute_type, ctype
from ...graph.contract.traits import DeviceTraits
from .gemm_cpu import L2_ELEMENTS, ladder

__all__ = ["DEPTH", "Blocking", "Tile", "blocking", "split_work", "tile_for"]

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
