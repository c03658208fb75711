"""compile_plan(): runs the passes and returns a `Plan`, plain data that says which kernel runs when, where, and at which bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from ..base import MXNetError, env
from ..context import Context
from .contract.ir import attribute, aux_variables, key, topological
from .contract.op import Entry, Node
from .contract.registry import find_op
from .contract.spec import TensorSpec, show_shape
from .contract.traits import DeviceTraits
from .gradient import differentiate
from .infer import infer_specs
from .lower import Lowered, Step, lower_steps
from .memory.plan import MemoryPlan, StepUse, plan_memory
from .order.place import CROSS_COPY, place
from .order.schedule import schedule
from .order.sync import Waits, find_waits
from .recompute.choose import choose
from .rewrite.fuse_elementwise import Fused, fuse_elementwise, fused_within
from .rewrite.hoist import hoist
from .rewrite.rewrite import rewrite_graph

if TYPE_CHECKING:
    from .report.memory_report import MemoryReport

__all__ = ["Binding", "Plan", "Step", "compile_plan"]

Key = tuple[int, int]


@dataclass(frozen=True)
class Plan:
    """A compiled graph: no OpenCL object, nothing allocated.

    Attributes
    ----------
    steps : tuple of Step
        The forward part first.
    forward : int
        How many steps it has.
    names : tuple of str
        Of the entries.
    specs : tuple of TensorSpec
        Of the entries.
    memory : MemoryPlan
    waits : Waits
    contexts : tuple of Context
        One a lane.
    externals : dict of str to int
        Key of each of the caller's arrays to the entry it holds: ``var:3``, ``out:0``, ``grad:3``, ``head:0``.
    uses_rng : bool
    train : bool
    uses : tuple of StepUse
        What the memory planner was told of each step.
    homes : dict of str to Context
        Where the caller's arrays lie, by key; a gradient that is wanted but that no step writes (``add`` of nothing) among them.
    states : frozenset of str
        Keys of the arrays that are auxiliary states.
    alignment : int
        Bytes to which sizes and offsets in the arena are rounded.
    certificate : str
        What is known of the order's peak; see `Schedule`.
    memory_limit : int or None
        Bytes that the arenas were to fit into.
    recomputed : int
        How many steps of the forward part are run again in the backward part.
    extra_work : float
        The multiply-adds of those, relative to all that the plan needs without them.
    preparation : Plan or None
        What brings parameters into the forms that the steps read (``prep:0`` ...): its inputs are variables of this plan, its outputs
        those forms, in order. To be run first, and again when one of its inputs was written.
    fused : dict of str to (tuple of str)
        By step's name, the nodes of the user's graph that a step stands for, where they are several.
    """

    steps: tuple[Step, ...]
    forward: int
    names: tuple[str, ...]
    specs: tuple[TensorSpec, ...]
    memory: MemoryPlan
    waits: Waits
    contexts: tuple[Context, ...]
    externals: Mapping[str, int]
    uses_rng: bool
    train: bool
    uses: tuple[StepUse, ...] = ()
    homes: Mapping[str, Context] = field(default_factory=dict)
    states: frozenset[str] = frozenset()
    alignment: int = 128
    certificate: str = "as given"
    memory_limit: int | None = None
    recomputed: int = 0
    extra_work: float = 0.0
    preparation: Plan | None = None
    fused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def memory_report(self) -> MemoryReport:
        """Where every byte goes and when: sums, live ranges, the peak, what was computed in place and what could not be."""
        from .report.memory_report import MemoryReport

        return MemoryReport(self)

    def dump(self) -> str:
        """A step a line: device, what it computes with shapes, where its outputs live, and what they took over in place."""
        taken = {(s, o): i for s, o, i in self.memory.inplace}
        lines = []
        for s, step in enumerate(self.steps):
            if s == self.forward:
                lines.append("-- backward")
            ins = ", ".join(self.names[e] for e in step.ins)
            outs = []
            for k, e in enumerate(step.outs):
                if e < 0:
                    continue
                spec = self.specs[e]
                text = f"{self.names[e]} {spec.dtype}{show_shape(spec.shape)} {self._where(e)}"
                if step.reqs[k] == "add":
                    text += " +="
                if (s, k) in taken:
                    text += f" in place of {self.names[step.ins[taken[s, k]]]}"
                outs.append(text)
            how = "view" if s in self.memory.aliased else "copy" if step.copy else f"{len(step.calls)} launches"
            waits = f" waits for {list(self.waits.before[s])}" if self.waits.before[s] else ""
            told = step.name not in self.fused or step.op.endswith("]")
            what = step.op if told else f"{step.op}[{'+'.join(self.fused[step.name])}]"
            lines.append(f"{s:4d} {self.contexts[step.lane]} {what}({ins}) -> {'; '.join(outs) or 'nothing'} [{how}]{waits}")
        m = self.memory
        lines.append(
            f"arena {m.arena_bytes} bytes, bound {m.bound_bytes}, naive {m.naive_bytes}, {len(m.inplace)} in place, "
            f"{len(m.aliased)} views, largest workspace {m.workspace_bytes}"
        )
        if self.preparation is not None:
            values = [k for k in self.externals if k.startswith("prep:")]
            size = sum(self.specs[self.externals[k]].nbytes for k in values)
            lines.append(f"{len(values)} values of {size} bytes are prepared from parameters, again only after one was written")
        if self.recomputed:
            lines.append(f"{self.recomputed} steps recomputed, {self.extra_work:.1%} more multiply-adds")
        return "\n".join(lines)

    def _where(self, e: int) -> str:
        place_ = self.memory.entry[e]
        if place_ is None:
            return "nowhere"
        st = self.memory.storages[place_[0]]
        if st.external is not None:
            return f"@{st.external}+{place_[1]}"
        return f"@arena{st.lane}.{st.chunk}+{st.offset + place_[1]}"


@dataclass(frozen=True)
class Binding:
    """What the caller's arrays are, for `compile_plan`.

    Attributes
    ----------
    variables : list of Node
        In a fixed order; number i is external ``var:i``.
    specs : list of TensorSpec
        Of the variables.
    contexts : list of Context
        Where their arrays lie.
    reqs : list of str
        What is wanted of the gradient of each: write, add or null.
    donated : set of int
        Numbers of variables whose arrays may be overwritten.
    """

    variables: Sequence[Node]
    specs: Sequence[TensorSpec]
    contexts: Sequence[Context]
    reqs: Sequence[str]
    donated: frozenset[int] = frozenset()


class _Compiler:
    def __init__(self, heads: Sequence[Entry], binding: Binding, train: bool) -> None:
        self.heads = list(heads)
        self.binding = binding
        self.train = train
        self.number = {id(v): i for i, v in enumerate(binding.variables)}
        self.claimed: set[Key] = set()
        self.head_vars: list[Node] = []
        self.origin: dict[int, int] = {}
        self.fused: Mapping[int, tuple[str, ...]] = {}

    def rewrite(
        self,
        specs: Mapping[Key, TensorSpec],
        numbered: dict[int, int],
        context: Callable[[Node], Context],
        traits: Callable[[Context], DeviceTraits],
        group2ctx: Mapping[str, Context] | None,
        default: Context,
    ) -> tuple[Plan | None, list[Node]]:
        """Replace the heads by their rewritten form; the plan that prepares parameters for it, and the variables that hold its results."""
        found = rewrite_graph(
            self.heads, specs, train=self.train, position=numbered, traits_of=lambda node: traits(context(node)), group=context
        )
        self.heads = found.heads
        numbered.update(found.position)
        self.fused = found.fused
        split = None if self.train else hoist(self.heads)
        if split is None or not split.variables:
            return None, []
        self.heads = split.heads
        numbered.update({fresh: numbered[old] for fresh, old in split.position.items() if old in numbered})
        self.fused = {fresh: found.fused[old] for fresh, old in split.position.items() if old in found.fused}
        inputs = replace(self.binding, reqs=["null"] * len(self.binding.reqs), donated=frozenset())
        plan = compile_plan(split.sources, inputs, train=False, default=default, group2ctx=group2ctx, traits=traits, optimize=False)
        return plan, split.variables

    def private(self, entry: Entry, stem: str, readers: Mapping[Key, int], accumulate: bool = False) -> Entry:
        """An entry that may be stored in an array of the caller's; behind a copy where it can't be the original."""
        k = (id(entry.node), entry.index)
        if entry.node.is_variable or k in self.claimed or (accumulate and readers.get(k, 0) > 0):
            op = find_op("_copy")
            node = Node(op, f"{stem}_copy", op.parse({}), {a: v for a, v in entry.node.attrs.items() if a == "__ctx_group__"}, (entry,))
            if id(entry.node) in self.origin:
                self.origin[id(node)] = self.origin[id(entry.node)]
            entry = node.out(0)
            k = (id(node), 0)
        self.claimed.add(k)
        return entry

    def gradients(self, specs: dict[Key, TensorSpec]) -> list[tuple[int, str, Entry]]:
        """(variable number, store mode, entry) of every gradient wanted."""
        wanted = [i for i, req in enumerate(self.binding.reqs) if req != "null"]
        if not (self.train and wanted):
            return []
        self.head_vars = [Node(None, f"_head_grad_{k}") for k in range(len(self.heads))]
        result = differentiate(self.heads, [v.out(0) for v in self.head_vars], [self.binding.variables[i] for i in wanted], specs)
        self.origin = result.origin
        found: list[tuple[int, str, Entry]] = []
        for i, entry in zip(wanted, result.grads, strict=True):
            req = self.binding.reqs[i]
            if entry is None:
                if req == "add":
                    continue
                spec = self.binding.specs[i]
                op = find_op("_zeros")
                node = Node(op, f"{self.binding.variables[i].name}_zero_grad", op.parse({"shape": spec.shape, "dtype": spec.dtype}))
                entry = node.out(0)
            found.append((i, req, entry))
        return found


def compile_plan(
    heads: Sequence[Entry],
    binding: Binding,
    *,
    train: bool,
    default: Context,
    group2ctx: Mapping[str, Context] | None = None,
    traits: Callable[[Context], DeviceTraits],
    reuse: bool = True,
    positions: Mapping[int, int] | None = None,
    specs: Mapping[Key, TensorSpec] | None = None,
    memory_limit: int | None = None,
    optimize: bool | None = None,
) -> Plan:
    """Run the passes: infer, rewrite, hoist, gradient, place, schedule, fuse, lower, recompute, memory, sync.

    Parameters
    ----------
    heads : list of Entry
        The outputs of the graph.
    binding : Binding
    train : bool
        Training plan: training behaviour of the operators, and the backward part for every gradient wanted.
    default : Context
        Where nodes without a ``ctx_group`` run.
    group2ctx : dict of str to Context
    traits : callable
        Context to `DeviceTraits`.
    reuse : bool
        False: no memory is shared between intermediates (to compare with).
    positions : dict of int to int
        A number for every node, by identity, which its random draws depend on; default: its place in this graph. Give the numbers of
        the whole graph when compiling a part of it, so that the part draws what the whole draws.
    specs : dict
        Of every entry of the graph, where the caller has inferred it already.
    memory_limit : int
        The most bytes that the arenas (intermediates and workspaces) may have; parts of the forward are computed again in the backward
        where that is needed. The environment variable ``MXNET_BACKWARD_DO_MIRROR`` and the attribute ``__force_mirroring__`` of nodes ask
        for computing again without a limit.
    optimize : bool
        Whether the graph may be rewritten: blocked layouts, fusion, parameters prepared ahead. The default is what the environment variable
        ``CLSYM_OPTIMIZE`` says.

    Raises
    ------
    MXNetError
        Shapes contradict, an operator is unknown or lacks a gradient, a variable was not bound, or no plan within `memory_limit` was found.
    """
    work = _Compiler(heads, binding, train)
    known = {(id(v), 0): s for v, s in zip(binding.variables, binding.specs, strict=True)}
    forward_order = topological(work.heads)
    for node in forward_order:
        if node.is_variable and id(node) not in work.number:
            raise MXNetError(f"variable {node.name!r} is not bound to an array; give it in args, or its shape to simple_bind")
    all_specs: dict[Key, TensorSpec] = dict(specs) if specs is not None else infer_specs(forward_order, known)

    states = aux_variables(forward_order)
    where = {id(v): c for v, c in zip(binding.variables, binding.contexts, strict=True)}
    numbered = dict(positions) if positions is not None else {id(node): i for i, node in enumerate(forward_order)}
    preparation: Plan | None = None
    prepared: list[Node] = []
    optimize = env("CLSYM_OPTIMIZE") != "0" if optimize is None else optimize
    if optimize:

        def context(node: Node) -> Context:
            return _context_of(node, where, default, group2ctx or {})

        preparation, prepared = work.rewrite(all_specs, numbered, context, traits, group2ctx, default)
        forward_order = topological(work.heads)
        known |= {(id(v), 0): preparation.specs[preparation.externals[f"out:{k}"]] for k, v in enumerate(prepared) if preparation}
        where |= {id(v): preparation.homes[f"out:{k}"] for k, v in enumerate(prepared) if preparation}
        all_specs = infer_specs(forward_order, known)

    grads = work.gradients(all_specs)
    readers: dict[Key, int] = {}
    for node in topological([*work.heads, *(g for _, _, g in grads)]):
        for e in node.inputs:
            readers[(id(e.node), e.index)] = readers.get((id(e.node), e.index), 0) + 1
    final_heads = [work.private(h, h.name, readers) for h in work.heads]
    final_grads = [(i, req, work.private(g, binding.variables[i].name + "_grad", readers, req == "add")) for i, req, g in grads]

    work.origin = {k: numbered.get(id(forward_order[i]), i) if i < len(forward_order) else i for k, i in work.origin.items()}
    work.origin.update({id(node): numbered[id(node)] for node in forward_order if id(node) in numbered})
    for v, h in zip(work.head_vars, final_heads, strict=False):
        where[id(v)] = _context_of(h.node, where, default, group2ctx or {})
    everything = [*final_heads, *(g for _, _, g in final_grads)]
    placed, placement, origin = place(everything, default, group2ctx or {}, where, work.origin)
    n = len(final_heads)
    placed_grads = [
        _bring_home(entry, binding.contexts[i], placement.contexts, placement.device, origin)
        for (i, _, _), entry in zip(final_grads, placed[n:], strict=True)
    ]
    head_entries = placed[:n]

    order = topological([*head_entries, *placed_grads])
    for v, h in zip(work.head_vars, work.heads, strict=False):
        all_specs[(id(v), 0)] = all_specs[(id(h.node), h.index)]
    added = [node for node in order if (id(node), 0) not in all_specs]  # what the passes made, and forward nodes that place() wrote anew
    all_specs = infer_specs(added, all_specs)
    plan_order = schedule(head_entries, placed_grads, origin, placement, all_specs)
    for (i, _, _), g in zip(final_grads, placed_grads, strict=True):
        if all_specs[(id(g.node), g.index)] != binding.specs[i]:
            raise MXNetError(
                f"the gradient of {binding.variables[i].name!r} has {all_specs[(id(g.node), g.index)]}, the variable {binding.specs[i]}: "
                f"operator {g.node.op.name if g.node.op else 'variable'} is defective"
            )
    given = {id(v): f"var:{i}" for i, v in enumerate(binding.variables)} | {id(v): f"head:{k}" for k, v in enumerate(work.head_vars)}
    given |= {id(v): f"prep:{k}" for k, v in enumerate(prepared)}
    lane_traits = [traits(c) for c in placement.contexts]
    alignment = max(t.alignment for t in lane_traits)
    homes = {f"var:{i}": c for i, c in enumerate(binding.contexts)}
    homes |= {f"grad:{i}": binding.contexts[i] for i, req in enumerate(binding.reqs) if train and req != "null"}
    for k, h in enumerate(work.heads):
        homes[f"out:{k}"] = homes[f"head:{k}"] = _context_of(h.node, where, default, group2ctx or {}) if not h.node.is_variable else default
    in_order = {id(node) for node in order}
    read_ahead = () if preparation is None else [int(k[4:]) for k in preparation.externals if k.startswith("var:")]
    ahead = [binding.variables[i] for i in read_ahead if id(binding.variables[i]) not in in_order]
    all_specs |= {(id(binding.variables[i]), 0): binding.specs[i] for i in read_ahead}
    homes |= {f"prep:{k}": where[id(v)] for k, v in enumerate(prepared)}
    forms: dict[int, tuple[Fused, Lowered]] = {}

    def lower(form: Fused) -> Lowered:
        if id(form) not in forms:
            wanted: dict[Key, tuple[str, str]] = {key(h): (f"out:{k}", "write") for k, h in enumerate(form.heads)}
            wanted |= {key(g): (f"grad:{i}", req) for (i, req, _), g in zip(final_grads, form.grads, strict=True)}
            nodes = [*ahead, *topological([*form.heads, *form.grads])]
            forms[id(form)] = (form, lower_steps(nodes, form.schedule, all_specs, given, wanted, origin, lane_traits, train))
        return forms[id(form)][1]

    def planned(steps: Lowered) -> MemoryPlan:
        return plan_memory(
            steps.uses,
            [spec.nbytes for spec in steps.specs],
            steps.external,
            donated=frozenset(e for e, k in steps.external.items() if k.startswith("var:") and int(k[4:]) in binding.donated),
            pinned=_pinned(steps),
            alignment=alignment,
            limits={lane: t.max_alloc for lane, t in enumerate(lane_traits)},
            reuse=reuse,
        )

    mirrored = env("MXNET_BACKWARD_DO_MIRROR") == "1"
    form = Fused(plan_order, head_entries, placed_grads)
    if optimize:
        again = train and (mirrored or any(attribute(node, "force_mirroring") for node in plan_order.steps))
        given_away = frozenset((id(binding.variables[i]), 0) for i in binding.donated)
        fuse = partial(fuse_elementwise, form, all_specs, origin, train, given_away)
        form = fused_within(form, fuse, lambda f: planned(lower(f)).arena_bytes if reuse else 0, memory_limit, again)
        work.fused = {**work.fused, **form.names}
    plan_order, lowered = form.schedule, lower(form)
    chosen = choose(lowered, plan_order, all_specs, lane_traits, planned, _pinned(lowered), memory_limit, mirrored)
    lowered, memory = chosen.lowered, chosen.memory
    return Plan(
        steps=tuple(lowered.steps),
        forward=plan_order.forward,
        names=tuple(lowered.names),
        specs=tuple(lowered.specs),
        memory=memory,
        waits=find_waits(lowered.uses, memory),
        contexts=placement.contexts,
        externals={key: e for e, key in lowered.external.items()},
        uses_rng=lowered.uses_rng,
        train=train,
        uses=tuple(lowered.uses),
        homes=homes,
        alignment=alignment,
        certificate=plan_order.certificate,
        memory_limit=memory_limit,
        recomputed=chosen.steps,
        extra_work=chosen.work,
        states=frozenset(f"var:{i}" for i, v in enumerate(binding.variables) if id(v) in states),
        preparation=preparation,
        fused={node.name: work.fused[id(node)] for node in plan_order.steps if id(node) in work.fused},
    )


def _pinned(lowered: Lowered) -> frozenset[int]:
    """The entries that lie in arrays which the caller reads."""
    return frozenset(e for e, k in lowered.external.items() if k.startswith(("out:", "grad:")))


def _context_of(node: Node, where: Mapping[int, Context], default: Context, group2ctx: Mapping[str, Context]) -> Context:
    from_attrs = node.attrs.get("__ctx_group__", node.attrs.get("ctx_group"))
    if node.is_variable:
        return where.get(id(node), default)
    return group2ctx.get(from_attrs, default) if from_attrs else default


def _bring_home(entry: Entry, home: Context, contexts: Sequence[Context], device: Mapping[int, int], origin: dict[int, int]) -> Entry:
    """A gradient lies where its variable lies: copied there if it was computed elsewhere."""
    if contexts[device.get(id(entry.node), 0)] == home or home not in contexts:
        return entry
    node = Node(CROSS_COPY, f"{entry.name}_home", inputs=(entry,))
    device[id(node)] = list(contexts).index(home)  # type: ignore[index]
    if id(entry.node) in origin:
        origin[id(node)] = origin[id(entry.node)]
    return node.out(0)
