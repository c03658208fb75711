"""Why an output did not take over its input's memory, or is no view of it: read off a finished plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..plan_data import PlanData

__all__ = ["Refusal", "find_refusals"]


class Refusal(NamedTuple):
    """An output that has memory of its own although it could have shared an input's, were it not for `reason`.

    `wish` is 'in place' or 'view'; `output` and `input` are names of tensors.
    """

    step: int
    node: str
    output: str
    input: str
    wish: str
    reason: str


def find_refusals(plan: PlanData) -> list[Refusal]:
    """Every candidate that the plan did not use, by step: declared in-place pairs and views, and inputs that die there undeclared."""
    return list(_Explainer(plan).run())


class _Explainer:
    def __init__(self, plan: PlanData) -> None:
        self.plan = plan
        self.memory = plan.memory
        self.key = {e: k for k, e in plan.externals.items()}
        count = len(plan.names)
        self.made = [-1] * count
        self.last = [-1] * count
        for s, step in enumerate(plan.steps):
            for e in step.ins:
                self.last[e] = s
            for e in step.outs:
                if e >= 0:
                    self.made[e] = s
        self.tenants: dict[int, list[int]] = {}
        for e, place in enumerate(self.memory.entry):
            if place is not None:
                self.tenants.setdefault(place[0], []).append(e)
        self.taken = {(s, o): i for s, o, i in self.memory.inplace}

    def run(self) -> Iterator[Refusal]:
        for s, (step, use) in enumerate(zip(self.plan.steps, self.plan.uses, strict=True)):
            if s in self.memory.aliased:
                continue
            for o, e in enumerate(step.outs):
                if e < 0 or (s, o) in self.taken:
                    continue
                if o in use.views:
                    yield self.refusal(s, o, use.views[o][0], "view", self.why_no_view(s, o))
                declared = [i for k, i in use.inplace if k == o]
                for i in declared:
                    yield self.refusal(s, o, i, "in place", self.why_not_in_place(s, o, i))
                for i in () if declared or o in use.views else self.dying(s, o):
                    yield self.refusal(s, o, i, "in place", f"{step.op} does not declare it safe")

    def refusal(self, s: int, o: int, i: int, wish: str, reason: str) -> Refusal:
        step = self.plan.steps[s]
        return Refusal(s, step.name, self.plan.names[step.outs[o]], self.plan.names[step.ins[i]], wish, reason)

    def dying(self, s: int, o: int) -> list[int]:
        """Inputs of a step whose memory an output could have taken, had the operator allowed it."""
        step = self.plan.steps[s]
        seen: dict[int, int] = {}
        for i, e in enumerate(step.ins):
            place = self.memory.entry[e]
            if place is not None and self.made[e] >= 0 and not self.obstacle(s, o, i):
                seen.setdefault(place[0], i)
        return list(seen.values())

    def why_not_in_place(self, s: int, o: int, i: int) -> str:
        step, use = self.plan.steps[s], self.plan.uses[s]
        found = self.obstacle(s, o, i)
        if found:
            return found
        number = self.storage(step.ins[i])
        safe = {k for out, k in use.inplace if out == o}
        for j, e in enumerate(step.ins):
            if self.storage(e) == number and (j not in safe or j in use.mutated):
                return f"the step reads the same memory as its input {j}, {self.plan.names[e]!r}, which is not safe"
        return "the planner kept them apart"

    def obstacle(self, s: int, o: int, i: int) -> str:
        """What forbids an output to take an input's memory, whatever the operator allows; empty if nothing does."""
        step, use, names = self.plan.steps[s], self.plan.uses[s], self.plan.names
        out, source = step.outs[o], step.ins[i]
        place = self.memory.entry[source]
        if place is None:
            return "the input has no memory"
        number, offset = place
        have, need = self.plan.specs[source].nbytes, self.plan.specs[out].nbytes
        if o in use.accumulates:
            return "the output is added to what its array holds (grad_req='add')"
        if have != need:
            return f"sizes differ: the input has {have} bytes, the output {need}"
        before = [e for e in self.tenants[number] if self.made[e] < s]
        given = next((e for e in before if self.made[e] < 0), None)
        if given is not None:
            return self.belongs_to_caller(given)
        for e in before:
            key = self.key.get(e, "")
            if key.startswith(("out:", "grad:")):
                return f"{names[e]!r} is {'an output' if key.startswith('out:') else 'a gradient'} and stays"
            if self.last[e] > s:
                return f"{names[e]!r} is still read by {self.plan.steps[self.last[e]].name!r} at step {self.last[e]}"
        storage = self.memory.storages[number]
        if offset or storage.nbytes != need:
            return f"the input is part of a larger buffer of {storage.nbytes} bytes"
        if any(self.storage(step.outs[k]) == number for k in range(len(step.outs)) if k != o and step.outs[k] >= 0):
            return "another output of the step took it"
        if self.plan.steps[self.made[source]].lane != step.lane:
            return "the input lies on another device"
        return ""

    def belongs_to_caller(self, given: int) -> str:
        name, key = self.plan.names[given], self.key.get(given, "")
        if key in self.plan.states:
            return f"{name!r} is an auxiliary state of the caller"
        if key.startswith("head:"):
            return f"{name!r} is the caller's head gradient"
        return f"{name!r} is the caller's argument (donate= gives it away, if nobody reads it later)"

    def storage(self, e: int) -> int:
        place = self.memory.entry[e]
        return -1 if place is None else place[0]

    def why_no_view(self, s: int, o: int) -> str:
        step, use = self.plan.steps[s], self.plan.uses[s]
        i, offset = use.views[o]
        place = self.memory.entry[step.ins[i]]
        if place is None:
            return "the input has no memory"
        if o in use.accumulates:
            return "the output is added to what its array holds (grad_req='add')"
        key = self.key.get(step.outs[o], "")
        if key:
            array = "gradient" if key.startswith("grad:") else "output"
            return f"the {array} {self.plan.names[step.outs[o]]!r} has an array of its own, in which the input cannot be"
        if (offset + place[1]) % self.plan.alignment:
            return f"it starts {offset + place[1]} bytes into its buffer, no multiple of the device's alignment of {self.plan.alignment}"
        missing = [k for k, e in enumerate(step.outs) if e >= 0 and (k not in use.views or k != o)]
        if missing:
            return "another output of the step cannot be a view, and the step is run for all"
        return "the planner kept them apart"
