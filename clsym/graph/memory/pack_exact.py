"""Fit live ranges into an arena of a given height: exact search.

Items have a fixed place in time and a free one in the arena, so a plan is a drawing: time across, offset up. The search draws it from the
floor: the *skyline* is what is occupied so far in each *section* (a maximal set of items alive together), and a *valley* is a run of
sections of one level between higher ones. Over a section of a valley, the lowest item still to come either lies on the valley's floor, and
then inside the valley, for whatever sticks out rests on a wall; or nothing lies there, and the section loses memory up to the next level
that something can rest on. That loss is allowed only while level + items still to come <= capacity, the section's *slack*.

So a section has few choices, and often a single one or none, which is found at once. What keeps the search small:

- the section with the fewest choices goes first, choices divided by how often the section was a dead end (Boussemart et al., "Boosting
  systematic search by weighting constraints", ECAI 2004);
- parts of the time that no item to come crosses are solved one by one;
- a state (skyline and items to come) that failed is never entered again, in later restarts neither;
- restarts with other orders of choices, each with more nodes than the one before, and with the weights learned so far.

An exhausted search proves that the capacity is too small. The approach to fixed live ranges by skyline, sections and slack is that of
Moffitt, "MiniMalloc: A Lightweight Memory Allocator for Hardware-Accelerated Machine Learning", ASPLOS 2023 vol. 4.
"""

from __future__ import annotations

import random
import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TypeAlias

__all__ = ["Fit", "fit", "sections"]

_INF = 1 << 62
_REACH = 256
"""Sections of a valley that are looked at, from its left: a long one is filled from there."""
_MEMO = 400_000
"""Failed states kept; each takes a few hundred bytes."""


class _BudgetError(Exception):
    """The nodes or the time of a run are used up."""


@dataclass
class Fit:
    """What a search found.

    Attributes
    ----------
    offsets : list of int or None
        A plan within the capacity, if one was found.
    infeasible : bool
        Proved that there is none.
    nodes : int
        Choices made.
    restarts : int
    work : int
        Sections looked at, about, each counted by how dear its sets are.
    """

    offsets: list[int] | None = None
    infeasible: bool = False
    nodes: int = 0
    restarts: int = 0
    work: int = 0


def sections(intervals: Sequence[tuple[int, int, int]]) -> list[int]:
    """The maximal sets of intervals (first, last, size) alive together, in the order of time, as bit masks.

    >>> sections([(0, 1, 8), (1, 2, 8), (2, 3, 8), (2, 2, 8)])
    [3, 14]
    """
    change: dict[int, int] = {}
    for i, (first, last, _) in enumerate(intervals):
        change[first] = change.get(first, 0) ^ 1 << i
        change[last + 1] = change.get(last + 1, 0) ^ 1 << i
    found: list[int] = []
    alive = 0
    for step in sorted(change):
        alive ^= change[step]
        if found and alive | found[-1] == found[-1]:
            continue
        if found and alive | found[-1] == alive:
            found.pop()
        found.append(alive)
    return found


# A run of sections of one level: first and last section, level, and, in a valley, (score, section, candidates, level after a loss or 0).
_Choice = tuple[float, int, int, int]
_Run = tuple[int, int, int, "_Choice | None"]


@dataclass
class _Part:
    """A stretch of time that shares no item with the rest: its runs, the items to come, the level and the slack of every section."""

    runs: list[_Run]
    left: int
    level: list[int]
    slack: list[int]


_Key = tuple[int, tuple[tuple[int, int], ...]]
_Todo: TypeAlias = "tuple[_Part, int, _Todo] | None"
"""Parts to solve: the first, the length that the stack had when it was queued, the rest."""


@dataclass
class _Frame:
    """An open choice: what may lie on the floor at a section (-1: nothing, which raises it to `to`), the best last."""

    part: _Part
    moves: list[int]
    floor: int
    section: int
    to: int
    key: _Key
    todo: _Todo


@dataclass
class _Problem:
    """Items sorted by size, so that the lowest bit of a mask is its smallest item."""

    size: list[int]
    lo: list[int]
    hi: list[int]
    cover: list[int]
    starts: list[int] = field(default_factory=list)  # items that start at this section or later
    ends: list[int] = field(default_factory=list)  # items that end at this section or sooner
    cross: list[int] = field(default_factory=list)  # items in this section and in the next

    def __post_init__(self) -> None:
        count = len(self.cover)
        self.starts, self.ends = [0] * (count + 1), [0] * count
        for i in range(len(self.size)):
            self.starts[self.lo[i]] |= 1 << i
            self.ends[self.hi[i]] |= 1 << i
        for t in range(count - 1, -1, -1):
            self.starts[t] |= self.starts[t + 1]
        for t in range(1, count):
            self.ends[t] |= self.ends[t - 1]
        self.cross = [a & b for a, b in zip(self.cover, self.cover[1:], strict=False)] + [0]


class _Search:
    def __init__(self, problem: _Problem, capacity: int, max_work: int, deadline: float | None) -> None:
        self.p, self.capacity, self.max_work, self.deadline = problem, capacity, max_work, deadline
        self.failed: set[_Key] = set()
        self.weight = [1.0] * len(problem.cover)
        self.offsets = [-1] * len(problem.size)
        self.rank: list[float] = []
        self.nodes = self.work = self.stop_at = 0
        self.words = 1 + len(problem.size) // 512  # what an operation on a set costs
        self.base = 8 + (len(problem.size) + len(problem.cover)) // 16  # of the copies that a node makes

    def settle(self, part: _Part, lo: int, hi: int) -> bool:
        """Bring the runs up to date after the levels of sections lo to hi changed, taking forced losses; False: a dead end."""
        p, level, left, runs = self.p, part.level, part.left, part.runs
        cover, cross = p.cover, p.cross
        while True:
            begin = max(0, bisect_right(runs, lo - 1, key=_first) - 1)
            end = min(len(runs), bisect_left(runs, hi + 2, key=_first))
            t, stop = runs[begin][0], runs[end - 1][1]
            self.work += stop - t + 1
            fresh: list[_Run] = []
            losses: list[tuple[int, int]] = []
            while t <= stop:
                first, h = t, level[t]
                if not cover[t] & left:  # nothing to come: neither a floor nor a wall
                    t += 1
                    fresh.append((first, first, _INF, None))
                    continue
                while t < stop and level[t + 1] == h and cross[t] & left:
                    t += 1
                last = t
                t += 1
                below = level[first - 1] if first and cross[first - 1] & left else _INF
                above = level[last + 1] if cross[last] & left else _INF
                choice: _Choice | None = None
                if below > h and above > h:
                    choice = self.look(part, first, last, h, below, above, losses)
                    if choice is not None and choice[1] < 0:
                        return False
                fresh.append((first, last, h, choice))
            runs[begin:end] = fresh
            if not losses:
                return True
            part.slack = part.slack.copy()  # shared with the parts this one comes from
            for u, to in losses:
                part.slack[u] -= to - level[u]
                level[u] = to
            lo, hi = losses[0][0], losses[-1][0]

    def look(self, part: _Part, first: int, last: int, h: int, below: int, above: int, losses: list[tuple[int, int]]) -> _Choice | None:
        """The section of a valley with the fewest choices. Appends forced losses to `losses`; a section of -1: a dead end."""
        p, left, slack = self.p, part.left, part.slack
        cover, size, weight = p.cover, p.size, self.weight
        from_here, to_here = p.starts[first], p.ends[last]
        inside = left & from_here & to_here
        over_left = left & cover[first] & ~from_here
        over_right = left & cover[last] & ~to_here
        out_left, out_right, out_both = over_left & ~over_right, over_right & ~over_left, over_left & over_right
        higher = max(below, above)
        stop = min(last + 1, first + _REACH)
        self.work += (stop - first) * self.words
        best: _Choice | None = None
        least = 1e30
        before, loss_before = -1, -1
        for u in range(first, stop):
            here = cover[u]
            k = inside & here
            if k:
                if k == before and slack[u] <= loss_before:
                    continue
                before, loss_before = k, slack[u]
                n = k.bit_count()
                if n > 1 and (n - 1) / weight[u] ** 0.25 >= least:
                    continue
                to = _INF
                if slack[u]:
                    # what comes to lie lowest here rests on a wall, or on an item that is not here: on the floor, or itself on a wall
                    for base, group in ((below, out_left), (above, out_right), (higher, out_both)):
                        if group & here:
                            to = min(to, base)
                        elif group:
                            to = min(to, base + size[(group & -group).bit_length() - 1])
                    m = inside & ~here
                    if m:
                        to = min(to, h + size[(m & -m).bit_length() - 1])
                    if to - h > slack[u]:
                        to = _INF
                    else:
                        n += 1
                score = (n - 1) / weight[u] ** 0.25
                if score < least:
                    least, best = score, (score, u, k, to if to < _INF else 0)
            else:
                to = below if out_left & here else _INF
                if above < to and out_right & here:
                    to = above
                if higher < to and out_both & here:
                    to = higher
                if to - h > slack[u]:
                    weight[u] += 1
                    return (0.0, -1, 0, 0)
                losses.append((u, to))
        return best

    def cut(self, part: _Part, lo: int, hi: int, depth: int, todo: _Todo) -> _Todo:
        """Queue a part before `todo`, in pieces if no item to come crosses somewhere between sections lo and hi; small ones first."""
        p, left = self.p, part.left
        if not left:
            return todo
        cuts = [t + 1 for t in range(lo, hi) if not p.cross[t] & left]
        if not cuts:
            return (part, depth, todo)
        pieces: list[tuple[int, int, _Part]] = []
        begin = 0
        for t in [*cuts, part.runs[-1][1] + 1]:
            end = bisect_left(part.runs, t, key=_first)
            runs = part.runs[begin:end]
            mine = left & p.starts[runs[0][0]] & p.ends[runs[-1][1]]
            if mine:
                pieces.append((mine.bit_count(), begin, _Part(runs, mine, part.level, part.slack)))
            begin = end
        for _, _, piece in sorted(pieces, key=_two, reverse=True):
            todo = (piece, depth, todo)
        return todo

    def expand(self, part: _Part, todo: _Todo) -> _Frame | None:
        """The choices of the most pressing section of a part; None: this state failed before."""
        key = (part.left, tuple([(r[0], r[2]) for r in part.runs]))
        if key in self.failed:
            return None
        self.nodes += 1
        self.work += self.base
        late = self.deadline is not None and not self.nodes & 63 and time.perf_counter() > self.deadline
        if late or self.nodes > self.stop_at or self.work > self.max_work:
            raise _BudgetError
        h, choice = 0, None
        for r in part.runs:
            c = r[3]
            if c is not None and (choice is None or c[0] < choice[0]):
                h, choice = r[2], c
        assert choice is not None  # the lowest run is a valley, and has a choice unless settle took all as losses
        _, u, candidates, to = choice
        lo, hi, size, rank = self.p.lo, self.p.hi, self.p.size, self.rank
        kinds: dict[tuple[int, int, int], int] = {}
        while candidates:
            bit = candidates & -candidates
            i = bit.bit_length() - 1
            candidates ^= bit
            kinds[lo[i], hi[i], size[i]] = i
        moves = sorted(kinds.values(), key=rank.__getitem__)
        if to:
            moves.insert(0, -1)
        return _Frame(part, moves, h, u, to, key, todo)

    def apply(self, frame: _Frame, depth: int) -> tuple[bool, _Todo]:
        """Make the next choice of a frame: whether it holds, and what is then to do."""
        old, i, u = frame.part, frame.moves.pop(), frame.section
        level = old.level.copy()
        if i < 0:
            part = _Part(old.runs.copy(), old.left, level, old.slack.copy())
            part.slack[u] -= frame.to - level[u]
            level[u] = frame.to
            first = last = u
        else:
            first, last = self.p.lo[i], self.p.hi[i]
            self.offsets[i] = frame.floor
            level[first : last + 1] = [frame.floor + self.p.size[i]] * (last + 1 - first)
            part = _Part(old.runs.copy(), old.left & ~(1 << i), level, old.slack)
        if not self.settle(part, first, last):
            return False, None
        return True, self.cut(part, first, last, depth, frame.todo)

    def run(self, limit: int) -> bool:
        """One descent with at most so many nodes; True: found, False: proved that there is none."""
        p = self.p
        count = len(p.cover)
        change = [0] * (count + 1)
        for i, size in enumerate(p.size):
            change[p.lo[i]] += size
            change[p.hi[i] + 1] -= size
        rem = list(accumulate(change[:-1]))
        root = _Part([(0, count - 1, 0, None)], (1 << len(p.size)) - 1, [0] * count, [self.capacity - r for r in rem])
        if min(root.slack) < 0 or not self.settle(root, 0, count - 1):
            return False
        self.stop_at = self.nodes + limit
        stack: list[_Frame] = []
        todo = self.cut(root, 0, count - 1, 0, None)
        while todo is not None:
            part, depth, todo = todo
            del stack[depth:]  # how parts that are done were solved does not matter to the others
            frame = self.expand(part, todo)
            if frame is not None:
                stack.append(frame)
            while stack:
                frame = stack[-1]
                if not frame.moves:
                    if len(self.failed) < _MEMO:
                        self.failed.add(frame.key)
                    stack.pop()
                    continue
                held, todo = self.apply(frame, len(stack))
                if held:
                    break
            else:
                return False
        return True


def _first(run: _Run) -> int:
    return run[0]


def _two(piece: tuple[int, int, _Part]) -> tuple[int, int]:
    return piece[0], piece[1]


_ORDERS = ("width", "size", "area")


def fit(
    intervals: Sequence[tuple[int, int, int]], capacity: int, *, max_work: int | None = None, seconds: float | None = None, seed: int = 0
) -> Fit:
    """Search offsets for intervals (first, last, size) such that no two that are alive together overlap, and none ends above `capacity`.

    Parameters
    ----------
    intervals : sequence of (int, int, int)
        Both ends included.
    capacity : int
    max_work : int, optional
        Sections to look at, about; the result then depends on nothing but the arguments.
    seconds : float, optional
        Time to take at most. Without either limit the search ends only with a plan or a proof.
    seed : int
        Of the restarts.

    >>> fit([(0, 1, 8), (1, 2, 8), (2, 3, 8)], 16).offsets
    [8, 0, 8]
    >>> fit([(0, 1, 8), (1, 2, 8)], 15).infeasible
    True
    """
    deadline = None if seconds is None else time.perf_counter() + seconds
    order = sorted((i for i in range(len(intervals)) if intervals[i][2] > 0), key=lambda i: (intervals[i][2], i))
    kept = [intervals[i] for i in order]
    offsets = [0] * len(intervals)
    if not kept:
        return Fit(offsets)
    cover = sections(kept)
    lo, hi = [-1] * len(kept), [0] * len(kept)
    for t, mask in enumerate(cover):
        began = mask & ~cover[t - 1] if t else mask
        while began:
            bit = began & -began
            lo[bit.bit_length() - 1] = t
            began ^= bit
        ended = mask & ~cover[t + 1] if t + 1 < len(cover) else mask
        while ended:
            bit = ended & -ended
            hi[bit.bit_length() - 1] = t
            ended ^= bit
    search = _Search(_Problem([s for _, _, s in kept], lo, hi, cover), capacity, _INF if max_work is None else max_work, deadline)
    search.work = len(cover) * search.words
    result = Fit()
    rnd = random.Random(seed)
    limit = len(kept) + 200.0
    while True:
        kind, noise = _ORDERS[result.restarts % len(_ORDERS)], 0.0 if result.restarts < len(_ORDERS) else 0.9
        search.rank = [
            (1 + noise * rnd.random()) * (s if kind == "size" else (b - a + 1) * (s if kind == "area" else 1) + s / (capacity + 1))
            for s, a, b in zip(search.p.size, lo, hi, strict=True)
        ]
        result.restarts += 1
        try:
            if search.run(int(limit)):
                for i, offset in zip(order, search.offsets, strict=True):
                    offsets[i] = offset
                result.offsets = offsets
            else:
                result.infeasible = True
        except _BudgetError:
            spent = search.work > search.max_work or (deadline is not None and time.perf_counter() > deadline)
            if not spent:
                limit *= 1.05
                continue
        result.nodes, result.work = search.nodes, search.work
        return result
