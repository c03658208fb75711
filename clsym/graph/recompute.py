"""Less memory for more work: parts of the forward are run again in the backward, so that the plan fits a limit.

What is kept is a minimum cut of the forward graph: bytes kept against the cost of running again (`checkpoints.cheapest_keep`). One number, the price of
a multiply-add in bytes, leads from 'keep everything' to 'keep nothing'. Where what is run again at once is itself too large, it is split, and what crosses
the split is kept. Every choice is judged by its true live ranges, and what the limit leaves at the end is filled with what is dearest to compute again.
Norms, activations, concatenations and the like come first; convolutions and matrix products only where those do not suffice.

The sizes of segments follow from the graph; compare Chen et al., https://arxiv.org/abs/1604.06174, and Jain et al., https://arxiv.org/abs/1910.02653.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from ..base import MXNetError
from .checkpoints import Candidate, cheapest_keep, evaluate, fill, split
from .lower import Lowered
from .memory import MemoryPlan
from .replay import Tape

__all__ = ["Recomputed", "fit", "mirror"]

PRICES = (1.0, 0.25, 0.05, 0.5, 0.1, 2.0, 0.35, 0.02, 0.7, 0.17)
"""Prices that are tried, in units of (bytes that the backward reads) / (cost of the forward part); coarse first."""
EVALUATIONS = 300_000
"""Steps that the search may walk over in all: it bounds the planning time, and gives the same plan every time."""


@dataclass(frozen=True)
class Recomputed:
    """A plan that runs some steps twice.

    Attributes
    ----------
    lowered : Lowered
    memory : MemoryPlan
    steps : int
        How many steps are run again.
    work : float
        Their multiply-adds, relative to those of the whole unlimited plan.
    """

    lowered: Lowered
    memory: MemoryPlan
    steps: int
    work: float


Planner = Callable[[Lowered], MemoryPlan]


class _Search:
    def __init__(self, tape: Tape, lowered: Lowered, plan: Planner) -> None:
        self.tape, self.lowered, self.plan = tape, lowered, plan
        self.left = max(24, EVALUATIONS // len(tape.steps))
        self.seen: list[Candidate] = []
        forward = sum(tape.cost[: tape.forward])
        self.unit = sum(tape.sizes[e] for e in tape.needed) / max(forward, 1)

    def explore(self, allowed: Collection[int], limit: int, recent: int) -> None:
        """Try every price, splitting until the limit is met or no split is left."""
        self.left = max(self.left, 12)
        for price in PRICES:
            forced: set[int] = set()
            while self.left > 0:
                self.left -= 1
                found = evaluate(self.tape, cheapest_keep(self.tape, price * self.unit, allowed, forced), (), recent)
                self.seen.append(found)
                if found.peak <= limit:
                    break
                more = split(self.tape, found) - forced
                if not more:
                    break
                forced |= more

    def result(self, found: Candidate) -> Recomputed:
        """The candidate as a plan."""
        lowered = _rewrite(self.tape, found, self.lowered)
        again = [s for s, _, _ in found.replay.steps[self.tape.forward :] if s < self.tape.forward]
        work = sum(self.tape.heavy[s] for s in again) / max(sum(self.tape.heavy), 1)
        return Recomputed(lowered, self.plan(lowered), len(again), work)

    def cheapest(self, limit: int) -> Recomputed | None:
        """The plan within the limit that costs least; packing may need a little more than what is alive, so the aim is lowered until it fits."""
        aim = limit
        for attempt in range(4):
            fitting = sorted((c for c in self.seen if c.peak <= aim), key=lambda c: c.cost)
            filled = sorted((fill(self.tape, c, aim) for c in fitting[: 3 if attempt else None]), key=lambda c: c.cost)
            if not filled:
                return None
            over = []
            for found in filled[:2]:
                result = self.result(found)
                if result.memory.arena_bytes <= limit:
                    return result
                over.append(result.memory.arena_bytes - limit)
            aim -= min(over)
        return None

    def smallest(self) -> Recomputed:
        """The plan that needs least, of the few that look best."""
        ranked = sorted(self.seen, key=lambda c: (c.peak, c.cost))
        return min((self.result(fill(self.tape, c, c.peak)) for c in ranked[:3]), key=lambda r: r.memory.arena_bytes)


def fit(tape: Tape, lowered: Lowered, plan: Planner, limit: int) -> Recomputed:
    """A plan of at most `limit` bytes that computes as little twice as was found.

    Raises
    ------
    MXNetError
        None was found; says how many bytes the smallest plan found needs.
    """
    search = _Search(tape, lowered, plan)
    everything = range(tape.forward)
    for allowed, recent in (([s for s in everything if not tape.heavy[s]], 4), (everything, 4), (everything, 1)):
        search.explore(allowed, limit, recent)
        found = search.cheapest(limit)
        if found is not None:
            return found
    least = search.smallest().memory.arena_bytes
    if least <= limit:
        return search.smallest()
    raise MXNetError(refusal(limit, least))


def refusal(limit: int, least: int) -> str:
    """What to tell who asked for too little."""
    return (
        f"memory_limit={limit} bytes: the smallest plan found needs {least} bytes ({least / 2**20:.1f} MiB) for intermediates and workspaces. "
        "Give at least that, or bind a smaller batch."
    )


def mirror(tape: Tape, lowered: Lowered, plan: Planner, allowed: Iterable[int], arena: int) -> Recomputed | None:
    """The smallest plan that was found with only these steps run again; None unless it is smaller than `arena` bytes."""
    steps = set(allowed)
    if not steps:
        return None
    search = _Search(tape, lowered, plan)
    search.explore(steps, 0, 4)
    found = search.smallest()
    return found if found.memory.arena_bytes < arena else None


def _rewrite(tape: Tape, found: Candidate, lowered: Lowered) -> Lowered:
    """The steps of a candidate, numbered entries and all, for the planner and the runtime."""
    replay, total = found.replay, len(lowered.names)
    names, runs = list(lowered.names), dict[int, int]()
    result = Lowered(names=names, specs=[*lowered.specs, *(lowered.specs[e] for e in replay.copies)], external=dict(lowered.external))
    result.uses_rng, result.number = lowered.uses_rng, lowered.number
    for i, (s, ins, outs) in enumerate(replay.steps):
        use = tape.use(replay, i)
        step = replace(lowered.steps[s], ins=ins)
        fresh = tape.again[s] if s < tape.forward <= i else None
        if fresh is not None:
            runs[s] = runs.get(s, 0) + 1
            mark = "_recompute" + (str(runs[s]) if runs[s] > 1 else "")
            step = replace(fresh[0], name=fresh[0].name + mark, ins=ins, outs=outs)
            use = replace(use, name=step.name)
            for e in outs:
                if e >= 0:
                    old = names[replay.copies[e - total]]
                    names.append(step.name + old.removeprefix(fresh[0].name))
        result.steps.append(step)
        result.uses.append(use)
    return result
