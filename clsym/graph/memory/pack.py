"""Offsets in an arena for what is alive from one step to another.

`max_live`, the most bytes alive at one step, is a lower bound of any arena. Heuristics run one after the other, cheap ones first, and stop
at the first that reaches it:

1. sweeps: walk the steps, or walk them backwards, and allocate into the tightest hole, with several rules of which end of the hole;
2. greedy orders: largest first, largest size x time first, ...: each item into the tightest gap among those placed before it;
3. `pack_exact.fit`: draw a plan of height `max_live`, then of heights between the best known and what is not ruled out.

How far it goes is the effort. ``fast`` and ``default`` end after so much work, which is counted, so that a plan depends on the graph alone,
and in large graphs do not search at all. ``exact`` searches for up to `EXACT_SECONDS`, a number for so many seconds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from ...base import MXNetError, env
from .pack_exact import fit
from .pack_heuristics import INFINITE, Interval, Place, chunked_sweeps, greedy, orders, pairs, sweeps

__all__ = ["EXACT_SECONDS", "Packing", "best_packing", "max_live", "pack", "parse_effort"]

EXACT_SECONDS = 60.0
_PAIRS = 500_000
"""Pairs of items alive together above which the greedy orders, whose time grows with them, are left out."""
_SEARCH_ITEMS = 4_000
"""Items above which no effort searches for as long as it may: a state takes memory as the items do, and there is one for each item."""
_SHARED_ITEMS = 2_000
"""Items above which arenas are no lower than they may be, where there are several."""
_WORK = {"fast": (400_000, 5), "default": (2_000_000, 30)}
"""Sections that a search for the wanted height may look at: so many, and so many more for each item; ten million take a second."""


@dataclass(frozen=True)
class Packing:
    """Where everything lies.

    Attributes
    ----------
    where : list of (int, int)
        Chunk and offset of each item.
    heights : list of int
        Bytes of each chunk.
    bound : int
        No plan needs less: the most that is alive at once, or more where a search proved it.
    method : str
        What found the plan.
    """

    where: list[Place]
    heights: list[int]
    bound: int
    method: str

    @property
    def certificate(self) -> str:
        """What is known: 'optimal' (no plan is smaller), or 'best found, at most x% above the optimum'."""
        total = sum(self.heights)
        if total <= self.bound:
            return "optimal"
        return f"best found, at most {100 * (total / self.bound - 1):.2f}% above the optimum"


def max_live(intervals: Sequence[Interval]) -> int:
    """The largest sum of sizes alive at one step; intervals are (first, last, size), both ends included."""
    events: dict[int, int] = {}
    for first, last, size in intervals:
        events[first] = events.get(first, 0) + size
        events[last + 1] = events.get(last + 1, 0) - size
    live = peak = 0
    for step in sorted(events):
        live += events[step]
        peak = max(peak, live)
    return peak


def parse_effort(effort: str | float | None) -> str | float:
    """An effort by name or in seconds; None: what CLSYM_PLAN_EFFORT says.

    >>> parse_effort('exact'), parse_effort('2.5'), parse_effort(1)
    ('exact', 2.5, 1.0)
    """
    given = env("CLSYM_PLAN_EFFORT") or "default" if effort is None else effort
    if given in ("fast", "default", "exact"):
        return given
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < INFINITE:
        source = "CLSYM_PLAN_EFFORT" if effort is None else "the planner's effort"
        raise MXNetError(f"{source} is {given!r}; use 'fast', 'default', 'exact' or a number of seconds")
    return seconds


def best_packing(
    intervals: Sequence[Interval], limit: int = INFINITE, *, effort: str | float | None = None, target: int = 0, alignment: int = 1
) -> Packing:
    """Offsets for intervals (first, last, size), both ends included.

    Parameters
    ----------
    intervals : sequence of (int, int, int)
    limit : int
        Bytes of the largest allocation: where one arena would be higher, there are several (an item above the limit gets its own).
    effort : str or float, optional
        'fast', 'default', 'exact' or seconds; by default CLSYM_PLAN_EFFORT.
    target : int
        A height that is good enough.
    alignment : int
        Of every offset, in bytes; sizes are rounded up to it.

    >>> best_packing([(0, 1, 10), (1, 2, 20), (2, 3, 5)]).heights
    [30]
    """
    level = parse_effort(effort)
    start = time.perf_counter()
    if alignment > 1:
        intervals = [(first, last, -(-size // alignment) * alignment) for first, last, size in intervals]
        limit = limit if limit >= INFINITE else limit // alignment * alignment
    bound = max_live(intervals)
    if not intervals or not bound:
        return Packing([(0, 0)] * len(intervals), [0] if intervals else [], 0, "nothing to place")
    enough = max(bound, target)
    best: list[int] = []
    height, method = INFINITE, ""
    base, each = _WORK["fast" if level == "fast" else "default"]
    work = base + each * len(intervals)
    for name, offsets, peak in sweeps(intervals, bound, work // 4):
        if peak < height:
            best, height, method = offsets, peak, name
        if height <= enough:
            break
    state = _State(intervals, best, height, bound, enough, method)
    seconds = EXACT_SECONDS if level == "exact" else level if isinstance(level, float) else None
    if state.open and bound <= limit:
        state.better(limit, work, None if seconds is None else start + seconds)
    if state.height <= limit:
        return Packing([(0, offset) for offset in state.offsets], [state.height], state.bound, state.method)
    return _in_chunks(intervals, limit, state.bound, _PAIRS if seconds is not None else work)


def _in_chunks(intervals: Sequence[Interval], limit: int, bound: int, work: int) -> Packing:
    """The best plan in several arenas that the heuristics find."""
    best: tuple[str, list[Place], list[int]] | None = None
    together = pairs(intervals, work)
    found = chunked_sweeps(intervals, limit)
    if together is not None:
        found = chain(found, ((name, *greedy(intervals, order, together, limit)) for name, order in orders(intervals)))
    if len(intervals) <= _SHARED_ITEMS:  # arenas of about equal height can be filled where one of the full height leaves a low one
        unit, count = math.gcd(limit, *(size for _, _, size in intervals)), -(-bound // limit)
        shares = {bound * percent // (100 * n * unit) * unit for n in (count, count + 1) for percent in (100, 103, 106)}
        found = chain(found, *(chunked_sweeps(intervals, share) for share in sorted(shares) if 0 < share < limit))
    for name, places, heights in found:
        if best is None or sum(heights) < sum(best[2]):
            best = name, places, heights
        if sum(heights) <= bound:
            break
    assert best is not None
    return Packing(best[1], best[2], bound, best[0])


@dataclass
class _State:
    """The best plan in one arena so far, the height that no plan can go below, and the one that is good enough."""

    intervals: Sequence[Interval]
    offsets: list[int]
    height: int
    bound: int
    enough: int
    method: str

    @property
    def open(self) -> bool:
        """Whether a lower plan is wanted."""
        return self.height > self.enough

    def offer(self, offsets: list[int], height: int, method: str) -> None:
        """Keep a plan if it is the best."""
        if height < self.height:
            self.offsets, self.height, self.method = offsets, height, method

    def better(self, limit: int, work: int, deadline: float | None) -> None:
        """Go on until the plan is good enough, or so much work or time is spent."""
        n = len(self.intervals)
        if n * (n // 8) <= work:  # what a single plan takes, its sets being as large
            self.aim(self.enough, work, None if deadline is None else deadline - time.perf_counter())
        together = pairs(self.intervals, _PAIRS if deadline is not None else work // 8) if self.open else None
        if together is not None:
            self.place(together)
        if deadline is not None and n <= _SEARCH_ITEMS:
            self.search(deadline)
        elif deadline is None and n * (n // 8) <= work // 3 and self.height > min(self.bound * 1.01, limit):
            self.narrow(work // 3)

    def place(self, together: Sequence[Sequence[int]]) -> None:
        """Greedy orders."""
        for name, order in orders(self.intervals):
            where, heights = greedy(self.intervals, order, together, INFINITE)
            self.offer([offset for _, offset in where], heights[0], name)
            if not self.open:
                return

    def aim(self, capacity: int, max_work: int | None, seconds: float | None) -> bool:
        """Search a plan within a capacity."""
        found = fit(self.intervals, capacity, max_work=max_work, seconds=seconds)
        if found.offsets is not None:
            tops = (offset + size for offset, (_, _, size) in zip(found.offsets, self.intervals, strict=True) if size)
            self.offer(found.offsets, max(tops), "search")
        elif found.infeasible:
            self.bound = max(self.bound, capacity + 1)
            self.enough = max(self.enough, self.bound)
        return found.offsets is not None

    def narrow(self, work: int) -> None:
        """Tries of the same kind between the bound and the best known height, to within a few per mille."""
        low = self.enough
        while self.open and self.height - low > self.bound // 256:
            capacity = (low + self.height) // 2
            if not self.aim(capacity, work, None):
                low = max(low, capacity)

    def search(self, deadline: float) -> None:
        """All that the time allows: half of it for the wanted height, the rest for heights above."""
        left = deadline - time.perf_counter()
        if self.open and left > 0:
            self.aim(self.enough, None, left / 2)
        low = self.enough
        while self.open and self.height - low > self.bound // 100_000 and (left := deadline - time.perf_counter()) > 0:
            capacity = (low + self.height) // 2
            if not self.aim(capacity, None, left / 3):
                low = max(low, capacity)


def pack(
    intervals: Sequence[Interval], limit: int, *, effort: str | float | None = None, target: int = 0, alignment: int = 1
) -> tuple[list[Place], list[int]]:
    """`best_packing`, as a list of (chunk, offset) and the height of each chunk."""
    found = best_packing(intervals, limit, effort=effort, target=target, alignment=alignment)
    return found.where, found.heights
