"""A body run again and again: how its variables are fed, turn by turn, forward and backward. Nobody waits for the device.

The body is compiled once: a turn is a loop of enqueues and the copies of its rows and states, and all that is kept for the backward is the
states at the start of each turn, from which the body's forward runs again. Short loops become part of the graph instead
(`clsym.graph.rewrite.unroll`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...base import MXNetError
from ...graph.contract.host import Body, BodyRun, HostRun, Memory
from ...graph.contract.kernel_call import In, LowerContext, Out
from ...graph.contract.op import Entry, Gradient
from ...graph.contract.spec import PartialShape, TensorSpec
from .body import Wiring

__all__ = ["Loop", "row_shape"]


def row_shape(shape: PartialShape) -> PartialShape:
    """The shape of one turn's row; of a vector, as in MXNet, one of length 1."""
    return shape if shape is None else shape[1:] or (1,)


def _there(memory: Memory | None) -> Memory:
    assert memory is not None
    return memory


@dataclass(frozen=True)
class Loop:
    """A loop over a body.

    Outputs of the node: the body's first heads of every turn, stacked; the states in the end; hidden, the states at the start of each turn.

    Attributes
    ----------
    wiring : Wiring
        Of the body, whose heads are what is stacked and then the states' new values.
    rows : tuple of int
        Variables that are another row of an input in every turn.
    carried : tuple of int
        Variables that are states.
    stacked : int
        How many heads are stacked.
    """

    wiring: Wiring
    rows: tuple[int, ...]
    carried: tuple[int, ...]
    stacked: int

    @property
    def free(self) -> list[int]:
        """Variables that are the same in all turns."""
        return [i for i in range(len(self.wiring.inputs)) if i not in self.rows and i not in self.carried]

    def specs(self, ins: Sequence[TensorSpec]) -> list[TensorSpec]:
        """Of the body's variables, from those of the node's inputs."""
        found = [ins[place] for place in self.wiring.inputs]
        for i in self.rows:
            found[i] = TensorSpec(row_shape(found[i].shape) or (), found[i].dtype)
        return found

    # --------------------------------------------------------------------------------------------------------------- forward

    def forward_body(self, ins: Sequence[TensorSpec], ctx: LowerContext) -> Body:
        """The body compiled to run forward."""
        return Body(self.wiring.compile(self.specs(ins), ctx), self.wiring.borrowed(self.free, 0, ctx.train))

    def start(self, run: HostRun, body: BodyRun, offset: int = 0) -> None:
        """The states and what the body changes, as they are at the start; inputs stand `offset` further."""
        for i in (*self.carried, *self.wiring.states):
            target, source = _there(body.array(f"var:{i}")), _there(run.memory(In(self.wiring.inputs[i] + offset)))
            run.copy(source, target)

    def turn(self, run: HostRun, body: BodyRun, t: int) -> None:
        """One turn."""
        for i in self.rows:
            run.copy(_there(run.memory(In(self.wiring.inputs[i]))).row(t), _there(body.array(f"var:{i}")))
        for j, i in enumerate(self.carried):
            history = run.memory(Out(self.stacked + len(self.carried) + j))
            if history is not None:
                run.copy(_there(body.array(f"var:{i}")), history.row(t))
        body.run(t)
        for k in range(self.stacked):
            target = run.memory(Out(k))
            if target is not None:
                run.copy(_there(body.array(f"out:{k}")), target.row(t))
        for j, i in enumerate(self.carried):
            run.copy(_there(body.array(f"out:{self.stacked + j}")), _there(body.array(f"var:{i}")))

    def finish(self, run: HostRun, body: BodyRun) -> None:
        """The states in the end."""
        for j, i in enumerate(self.carried):
            target = run.memory(Out(self.stacked + j))
            if target is not None:
                run.copy(_there(body.array(f"var:{i}")), target)

    # -------------------------------------------------------------------------------------------------------------- backward

    def gradients(self, g: Gradient, op: str, more: Sequence[Entry]) -> list[Entry | None]:
        """The gradients of the node's inputs, by an operator that runs `backward`.

        It reads the head gradients that there are, all inputs, the states at the start of each turn, and `more`.
        """
        visible = self.stacked + len(self.carried)
        given = tuple(k for k in range(visible) if g.ograds[k] is not None)
        kept = [g.output(visible + j) for j in range(len(self.carried))]
        read = [*(g.ograd(k) for k in given), *(g.input(i) for i in range(len(g.ins))), *kept, *more]
        node = g.node_of(op, *read, of=g.p, given=given, ins=tuple(g.ins))
        found: list[Entry | None] = [None] * len(g.ins)
        for i, place in enumerate(self.wiring.inputs):
            if g.needed[place]:  # of a state it is carried, and cannot be added to what an array holds
                found[place] = g.apply("_copy", node.out(place)) if i in self.carried else node.out(place)
        return found

    def backward_body(self, ins: Sequence[TensorSpec], ctx: LowerContext, offset: int) -> Body:
        """The body compiled with its gradients; the node's inputs stand `offset` further among what is read."""
        specs, wanted = self.specs(ins), {i for i, place in enumerate(self.wiring.inputs) if ctx.reqs[place] != "null"}
        reqs = {i: ctx.reqs[self.wiring.inputs[i]] for i in self.rows if i in wanted}
        reqs |= {i: "write" for i in self.carried if specs[i].dtype.startswith("float")}
        sums = [i for i in self.free if i in wanted and i not in self.wiring.states]
        reqs |= dict.fromkeys(sums, "add")
        borrowed: Mapping[str, In | Out] = self.wiring.borrowed(self.free, offset, ctx.train)
        return Body(self.wiring.compile(specs, ctx, reqs), {**borrowed, **{f"grad:{i}": Out(self.wiring.inputs[i]) for i in sums}})

    def backward(self, run: HostRun, body: BodyRun, turns: int, given: Sequence[int], inputs: int, reqs: Sequence[str]) -> None:
        """Go back through the turns: in each the body's forward from the states that were kept, and its backward.

        Parameters
        ----------
        given : sequence of int
            The visible outputs whose gradients stand before the inputs.
        inputs : int
            How many those are.
        reqs : sequence of str
            Store modes of the gradients.
        """
        offset = len(given)
        place = self.wiring.inputs
        head = {k: _there(run.memory(In(n))) for n, k in enumerate(given)}
        for i in self.free:
            target = run.memory(Out(place[i]))
            if target is not None and reqs[place[i]] == "write":
                run.zero(target)
        self.start(run, body, offset)
        for k in range(self.stacked + len(self.carried)):
            array = body.array(f"head:{k}")
            if array is not None and k not in head:
                run.zero(array)
            elif array is not None and k >= self.stacked:
                run.copy(head[k], array)
        for t in reversed(range(turns)):
            for i in self.rows:
                run.copy(_there(run.memory(In(place[i] + offset))).row(t), _there(body.array(f"var:{i}")))
                if reqs[place[i]] == "add":
                    run.copy(_there(run.memory(Out(place[i]))).row(t), _there(body.array(f"grad:{i}")))
            for j, i in enumerate(self.carried):
                run.copy(_there(run.memory(In(offset + inputs + j))).row(t), _there(body.array(f"var:{i}")))
            for k in range(self.stacked):
                array = body.array(f"head:{k}")
                if array is not None and k in head:
                    run.copy(head[k].row(t), array)
            body.run(t)
            body.run(t, backward=True)
            for i in self.rows:
                target, array = run.memory(Out(place[i])), body.array(f"grad:{i}")
                if target is not None and array is not None:
                    run.copy(array, target.row(t))
            for j, i in enumerate(self.carried):
                array, carry = body.array(f"grad:{i}"), body.array(f"head:{self.stacked + j}")
                if array is not None and carry is not None:
                    run.copy(array, carry)
        for j, i in enumerate(self.carried):
            target = run.memory(Out(place[i]))
            if target is None:
                continue
            array = body.array(f"grad:{i}") if turns else head.get(self.stacked + j)
            if array is None:
                run.zero(target)
            else:
                run.copy(array, target)


def refuse_added(reqs: Sequence[str], name: str) -> None:
    """Raise MXNetError where outputs would have to be added to what an array holds."""
    if "add" in reqs:
        raise MXNetError(f"an output of {name} is a gradient with grad_req='add'; put mx.sym.identity behind it")
