"""Less memory for more work: parts of the forward are run again in the backward, so that the plan fits a limit.

What is kept is a minimum cut of the forward graph: bytes kept against the cost of running again (`checkpoints.cheapest_keep`). One
number, the price of a multiply-add in bytes, leads from 'keep everything' to 'keep nothing'. Where what is run again at once is itself too
large, it is split, and what crosses the split is kept. Every choice is judged by its true live ranges, and what the limit leaves at the end
is filled with what is dearest to compute again. Norms, activations, concatenations and the like come first; convolutions and matrix
products only where those do not suffice.

The sizes of segments follow from the graph; compare Chen et al., https://arxiv.org/abs/1604.06174, and Jain et al., https://arxiv.org/abs/1910.02653.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ...base import MXNetError
from ..contract.ir import attribute
from ..contract.spec import TensorSpec
from ..contract.traits import DeviceTraits
from ..lower import Lowered
from ..memory.plan import MemoryPlan
from ..order.schedule import Schedule
from .checkpoints import Candidate, cheapest_keep, evaluate, fill, split
from .replay import Tape

__all__ = ["Recomputed", "choose", "fit", "mirror"]

PRICES = (1.0, 0.25, 0.05, 0.5, 0.1, 2.0, 0.35, 0.02, 0.7, 0.17)
"""Prices that are tried, in units of (bytes that the backward reads) / (cost of the forward part); coarse first."""
EVALUATIONS = 300_000
"""Steps that one sweep of the search may walk over: it bounds the planning time, and gives the same plan every time."""


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
        self.budget = min(300, max(24, EVALUATIONS // len(tape.steps)))
        self.seen: dict[tuple[frozenset[int], int], Candidate] = {}
        forward = sum(tape.cost[: tape.forward])
        self.unit = sum(tape.sizes[e] for e in tape.needed) / max(forward, 1)

    def explore(self, allowed: Collection[int], limit: int, recent: int) -> None:
        """Try every price, splitting until the limit is met, and a little beyond, or no split is left."""
        left = self.budget
        for price in PRICES:
            forced: set[int] = set()
            deeper = 3 if self.budget > 100 else 1
            while left > 0 and deeper > 0:
                keep = frozenset(cheapest_keep(self.tape, price * self.unit, allowed, forced))
                found = self.seen.get((keep, recent)) or evaluate(self.tape, keep, (), recent)
                left -= (keep, recent) not in self.seen
                self.seen[keep, recent] = found
                if found.peak <= limit:
                    deeper -= 1
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
        """The plan within the limit that costs least.

        Packing may need a little more than what is alive; then the aim is lowered.
        """
        aim = limit
        fitting = sorted((c for c in self.seen.values() if c.peak <= aim), key=lambda c: c.cost)
        promising = sorted(fitting[: self.budget // 8], key=lambda c: fill(self.tape, c, aim, 2).cost)[: min(6, self.budget // 12)]
        for _ in range(4):
            bases = [c for c in promising if c.peak <= aim] or [c for c in fitting if c.peak <= aim]
            if not bases:
                break
            result = self.result(min((fill(self.tape, c, aim) for c in bases), key=lambda c: c.cost))
            if result.memory.arena_bytes <= limit:
                return result
            aim -= result.memory.arena_bytes - limit
        for found in sorted(fitting, key=lambda c: c.peak)[:2]:
            result = self.result(found)
            if result.memory.arena_bytes <= limit:
                return result
        return None

    def smallest(self) -> Recomputed:
        """The plan that needs least, of those that look best."""
        ranked = sorted(self.seen.values(), key=lambda c: (c.peak, c.cost))
        distinct = [c for i, c in enumerate(ranked) if i == 0 or c.peak > ranked[i - 1].peak]
        best: tuple[Recomputed, Candidate] | None = None
        for found in distinct[:8]:
            if best is not None and found.peak >= best[0].memory.arena_bytes:
                break
            result = self.result(found)
            if best is None or result.memory.arena_bytes < best[0].memory.arena_bytes:
                best = (result, found)
        assert best is not None
        filled = self.result(fill(self.tape, best[1], best[0].memory.arena_bytes))
        return filled if filled.memory.arena_bytes <= best[0].memory.arena_bytes else best[0]


def choose(
    lowered: Lowered,
    schedule: Schedule,
    specs: Mapping[tuple[int, int], TensorSpec],
    traits: Sequence[DeviceTraits],
    plan: Planner,
    pinned: frozenset[int],
    limit: int | None,
    mirrored: bool,
) -> Recomputed:
    """The plan to use: as it is, or with steps that are run again because of a limit, or because the user asked for it (mirroring).

    Raises
    ------
    MXNetError
        No plan within the limit was found; says what the smallest needs.
    """
    plain = Recomputed(lowered, plan(lowered), 0, 0.0)
    arena = plain.memory.arena_bytes
    if limit is not None and arena <= limit:
        return plain
    if schedule.forward == len(schedule.steps):
        if limit is not None:
            raise MXNetError(refusal(limit, arena))
        return plain
    asked = mirrored or any(attribute(node, "force_mirroring") for node in schedule.steps[: schedule.forward])
    if limit is None and not asked:
        return plain
    tape = Tape.of(lowered, schedule, specs, traits, pinned)
    if limit is not None:
        return fit(tape, lowered, plan, limit, arena)
    cheap = {s for s in range(tape.forward) if not tape.heavy[s]} if mirrored else set()
    return mirror(tape, lowered, plan, cheap | tape.marked, arena) or plain


def fit(tape: Tape, lowered: Lowered, plan: Planner, limit: int, arena: int) -> Recomputed:
    """A plan of at most `limit` bytes, less than the `arena` of the plan as it is, that computes as little twice as was found.

    Raises
    ------
    MXNetError
        None was found; says how many bytes the smallest plan found needs.
    """
    search = _Search(tape, lowered, plan)
    everything = range(tape.forward)
    sweeps = (([s for s in everything if not tape.heavy[s]], 4), (everything, 4), (everything, 1))
    for allowed, recent in sweeps:
        search.explore(allowed, limit, recent)
        found = search.cheapest(limit)
        if found is not None:
            return found
    thorough = _Search(tape, lowered, plan)  # anew, so that what it finds does not depend on the limit
    for allowed, recent in sweeps:
        thorough.explore(allowed, 0, recent)
    least = thorough.smallest()
    if least.memory.arena_bytes <= limit:
        return least
    raise MXNetError(refusal(limit, min(arena, least.memory.arena_bytes)))


def refusal(limit: int, least: int) -> str:
    """What to tell who asked for too little."""
    return (
        f"memory_limit={limit} bytes: the smallest plan found needs {least} bytes ({least / 2**20:.1f} MiB) for intermediates and "
        "workspaces. Give at least that, or bind a smaller batch."
    )


def mirror(tape: Tape, lowered: Lowered, plan: Planner, steps: Collection[int], arena: int) -> Recomputed | None:
    """The smallest plan that was found with only these steps run again; None unless it is smaller than `arena` bytes."""
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
    result.uses_rng, result.forward, result.number = lowered.uses_rng, lowered.forward, lowered.number
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
