"""_foreach: a body run once for each element along axis 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ...base import MXNetError
from ...differences import differs
from ...graph.contract.facets import Unrollable, Unrolled
from ...graph.contract.host import HostCall, HostRun, OnHost
from ...graph.contract.ir import topological
from ...graph.contract.kernel_call import LowerContext
from ...graph.contract.op import Entry, Gradient, Node
from ...graph.contract.registry import facet, find_op, register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import Int, Params, Shape
from .body import Holding, over, wire
from .loop import Loop, refuse_added, row_shape

__all__ = ["Foreach"]


class Foreach(Holding, OnHost, Unrollable):
    """A graph run for each row of some inputs, with states that pass from one turn to the next; made by `clsym.sym.contrib.foreach`.

    ``out[t], state[t + 1] = body(data[t], state[t])``

    Inputs are the data, the first states, and what else the body reads. Outputs are what the body makes, stacked along a new axis 0, and
    the states in the end. In training, what the body does to auxiliary states is forgotten (MXNet refuses such bodies).

    Parameters
    ----------
    num_args : int
        Inputs, and the body.
    num_outputs, num_out_data : int
        All outputs, and those that are stacked.
    in_data_locs, in_state_locs, remain_locs : tuple of int
        Which of the body's inputs are rows, states, and the rest.
    """

    name = "_foreach"
    subgraphs = 1
    params = {
        "num_args": Int(1, "Inputs, and the body.", low=1),
        "num_outputs": Int(1, "All outputs.", low=0),
        "num_out_data": Int(0, "Those that are stacked.", low=0),
        "in_state_locs": Shape((), "The body's inputs that are states."),
        "in_data_locs": Shape((), "The body's inputs that are rows."),
        "remain_locs": Shape((), "The others."),
    }

    def loop(self, p: Params) -> Loop:
        """What is what."""
        order = (*p.in_data_locs, *p.in_state_locs, *p.remain_locs)
        graph, what = p.subgraphs[0], "in_data_locs, in_state_locs and remain_locs"
        if sorted(order) != list(range(len(order))) or len(p.in_state_locs) + p.num_out_data != p.num_outputs or not p.in_data_locs:
            raise MXNetError(f"{what} of _foreach are {order}, which is no order of its inputs, or do not fit its {p.num_outputs} outputs")
        if len(graph.heads) != p.num_outputs:
            raise MXNetError(f"the body of _foreach has {len(graph.heads)} outputs, num_outputs is {p.num_outputs}")
        wiring = wire(graph, tuple(order.index(i) for i in range(len(order))), p.num_args - 1, what)
        rows, carried = (tuple(wiring.at(i) for i in places) for places in (p.in_data_locs, p.in_state_locs))
        return Loop(wiring, rows, carried, p.num_out_data)

    def check(self, p: Params) -> None:
        self.loop(p)

    def output_names(self, p: Params) -> tuple[str, ...]:
        return (*super().output_names(p), *(f"start{j}" for j in range(len(p.in_state_locs))))

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        loop = self.loop(p)
        place, stacked = loop.wiring.inputs, loop.stacked
        turns = -1
        for shape in (*(ins[place[i]] for i in loop.rows), *outs[:stacked]):
            if shape is None:
                continue
            if not shape:
                raise ShapeError("what a loop goes through must have an axis 0")
            if turns >= 0 and shape[0] >= 0 and shape[0] != turns:
                raise ShapeError(f"a loop goes through {turns} rows of one input, and {shape[0]} of another")
            turns = max(turns, shape[0])
        variables = [ins[i] for i in place]
        for i in loop.rows:
            variables[i] = row_shape(variables[i])
        heads = [row_shape(s) for s in outs[:stacked]]
        for j, i in enumerate(loop.carried):
            variables[i] = unify_shape(variables[i], outs[stacked + j])
            heads.append(variables[i])
        told, heads = loop.wiring.shapes(variables, heads)
        for j, i in enumerate(loop.carried):
            told[i] = heads[stacked + j] = unify_shape(told[i], heads[stacked + j])
        found = dict(zip(place, told, strict=True))
        for i in loop.rows:
            whole, row = ins[place[i]], told[i]
            if whole is not None and len(whole) == 1:
                found[place[i]] = (turns,)
            else:
                found[place[i]] = None if row is None else (turns, *row)
        results = [None if s is None else (turns, *s) for s in heads[:stacked]] + heads[stacked:]
        return over(ins, found), results + [None if (s := told[i]) is None else (turns, *s) for i in loop.carried]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        loop = self.loop(p)
        variables, heads = [ins[i] for i in loop.wiring.inputs], list(outs[: p.num_outputs])
        for j, i in enumerate(loop.carried):
            heads[loop.stacked + j] = variables[i] = variables[i] or heads[loop.stacked + j]
        told, heads = loop.wiring.types(variables, heads)
        for j, i in enumerate(loop.carried):
            heads[loop.stacked + j] = told[i] = told[i] or heads[loop.stacked + j]
        return over(ins, dict(zip(loop.wiring.inputs, told, strict=True))), [*heads, *(told[i] for i in loop.carried)]

    def unrolled(self, node: Node, inputs: Sequence[Entry], ins: Sequence[TensorSpec], room: int) -> Unrolled | None:
        """Not bodies that draw random numbers, write states or run on the host: these must know the turn, or do things only once."""
        loop, turns, p = self.loop(node.params), ins[0].shape[0], node.params
        graph = p.subgraphs[0]
        body = [n for n in topological(graph.heads) if n.op is not None]
        count = turns * len(body) + len(loop.rows) + loop.stacked
        if not turns or count > room or not all(map(_plain, body)):
            return None
        made = partial(_made, node)
        place = dict(zip((n.serial for n in graph.inputs), loop.wiring.inputs, strict=True))
        now = {serial: inputs[i] for serial, i in place.items()}
        variables = graph.inputs
        rows = {
            i: made("SliceChannel", "rows", [inputs[loop.wiring.inputs[i]]], num_outputs=turns, axis=0, squeeze_axis=len(s.shape) > 1)
            for i in loop.rows
            for s in (ins[loop.wiring.inputs[i]],)
        }
        stacks: list[list[Entry]] = [[] for _ in range(loop.stacked)]
        for t in range(turns):
            now.update((variables[i].serial, rows[i].out(t)) for i in loop.rows)
            inner: dict[int, Node] = {}

            def entry(e: Entry, inner: dict[int, Node] = inner) -> Entry:
                return now[e.node.serial] if e.node.is_variable else inner[e.node.serial].out(e.index)

            for n in body:
                inner[n.serial] = Node(n.op, f"{node.name}_{t}_{n.name}", n.params, {}, [entry(e) for e in n.inputs], node.origin)
            heads = [entry(h) for h in graph.heads]
            for k, out in enumerate(heads[: loop.stacked]):
                stacks[k].append(out)
            now.update((variables[i].serial, heads[loop.stacked + j]) for j, i in enumerate(loop.carried))
        stacked = [made("stack", f"output{k}", parts, num_args=turns, axis=0).out() for k, parts in enumerate(stacks)]
        return Unrolled([*stacked, *(now[variables[i].serial] for i in loop.carried)], count)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return self.loop(g.p).gradients(g, "_backward_foreach", ())

    def host(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> HostCall:
        refuse_added(ctx.reqs, self.name)
        loop, turns = self.loop(p), ins[0].shape[0]

        def function(run: HostRun) -> None:
            body = run.body(0)
            loop.start(run, body)
            for t in range(turns):
                loop.turn(run, body, t)
            loop.finish(run, body)

        return HostCall(function, (loop.forward_body(ins, ctx),))


def _made(loop: Node, name: str, stem: str, inputs: Sequence[Entry], **params: Any) -> Node:
    op = find_op(name)
    return Node(op, f"{loop.name}_{stem}", op.parse(params), {}, inputs, loop.origin)


def _plain(node: Node) -> bool:
    """Whether it is the same however often and wherever it runs."""
    op, p = node.op, node.params
    assert op is not None
    if op.random or op.is_loss or node.aux_positions() or op.mutates(p, True) or op.mutates(p, False):
        return False
    if facet(op, OnHost) is None:
        return True
    return facet(op, Unrollable) is not None and all(_plain(n) for s in p.subgraphs for n in topological(s.heads) if n.op is not None)


class ForeachBackward(Holding, OnHost):
    """Gradient of _foreach; see `Loop.gradients`."""

    name = "_backward_foreach"
    hidden = True

    def parse(self, given: Mapping[str, Any], node_name: str = "") -> Params:
        return Params(given)

    def input_names(self, p: Params) -> tuple[str, ...]:
        return tuple(f"read{i}" for i in range(p.num_args))

    def output_names(self, p: Params) -> tuple[str, ...]:
        return tuple(f"data{i}" for i in range(len(p.ins)))

    def num_visible(self, p: Params) -> int:
        return len(p.ins)

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [s.shape for s in p.ins]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, [s.dtype for s in p.ins]

    def host(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> HostCall:
        loop, turns, inputs = FOREACH.loop(p.of), p.ins[0].shape[0], len(p.ins)

        def function(run: HostRun) -> None:
            loop.backward(run, run.body(0), turns, p.given, inputs, ctx.reqs)

        return HostCall(function, (loop.backward_body(p.ins, ctx, len(p.given)),))


FOREACH = register(Foreach())
register(ForeachBackward)

differs(
    "_foreach",
    "grad_req='add' adds for a state whose gradient passes through the body unchanged, too",
    "x, s = mx.sym.var('x'), mx.sym.var('s'); y = mx.sym.contrib.foreach(lambda d, t: (d, t + d), x, s)[1]; "
    "g = mx.nd.array([7]); e = y.bind(mx.cpu(), {'x': mx.nd.ones((2, 1)), 's': mx.nd.ones(1)}, {'s': g}, 'add'); "
    "_ = e.forward(is_train=True); e.backward([mx.nd.ones(1)]); print(g.asscalar())",
    ours="8.0",
    mxnet="1.0",
)
