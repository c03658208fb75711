"""What a plan does to the caller's arrays: which its forward and its backward part read, write, and leave without their values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..graph.plan_data import PlanData
from .versions import Span, Stretch, Watch, spoil, spoiled, stretch_of, touch_stretches

__all__ = ["Custody"]


class Custody:
    """Told of each run of a plan, it tells everybody who watches the arrays.

    Parameters
    ----------
    plan : Plan
    externals : dict of str to Span
        The caller's arrays by key.
    staged : set of str
        Keys of arrays that the kernels see a copy of; what a plan leaves in a donated one stays in the copy.

    Attributes
    ----------
    spoils : dict of bool to (frozenset of str)
        Keys of the arguments that the forward (False) or backward part (True) leaves intermediates in, since they were donated.
    kept : frozenset of str
        Those in which the backward part reads what the forward part left.
    staged_away : frozenset of str
        Keys of the donated arguments that no longer hold their values, in themselves or in the copy, when the backward part starts.
    """

    def __init__(self, plan: PlanData, externals: Mapping[str, Span], staged: Iterable[str]) -> None:
        storages, place = plan.memory.storages, plan.memory.entry
        parts = {False: range(plan.forward), True: range(plan.forward, len(plan.steps))}
        reads: dict[bool, dict[str, None]] = {False: {}, True: {}}
        writes: dict[bool, set[str]] = {False: set(), True: set()}
        taken: dict[bool, set[str]] = {False: set(), True: set()}

        def array_of(e: int) -> str:
            """The key of the caller's array in which an entry lies, or nothing."""
            home = place[e] if e >= 0 else None
            return (storages[home[0]].external or "") if home is not None else ""

        for backward, part in parts.items():
            for s in part:
                step = plan.steps[s]
                for e in step.ins:
                    key = array_of(e)
                    if key.startswith("var:") and key not in taken[False] and key not in taken[backward]:
                        reads[backward][key] = None
                writes[backward].update(array_of(step.ins[i]) for i in step.mutates)
                if s in plan.memory.aliased:
                    continue
                views = plan.uses[s].views
                for k, e in enumerate(step.outs):
                    key = array_of(e)
                    if not key or step.reqs[k] == "null" or (k in views and array_of(step.ins[views[k][0]]) == key):
                        continue
                    writes[backward].add(key)
                    if key.startswith("var:"):
                        taken[backward].add(key)
            writes[backward] &= set(externals)
        self._names = {b: [plan.names[plan.externals[k]] for k in keys] for b, keys in reads.items()}
        self._reads = {b: [stretch_of(externals[k]) for k in keys] for b, keys in reads.items()}
        self._writes: dict[bool, list[Stretch]] = {b: [stretch_of(externals[k]) for k in sorted(keys)] for b, keys in writes.items()}
        self.spoils = {b: frozenset(keys.difference(staged)) for b, keys in taken.items()}
        last = {st.external: st.last for st in storages}
        self.kept = frozenset(k for k in self.spoils[False] if last[k] >= plan.forward)
        self._lost = {b: [stretch_of(externals[k]) for k in sorted(keys)] for b, keys in self.spoils.items()}
        self.staged_away = frozenset(taken[False])
        lost = self.spoils[False] | self.spoils[True]
        self._watch = Watch(externals[k] for k in sorted(lost)) if lost else None  # keeps the notes of what is lost

    def lost_input(self, backward: bool) -> str | None:
        """The name of an array that a part reads though some plan left something else in it; None where there is none."""
        i = spoiled(self._reads[backward])
        return None if i is None else self._names[backward][i]

    def ran(self, backward: bool) -> None:
        """Tell what a part, enqueued now, writes."""
        touch_stretches(self._writes[backward])
        if self._lost[backward]:
            spoil(self._lost[backward])
