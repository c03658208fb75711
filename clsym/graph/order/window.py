"""Orders of a stretch of steps: some by rules, and a search for the best.

States of the search are sets of executed steps, expanded in the order of the largest memory that reaching them took, so that the first
complete state is an optimum. A step that frees at least what it takes, within the memory already paid for, is executed at once: no order
can lose by it. Work is counted in steps looked at.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from .flow import Window

__all__ = ["Budget", "by_rules", "search"]


@dataclass
class Budget:
    """Work that may still be done."""

    left: int


def greedy(window: Window) -> list[int]:
    """The step that leaves least alive, each time."""
    remaining = [len(r) for r in window.readers]
    who = [0] * len(remaining)  # the sum of the readers to come: the reader itself where it is the last
    for g, readers in enumerate(window.readers):
        who[g] = sum(readers)
    missing = [len(p) for p in window.preds]
    now: list[tuple[int, int] | None] = [None] * len(missing)
    heap: list[tuple[int, int, int]] = []

    def push(i: int) -> None:
        change = now[i] = window.change(i, remaining)
        heapq.heappush(heap, (*change, i))

    for i, count in enumerate(missing):
        if not count:
            push(i)
    order = []
    while heap:
        after, during, i = heapq.heappop(heap)
        if now[i] != (after, during):
            continue  # it has become cheaper since
        now[i] = None
        order.append(i)
        for g in window.reads[i]:
            remaining[g] -= 1
            who[g] -= i
            if remaining[g] == 1 and now[who[g]] is not None:
                push(who[g])
        for j in window.nexts[i]:
            missing[j] -= 1
            if not missing[j]:
                push(j)
    return order


def deepest_first(window: Window) -> list[int]:
    """Depth-first from the last steps, of each step's operands that first which has the longest way behind it."""
    depth = [0] * len(window.steps)
    for i, preds in enumerate(window.preds):
        depth[i] = 1 + max((depth[p] for p in preds), default=0)
    order: list[int] = []
    entered = bytearray(len(depth))
    for root in (i for i, nexts in enumerate(window.nexts) if not nexts):
        stack = [(root, False)]
        while stack:
            i, over = stack.pop()
            if over:
                order.append(i)
            elif not entered[i]:
                entered[i] = True
                stack.append((i, True))
                stack += [(p, False) for p in sorted(window.preds[i], key=lambda p: (depth[p], -p))]
    return order


def delayed(window: Window, order: list[int]) -> list[int]:
    """An order with steps that leave more alive than before put off until they are read."""
    remaining = [len(r) for r in window.readers]
    later = bytearray(len(order))
    for i in order:
        later[i] = window.change(i, remaining)[0] > 0
        for g in window.reads[i]:
            remaining[g] -= 1
    result: list[int] = []
    place = {i: at for at, i in enumerate(order)}
    for root in order:
        if later[root] and window.nexts[root]:
            continue
        stack = [(root, False)]
        while stack:
            i, over = stack.pop()
            if over:
                result.append(i)
            elif i in place:
                del place[i]
                stack.append((i, True))
                stack += [(p, False) for p in sorted((p for p in window.preds[i] if p in place), key=place.__getitem__, reverse=True)]
    return result


def by_rules(window: Window) -> list[int]:
    """The best of the order given and those that are found without a search."""
    orders = [list(range(len(window.steps))), deepest_first(window), greedy(window)]
    return min(*orders, *(delayed(window, order) for order in orders), key=window.cost)


_Chain = tuple[int, object] | None
"""A path as a chain of (step, what came before), so that states share their beginnings."""


_State = tuple[int, int, int, _Chain]
"""Executed steps, ready steps, bytes alive, path."""


class _Masks:
    """A window with its sets as bit masks."""

    def __init__(self, window: Window, budget: Budget) -> None:
        self.window, self.budget = window, budget
        self.readers = [sum(1 << i for i in r) for r in window.readers]
        self.preds = [sum(1 << i for i in p) for p in window.preds]

    def run(self, step: int, done: int) -> tuple[int, int]:
        """(bytes more after a step, bytes more while it runs), `done` being what ran before."""
        w, after = self.window, ~(done | 1 << step)
        self.budget.left -= 1
        freed = 0
        dying = []
        for g in w.reads[step]:
            if not w.stays[g] and not self.readers[g] & after:
                freed += w.size[g]
                dying.append(g)
        saved = 0
        if dying:
            taken: set[int] = set()
            for a, b in w.takes[step]:
                if b in dying and b not in taken and a not in taken:
                    taken.update((a, b))
                    saved += w.size[a]
        return w.left[step] - freed, w.made[step] - saved

    def opened(self, step: int, done: int, ready: int) -> int:
        """The steps that are ready after a step, which is done already."""
        ready &= ~(1 << step)
        for j in self.window.nexts[step]:
            if not self.preds[j] & ~done:
                ready |= 1 << j
        return ready

    def settle(self, state: _State, peak: int) -> _State:
        """Execute what costs nothing: steps that run within `peak` and leave no more alive than before."""
        done, ready, live, chain = state
        look, waiting = ready, 0
        while look:
            bit = look & -look
            look ^= bit
            s = bit.bit_length() - 1
            after, now = self.run(s, done)
            if after > 0:
                continue
            if live + now > peak:
                waiting |= bit  # for less to be alive
                continue
            done |= bit
            live += after
            before, ready = ready & ~bit, self.opened(s, done, ready)
            chain = (s, chain)
            look |= ready & ~before
            for g in self.window.reads[s]:  # whose other reader may now free it
                look |= self.readers[g] & ready
            if after:
                look |= waiting
                waiting = 0
        return done, ready, live, chain


def _steps(mask: int) -> list[int]:
    found = []
    while mask:
        bit = mask & -mask
        mask ^= bit
        found.append(bit.bit_length() - 1)
    return found


def search(window: Window, best: list[int], floor: int, budget: Budget) -> tuple[list[int], bool]:
    """The best order found while the budget lasts, and whether it is proved that none is better.

    Parameters
    ----------
    window : Window
    best : list of int
        The best order known.
    floor : int
        A peak that is as good as any smaller one, since other parts need it in any case.
    budget : Budget
    """
    best_peak = window.peak(best)
    if best_peak <= floor:
        return best, True
    masks = _Masks(window, budget)
    ready = sum(1 << i for i, p in enumerate(window.preds) if not p)
    first = masks.settle((0, ready, 0, None), floor)
    seen = {first[0]: floor}
    heap = [(floor, -first[0].bit_count(), *first)]
    goal = (1 << len(window.steps)) - 1
    while heap and budget.left > 0:
        peak, _, done, ready, live, chain = heapq.heappop(heap)
        if peak >= best_peak:
            return best, True
        if seen[done] < peak:
            continue
        if done == goal:
            return _path(chain), True
        for s in _steps(ready):
            after, now = masks.run(s, done)
            new_peak = max(peak, live + now)
            if new_peak >= best_peak:
                continue
            d = done | 1 << s
            state = masks.settle((d, masks.opened(s, d, ready), live + after, (s, chain)), new_peak)
            if seen.get(state[0], new_peak + 1) <= new_peak:
                continue
            seen[state[0]] = new_peak
            heapq.heappush(heap, (new_peak, -state[0].bit_count(), *state))
    return best, not heap


def _path(chain: _Chain) -> list[int]:
    path = []
    while chain is not None:
        path.append(chain[0])
        chain = chain[1]  # type: ignore[assignment]
    return path[::-1]
