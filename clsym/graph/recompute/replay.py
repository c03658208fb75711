"""A training plan's steps with parts of the forward run again in the backward: which entries stay decides everything else.

All work is on numbered entries after lowering: a step that is run again is the same launches over other entries, so that it gives the same
bits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ..contract.facets import Estimated, Recomputable
from ..contract.ir import attribute
from ..contract.registry import facet
from ..contract.spec import TensorSpec
from ..contract.traits import DeviceTraits
from ..lower import Lowered, Step, lower_again
from ..memory.plan import StepUse
from ..order.schedule import Schedule
from .estimate import Estimator

__all__ = ["Replay", "Tape"]

_PLAIN_COST = Estimated()


PASS = 4
"""Multiply-adds that take as long as moving one byte: 2 to 4 on CPUs, 6 on large GPUs."""


@dataclass
class Replay:
    """The steps of a plan, some of them run twice.

    Attributes
    ----------
    steps : list of (int, tuple of int, tuple of int)
        (step of the tape, inputs, outputs), the forward part first; a forward step after that part is a second run.
    copies : list of int
        The entry that each new entry holds again; new entries are numbered on from those of the tape.
    forward : int
        Length of the forward part.
    """

    forward: int
    steps: list[tuple[int, tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)
    copies: list[int] = field(default_factory=list)


@dataclass
class Tape:
    """A lowered training plan, as the search for what to keep sees it.

    Attributes
    ----------
    steps, uses : list
        Of `lower_steps`.
    forward : int
        Length of the forward part.
    again : list of (Step, StepUse) or None
        How each step of the forward part is run again.
    sizes : list of int
        Bytes of each entry.
    external : dict of int to str
    heavy : list of int
        Multiply-adds of each step, forward and backward, that has more than a pass over its tensors to do; 0 for the others.
    moved : list of int
        Bytes that each step reads and writes.
    marked : set of int
        Steps of the forward part that the user wants to be run again.
    alignment : int
    cost : list of int
        Of each step: multiply-adds and bytes, as multiply-adds.
    maker : dict of int to int
        Step that makes each entry of the forward part.
    droppable : set of int
        Entries that may be forgotten after the forward part.
    needed : set of int
        Entries of the forward part that the backward part reads.
    """

    steps: Sequence[Step]
    uses: Sequence[StepUse]
    forward: int
    again: Sequence[tuple[Step, StepUse] | None]
    sizes: Sequence[int]
    external: Mapping[int, str]
    pinned: frozenset[int]
    heavy: Sequence[int]
    moved: Sequence[int]
    marked: frozenset[int]
    alignment: int

    def __post_init__(self) -> None:
        self.maker: dict[int, int] = {}
        self.droppable: set[int] = set()
        for s in range(self.forward):
            for k, e in enumerate(self.steps[s].outs):
                if e < 0:
                    continue
                self.maker[e] = s
                fresh = self.again[s]
                if fresh is not None and e not in self.external and k < len(fresh[0].outs) and fresh[0].outs[k] == e:
                    self.droppable.add(e)
        self.cost = [m + PASS * b for m, b in zip(self.heavy, self.moved, strict=True)]
        second = [fresh[1] if fresh is not None else use for fresh, use in zip(self.again, self.uses, strict=False)]
        self.estimator = Estimator([*self.uses, *second], self.external, self.pinned, self.alignment)
        self.needed: set[int] = {e for s in range(self.forward, len(self.steps)) for e in self.steps[s].ins if e in self.maker}

    @classmethod
    def of(
        cls,
        lowered: Lowered,
        schedule: Schedule,
        specs: Mapping[tuple[int, int], TensorSpec],
        traits: Sequence[DeviceTraits],
        pinned: frozenset[int],
    ) -> Tape:
        """The tape of a lowered schedule."""
        heavy, moved, marked = [], [], set()
        for s, node in enumerate(schedule.steps):
            assert node.op is not None
            ins = [specs[(e.node.serial, e.index)] for e in node.inputs]
            outs = [specs[(node.serial, i)] for i in range(node.num_outputs)]
            operations, nbytes = (facet(node.op, Estimated) or _PLAIN_COST).cost(node.params, ins, outs)
            how = facet(node.op, Recomputable)
            heavy.append(max(operations // 2, 1) if how is not None and how.recompute == "heavy" else 0)
            moved.append(nbytes)
            if s < schedule.forward and str(attribute(node, "force_mirroring")).lower() in ("1", "true"):
                marked.add(s)
        return cls(
            steps=lowered.steps,
            uses=lowered.uses,
            forward=schedule.forward,
            again=lower_again(lowered, schedule, specs, traits),
            sizes=[spec.nbytes for spec in lowered.specs],
            external=lowered.external,
            pinned=pinned,
            heavy=heavy,
            moved=moved,
            marked=frozenset(marked),
            alignment=max(t.alignment for t in traits),
        )

    def emit(self, keep: Collection[int], lasting: Collection[int], recent: int) -> Replay:
        """Run again in the backward part what it reads and `keep` lacks, just before it is read.

        Parameters
        ----------
        keep : collection of int
            Entries that stay from the forward part on. What cannot be dropped stays anyway.
        lasting : collection of int
            Entries that stay to their last reader once they have been computed again. Heavy ones do anyway.
        recent : int
            For so many backward steps after its last use, a cheap entry that was computed again serves further readers.
        """
        result = Replay(self.forward)
        result.steps = [(s, self.steps[s].ins, self.steps[s].outs) for s in range(self.forward)]
        current: dict[int, tuple[int, int]] = {}  # entry: (its copy, backward step that touched it last)
        droppable, maker, again, heavy = self.droppable, self.maker, self.again, self.heavy
        total = len(self.sizes)

        def missing(e: int, now: int) -> bool:
            if e not in droppable or e in keep:
                return False
            have = current.get(e)
            return have is None or not (e in lasting or heavy[maker[e]] or now - have[1] <= recent)

        def resolved(ins: tuple[int, ...], now: int) -> tuple[int, ...]:
            found = []
            for e in ins:
                if e in droppable and e not in keep:
                    copy = current[e][0]
                    current[e] = (copy, now)
                    e = copy
                found.append(e)
            return tuple(found)

        for s in range(self.forward, len(self.steps)):
            step = self.steps[s]
            wanted = [e for e in step.ins if missing(e, s)]
            if wanted:
                runs: set[int] = set()
                todo = [maker[e] for e in wanted]
                while todo:
                    m = todo.pop()
                    if m in runs:
                        continue
                    runs.add(m)
                    fresh = again[m]
                    assert fresh is not None
                    todo += [maker[e] for e in fresh[0].ins if missing(e, s)]
                for m in sorted(runs):
                    fresh = again[m]
                    assert fresh is not None
                    ins = resolved(fresh[0].ins, s)
                    outs = []
                    for e in fresh[0].outs:
                        if e < 0:
                            outs.append(-1)
                            continue
                        copy = total + len(result.copies)
                        result.copies.append(e)
                        current[e] = (copy, s)
                        outs.append(copy)
                    result.steps.append((m, ins, tuple(outs)))
            result.steps.append((s, resolved(step.ins, s), step.outs))
        return result

    def use(self, replay: Replay, i: int) -> StepUse:
        """What the planner must know about one step of a replay."""
        s, ins, outs = replay.steps[i]
        if s < self.forward <= i:
            fresh = self.again[s]
            assert fresh is not None
            return replace(fresh[1], name=fresh[1].name + "_recompute", ins=ins, outs=outs)
        use = self.uses[s]
        return use if use.ins == ins else replace(use, ins=ins)

    def all_sizes(self, replay: Replay) -> list[int]:
        """Bytes of every entry, new ones included."""
        return [*self.sizes, *(self.sizes[e] for e in replay.copies)]

    def live(self, replay: Replay) -> npt.NDArray[np.int64]:
        """Aligned bytes alive at each step."""
        n, f = len(self.steps), self.forward
        steps = [(s + n if s < f <= i else s, ins, outs) for i, (s, ins, outs) in enumerate(replay.steps)]
        return self.estimator.live(steps, self.all_sizes(replay))

    def extra(self, replay: Replay) -> int:
        """The cost of the second runs, as multiply-adds."""
        return sum(self.cost[s] for s, _, _ in replay.steps[self.forward :] if s < self.forward)
