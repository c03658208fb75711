"""Which step waits for which. Steps of one lane run in order by themselves; between lanes, overlaps of bytes decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..memory.plan import MemoryPlan, StepUse

__all__ = ["Waits", "find_waits"]


@dataclass(frozen=True)
class Waits:
    """For each step, the steps of other lanes that must have finished before it starts."""

    before: tuple[tuple[int, ...], ...]

    @property
    def sources(self) -> frozenset[int]:
        """Steps that some other lane waits for: their events are kept."""
        return frozenset(s for waits in self.before for s in waits)


def find_waits(steps: Sequence[StepUse], memory: MemoryPlan) -> Waits:
    """Every hazard (read after write, write after read, write after write) between lanes, from the bytes the steps touch.

    Of several steps of one lane only the latest is waited for, since a lane runs in order.
    """
    if len({s.lane for s in steps}) <= 1:
        return Waits(((),) * len(steps))

    def span(storage: int) -> tuple[object, int, int]:
        st = memory.storages[storage]
        if st.external is not None:
            return (st.external, 0, max(st.nbytes, 1))
        return ((st.lane, st.chunk), st.offset, st.offset + max(st.nbytes, 1))

    by_place: dict[object, list[tuple[int, int, int, bool]]] = {}
    before: list[tuple[int, ...]] = []
    for s, step in enumerate(steps):
        accesses: list[tuple[object, int, int, bool]] = []
        if s not in memory.aliased:
            for i, e in enumerate(step.ins):
                place = memory.entry[e]
                if place is not None:
                    accesses.append((*span(place[0]), i in step.mutated))
            for index in step.temps:
                accesses.append((*span(memory.temps[(s, index)]), True))
            for e in step.outs:
                place = memory.entry[e] if e >= 0 else None
                if place is not None:
                    accesses.append((*span(place[0]), True))
        latest: dict[int, int] = {}
        for place_, low, high, writes in accesses:
            for other, o_low, o_high, o_writes in by_place.get(place_, ()):
                if steps[other].lane != step.lane and (writes or o_writes) and o_low < high and low < o_high:
                    lane = steps[other].lane
                    latest[lane] = max(latest.get(lane, -1), other)
        for place_, low, high, writes in accesses:
            by_place.setdefault(place_, []).append((s, low, high, writes))
        before.append(tuple(sorted(latest.values())))
    return Waits(tuple(before))
