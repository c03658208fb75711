"""The order of an inference graph that needs the least memory, where the graph leaves freedom.

The graph is cut behind each step that needs all before it and that all after it need. Of each part, the worst first, the order given
and some that follow rules are compared, and the best is searched as a whole where the part is small (`window.search`); a large one in
windows, cut where little is alive, the window with the peak first. Windows that are alike, as the steps of an unrolled network are, are
searched once. No part is worked on once another needs as much in any case; chains need no search at all.

All work is counted, and the sum is in proportion to the number of steps, so that an order depends on the graph alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from ..contract.op import Entry, Node
from ..contract.spec import TensorSpec
from .flow import Flow, Window
from .window import Budget, by_rules, search

__all__ = ["Order", "order_for_memory"]

Key = tuple[int, int]
_WHOLE = 256
"""Steps of a part up to which it is searched as a whole; a state's size grows with them."""
_WINDOW = 40
"""Steps of a window of a larger part: what a search can exhaust."""


@dataclass(frozen=True)
class Order:
    """An order and what is known of it.

    Attributes
    ----------
    nodes : tuple of Node
    peak : int
        Bytes alive at the worst step, by the model of this module (in-place and views counted, alignment and workspaces not).
    certificate : str
        'optimal' (proved, for this model), or 'best found'.
    work : int
        Steps that the search looked at.
    """

    nodes: tuple[Node, ...]
    peak: int
    certificate: str
    work: int = 0


class _Search:
    def __init__(self, flow: Flow, floor: int, budget: Budget) -> None:
        self.flow, self.floor, self.budget = flow, floor, budget
        self.known: dict[tuple[object, ...], tuple[list[int], bool]] = {}
        self.order = list(range(len(flow)))

    def window(self, begin: int, end: int) -> Window:
        """A stretch of the present order."""
        return Window(self.flow, self.order[begin:end], end, self.last)

    def look(self) -> None:
        """Bring what is known of the present order up to date."""
        self.last = self.flow.last_reads(self.order)
        self.during, self.after = self.flow.walk(self.order)

    def before(self, at: int) -> int:
        """Bytes alive before a step of the order."""
        return self.after[at - 1] if at else 0

    def parts(self) -> list[tuple[int, int]]:
        """Cut behind each step that needs all before it and that all after it need: no order crosses there."""
        preds, n = self.flow.preds, len(self.flow)
        first_next = [n] * n
        for s in range(n - 1, -1, -1):
            for p in preds[s]:
                first_next[p] = s
        # from a step on, the least of where the latest of what each needs stands
        latest = list(accumulate((max(preds[s], default=-1) for s in range(n - 1, 0, -1)), min, initial=n))[::-1]
        begin, needed_by, found = 0, 0, []
        for s in range(n):
            if needed_by <= s <= latest[s]:
                found.append((begin, s + 1))
                begin = s + 1
            needed_by = max(needed_by, first_next[s])
        if begin < n:
            found.append((begin, n))
        return found

    def run(self) -> bool:
        """Better the order; whether it is proved that none is better."""
        self.look()
        parts = self.parts()
        peaks = {part: max(self.during[slice(*part)]) for part in parts}
        free = {part: self.window(*part) for part in parts if peaks[part] > self.floor}
        free = {part: window for part, window in free.items() if window.has_choice()}
        # parts without freedom need what they need: no other part has to be better than the worst of them
        self.floor = max([self.floor, *(peak for part, peak in peaks.items() if part not in free)])
        proved = True
        for part in sorted(free, key=lambda part: -peaks[part]):
            if peaks[part] <= self.floor:
                break
            found, optimal = self.best(part, free[part])
            self.put(part[0], free[part], found)
            proved &= optimal
            peak = self.before(part[0]) + free[part].peak(found)
            if not optimal and len(found) > _WHOLE:
                peak = self.tile(*part)
                proved = False
            self.floor = max(self.floor, peak)
        return proved

    def put(self, begin: int, window: Window, found: Sequence[int]) -> None:
        """Change the order within a window."""
        self.order[begin : begin + len(found)] = [window.steps[i] for i in found]

    def best(self, part: tuple[int, int], window: Window) -> tuple[list[int], bool]:
        """The best order of a window, and whether it is proved."""
        floor = self.floor - self.before(part[0])
        key = (floor, window.signature)
        found = self.known.get(key)
        if found is None:
            best = by_rules(window)
            if len(best) <= _WHOLE:
                found = search(window, best, floor, self.budget)
            else:
                found = best, window.peak(best) <= floor
            self.known[key] = found
        return found

    def tile(self, begin: int, end: int) -> int:
        """Better the order within windows of a part, then within others that straddle them, while it helps; the peak."""
        self.look()
        peak = max(self.during[begin:end])
        for shift in (0, 1, 0, 1):
            if peak <= self.floor or self.budget.left <= 0:
                break
            before = peak
            self.round(self.cuts(begin, end, shift))
            self.look()
            peak = max(self.during[begin:end])
            if shift and peak == before:
                break
        return peak

    def cuts(self, begin: int, end: int, shift: int) -> list[tuple[int, int]]:
        """Windows of a part, each cut where the least is alive."""
        found = []
        at = begin
        while at < end:
            low = at + _WINDOW // (4 if shift and at == begin else 2)
            high = min(low + _WINDOW // 2, end)
            cut = end if low >= end or high == end else min(range(low, high), key=lambda t: (self.after[t - 1], t))
            found.append((at, cut))
            at = cut
        return found

    def round(self, windows: list[tuple[int, int]]) -> None:
        """Search the windows with the highest peaks, until one cannot be lowered."""
        for peak, begin, end in sorted(((max(self.during[a:b]), a, b) for a, b in windows), key=lambda w: (-w[0], w[1])):
            if peak <= self.floor or self.budget.left <= 0:
                return
            window = self.window(begin, end)
            floor = self.floor - self.before(begin)
            key = (floor, window.signature)
            if key not in self.known:
                self.known[key] = search(window, list(range(end - begin)), floor, self.budget)
            found, _ = self.known[key]
            self.budget.left -= end - begin
            if self.before(begin) + window.peak(found) >= peak:
                return
            self.put(begin, window, found)


def order_for_memory(nodes: Sequence[Node], heads: Sequence[Entry], specs: Mapping[Key, TensorSpec], work: int = 200_000) -> Order:
    """Reorder the steps of a graph without a backward part.

    Parameters
    ----------
    nodes : list of Node
        Operators in a topological order.
    heads : list of Entry
        What must survive.
    specs : dict
        Of every entry.
    work : int
        How many steps the search may look at in all.
    """
    flow = Flow(nodes, heads, specs)
    bound = flow.lower_bound()
    search_ = _Search(flow, bound, Budget(work))
    proved = search_.run()
    peak = max(flow.walk(search_.order)[0], default=0)
    certificate = "optimal" if proved or peak <= bound else "best found"
    return Order(tuple(nodes[s] for s in search_.order), peak, certificate, work - search_.budget.left)
