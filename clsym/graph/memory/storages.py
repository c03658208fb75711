"""Lifetimes and in-place reuse: which entries share bytes.

The schedule is walked once: views alias their input, an operator that declared it may take over an input that nobody reads afterwards, a
tensor may be assembled from its parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["FOREVER", "Assigner", "Profile", "StepUse", "Storage", "assign_storages"]

FOREVER = 1 << 60


@dataclass(frozen=True)
class StepUse:
    """What the planner must know about a step; entries are numbers, -1 an output that nobody wants."""

    name: str
    lane: int
    ins: tuple[int, ...]
    outs: tuple[int, ...]
    inplace: tuple[tuple[int, int], ...] = ()
    views: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    parts: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    accumulates: frozenset[int] = frozenset()
    mutated: frozenset[int] = frozenset()
    temps: Mapping[int, int] = field(default_factory=dict)


@dataclass
class Storage:
    """A stretch of memory that one or more entries occupy, one after the other or as views.

    Attributes
    ----------
    nbytes : int
    lane : int
        Device slot.
    external : str or None
        Key of the array that the caller provides; None: in the arena.
    first, last : int
        Steps between which its bytes matter.
    chunk, offset : int
        Place in the arena; -1 where external.
    """

    nbytes: int
    lane: int
    external: str | None
    first: int
    last: int
    takeable: bool = True
    label: str = ""
    chunk: int = -1
    offset: int = -1


class Assigner:
    def __init__(
        self,
        steps: Sequence[StepUse],
        nbytes: Sequence[int],
        external: Mapping[int, str],
        donated: frozenset[int],
        pinned: frozenset[int],
        alignment: int,
        reuse: bool,
        profile: Profile | None = None,
        not_before: Mapping[int, int] | None = None,
    ) -> None:
        self.not_before = not_before or {}
        self.profile = profile
        self.members: dict[int, list[int]] = {}
        self.absorbed: set[int] = set()
        self.steps, self.nbytes, self.external, self.pinned = steps, nbytes, external, pinned
        self.alignment, self.reuse = alignment, reuse
        self.storages: list[Storage] = []
        self.entry: list[tuple[int, int] | None] = [None] * len(nbytes)
        self.inplace: list[tuple[int, int, int]] = []
        self.aliased: set[int] = set()
        self.last_read = [-1] * len(nbytes)
        for s, step in enumerate(steps):
            for e in step.ins:
                self.last_read[e] = s
        for e in pinned:
            self.last_read[e] = FOREVER
        produced = {e for step in steps for e in step.outs}
        for e, key in external.items():
            if e not in produced:
                self.new(e, -1, 0, key, takeable=e in donated)

    def new(self, e: int, step: int, lane: int, key: str | None, takeable: bool = True) -> None:
        self.storages.append(Storage(self.nbytes[e], lane, key, step, max(step, self.last_read[e]), takeable, str(e)))
        self.put(e, len(self.storages) - 1, 0)

    def put(self, e: int, storage: int, offset: int) -> None:
        """Say where an entry lives."""
        self.entry[e] = (storage, offset)
        self.members.setdefault(storage, []).append(e)

    def may_hold(self, out: int, first: int) -> bool:
        """Whether the caller's array of an entry, if it has one, may be written from a step on."""
        return self.not_before.get(out, 0) <= first

    def can_alias(self, step: StepUse, position: int) -> bool:
        """Whether an output may be a view of its input's memory."""
        source, offset = step.views[position]
        out = step.outs[position]
        place = self.entry[step.ins[source]]
        assert place is not None
        storage = self.storages[place[0]]
        offset += place[1]
        if position in step.accumulates or offset % self.alignment or offset + self.nbytes[out] > storage.nbytes:
            return False
        if out not in self.external:
            return True
        # the caller's array can hold the input as well, if it is no other array of the caller's and has the same size
        fits = not offset and storage.nbytes == self.nbytes[out] and storage.lane == step.lane
        return storage.external is None and fits and self.may_hold(out, storage.first)

    def alias(self, step: StepUse) -> bool:
        """Make all wanted outputs of a step views, so that nothing needs to run; all or none."""
        wanted = [k for k, e in enumerate(step.outs) if e >= 0]
        if not self.reuse or not wanted or not all(k in step.views and self.can_alias(step, k) for k in wanted):
            return False
        if len({self.external[step.outs[k]] for k in wanted if step.outs[k] in self.external}) > 1:
            return False
        for k in wanted:
            source, offset = step.views[k]
            place = self.entry[step.ins[source]]
            assert place is not None
            storage = self.storages[place[0]]
            storage.external = self.external.get(step.outs[k], storage.external)
            storage.last = max(storage.last, self.last_read[step.outs[k]])
            self.put(step.outs[k], place[0], place[1] + offset)
        return True

    def take_over(self, s: int, step: StepUse, position: int, taken: set[int]) -> bool:
        """Write an output over an input that dies here, if one was declared."""
        out = step.outs[position]
        if not self.reuse or position in step.accumulates:
            return False
        candidates = [i for o, i in step.inplace if o == position]
        for i in candidates:
            place = self.entry[step.ins[i]]
            assert place is not None
            number, offset = place
            storage = self.storages[number]
            if offset or storage.nbytes != self.nbytes[out] or storage.last != s or not storage.takeable or number in taken:
                continue
            if storage.lane != step.lane and storage.external is None:
                continue
            key = self.external.get(out)
            if key is not None and (storage.external is not None or not self.may_hold(out, storage.first)):
                continue
            same = [j for j, e in enumerate(step.ins) if (p := self.entry[e]) is not None and p[0] == number]
            if any(j not in candidates or j in step.mutated for j in same):
                continue
            if key is not None:
                storage.external = key
            self.put(out, number, 0)
            storage.last = max(s, self.last_read[out])
            taken.add(number)
            self.inplace.append((s, position, i))
            return True
        return False

    def assemble(self, s: int, step: StepUse) -> bool:
        """Let the inputs of a step be written into its output in the first place, if that costs no memory at the peak."""
        if not (self.reuse and self.profile and step.parts) or len(step.parts) != len(step.ins) or len(step.outs) != 1 or step.accumulates:
            return False
        out = step.outs[0]
        places = [self.entry[e] for e in step.ins]
        numbers = [place[0] for place in places if place is not None and place[1] == 0]
        if out < 0 or len(set(numbers)) != len(step.ins):
            return False
        found = [self.storages[n] for n in numbers]
        for i, (e, st) in enumerate(zip(step.ins, found, strict=True)):
            offset = step.parts[i][1]
            if st.external is not None or st.lane != step.lane or st.nbytes != self.nbytes[e]:
                return False
            if offset % self.alignment or e in self.pinned:
                return False
        first, last = min(st.first for st in found), max(s, self.last_read[out])
        whole = Storage(self.nbytes[out], step.lane, self.external.get(out), first, last, label=str(out))
        if not self.may_hold(out, first) or (whole.external is None and not self.profile.allows(s, found, whole)):
            return False
        whole.last = max(whole.last, *(st.last for st in found))
        self.storages.append(whole)
        number = len(self.storages) - 1
        for i, n in enumerate(numbers):
            for e in self.members.pop(n):
                place = self.entry[e]
                assert place is not None
                self.put(e, number, place[1] + step.parts[i][1])
            self.absorbed.add(n)
        self.put(out, number, 0)
        return True

    def run(self) -> None:
        for s, step in enumerate(self.steps):
            if self.alias(step) or self.assemble(s, step):
                self.aliased.add(s)
                continue
            taken: set[int] = set()
            for k, e in enumerate(step.outs):
                if e >= 0 and not self.take_over(s, step, k, taken):
                    self.new(e, s, step.lane, self.external.get(e))


class Profile:
    """Bytes alive at each step, for judging whether a tensor may be assembled from its parts."""

    def __init__(self, storages: Sequence[Storage], steps: int) -> None:
        change = np.zeros(steps + 2, np.int64)
        for st in storages:
            if st.external is None:
                change[max(st.first, 0)] += st.nbytes
                change[min(st.last, steps) + 1] -= st.nbytes
        self.live = np.cumsum(change)
        self.peak = int(self.live.max(initial=0))

    def allows(self, s: int, parts: Sequence[Storage], whole: Storage) -> bool:
        """Whether the peak stays what it is if `whole` is alive from the first of its parts on; then that is noted."""
        end = len(self.live)
        late = max(st.last for st in parts)
        begin = min(whole.first, *(st.first for st in parts))
        live = self.live[begin : min(max(late, whole.last) + 1, end)].copy()
        live[whole.first - begin : s - begin] += whole.nbytes
        for st in parts:
            live[st.first - begin : min(st.last + 1, end) - begin] -= st.nbytes
        if late > whole.last:
            live[whole.last + 1 - begin : min(late + 1, end) - begin] += whole.nbytes
        if int(live.max(initial=0)) > self.peak:
            return False
        self.live[begin : begin + len(live)] = live
        return True


def assign_storages(
    steps: Sequence[StepUse],
    nbytes: Sequence[int],
    external: Mapping[int, str],
    donated: frozenset[int],
    pinned: frozenset[int],
    alignment: int,
    reuse: bool,
    profile: Profile | None = None,
    not_before: Mapping[int, int] | None = None,
) -> Assigner:
    """Decide which entries share memory; see `clsym.graph.memory.plan.plan_memory` for the arguments.

    With a `profile`, tensors may be assembled from their parts.
    """
    worker = Assigner(steps, nbytes, external, donated, pinned, alignment, reuse, profile, not_before)
    worker.run()
    if worker.absorbed:
        renumber = {}
        kept: list[Storage] = []
        for n, st in enumerate(worker.storages):
            if n not in worker.absorbed:
                renumber[n] = len(kept)
                kept.append(st)
        worker.storages = kept
        worker.entry = [None if place is None else (renumber[place[0]], place[1]) for place in worker.entry]
    return worker
