"""From scheduled nodes to steps: entries are numbered, operators become kernel calls, and the planner learns what each step touches."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..base import MXNetError
from .ir import Node
from .memory import StepUse
from .op import KernelCall, LowerContext, Rng, Temp, TensorSpec
from .place import CROSS_COPY
from .schedule import Schedule
from .traits import DeviceTraits

__all__ = ["Lowered", "Step", "lower_again", "lower_steps"]

Key = tuple[int, int]


@dataclass(frozen=True)
class Step:
    """One operator in the plan.

    Attributes
    ----------
    name, op : str
        Of the node.
    lane : int
        Device slot.
    ins, outs : tuple of int
        Entry numbers; -1 an output that nobody wants.
    reqs : tuple of str
        Store mode of each output.
    calls : tuple of KernelCall
        Empty for a view, for a copy between devices, and where nothing is to be computed.
    copy : bool
        Whether it copies its input from another device.
    mutates : tuple of int
        Inputs that it writes.
    """

    name: str
    op: str
    lane: int
    ins: tuple[int, ...]
    outs: tuple[int, ...]
    reqs: tuple[str, ...]
    calls: tuple[KernelCall, ...]
    copy: bool = False
    mutates: tuple[int, ...] = ()


@dataclass
class Lowered:
    """A schedule as steps.

    Attributes
    ----------
    steps : list of Step
    uses : list of StepUse
        The same for the planner.
    names, specs : list
        Of the entries, by number.
    external : dict of int to str
        Entries that live in the caller's arrays.
    uses_rng : bool
    """

    steps: list[Step] = field(default_factory=list)
    uses: list[StepUse] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    specs: list[TensorSpec] = field(default_factory=list)
    external: dict[int, str] = field(default_factory=dict)
    uses_rng: bool = False
    number: dict[Key, int] = field(default_factory=dict)

    def entry(self, k: Key, name: str, spec: TensorSpec) -> int:
        """The number of an entry."""
        found = self.number.get(k)
        if found is None:
            found = self.number[k] = len(self.names)
            self.names.append(name)
            self.specs.append(spec)
        return found


def lower_steps(
    order: Sequence[Node],
    schedule: Schedule,
    specs: Mapping[Key, TensorSpec],
    given: Mapping[int, str],
    wanted: Mapping[Key, tuple[str, str]],
    positions: Mapping[int, int],
    traits: Sequence[DeviceTraits],
    train: bool,
) -> Lowered:
    """Lower every step of a schedule.

    Parameters
    ----------
    order : list of Node
        All nodes, variables included.
    given : dict
        Identity of a variable to the key of its array.
    wanted : dict
        Entry to the key of the caller's array that receives it, and the store mode.
    positions : dict
        Numbers that random draws depend on, by node identity.
    traits : list of DeviceTraits
        Of each lane.
    """
    result = Lowered()
    for node in order:
        if node.is_variable and id(node) in given:
            result.external[result.entry((id(node), 0), node.name, specs[(id(node), 0)])] = given[id(node)]
    used: set[Key] = {(id(e.node), e.index) for node in order for e in node.inputs}
    for s, node in enumerate(schedule.steps):
        stream = _stream(s, node, order, schedule, positions)
        step, use = _lower_step(result, node, schedule.lanes[s], specs, used, wanted, stream, traits, train)
        result.steps.append(step)
        result.uses.append(use)
    return result


def _stream(s: int, node: Node, order: Sequence[Node], schedule: Schedule, positions: Mapping[int, int]) -> int:
    return positions.get(id(node), s) if s < schedule.forward else len(order) + s


def lower_again(
    result: Lowered, schedule: Schedule, specs: Mapping[Key, TensorSpec], traits: Sequence[DeviceTraits]
) -> list[tuple[Step, StepUse] | None]:
    """How each step of the forward part computes its outputs again, from the same entries; None where it cannot.

    Mostly the step itself, with the same launches. An operator that updates a state names another node that leaves it alone; the outputs
    that this node lacks keep the number -1.
    """
    written = {step.ins[i] for step in result.steps for i in step.mutates}
    found: list[tuple[Step, StepUse] | None] = []
    keep: list[Node] = []  # identities are keys
    more: dict[Key, TensorSpec] = {}
    all_specs = dict(specs)
    scratch = Lowered(names=list(result.names), specs=list(result.specs), number=dict(result.number))
    for s, node in enumerate(schedule.steps[: schedule.forward]):
        step, use = result.steps[s], result.uses[s]
        assert node.op is not None
        fresh = node.op.again(node, True) if node.op.recompute != "never" and "add" not in step.reqs else None
        if fresh is not None and fresh is not node:
            if any((id(e.node), e.index) not in result.number for e in fresh.inputs):
                fresh = None
            else:
                keep.append(fresh)
                wanted: set[Key] = set()
                for i in range(fresh.num_outputs):
                    k = (id(fresh), i)
                    more[k] = specs[(id(node), i)]
                    if (id(node), i) in result.number:
                        scratch.number[k] = result.number[(id(node), i)]
                        wanted.add(k)
                step, use = _lower_step(scratch, fresh, step.lane, ChainMap(more, all_specs), wanted, {}, 0, traits, True)
        found.append((step, use) if fresh is not None and written.isdisjoint(step.ins) and not step.mutates else None)
    return found


def _lower_step(
    result: Lowered,
    node: Node,
    lane: int,
    specs: Mapping[Key, TensorSpec],
    used: set[Key],
    wanted: Mapping[Key, tuple[str, str]],
    stream: int,
    traits: Sequence[DeviceTraits],
    train: bool,
) -> tuple[Step, StepUse]:
    op = node.op
    assert op is not None
    ins = tuple(result.entry((id(e.node), e.index), e.name, specs[(id(e.node), e.index)]) for e in node.inputs)
    out_specs = [specs[(id(node), i)] for i in range(node.num_outputs)]
    outs: list[int] = []
    reqs: list[str] = []
    for i, spec in enumerate(out_specs):
        k = (id(node), i)
        target = wanted.get(k)
        if target is None and k not in used:
            outs.append(-1)
            reqs.append("null")
            continue
        number = result.entry(k, node.output_name(i), spec)
        if target is not None:
            result.external[number] = target[0]
        outs.append(number)
        reqs.append("null" if spec.size == 0 else target[1] if target is not None else "write")
    in_specs = [result.specs[e] for e in ins]
    mutated = tuple(op.mutates(node.params, train))
    copy = op is CROSS_COPY
    calls: tuple[KernelCall, ...] = ()
    if not copy and (mutated or any(r != "null" for r in reqs)):
        try:
            calls = tuple(op.lower(node.params, in_specs, out_specs, LowerContext(traits[lane], tuple(reqs), train, stream)))
        except MXNetError as exc:
            raise MXNetError(f"node {node.name!r} ({op.name}) cannot run on {traits[lane].name}: {exc}") from exc
    temps: dict[int, int] = {}
    for call in calls:
        for arg in call.args:
            if isinstance(arg, Temp):
                temps[arg.index] = max(temps.get(arg.index, 0), arg.nbytes)
            elif isinstance(arg, Rng):
                result.uses_rng = True
    use = StepUse(
        name=node.name,
        lane=lane,
        ins=ins,
        outs=tuple(outs),
        inplace=tuple(op.inplace(node.params, in_specs, out_specs)),
        views=dict(op.view(node.params, in_specs, out_specs)),
            parts=dict(op.parts(node.params, in_specs, out_specs)),
        accumulates=frozenset(i for i, r in enumerate(reqs) if r == "add"),
        mutated=frozenset(mutated),
        temps=temps,
    )
    return Step(node.name, op.name, lane, ins, tuple(outs), tuple(reqs), calls, copy, mutated), use
