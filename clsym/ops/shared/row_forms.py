"""Two ways in which kernels go along rows, as data for a lowering: row by row, or neighbouring rows at once. No operator of its own."""

from __future__ import annotations

from dataclasses import dataclass

from ...graph.contract.kernel_call import Scalar
from ...graph.contract.traits import DeviceTraits
from .rows import Rows, column_grid, column_tile, row_grid

__all__ = ["RowForm", "by_columns", "by_rows"]


@dataclass(frozen=True)
class RowForm:
    """A kernel and how its work is shared out.

    Attributes
    ----------
    source, entry : str
        The file and the kernel.
    count : int
        Its first extent: rows, or groups of neighbouring rows.
    more : tuple of Scalar
        Its last arguments.
    size, local : tuple of int
        Global and local size.
    """

    source: str
    entry: str
    count: int
    more: tuple[Scalar, ...]
    size: tuple[int, ...]
    local: tuple[int, ...]


def by_rows(source: str, entry: str, rows: Rows, traits: DeviceTraits) -> RowForm:
    """Of a kernel built on ROWS_BEGIN."""
    size, local, mapping = row_grid(rows.count, rows.n, traits, rows.inner > 1)
    return RowForm(source, entry, rows.count, mapping, size, local)


def by_columns(source: str, entry: str, rows: Rows, most: int, traits: DeviceTraits, held: int = 1 << 30) -> RowForm:
    """Of a CPU kernel that takes up to `most` neighbouring rows at once, at most `held` of their elements being wanted in the cache."""
    tile = column_tile(Rows(rows.outer, min(rows.n, held), rows.inner), most, traits)
    size, local = column_grid(rows.outer * -(-rows.inner // tile), rows.count * rows.n, traits)
    return RowForm(source, entry, rows.outer, (Scalar("int", tile),), size, local)
