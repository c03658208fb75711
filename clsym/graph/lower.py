"""From scheduled nodes to steps: entries are numbered, operators become kernel calls, and the planner learns what each step touches."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..base import MXNetError
from ..params import Params
from .contract.facets import Assembled, Estimated, Recomputable
from .contract.host import HostCall, OnHost
from .contract.kernel_call import KernelCall, LowerContext, Rng, Temp
from .contract.op import Node, Op
from .contract.registry import facet
from .contract.spec import TensorSpec
from .contract.traits import DeviceTraits
from .memory.plan import StepUse
from .order.place import CROSS_COPY
from .order.schedule import Schedule

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
    in_names : tuple of str
        The operator's names of its inputs.
    host : HostCall or None
        What it does on the host, instead of calls.
    number : int
        Of the node of the user's graph that it stands for.
    work : (int, int)
        Floating-point operations and bytes moved, as estimated.
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
    in_names: tuple[str, ...] = ()
    host: HostCall | None = None
    number: int = 0
    work: tuple[int, int] = (0, 0)


@dataclass(eq=False)
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
    forward : int
        How many steps the forward part has.
    """

    steps: list[Step] = field(default_factory=list)
    uses: list[StepUse] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    specs: list[TensorSpec] = field(default_factory=list)
    external: dict[int, str] = field(default_factory=dict)
    uses_rng: bool = False
    forward: int = 0
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
    stream: Callable[[int, Node], int],
    number: Callable[[Node], int],
    traits: Sequence[DeviceTraits],
    train: bool,
    bodies: Sequence[Body],
) -> Lowered:
    """Lower every step of a schedule.

    Parameters
    ----------
    order : list of Node
        All nodes, variables included.
    given : dict
        Serial of a variable to the key of its array.
    wanted : dict
        Entry to the key of the caller's array that receives it, and the store mode.
    stream : callable
        Number of a step and its node to the number that random draws depend on.
    number : callable
        Node to the number of the node of the user's graph that it stands for.
    traits : list of DeviceTraits
        Of each lane.
    bodies : list of callable
        What compiles the graphs that nodes hold, for each lane.
    """
    result = Lowered(forward=schedule.forward)
    for node in order:
        if node.is_variable and node.serial in given:
            result.external[result.entry((node.serial, 0), node.name, specs[(node.serial, 0)])] = given[node.serial]
    used: set[Key] = {(e.node.serial, e.index) for node in order for e in node.inputs}
    for s, node in enumerate(schedule.steps):
        lane = schedule.lanes[s]
        own = stream(s, node), number(node)
        step, use = _lower_step(result, node, lane, specs, used, wanted, own, traits, train, bodies[lane])
        result.steps.append(step)
        result.uses.append(use)
    return result


Body = Callable[..., Any]
"""From a graph that a node holds, the specs of its inputs and the store modes of their gradients to a plan."""
_PLAINLY = Recomputable()


def lower_again(
    result: Lowered, schedule: Schedule, specs: Mapping[Key, TensorSpec], traits: Sequence[DeviceTraits]
) -> list[tuple[Step, StepUse] | None]:
    """How each step of the forward part computes its outputs again, from the same entries; None where it cannot.

    Mostly the step itself, with the same launches. An operator that updates a state names another node that leaves it alone; the outputs
    that this node lacks keep the number -1.
    """
    written = {step.ins[i] for step in result.steps for i in step.mutates}
    found: list[tuple[Step, StepUse] | None] = []
    more: dict[Key, TensorSpec] = {}
    all_specs = dict(specs)
    scratch = Lowered(names=list(result.names), specs=list(result.specs), number=dict(result.number))
    for s, node in enumerate(schedule.steps[: schedule.forward]):
        step, use = result.steps[s], result.uses[s]
        assert node.op is not None
        how = facet(node.op, Recomputable) or _PLAINLY
        once = how.recompute == "never" or step.host is not None or "add" in step.reqs
        fresh = None if once else how.again(node, True)
        if fresh is not None and fresh is not node:
            if any((e.node.serial, e.index) not in result.number for e in fresh.inputs):
                fresh = None
            else:
                wanted: set[Key] = set()
                for i in range(fresh.num_outputs):
                    k = (fresh.serial, i)
                    more[k] = specs[(node.serial, i)]
                    if (node.serial, i) in result.number:
                        scratch.number[k] = result.number[(node.serial, i)]
                        wanted.add(k)
                step, use = _lower_step(scratch, fresh, step.lane, ChainMap(more, all_specs), wanted, {}, (0, 0), traits, True)
        found.append((step, use) if fresh is not None and written.isdisjoint(step.ins) and not step.mutates else None)
    return found


def _lower_step(
    result: Lowered,
    node: Node,
    lane: int,
    specs: Mapping[Key, TensorSpec],
    used: set[Key],
    wanted: Mapping[Key, tuple[str, str]],
    numbers: tuple[int, int],
    traits: Sequence[DeviceTraits],
    train: bool,
    body: Body | None = None,
) -> tuple[Step, StepUse]:
    op = node.op
    assert op is not None
    ins = []
    for e in node.inputs:
        k = (e.node.serial, e.index)
        number = result.number.get(k)
        ins.append(result.entry(k, e.name, specs[k]) if number is None else number)
    out_specs = [specs[(node.serial, i)] for i in range(node.num_outputs)]
    outs: list[int] = []
    reqs: list[str] = []
    for i, spec in enumerate(out_specs):
        k = (node.serial, i)
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
    ctx = LowerContext(traits[lane], tuple(reqs), train, numbers[0], body, numbers[1])
    try:
        part = _operator_part(op, node.params, tuple([result.specs[e] for e in ins]), tuple(out_specs), ctx)
    except MXNetError as exc:
        raise MXNetError(f"node {node.name!r} ({op.name}) cannot run on {traits[lane].name}: {exc}") from exc
    result.uses_rng |= part.uses_rng
    to, read = tuple(outs), tuple(ins)
    use = StepUse(node.name, lane, read, to, part.inplace, part.views, part.parts, part.accumulates, frozenset(part.mutated), part.temps)
    copy = op is CROSS_COPY
    return Step(
        node.name, part.title, lane, read, to, ctx.reqs, part.calls, copy, part.mutated, part.in_names, part.host, numbers[1], part.work
    ), use


class _OperatorPart(NamedTuple):
    """What an operator says of itself for given parameters and tensors: the same for all nodes that agree in those."""

    calls: tuple[KernelCall, ...]
    temps: Mapping[int, int]
    uses_rng: bool
    inplace: tuple[tuple[int, int], ...]
    views: Mapping[int, tuple[int, int]]
    parts: Mapping[int, tuple[int, int]]
    mutated: tuple[int, ...]
    host: HostCall | None
    accumulates: frozenset[int]
    title: str
    in_names: tuple[str, ...]
    work: tuple[int, int]


# Deep networks repeat their layers, and scripts bind the same small graphs over and over.
_PARTS_KEPT = 4096
_parts: dict[tuple[object, ...], _OperatorPart] = {}
_PLAIN_COST = Estimated()


def _operator_part(op: Op, p: Params, ins: tuple[TensorSpec, ...], outs: tuple[TensorSpec, ...], ctx: LowerContext) -> _OperatorPart:
    # what draws random numbers depends on the node's stream as well
    key = (op, p, ins, outs, ctx.reqs, ctx.train, ctx.traits.number, ctx.stream if op.random else -1)
    found = _parts.get(key)
    if found is not None:
        return found
    mutated = tuple(op.mutates(p, ctx.train))
    calls: tuple[KernelCall, ...] = ()
    on_host, host = facet(op, OnHost), None
    if op is not CROSS_COPY and (mutated or any(r != "null" for r in ctx.reqs)):
        if on_host is not None:
            host = on_host.host(p, ins, outs, ctx)
        else:
            calls = tuple(op.lower(p, ins, outs, ctx))
    temps: dict[int, int] = {} if host is None else host.temps
    uses_rng = host is not None and host.uses_rng
    for arg in (a for call in calls for a in call.args):
        if isinstance(arg, Temp):
            temps[arg.index] = max(temps.get(arg.index, 0), arg.nbytes)
        elif isinstance(arg, Rng):
            uses_rng = True
    assembled = facet(op, Assembled)
    parts = dict(assembled.parts(p, ins, outs)) if assembled is not None else {}
    part = _OperatorPart(
        calls, temps, uses_rng, tuple(op.inplace(p, ins, outs)), dict(op.view(p, ins, outs)), parts, mutated, host,
        accumulates=frozenset(i for i, r in enumerate(ctx.reqs) if r == "add"), title=op.title(p), in_names=tuple(op.input_names(p)),
        work=(facet(op, Estimated) or _PLAIN_COST).cost(p, ins, outs) if calls else (0, 0),
    )  # fmt: skip
    if len(_parts) >= _PARTS_KEPT:
        _parts.clear()
    if host is None and (op.random or not uses_rng):  # bodies depend on more: how the graph is optimized, and where it runs
        _parts[key] = part
    return part
