"""Heuristics for live ranges in an arena: sweeps over time, and greedy orders.

A sweep takes about n log n steps, as its list of holes stays short. A greedy order takes as many as pairs of items are alive together.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import TypeAlias

__all__ = ["INFINITE", "Interval", "Place", "chunked_sweeps", "greedy", "orders", "pairs", "sweeps"]

Interval: TypeAlias = tuple[int, int, int]
"""First and last step, both included, and bytes."""
Place: TypeAlias = tuple[int, int]
"""Chunk and offset."""

INFINITE = 1 << 62
_LOW, _HIGH, _BY_NEIGHBOUR = 0, 1, 2


class _Holes:
    """The free stretches of an arena without end, ordered by offset, none touching another; and when what lies around them dies."""

    def __init__(self, height: int) -> None:
        self.begin, self.end, self.height = [0], [INFINITE], height
        self.looked = 0
        self.dies_below, self.dies_above = {0: INFINITE}, {height: INFINITE}  # by the end, and by the begin, of what lies there

    def take(self, size: int, last: int, rule: int) -> int:
        """Allocate from the tightest hole below the height that fits, else at the lowest place that fits at all.

        In the hole, at the side of the neighbour that dies last (rule `_BY_NEIGHBOUR`), or at the low (`_LOW`) or high (`_HIGH`) end.
        """
        begin, end, height = self.begin, self.end, self.height
        best, tightest = -1, INFINITE
        self.looked += len(begin)
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


def _sweep(intervals: Sequence[Interval], order: Sequence[int], rules: Sequence[int], height: int) -> tuple[list[int], int, int]:
    """Allocate in the order of time, freeing what has died; offsets, the height, and how many holes were looked at."""
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
    return offsets, peak, holes.looked


def sweeps(intervals: Sequence[Interval], bound: int, work: int) -> Iterator[tuple[str, list[int], int]]:
    """Sweeps forwards and backwards; in the last ones, long lives lie at the low and short ones at the high end.

    None is begun after so many holes were looked at, but for the first two.
    """
    n = range(len(intervals))
    directions = [("sweep", intervals), ("sweep backwards", [(-last, -first, size) for first, last, size in intervals])]
    walks = [sorted(n, key=lambda i: (items[i][0], -items[i][2])) for _, items in directions]
    lengths = sorted(last - first for first, last, _ in intervals)
    rules = [[_BY_NEIGHBOUR] * len(intervals), [_LOW] * len(intervals)]
    for cut in (lengths[len(lengths) // 2], lengths[-len(lengths) // 10], 1):
        rules.append([_LOW if last - first > cut else _HIGH for first, last, _ in intervals])
    for rule in rules:
        for (name, items), order in zip(directions, walks, strict=True):
            offsets, peak, looked = _sweep(items, order, rule, bound)
            work -= looked + len(items)
            yield name, offsets, peak
        if work <= 0:
            return


def pairs(intervals: Sequence[Interval], most: int) -> list[list[int]] | None:
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


def greedy(
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
            tightest, top = INFINITE, 0
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


def orders(intervals: Sequence[Interval]) -> Iterator[tuple[str, list[int]]]:
    n = range(len(intervals))
    yield "largest first", sorted(n, key=lambda i: (-intervals[i][2], intervals[i][0]))
    yield (
        "largest size x time first",
        sorted(n, key=lambda i: (-intervals[i][2] * (intervals[i][1] - intervals[i][0] + 1), intervals[i][0])),
    )
    yield "longest first", sorted(n, key=lambda i: (intervals[i][0] - intervals[i][1], -intervals[i][2]))


def _chunked_sweep(intervals: Sequence[Interval], rules: Sequence[int], limit: int) -> tuple[list[Place], list[int]]:
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
            offset = arenas[chunk].take(size, last, rules[i])
            if offset + size <= arenas[chunk].height:
                break
            arenas[chunk].give(offset, size)
        where[i] = (chunk, offset)
        heights[chunk] = max(heights[chunk], offset + size)
        heapq.heappush(dying, (last, chunk, offset, size))
    return where, heights


def chunked_sweeps(intervals: Sequence[Interval], limit: int) -> Iterator[tuple[str, list[Place], list[int]]]:
    """Sweeps over several arenas, forwards and backwards."""
    lengths = sorted(last - first for first, last, _ in intervals)
    backwards = [(-last, -first, size) for first, last, size in intervals]
    for cut in (INFINITE, lengths[len(lengths) // 2], lengths[-len(lengths) // 10], 1):
        rules = [_LOW if cut == INFINITE or last - first > cut else _HIGH for first, last, _ in intervals]
        yield "sweep", *_chunked_sweep(intervals, rules, limit)
        yield "sweep backwards", *_chunked_sweep(backwards, rules, limit)
