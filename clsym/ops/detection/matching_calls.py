"""The launches of greedy matching, for all operators that need it. No operator of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Scalar, Temp, compute_type, defines_for
from .suppression_calls import member_grid

__all__ = ["Matching"]

_SOURCE = "detection/matching.cl"


@dataclass(frozen=True)
class Matching:
    """Pairs of rows and columns of score matrices (batches, rows, columns), best first.

    Attributes
    ----------
    by_row : bool
        Whether rows look for columns; matrices lie in memory as (batches, columns, rows) if `transposed`.
    least : float
        Scores must be greater; smaller if `ascending`.
    limit : int
        How many pairs at most.
    temp : int
        The first of four workspaces.
    """

    batches: int
    rows: int
    columns: int
    dtype: str
    by_row: bool
    transposed: bool
    ascending: bool
    least: float
    limit: int
    temp: int

    @property
    def row_matches(self) -> Temp:
        """The column of each row, or -1: int (batches, rows)."""
        return Temp(self.temp + (3 if self.by_row else 2), 4 * self.batches * self.rows)

    @property
    def column_matches(self) -> Temp:
        """The row of each column, or -1: int (batches, columns)."""
        return Temp(self.temp + (2 if self.by_row else 3), 4 * self.batches * self.columns)

    def calls(self, scores: In | Temp, ctx: LowerContext) -> list[KernelCall]:
        """The launches."""
        row, column = (1, self.rows) if self.transposed else (self.columns, 1)
        steps, order = (row, column), (self.columns, 1)
        slots, partners = self.rows, self.columns
        if not self.by_row:
            slots, partners, steps, order = partners, slots, steps[::-1], order[::-1]
        kind = compute_type(self.dtype)
        best = Temp(self.temp, self.batches * slots * (8 if kind == "double" else 4))
        choice = Temp(self.temp + 1, 4 * self.batches * slots)
        sizes = member_grid(self.batches * slots, ctx), member_grid(self.batches, ctx)
        sign = -1 if self.ascending else 1
        defines = defines_for(self.dtype, SIGN=sign, GROUP=sizes[0][1][0])
        extents = Scalar("long", slots), Scalar("long", partners), Scalar("long4", (*steps, *order))
        least = Scalar(kind, sign * float(np.float32(self.least)))
        found = (self.column_matches, self.row_matches) if self.by_row else (self.row_matches, self.column_matches)
        start = KernelCall(_SOURCE, "match_best", (scores, best, choice, *extents, least), defines, *sizes[0])
        args = (scores, best, choice, *found, *extents, least, Scalar("long", self.limit))
        return [*([start] if slots else []), KernelCall(_SOURCE, "match_greedy", args, defines, *sizes[1])]
