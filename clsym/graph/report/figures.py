"""Where the bytes of a plan go and when, as numbers. Needs no device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from ...context import Context
from ..plan_data import PlanData
from .reasons import Refusal, find_refusals

__all__ = ["InPlace", "MemoryFigures", "Tensor"]

RNG_BYTES = 16
"""Four words of random state a device, where the plan draws random numbers."""


class InPlace(NamedTuple):
    """A result that was written over an input."""

    step: int
    node: str
    output: str
    input: str


@dataclass(frozen=True)
class Tensor:
    """A tensor or a workspace, and where it lives.

    Attributes
    ----------
    name : str
    first, last : int
        The first and the last step at which its bytes matter. Arrays of the caller are there throughout.
    bytes : int
    offset, chunk : int or None
        Where in the arena; None for what lies in an array of the caller.
    device : str
        The context.
    kind : str
        'argument', 'auxiliary state', 'output', 'gradient', 'head gradient'; in the arena 'intermediate', 'kept for backward' (made
        forward, read backward), 'backward', 'workspace'.
    array : str
        The array of the caller in which it lies (``'out:0'``); empty for the arena.
    storage : int
        Tensors of one number share their bytes, in place or as views.
    """

    name: str
    first: int
    last: int
    bytes: int
    offset: int | None
    chunk: int | None
    device: str
    kind: str
    array: str
    storage: int


_KINDS = {"var": "argument", "out": "output", "grad": "gradient", "head": "head gradient", "prep": "prepared"}


def _of_bodies(plan: PlanData) -> Iterator[tuple[Context, int, int]]:
    """Of every graph inside a step, those inside its own steps too: where it runs, and bytes of prepared parameters and random state.

    All else that it needs is the workspace of the step.
    """
    for step in plan.steps:
        for body in step.host.bodies if step.host is not None else ():
            inner: PlanData = body.plan
            prepared = sum(max(inner.specs[e].nbytes, 1) for k, e in inner.externals.items() if k.startswith("prep:"))
            yield plan.contexts[step.lane], prepared, RNG_BYTES if inner.uses_rng else 0
            for _, more, random in _of_bodies(inner):
                yield plan.contexts[step.lane], more, random


class MemoryFigures:
    """What a report says, as numbers and lists; the attributes are described in `MemoryReport`."""

    def __init__(self, plan: PlanData, staging: int = 0) -> None:
        self.plan = plan
        memory = plan.memory
        self.naive_bytes = memory.naive_bytes - sum(plan.specs[e].nbytes for k, e in plan.externals.items() if k.startswith("grad:"))
        self.bound_bytes = memory.bound_bytes
        self.arena_bytes = memory.arena_bytes
        self.workspace_bytes = memory.workspace_bytes
        self.staging_bytes = staging
        self.order_certificate = plan.certificate
        self.packing_certificate = "optimal" if memory.arena_bytes <= memory.bound_bytes else "best found"
        self.recomputed, self.extra_work = plan.recomputed, plan.extra_work
        within = list(_of_bodies(plan))
        self._within = {str(ctx): sum(p + r for c, p, r in within if c == ctx) for ctx, _, _ in within}
        self.random_bytes = RNG_BYTES * len({step.lane for step in plan.steps}) if plan.uses_rng else 0
        self.random_bytes += sum(r for _, _, r in within)
        sizes = self._array_sizes()
        self.argument_bytes = sum(n for k, n in sizes.items() if k.startswith("var:") and k not in plan.states)
        self.aux_bytes = sum(n for k, n in sizes.items() if k in plan.states)
        self.gradient_bytes = sum(n for k, n in sizes.items() if k.startswith("grad:"))
        self.output_bytes = sum(n for k, n in sizes.items() if k.startswith("out:"))
        self.head_gradient_bytes = sum(n for k, n in sizes.items() if k.startswith("head:"))
        apart = sum(p for _, p, _ in within)
        self.prepared_bytes = sum(n for k, n in sizes.items() if k.startswith("prep:")) + apart
        self.total_bytes = self.arena_bytes + sum(sizes.values()) + apart + self.random_bytes + staging
        self._sizes = sizes
        self.in_place = [
            InPlace(s, plan.steps[s].name, plan.names[plan.steps[s].outs[o]], plan.names[plan.steps[s].ins[i]])
            for s, o, i in memory.inplace
        ]
        self.order = [step.name for step in plan.steps]

    def _array_sizes(self) -> dict[str, int]:
        """Bytes of the buffers of the caller's arrays, by key; a buffer has at least one byte."""
        plan = self.plan
        keys = [*plan.externals, *(k for k in plan.homes if k.startswith("grad:") and k not in plan.externals)]
        entry = {k: plan.externals[k] if k in plan.externals else plan.externals["var:" + k[5:]] for k in keys}
        return {k: max(plan.specs[e].nbytes, 1) for k, e in entry.items()}

    @cached_property
    def by_device(self) -> dict[str, int]:
        """Bytes of all buffers by context (staging copies not among them)."""
        found: dict[str, int] = {}
        for lane in sorted({step.lane for step in self.plan.steps}):
            found[str(self.plan.contexts[lane])] = RNG_BYTES if self.plan.uses_rng else 0
        for lane, heights in self.plan.memory.arenas.items():
            name = str(self.plan.contexts[lane])
            found[name] = found.get(name, 0) + sum(heights)
        for key, nbytes in self._sizes.items():
            name = str(self.plan.homes[key])
            found[name] = found.get(name, 0) + nbytes
        for name, nbytes in self._within.items():
            found[name] = found.get(name, 0) + nbytes
        return found

    @cached_property
    def live(self) -> list[int]:
        """Aligned bytes of the arena that are alive at each step."""
        count, align = len(self.plan.steps), self.plan.alignment
        change = [0] * (count + 2)
        for st in self.plan.memory.storages:
            if st.external is None:
                size = -(-st.nbytes // align) * align
                change[max(st.first, 0)] += size
                change[min(st.last, count) + 1] -= size
        found, total = [], 0
        for delta in change[:count]:
            total += delta
            found.append(total)
        return found

    @property
    def peak_step(self) -> int:
        """The first step at which the most is alive."""
        return max(range(len(self.live)), key=lambda s: (self.live[s], -s), default=0)

    @cached_property
    def tensors(self) -> list[Tensor]:
        """Every tensor, then every workspace."""
        plan, memory = self.plan, self.plan.memory
        end = max(len(plan.steps) - 1, 0)
        first, last = [0] * len(plan.names), [0] * len(plan.names)
        made: set[int] = set()
        for s, step in enumerate(plan.steps):
            for e in step.outs:
                if e >= 0:
                    first[e] = last[e] = s
                    made.add(e)
            for e in step.ins:
                last[e] = s
        keys = {e: k for k, e in plan.externals.items()}
        for e, key in keys.items():
            if e not in made or key.startswith(("out:", "grad:")):
                last[e] = end
        found = []
        for e, place in enumerate(memory.entry):
            if place is None:
                continue
            st = memory.storages[place[0]]
            outside = st.external is not None
            found.append(
                Tensor(
                    plan.names[e], first[e], last[e], plan.specs[e].nbytes, None if outside else st.offset + place[1],
                    None if outside else st.chunk, str(plan.homes[st.external] if st.external is not None else plan.contexts[st.lane]),
                    self._kind(keys.get(e, ""), first[e], last[e]), st.external or "", place[0],
                )
            )  # fmt: skip
        for (s, _), number in memory.temps.items():
            st = memory.storages[number]
            found.append(
                Tensor(
                    f"workspace of {plan.steps[s].name}",
                    s,
                    s,
                    st.nbytes,
                    st.offset,
                    st.chunk,
                    str(plan.contexts[st.lane]),
                    "workspace",
                    "",
                    number,
                )
            )
        return found

    def _kind(self, key: str, first: int, last: int) -> str:
        if key in self.plan.states:
            return "auxiliary state"
        if key:
            return _KINDS[key.partition(":")[0]]
        if first >= self.plan.forward:
            return "backward"
        return "kept for backward" if last >= self.plan.forward else "intermediate"

    @cached_property
    def ranges(self) -> list[Tensor]:
        """The live ranges in the arena: tensors that share their bytes are one, with their names joined by arrows in the order of time."""
        groups: dict[int, list[Tensor]] = {}
        for t in self.tensors:
            if not t.array:
                groups.setdefault(t.storage, []).append(t)
        found = []
        for number, group in groups.items():
            group.sort(key=lambda t: t.first)
            st = self.plan.memory.storages[number]
            first, last = group[0].first, max(t.last for t in group)
            kind = group[0].kind if group[0].kind == "workspace" else self._kind("", first, last)
            found.append(replace(group[0], name=" → ".join(t.name for t in group), last=last, bytes=st.nbytes, offset=st.offset, kind=kind))
        return found

    @property
    def peak_tensors(self) -> list[Tensor]:
        """The live ranges in the arena at the peak, largest first."""
        peak = self.peak_step
        return sorted((t for t in self.ranges if t.first <= peak <= t.last), key=lambda t: -t.bytes)

    @cached_property
    def refused(self) -> list[Refusal]:
        """Candidates for sharing that were not used, and why."""
        return find_refusals(self.plan)

    def to_dict(self) -> dict[str, Any]:
        """All figures and lists as plain data."""
        sums = (
            "naive_bytes", "bound_bytes", "arena_bytes", "argument_bytes", "gradient_bytes", "aux_bytes", "output_bytes",
            "head_gradient_bytes", "prepared_bytes",
            "random_bytes", "staging_bytes", "workspace_bytes", "total_bytes", "by_device", "peak_step", "live",
            "order", "order_certificate", "packing_certificate", "recomputed", "extra_work",
        )  # fmt: skip
        return {
            "format": "clsym memory report 1",
            "train": self.plan.train,
            "steps": len(self.plan.steps),
            "forward": self.plan.forward,
            **{name: getattr(self, name) for name in sums},
            "in_place": [t._asdict() for t in self.in_place],
            "refused": [t._asdict() for t in self.refused],
            "tensors": [asdict(t) for t in self.tensors],
        }
