"""_cond: one of two graphs, as a third one says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...base import MXNetError
from ...differences import differs
from ...graph.contract.host import Body, HostCall, HostRun, OnHost
from ...graph.contract.kernel_call import In, LowerContext, Out
from ...graph.contract.op import Entry, Gradient
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, TensorSpec, unify_shape
from ...params import REQUIRED, Int, Params, Shape
from .body import Holding, Wiring, over, wire
from .foreach import ForeachBackward
from .loop import refuse_added
from .while_loop import truth

__all__ = ["Cond"]


class Cond(Holding, OnHost):
    """The outputs of one graph where the condition is not zero, else of another; made by `clsym.sym.contrib.cond`.

    Only the chosen branch is computed; the step waits for the condition. Both branches must have outputs of the same shapes and types.

    Parameters
    ----------
    num_args : int
        Inputs, and the three graphs.
    num_outputs : int
    cond_input_locs, then_input_locs, else_input_locs : tuple of int
        Which inputs of the node those of the condition and the branches are.
    """

    name = "_cond"
    subgraphs = 3
    params = {
        "num_args": Int(0, "Inputs, and the three graphs.", low=0),
        "num_outputs": Int(REQUIRED, "How many outputs a branch has.", low=1),
        "cond_input_locs": Shape(REQUIRED, "Which inputs of the node those of the condition are."),
        "then_input_locs": Shape(REQUIRED, "Which inputs of the node those of the first branch are."),
        "else_input_locs": Shape(REQUIRED, "Which inputs of the node those of the other are."),
    }

    def condition(self, p: Params) -> Wiring:
        """The graph that chooses."""
        return wire(p.subgraphs[0], p.cond_input_locs, p.num_args - 3, "cond_input_locs")

    def branches(self, p: Params) -> tuple[Wiring, Wiring]:
        """What is computed where the condition holds, and where not."""
        return (
            wire(p.subgraphs[1], p.then_input_locs, p.num_args - 3, "then_input_locs"),
            wire(p.subgraphs[2], p.else_input_locs, p.num_args - 3, "else_input_locs"),
        )

    def check(self, p: Params) -> None:
        counts = [len(w.graph.heads) for w in (self.condition(p), *self.branches(p))]
        if counts != [1, p.num_outputs, p.num_outputs]:
            raise MXNetError(f"the graphs of _cond have {counts} outputs, num_outputs is {p.num_outputs}; the condition must have one")

    def output_names(self, p: Params) -> tuple[str, ...]:
        return (*super().output_names(p), "taken")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        found, results = list(ins), list(outs[: p.num_outputs])
        for wiring in self.branches(p):
            told, heads = wiring.shapes([found[i] for i in wiring.inputs], results)
            found = over(found, dict(zip(wiring.inputs, told, strict=True)))
            results = [unify_shape(a, b, "both branches must have outputs of the same shapes") for a, b in zip(results, heads, strict=True)]
        condition = self.condition(p)
        asked, _ = condition.shapes([found[i] for i in condition.inputs], [None])
        return over(found, dict(zip(condition.inputs, asked, strict=True))), [*results, (1,)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        found, results = list(ins), list(outs[: p.num_outputs])
        for wiring in self.branches(p):
            told, heads = wiring.types([found[i] for i in wiring.inputs], results)
            found = over(found, dict(zip(wiring.inputs, told, strict=True)))
            results = [a or b for a, b in zip(results, heads, strict=True)]
        condition = self.condition(p)
        asked, _ = condition.types([found[i] for i in condition.inputs], [None])
        return over(found, dict(zip(condition.inputs, asked, strict=True))), [*results, "int32"]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        outputs = g.p.num_outputs
        given = tuple(k for k in range(outputs) if g.ograds[k] is not None)
        read = [*(g.ograd(k) for k in given), *(g.input(i) for i in range(len(g.ins))), g.output(outputs)]
        node = g.node_of("_backward_cond", *read, of=g.p, given=given, ins=tuple(g.ins))
        reached = {i for wiring in self.branches(g.p) for i in wiring.inputs}
        return [node.out(i) if i in reached and g.needed[i] else None for i in range(len(g.ins))]

    def host(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> HostCall:
        refuse_added(ctx.reqs, self.name)
        condition, branches = self.condition(p), self.branches(p)
        wanted = {f"out:{k}": Out(k) for k in range(p.num_outputs) if ctx.reqs[k] != "null"}
        bodies = []
        for wiring, results in ((branches[0], wanted), (branches[1], wanted), (condition, {})):
            plan = wiring.compile([ins[i] for i in wiring.inputs], ctx)
            bodies.append(Body(plan, {**wiring.borrowed(range(len(wiring.inputs)), 0, ctx.train), **results}))

        def function(run: HostRun) -> None:
            ask = run.body(2)
            copy_states(run, condition, 2, 0, ctx.train)
            ask.run()
            answer = ask.array("out:0")
            assert answer is not None
            taken = 0 if truth(run.value(answer), self.name) else 1
            copy_states(run, branches[taken], taken, 0, ctx.train)
            run.body(taken).run()
            run.write(p.num_outputs, np.array([taken], np.int32))

        return HostCall(function, tuple(bodies))


def copy_states(run: HostRun, wiring: Wiring, number: int, offset: int, train: bool) -> None:
    """What a graph changes in training, copied from the node's inputs."""
    for i in wiring.states if train else ():
        source, target = run.memory(In(wiring.inputs[i] + offset)), run.body(number).array(f"var:{i}")
        assert source is not None and target is not None
        run.copy(source, target)


class CondBackward(ForeachBackward):
    """Gradient of _cond: of the branch that was taken, which the last input says."""

    name = "_backward_cond"

    def host(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> HostCall:
        offset, branches, bodies = len(p.given), COND.branches(p.of), []
        heads = {f"head:{k}": In(n) for n, k in enumerate(p.given)}
        for wiring in branches:
            reqs = {i: ctx.reqs[place] for i, place in enumerate(wiring.inputs) if i not in wiring.states}
            grads = {f"grad:{i}": Out(wiring.inputs[i]) for i, req in reqs.items() if req != "null"}
            plan = wiring.compile([p.ins[i] for i in wiring.inputs], ctx, reqs)
            bodies.append(Body(plan, {**wiring.borrowed(range(len(wiring.inputs)), offset, ctx.train), **heads, **grads}))

        def function(run: HostRun) -> None:
            taken = int(run.read(len(ins) - 1)[0])
            wiring, body = branches[taken], run.body(taken)
            reached = {place for i, place in enumerate(wiring.inputs) if i not in wiring.states}
            for place, req in enumerate(ctx.reqs):
                target = run.memory(Out(place))
                if target is not None and req == "write" and place not in reached:
                    run.zero(target)
            for k in range(p.of.num_outputs):
                array = body.array(f"head:{k}")
                if array is not None and k not in p.given:
                    run.zero(array)
            copy_states(run, wiring, taken, offset, ctx.train)
            body.run()
            body.run(backward=True)

        return HostCall(function, tuple(bodies))


COND = register(Cond())
register(CondBackward)

differs(
    "_cond",
    "an input that only the other branch reads has a gradient of zero",
    "a, b = mx.sym.var('a'), mx.sym.var('b'); y = mx.sym.contrib.cond(a > 0, lambda: a * 2, lambda: a * b); g = mx.nd.array([7]); "
    "e = y.bind(mx.cpu(), {'a': mx.nd.ones(1), 'b': mx.nd.ones(1)}, {'b': g}); _ = e.forward(is_train=True); "
    "e.backward([mx.nd.ones(1)]); print(g.asscalar())",
    ours="0.0",
    mxnet="7.0",
    why="MXNet leaves what was in the array, or in memory.",
)
