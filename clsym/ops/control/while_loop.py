"""_while_loop: a body run as long as a condition holds."""

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
from .loop import Loop, refuse_added

__all__ = ["WhileLoop", "truth"]


def truth(value: np.ndarray[tuple[int, ...], np.dtype[np.generic]], name: str) -> bool:
    """The value of a condition.

    Raises
    ------
    ValueError
        It is not one number.
    """
    if value.size != 1:
        raise ValueError(f"the condition of {name} must be one number, but has shape {value.shape}")
    return bool(value.reshape(()))


class WhileLoop(Holding, OnHost):
    """A graph run on states as long as another one, of the same states, is not zero; made by `clsym.sym.contrib.while_loop`.

    Outputs are what the body makes, stacked along a new axis 0 of ``max_iterations`` rows, and the states in the end. Rows of turns that
    did not happen are zero. Each turn waits for its condition.

    Parameters
    ----------
    num_args : int
        Inputs, and the two graphs.
    num_outputs, num_out_data : int
        All outputs, and those that are stacked.
    max_iterations : int
        The most turns.
    cond_input_locs, func_input_locs : tuple of int
        Which inputs of the node those of the condition and of the body are.
    func_var_locs : tuple of int
        Which of the body's inputs the states are.
    """

    name = "_while_loop"
    subgraphs = 2
    params = {
        "num_args": Int(0, "Inputs, and the two graphs.", low=0),
        "num_outputs": Int(REQUIRED, "All outputs.", low=1),
        "num_out_data": Int(REQUIRED, "Those that are stacked.", low=0),
        "max_iterations": Int(REQUIRED, "The most turns.", low=0),
        "cond_input_locs": Shape(REQUIRED, "Which inputs of the node those of the condition are."),
        "func_input_locs": Shape(REQUIRED, "Which inputs of the node those of the body are."),
        "func_var_locs": Shape(REQUIRED, "Which of the body's inputs the states are."),
    }

    def condition(self, p: Params) -> Wiring:
        """The graph that says whether to go on."""
        return wire(p.subgraphs[0], p.cond_input_locs, p.num_args - 2, "cond_input_locs")

    def loop(self, p: Params) -> Loop:
        """What is what."""
        wiring = wire(p.subgraphs[1], p.func_input_locs, p.num_args - 2, "func_input_locs")
        states = p.func_var_locs
        known = all(0 <= i < len(wiring.inputs) for i in states) and len(set(states)) == len(states)
        if not known or len(states) + p.num_out_data != p.num_outputs or len(p.subgraphs[1].heads) != p.num_outputs:
            raise MXNetError(f"func_var_locs {states}, num_out_data {p.num_out_data} and num_outputs {p.num_outputs} do not fit the body")
        return Loop(wiring, (), tuple(wiring.at(i) for i in states), p.num_out_data)

    def check(self, p: Params) -> None:
        self.loop(p)
        if len(self.condition(p).graph.heads) != 1:
            raise MXNetError("the condition of _while_loop must have one output")

    def output_names(self, p: Params) -> tuple[str, ...]:
        return (*super().output_names(p), *(f"start{j}" for j in range(len(p.func_var_locs))), "turns")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        loop, condition, most = self.loop(p), self.condition(p), p.max_iterations
        place, stacked = loop.wiring.inputs, loop.stacked
        variables = [ins[i] for i in place]
        heads = [None if s is None else s[1:] for s in outs[:stacked]]
        for j, i in enumerate(loop.carried):
            variables[i] = unify_shape(variables[i], outs[stacked + j])
            heads.append(variables[i])
        told, heads = loop.wiring.shapes(variables, heads)
        for j, i in enumerate(loop.carried):
            told[i] = heads[stacked + j] = unify_shape(told[i], heads[stacked + j])
        found = over(ins, dict(zip(place, told, strict=True)))
        asked, _ = condition.shapes([found[i] for i in condition.inputs], [None])
        found = over(found, dict(zip(condition.inputs, asked, strict=True)))
        results = [None if s is None else (most, *s) for s in heads[:stacked]] + heads[stacked:]
        return found, [*results, *(None if (s := told[i]) is None else (most, *s) for i in loop.carried), (1,)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        loop, condition = self.loop(p), self.condition(p)
        variables, heads = [ins[i] for i in loop.wiring.inputs], list(outs[: p.num_outputs])
        for j, i in enumerate(loop.carried):
            heads[loop.stacked + j] = variables[i] = variables[i] or heads[loop.stacked + j]
        told, heads = loop.wiring.types(variables, heads)
        for j, i in enumerate(loop.carried):
            heads[loop.stacked + j] = told[i] = told[i] or heads[loop.stacked + j]
        found = over(ins, dict(zip(loop.wiring.inputs, told, strict=True)))
        asked, _ = condition.types([found[i] for i in condition.inputs], [None])
        return over(found, dict(zip(condition.inputs, asked, strict=True))), [*heads, *(told[i] for i in loop.carried), "int32"]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        turns = g.output(g.p.num_outputs + len(g.p.func_var_locs))
        return self.loop(g.p).gradients(g, "_backward_while_loop", (turns,))

    def host(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> HostCall:
        refuse_added(ctx.reqs, self.name)
        loop, condition = self.loop(p), self.condition(p)
        state = {loop.wiring.inputs[i]: i for i in loop.carried}
        shared = {c: state[place] for c, place in enumerate(condition.inputs) if place in state}  # variable of the condition to the body's
        free = [c for c in range(len(condition.inputs)) if c not in shared]
        asking = Body(condition.compile([ins[i] for i in condition.inputs], ctx), condition.borrowed(free, 0, ctx.train))

        def function(run: HostRun) -> None:
            body, ask = run.body(0), run.body(1)
            loop.start(run, body)
            for c in condition.states & set(free):
                source, target = run.memory(In(condition.inputs[c])), ask.array(f"var:{c}")
                assert source is not None and target is not None
                run.copy(source, target)
            turns = 0
            while turns < p.max_iterations:
                for c, i in shared.items():
                    source, target = body.array(f"var:{i}"), ask.array(f"var:{c}")
                    assert source is not None and target is not None
                    run.copy(source, target)
                ask.run(turns)
                answer = ask.array("out:0")
                assert answer is not None
                if not truth(run.value(answer), self.name):
                    break
                loop.turn(run, body, turns)
                turns += 1
            loop.finish(run, body)
            for k in range(loop.stacked):
                target = run.memory(Out(k))
                for t in range(turns, p.max_iterations if target is not None else 0):
                    assert target is not None
                    run.zero(target.row(t))
            run.write(p.num_outputs + len(loop.carried), np.array([turns], np.int32))

        return HostCall(function, (loop.forward_body(ins, ctx), asking))


class WhileLoopBackward(ForeachBackward):
    """Gradient of _while_loop; it reads as the last input how many turns there were."""

    name = "_backward_while_loop"

    def host(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> HostCall:
        loop, inputs = WHILE.loop(p.of), len(p.ins)

        def function(run: HostRun) -> None:
            turns = int(run.read(len(ins) - 1)[0])
            loop.backward(run, run.body(0), turns, p.given, inputs, ctx.reqs)

        return HostCall(function, (loop.backward_body(p.ins, ctx, len(p.given)),))


WHILE = register(WhileLoop())
register(WhileLoopBackward)

differs(
    "_while_loop",
    "rows of turns that did not happen are zero",
    "i = mx.sym.var('i'); y = mx.sym.contrib.while_loop(lambda i: i < 2, lambda i: (i, [i + 1]), [i], max_iterations=3)[0]; "
    "print(y.bind(mx.cpu(), {'i': mx.nd.array([1])}).forward()[0].asnumpy().tolist())",
    ours="[[1.0], [0.0], [0.0]]",
    mxnet="[[1.0], and then whatever was in memory",
    why="Where there is no turn at all, MXNet raises an error of shapes.",
)
differs(
    "_while_loop",
    "shapes of the outputs of loops and branches are inferred before they run",
    "i = mx.sym.var('i'); y = mx.sym.contrib.while_loop(lambda i: i < 2, lambda i: (i, [i + 1]), [i], max_iterations=3)[0]; "
    "print(y.infer_shape(i=(1,)))",
    ours="([(1,)], [(3, 1)], [])",
    mxnet="(None, None, None)",
    why="So a node may read them, such as a loop around this one, which MXNet refuses.",
)
