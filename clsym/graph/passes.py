"""The passes in the order in which they run, each a function that takes the state of the compilation further."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from ..base import MXNetError, env
from ..context import Context
from .compilation import Compilation, WantedGradient
from .contract.ir import attribute, key, topological
from .contract.op import Entry, Node
from .contract.registry import find_op
from .contract.spec import TensorSpec
from .contract.subgraph import Subgraph
from .gradient import differentiate
from .infer import infer_specs
from .lower import Lowered, lower_steps
from .memory.plan import Planning
from .order.place import bring_home, place
from .order.schedule import schedule
from .plan_data import Binding, PlanData
from .recompute.choose import choose
from .rewrite.channels_first import channels_first_graph
from .rewrite.eliminate import eliminate
from .rewrite.fuse_elementwise import Fused, Fusion, fused_within
from .rewrite.hoist import hoist
from .rewrite.rewrite import rewrite_graph
from .rewrite.unroll import ROOM as UNROLL_ROOM
from .rewrite.unroll import unroll

__all__ = ["PASSES"]


def infer(c: Compilation) -> None:
    """The shape and type of every entry, where the caller has not inferred them already."""
    if not c.specs:
        known = {(v.serial, 0): s for v, s in zip(c.binding.variables, c.binding.specs, strict=True)}
        c.specs = infer_specs(topological(c.heads), known)


def assign(c: Compilation) -> None:
    """Where every node of the user's graph runs: decided here, since all other forms of the graph depend on it."""
    c.where |= {v.serial: ctx for v, ctx in zip(c.binding.variables, c.binding.contexts, strict=True)}
    order = topological(c.heads)
    chosen = c.placer(order, c.specs) if c.placer is not None else {}
    for node in order:
        pinned = attribute(node, "ctx_group") in c.group2ctx
        c.where.setdefault(node.serial, chosen[node.serial] if node.serial in chosen and not pinned else c.context_of(node))
    c.out_contexts = [c.default if h.node.is_variable else c.where[h.node.serial] for h in c.heads]


def unroll_loops(c: Compilation) -> None:
    """Loops of few turns become part of the graph, those within them too."""
    room = UNROLL_ROOM if c.optimize and c.memory_limit is None else 0
    while room:
        c.heads, known, left = unroll(c.heads, c.specs, room)
        if left == room:
            return
        room = left
        c.specs |= known
        infer_more(c)


def compute_once(c: Compilation) -> None:
    """Repeated expressions become one."""
    if c.optimize and env("MXNET_ELIMINATE_COMMON_EXPR") != "0":
        c.heads = eliminate(c.heads, c.specs).heads
        infer_more(c)


def rewrite(c: Compilation) -> None:
    """Another form of the graph for the devices that it runs on."""
    if c.optimize:
        c.heads = channels_first_graph(c.heads, c.specs)
        infer_more(c)
        c.heads = rewrite_graph(c.heads, c.specs, train=c.train, traits_of=lambda node: c.traits(c.context_of(node)), group=c.context_of)
        infer_more(c)


def infer_more(c: Compilation) -> None:
    """Shapes and types of what passes have made."""
    order = topological(c.ends)
    fresh = [node for node in order if (node.serial, 0) not in c.specs]
    if fresh:
        c.specs = infer_specs(fresh, c.specs)


def prepare_ahead(c: Compilation) -> None:
    """What only prepares parameters becomes a plan of its own, in inference."""
    split = hoist(c.heads) if c.optimize and not c.train else None
    if split is None or not split.variables:
        return
    inputs = replace(c.binding, reqs=["null"] * len(c.binding.reqs), donated=frozenset())
    part = Compilation(
        split.sources, inputs, False, c.default, c.group2ctx, c.traits, reuse=True, memory_limit=None, optimize=False,
        numbers=c.numbers, specs=c.specs, where=dict(c.where),
    )  # fmt: skip
    for run in PASSES:
        run(part)
    c.preparation = PlanData(**part.result())
    c.heads, c.prepared = split.heads, split.variables
    for k, v in enumerate(split.variables):
        c.specs[v.serial, 0] = c.preparation.specs[c.preparation.externals[f"out:{k}"]]
        c.where[v.serial] = c.preparation.homes[f"out:{k}"]
    infer_more(c)


def differentiate_heads(c: Compilation) -> None:
    """The backward part: nodes that compute the gradient of every variable that wants one."""
    wanted = [i for i, req in enumerate(c.binding.reqs) if req != "null"]
    if not (c.train and wanted):
        return
    c.head_grads = [Node(None, f"_head_grad_{k}", origin=h.node.origin) for k, h in enumerate(c.heads)]
    for v, h, ctx in zip(c.head_grads, c.heads, c.out_contexts, strict=True):
        c.specs[v.serial, 0] = c.specs[key(h)]
        c.where[v.serial] = ctx
    variables = [c.binding.variables[i] for i in wanted]
    found = differentiate(c.heads, [v.out(0) for v in c.head_grads], variables, c.specs)
    for i, variable, entry in zip(wanted, variables, found, strict=True):
        req = c.binding.reqs[i]
        if entry is None and req == "add":
            continue
        if entry is None:
            spec, op = c.binding.grad_spec(i), find_op("_zeros")
            entry = Node(op, f"{variable.name}_zero_grad", op.parse({"shape": spec.shape, "dtype": spec.dtype}), origin=variable).out(0)
        elif c.binding.grad_spec(i) != c.binding.specs[i]:
            op = find_op("Cast")
            params = op.parse({"dtype": c.binding.grad_spec(i).dtype})
            entry = Node(op, f"{variable.name}_grad_cast", params, inputs=(entry,), origin=entry.node.origin).out(0)
        c.grads.append(WantedGradient(i, req, entry))


def keep_private(c: Compilation) -> None:
    """An entry that can't be stored in the caller's array itself goes there through a copy."""
    read = {key(e) for node in topological(c.ends) for e in node.inputs}
    claimed: set[tuple[int, int]] = set()

    def private(entry: Entry, stem: str, accumulate: bool = False) -> Entry:
        if entry.node.is_variable or key(entry) in claimed or (accumulate and key(entry) in read):
            op = find_op("_copy")
            entry = Node(op, f"{stem}_copy", op.parse({}), inputs=(entry,), origin=entry.node.origin).out(0)
        claimed.add(key(entry))
        return entry

    for k, h in enumerate(c.heads):
        c.heads[k] = private(h, h.name)
        if c.heads[k].node is not h.node:
            c.where[c.heads[k].node.serial] = c.out_contexts[k]
    c.grads = [g._replace(entry=private(g.entry, c.binding.variables[g.variable].name + "_grad", g.req == "add")) for g in c.grads]


def place_copies(c: Compilation) -> None:
    """Copies between devices, where nodes were assigned to several."""
    placed, c.placement = place(c.ends, c.default, c.context_of)
    c.heads = placed[: len(c.heads)]
    for k, (g, entry) in enumerate(zip(c.grads, placed[len(c.heads) :], strict=True)):
        entry, c.placement = bring_home(entry, c.binding.contexts[g.variable], c.placement)
        c.grads[k] = g._replace(entry=entry)
    infer_more(c)
    for g in c.grads:
        spec, variable = c.specs[key(g.entry)], c.binding.variables[g.variable]
        if spec != c.binding.grad_spec(g.variable):
            op = g.entry.node.op.name if g.entry.node.op else "variable"
            raise MXNetError(
                f"the gradient of {variable.name!r} has {spec}, its array {c.binding.grad_spec(g.variable)}: operator {op} is defective"
            )


def order(c: Compilation) -> None:
    """When each operator runs."""
    grads = [g.entry for g in c.grads]
    c.form = Fused(schedule(c.heads, grads, c.number, c.placement, c.specs), c.heads, grads)


def lowered(c: Compilation, form: Fused) -> Lowered:
    """The steps of a scheduled graph."""
    reading = topological([*form.heads, *form.grads])
    present = {node.serial for node in reading}
    ahead = [v for v in c.read_ahead() if v.serial not in present]
    nodes = [*ahead, *reading]
    forward, assigned = form.schedule.forward, c.numbers or {}

    bodies = [partial(compile_body, c, ctx) for ctx in c.placement.contexts]

    def stream(s: int, node: Node) -> int:
        return assigned.get(node.origin.serial, s) if s < forward else len(nodes) + s

    c.specs |= {(v.serial, 0): s for v, s in zip(c.binding.variables, c.binding.specs, strict=True)}
    return lower_steps(nodes, form.schedule, c.specs, c.given(), c.wanted(form), stream, c.number, c.lane_traits, c.train, bodies)


def compile_body(c: Compilation, ctx: Context, graph: Subgraph, specs: Sequence[TensorSpec], reqs: Sequence[str] = ()) -> PlanData:
    """The plan of a graph inside a node, for the device that the node runs on: its inputs and outputs lie there.

    With `reqs`, the store mode of the gradient of each input, it has a backward part.
    """
    key = (graph, ctx, *specs, *reqs)
    found = c.bodies.get(key)
    if found is None:
        inputs = graph.inputs
        binding = Binding(inputs, specs, [ctx] * len(inputs), reqs or ["null"] * len(inputs))
        part = Compilation(
            list(graph.heads), binding, c.train, ctx, {}, c.traits, c.reuse, memory_limit=None, optimize=c.optimize, numbers=None, specs={}
        )
        for run in PASSES:
            run(part)
        found = c.bodies[key] = PlanData(**part.result())
    return found


def fuse_and_lower(c: Compilation) -> None:
    """Chains of element-wise operators become one step, where no more memory is needed; nodes become steps with kernel calls."""
    plain, steps = c.form, {c.form: lowered(c, c.form)}

    def planning(form: Fused) -> Planning:
        if form not in steps:
            steps[form] = lowered(c, form)
        return c.planning(steps[form])

    if c.optimize:
        again = c.train and (_mirrored() or any(attribute(node, "force_mirroring") for node in plain.schedule.steps))
        given_away = frozenset((c.binding.variables[i].serial, 0) for i in c.binding.donated)
        fusion = Fusion(plain, c.specs, c.train, given_away)
        c.form = fused_within(plain, fusion.form, planning, c.memory_limit, again)
    c.lowered = steps[c.form]


def plan_memory_and_recompute(c: Compilation) -> None:
    """Offsets in the arenas; under a limit, or asked for, parts of the forward are computed again in the backward."""
    c.chosen = choose(c.lowered, c.form.schedule, c.specs, c.lane_traits, c.plan_memory, c.pinned(c.lowered), c.memory_limit, _mirrored())


def _mirrored() -> bool:
    return env("MXNET_BACKWARD_DO_MIRROR") == "1"


PASSES: tuple[Callable[[Compilation], None], ...] = (
    infer,
    assign,
    unroll_loops,
    compute_once,
    rewrite,
    prepare_ahead,
    differentiate_heads,
    keep_private,
    place_copies,
    order,
    fuse_and_lower,
    plan_memory_and_recompute,
)
