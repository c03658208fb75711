"""Offsets in the arenas for what `assign_storages` decided to keep apart: every storage, and every workspace of a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .pack import max_live, pack
from .storages import FOREVER, Assigner, Profile, StepUse, Storage, assign_storages

__all__ = ["MemoryPlan", "Planning", "StepUse", "Storage", "assign_storages", "max_live", "pack", "plan_memory"]


@dataclass(frozen=True)
class MemoryPlan:
    """Where every entry lives.

    Attributes
    ----------
    storages : tuple of Storage
        Tensors first, then one for each workspace.
    entry : tuple of (int, int) or None
        Entry number to (storage, byte offset in it); None for an unwanted output.
    temps : dict of (int, int) to int
        (step, workspace number) to storage.
    inplace : tuple of (int, int, int)
        (step, output position, input position) of every take-over.
    aliased : frozenset of int
        Steps all of whose outputs are views: nothing is launched for them.
    arenas : dict of int to tuple of int
        Device slot to the bytes of each chunk.
    naive_bytes, bound_bytes : int
        Sum of all intermediates, outputs of the graph included; and the largest sum alive at once, aligned.
    workspace_bytes : int
        The largest workspace of a step.
    """

    storages: tuple[Storage, ...]
    entry: tuple[tuple[int, int] | None, ...]
    temps: Mapping[tuple[int, int], int]
    inplace: tuple[tuple[int, int, int], ...]
    aliased: frozenset[int]
    arenas: Mapping[int, tuple[int, ...]]
    naive_bytes: int
    bound_bytes: int
    workspace_bytes: int

    @property
    def arena_bytes(self) -> int:
        """Bytes of all arenas."""
        return sum(sum(chunks) for chunks in self.arenas.values())


def _round(n: int, alignment: int) -> int:
    return -(-n // alignment) * alignment


class _Layout:
    """Storages and workspaces by lane, and how long they live."""

    def __init__(self, worker: Assigner, steps: Sequence[StepUse], alignment: int, limits: Mapping[int, int], reuse: bool) -> None:
        self.worker, self.steps, self.alignment, self.limits = worker, steps, alignment, limits
        self.storages = storages = worker.storages
        self.temps: dict[tuple[int, int], int] = {}
        for s, step in enumerate(steps):
            if s in worker.aliased:
                continue
            for index, size in step.temps.items():
                self.temps[(s, index)] = len(storages)
                storages.append(Storage(size, step.lane, None, s, s, label=f"workspace {index} of {step.name}"))
        end = len(steps)
        self.lanes: dict[int, list[Storage]] = {lane: [] for lane in sorted({st.lane for st in storages if st.external is None})}
        for st in storages:
            if st.external is None:
                self.lanes[st.lane].append(st)
        self.intervals = {
            lane: [(st.first if reuse else 0, min(st.last, end) if reuse else end, _round(st.nbytes, alignment)) for st in mine]
            for lane, mine in self.lanes.items()
        }
        self.bound = sum(map(max_live, self.intervals.values()))

    def packed(self, nbytes: Sequence[int]) -> MemoryPlan:
        """Everything in its place."""
        arenas: dict[int, tuple[int, ...]] = {}
        for lane, mine in self.lanes.items():
            limit = self.limits.get(lane, FOREVER)
            where, heights = pack(self.intervals[lane], limit // self.alignment * self.alignment if limit < FOREVER else limit)
            for st, (chunk, offset) in zip(mine, where, strict=True):
                st.chunk, st.offset = chunk, offset
            arenas[lane] = tuple(heights)
        return MemoryPlan(
            storages=tuple(self.storages),
            entry=tuple(self.worker.entry),
            temps=self.temps,
            inplace=tuple(self.worker.inplace),
            aliased=frozenset(self.worker.aliased),
            arenas=arenas,
            naive_bytes=sum(nbytes[e] for step in self.steps for e in step.outs if e >= 0),
            bound_bytes=self.bound,
            workspace_bytes=max((sum(step.temps.values()) for step in self.steps), default=0),
        )


class Planning:
    """The memory of a schedule: what shares bytes is decided at once, offsets are found when they are asked for.

    Parameters
    ----------
    steps : sequence of StepUse
    nbytes : sequence of int
        Bytes of each entry.
    external : dict of int to str
        Entries that live in the caller's arrays: arguments, auxiliary states, outputs, gradients.
    donated : set of int
        Arguments that may be overwritten once nobody reads them any more.
    pinned : set of int
        Entries whose bytes must survive to the end.
    alignment : int
        Of every offset, in bytes.
    limits : dict of int to int
        Device slot to the largest single allocation.
    reuse : bool
        False: no views, no in-place, every entry its own bytes (to compare with).
    not_before : dict of int to int
        Entries whose array of the caller's must stay as it is until a step: a gradient's, which the forward part has no business with.
    """

    def __init__(
        self,
        steps: Sequence[StepUse],
        nbytes: Sequence[int],
        external: Mapping[int, str],
        *,
        donated: frozenset[int] = frozenset(),
        pinned: frozenset[int] = frozenset(),
        alignment: int = 128,
        limits: Mapping[int, int] | None = None,
        reuse: bool = True,
        not_before: Mapping[int, int] | None = None,
    ) -> None:
        self.nbytes = nbytes
        first = assign_storages(steps, nbytes, external, donated, pinned, alignment, reuse, None, not_before)
        self.apart = _Layout(first, steps, alignment, limits or {}, reuse)
        self.assembled: _Layout | None = None
        if reuse and any(step.parts for step in steps):
            profile = Profile(self.apart.storages, len(steps))
            second = assign_storages(steps, nbytes, external, donated, pinned, alignment, reuse, profile, not_before)
            self.assembled = _Layout(second, steps, alignment, limits or {}, reuse)

    @property
    def bound(self) -> int:
        """Bytes that the plan does not go below."""
        return self.apart.bound if self.assembled is None else min(self.apart.bound, self.assembled.bound)

    @cached_property
    def plan(self) -> MemoryPlan:
        """The smaller of the plans with and without tensors that are assembled from their parts."""
        if self.assembled is None:
            return self.apart.packed(self.nbytes)
        assembled = self.assembled.packed(self.nbytes)
        if assembled.arena_bytes <= self.apart.bound:
            return assembled
        apart = self.apart.packed(self.nbytes)
        return assembled if assembled.arena_bytes <= apart.arena_bytes else apart


def plan_memory(steps: Sequence[StepUse], nbytes: Sequence[int], external: Mapping[int, str], **options: Any) -> MemoryPlan:
    """The plan that `Planning` comes to."""
    return Planning(steps, nbytes, external, **options).plan
