"""Offsets in an arena for what is alive from one step to another.

`max_live`, the most bytes alive at one step, is a lower bound of any arena. Heuristics run one after the other, cheap ones first, and stop at
the first that reaches it:

1. sweeps: walk the steps, or walk them backwards, and allocate into the tightest hole, with several rules of which end of the hole;
2. greedy orders: largest first, largest size x time first, ...: each item into the tightest gap among those placed before it;
3. `pack_exact.fit`: search a plan of height `max_live`, then of heights between the best known and what is not ruled out.

How far it goes is the effort: ``fast`` (no search), ``default`` (a search that ends after so many choices, so that a plan depends on the graph
alone), ``exact`` (`EXACT_SECONDS`), or a number of seconds.
"""

from __future__ import annotations

import heapq
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..base import MXNetError, env
from .pack_exact import fit

__all__ = ["EXACT_SECONDS", "Packing", "best_packing", "max_live", "pack", "parse_effort"]

Interval: TypeAlias = tuple[int, int, int]
Place: TypeAlias = tuple[int, int]

EXACT_SECONDS = 60.0
_INF = 1 << 62
_LOW, _HIGH, _BY_NEIGHBOUR = 0, 1, 2
_PAIRS = {"fast": 200_000, "default": 500_000}
"""Pairs of items alive together above which the greedy orders, whose time grows with them, are left out."""
_ITEMS = 2_500
"""Items above which the default effort does not search."""


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
    if not 0 <= seconds < _INF:
        source = "CLSYM_PLAN_EFFORT" if effort is None else "the planner's effort"
        raise MXNetError(f"{source} is {given!r}; use 'fast', 'default', 'exact' or a number of seconds")
    return seconds


class _Holes:
    """The free stretches of an arena without end, ordered by offset, none touching another; and when what lies around them dies."""

    def __init__(self, height: int) -> None:
        self.begin, self.end, self.height = [0], [_INF], height
        self.dies_below, self.dies_above = {0: _INF}, {height: _INF}  # by the end, and by the begin, of what lies there

    def take(self, size: int, last: int, rule: int) -> int:
        """Allocate from the tightest hole below the height that fits, else at the lowest place that fits at all.

        In the hole, at the side of the neighbour that dies last (rule `_BY_NEIGHBOUR`), or at the low (`_LOW`) or high (`_HIGH`) end.
        """
        begin, end, height = self.begin, self.end, self.height
        best, tightest = -1, _INF
        for k, b in enumerate(begin):
            e = end[k]
            room = (e if e < height else height) - b
            if size <= room < tightest:
                best, tightest = k, room
        if best < 0:
            rule = _LOW
            best = next(k for k in range(len(begin)) if end[k] - begin[k] >= size)
        low, top = begin[best], min(end[best], height)
        if rule == _LOW or (rule == _BY_NEIGHBOUR and self.dies_below[low] >= self.dies_above[top]):
            offset = low
            begin[best] += size
            if begin[best] == end[best]:
                del begin[best], end[best]
        else:
            offset = top - size
            if top < end[best]:  # the hole goes on above the height
                begin.insert(best + 1, top)
                end.insert(best, offset)
            else:
                end[best] = offset
            if begin[best] == offset:
                del begin[best], end[best]
        self.dies_below[offset + size] = self.dies_above[offset] = last
        return offset

    def give(self, offset: int, size: int) -> None:
        """Free a stretch."""
        begin, end = self.begin, self.end
        top = offset + size
        k = bisect_left(begin, offset)
        joins_below, joins_above = k > 0 and end[k - 1] == offset, k < len(begin) and begin[k] == top
        if joins_below and joins_above:
            end[k - 1] = end[k]
            del begin[k], end[k]
        elif joins_below:
            end[k - 1] = top
        elif joins_above:
            begin[k] = offset
        else:
            begin.insert(k, offset)
            end.insert(k, top)


def _sweep(intervals: Sequence[Interval], order: Sequence[int], rules: Sequence[int], height: int) -> tuple[list[int], int]:
    """Allocate in the order of time, freeing what has died; offsets and the height."""
    holes = _Holes(height)
    offsets = [0] * len(intervals)
    dying: list[tuple[int, int, int]] = []
    peak = 0
    for i in order:
        first, last, size = intervals[i]
        while dying and dying[0][0] < first:
            _, offset, freed = heapq.heappop(dying)
            holes.give(offset, freed)
        if size:
            offset = offsets[i] = holes.take(size, last, rules[i])
            heapq.heappush(dying, (last, offset, size))
            if offset + size > peak:
                peak = offset + size
    return offsets, peak


def _sweeps(intervals: Sequence[Interval], bound: int) -> Iterator[tuple[str, list[int], int]]:
    """Sweeps forwards and backwards; in the last ones, long lives lie at the low and short ones at the high end."""
    n = range(len(intervals))
    directions = [("sweep", intervals), ("sweep backwards", [(-last, -first, size) for first, last, size in intervals])]
    orders = [sorted(n, key=lambda i: (items[i][0], -items[i][2])) for _, items in directions]  # noqa: B023
    lengths = sorted(last - first for first, last, _ in intervals)
    rules = [[_BY_NEIGHBOUR] * len(intervals), [_LOW] * len(intervals)]
    if len(intervals) <= _ITEMS:
        for cut in (lengths[len(lengths) // 2], lengths[-len(lengths) // 10], 1):
            rules.append([_LOW if last - first > cut else _HIGH for first, last, _ in intervals])
    for rule in rules:
        for (name, items), order in zip(directions, orders, strict=True):
            yield name, *_sweep(items, order, rule, bound)


def _pairs(intervals: Sequence[Interval], most: int) -> list[list[int]] | None:
    """Who is alive together with each item; None if more than so many pairs are."""
    together: list[list[int]] = [[] for _ in intervals]
    order = sorted((i for i in range(len(intervals)) if intervals[i][2]), key=lambda i: intervals[i][0])
    alive: list[int] = []
    count = 0
    for i in order:
        first = intervals[i][0]
        alive = [j for j in alive if intervals[j][1] >= first]
        count += len(alive)
        if count > most:
            return None
        together[i] += alive
        for j in alive:
            together[j].append(i)
        alive.append(i)
    return together


def _greedy(
    intervals: Sequence[Interval], order: Sequence[int], together: Sequence[Sequence[int]], limit: int
) -> tuple[list[Place], list[int]]:
    """Put each item, in the given order, into the tightest gap that fits between those placed before it that are alive with it."""
    where: list[Place] = [(-1, 0)] * len(intervals)
    heights: list[int] = []
    near: list[dict[int, list[tuple[int, int]]]] = [{} for _ in intervals]  # chunk to what is taken: (offset, end)
    for i in order:
        size = intervals[i][2]
        if not size:
            where[i] = (0, 0)
            continue
        chunk, best = 0, -1
        while True:
            if chunk == len(heights):
                heights.append(0)
            tightest, top = _INF, 0
            for offset, end in sorted(near[i].get(chunk, ())):
                if size <= offset - top < tightest:
                    best, tightest = top, offset - top
                if end > top:
                    top = end
            if best < 0:
                best = top
            if best + size <= limit or not heights[chunk]:
                break
            chunk, best = chunk + 1, -1
        where[i] = (chunk, best)
        heights[chunk] = max(heights[chunk], best + size)
        for j in together[i]:
            if where[j][0] < 0:
                near[j].setdefault(chunk, []).append((best, best + size))
    return where, heights


def _orders(intervals: Sequence[Interval]) -> Iterator[tuple[str, list[int]]]:
    n = range(len(intervals))
    yield "largest first", sorted(n, key=lambda i: (-intervals[i][2], intervals[i][0]))
    yield "largest size x time first", sorted(n, key=lambda i: (-intervals[i][2] * (intervals[i][1] - intervals[i][0] + 1), intervals[i][0]))
    yield "longest first", sorted(n, key=lambda i: (intervals[i][0] - intervals[i][1], -intervals[i][2]))


def _chunked_sweep(intervals: Sequence[Interval], limit: int) -> tuple[list[Place], list[int]]:
    """A sweep over several arenas, none higher than `limit` unless for a single item that is larger."""
    where: list[Place] = [(0, 0)] * len(intervals)
    arenas: list[_Holes] = []
    heights: list[int] = []
    dying: list[tuple[int, int, int, int]] = []
    for i in sorted(range(len(intervals)), key=lambda i: (intervals[i][0], -intervals[i][2])):
        first, last, size = intervals[i]
        while dying and dying[0][0] < first:
            _, chunk, offset, freed = heapq.heappop(dying)
            arenas[chunk].give(offset, freed)
        if not size:
            continue
        for chunk in range(len(arenas) + 1):
            if chunk == len(arenas):
                arenas.append(_Holes(max(limit, size)))
                heights.append(0)
            offset = arenas[chunk].take(size, last, _LOW)
            if offset + size <= arenas[chunk].height:
                break
            arenas[chunk].give(offset, size)
        where[i] = (chunk, offset)
        heights[chunk] = max(heights[chunk], offset + size)
        heapq.heappush(dying, (last, chunk, offset, size))
    return where, heights


def best_packing(
    intervals: Sequence[Interval], limit: int = _INF, *, effort: str | float | None = None, target: int = 0, alignment: int = 1
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
        limit = limit if limit >= _INF else limit // alignment * alignment
    bound = max_live(intervals)
    if not intervals or not bound:
        return Packing([(0, 0)] * len(intervals), [0] if intervals else [], 0, "nothing to place")
    enough = max(bound, target)
    best: list[int] = []
    height, method = _INF, ""
    for name, offsets, peak in _sweeps(intervals, bound):
        if peak < height:
            best, height, method = offsets, peak, name
        if height <= enough:
            break
    together = None
    if height > enough:
        together = _pairs(intervals, _PAIRS["fast" if level == "fast" else "default"])
        for name, order in _orders(intervals) if together is not None else ():
            where, heights = _greedy(intervals, order, together, _INF)
            if heights[0] < height:
                best, height, method = [offset for _, offset in where], heights[0], name
            if height <= enough:
                break
    if height > enough and level != "fast" and (level != "default" or len(intervals) <= _ITEMS):
        budget = EXACT_SECONDS if level == "exact" else level
        deadline = None if isinstance(budget, str) else start + budget
        best, height, bound, method = _search(intervals, best, height, bound, method, max(enough, bound), deadline)
    if height <= limit:
        return Packing([(0, offset) for offset in best], [height], bound, method)
    tries = [("sweep", *_chunked_sweep(intervals, limit))]
    if together is None:
        together = _pairs(intervals, _PAIRS["fast" if level == "fast" else "default"])
    if together is not None:
        tries += [(name, *_greedy(intervals, order, together, limit)) for name, order in _orders(intervals)]
    method, places, heights = min(tries, key=lambda found: sum(found[2]))
    return Packing(places, heights, bound, method)


def _search(
    intervals: Sequence[Interval], best: list[int], height: int, bound: int, method: str, enough: int, deadline: float | None
) -> tuple[list[int], int, int, str]:
    """Search at the wanted height first; what fails there, between that and the best known. Returns offsets, height, bound and method."""
    low, aim = bound, enough  # no plan is lower than `bound`; `low`: not worth another try
    while height > aim:
        if deadline is None:
            found = fit(intervals, aim, max_nodes=len(intervals) * 2 + 1000)
        else:
            left = deadline - time.perf_counter()
            if left <= 0:
                break
            found = fit(intervals, aim, seconds=left * (0.6 if aim == enough else 0.4))
        if found.offsets is not None:
            best, method = found.offsets, "search"
            height = max(offset + size for offset, (_, _, size) in zip(best, intervals, strict=True) if size)
        else:
            low = aim
            if found.infeasible:
                bound = max(bound, aim + 1)
        enough = max(enough, bound)
        aim = (low + height) // 2
        if height <= enough or aim <= low or height - low < height // (1000 if deadline is None else 100_000):
            break
    return best, height, bound, method


def pack(
    intervals: Sequence[Interval], limit: int, *, effort: str | float | None = None, target: int = 0, alignment: int = 1
) -> tuple[list[Place], list[int]]:
    """`best_packing`, as a list of (chunk, offset) and the height of each chunk."""
    found = best_packing(intervals, limit, effort=effort, target=target, alignment=alignment)
    return found.where, found.heights
