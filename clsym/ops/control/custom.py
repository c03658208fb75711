"""Custom: operators that users write in Python (`clsym.operator`)."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from ...base import MXNetError
from ...graph.contract.host import HostCall, HostRun, OnHost
from ...graph.contract.kernel_call import LowerContext
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, TensorSpec
from ...params import REQUIRED, Params, Str, parse_params, to_text

__all__ = ["BEHAVIOURS", "Behaviour"]

Specs = tuple[Sequence[TensorSpec], Sequence[TensorSpec]]


class Behaviour(Protocol):
    """What the compiler must know of one user's operator with its keywords given."""

    arguments: tuple[str, ...]
    outputs: tuple[str, ...]
    states: tuple[str, ...]
    needs: tuple[int, ...]
    """What its backward reads, counted through the gradients of the outputs, the arguments, and the outputs."""

    def shapes(self, arguments: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape], list[PartialShape]]:
        """Those of arguments, outputs and states."""

    def types(self, arguments: list[str | None]) -> tuple[list[str | None], list[str | None], list[str | None]]:
        """The same for element types."""

    def forward(self, run: HostRun, number: int, specs: Specs, reqs: Sequence[str], train: bool) -> None:
        """Compute the outputs. `number` tells nodes of one graph apart; `specs` are those of the node's inputs and outputs."""

    def backward(self, run: HostRun, number: int, specs: Specs, reqs: Sequence[str]) -> None:
        """Compute the gradients of the arguments."""


BEHAVIOURS: dict[str, Callable[[Mapping[str, str], str], Behaviour]] = {}
"""By ``op_type``: from the keywords as text, and the name of the node, to a behaviour."""


class Custom(Op, OnHost):
    """An operator of the user's, written in Python and registered under ``op_type``; see `clsym.operator`.

    It runs on the host between the kernels, over arrays that lie where the graph's values lie: nothing is copied, and nobody waits unless
    the Python code asks for values.

    Parameters
    ----------
    data : list
        The inputs, by position or by the names that ``list_arguments`` and ``list_auxiliary_states`` return.
    op_type : str
        The name it was registered under. All other keywords go, as text, to the class that was registered.
    """

    name = "Custom"
    inputs = ()
    many = True
    own_params = True
    params = {"op_type": Str(REQUIRED, "Name of the custom operator.")}

    def parse(self, given: Mapping[str, Any], node_name: str = "") -> Params:
        """The parameters hold the behaviour: another one for every node, as in MXNet."""
        op_type = parse_params(self.name, self.params, {k: v for k, v in given.items() if k in self.params}, node_name).op_type
        make = BEHAVIOURS.get(op_type)
        if make is None:
            close = difflib.get_close_matches(op_type, BEHAVIOURS, 3)
            hint = f" Close names: {', '.join(close)}." if close else ""
            where = f" (node {node_name!r})" if node_name else ""
            raise MXNetError(f"Cannot find custom operator {op_type}{where}: register it with mx.operator.register({op_type!r}).{hint}")
        texts = {k: to_text(v) for k, v in given.items() if k not in self.params}
        return Params({"op_type": op_type, "behaviour": make(texts, node_name)})

    def input_names(self, p: Params) -> tuple[str, ...]:
        return (*p.behaviour.arguments, *p.behaviour.states)

    def aux_names(self, p: Params) -> tuple[str, ...]:
        names: tuple[str, ...] = p.behaviour.states
        return names

    def output_names(self, p: Params) -> tuple[str, ...]:
        names: tuple[str, ...] = p.behaviour.outputs
        return names

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        arguments, outputs, states = p.behaviour.shapes(ins[: len(p.behaviour.arguments)])
        return [*arguments, *states], outputs

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        arguments, outputs, states = p.behaviour.types(ins[: len(p.behaviour.arguments)])
        return [*arguments, *states], outputs

    def mutates(self, p: Params, train: bool) -> Sequence[int]:
        count = len(p.behaviour.arguments)
        return range(count, count + len(p.behaviour.states))

    def title(self, p: Params) -> str:
        return f"{self.name}[{p.op_type}]"

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        user: Behaviour = g.p.behaviour
        arguments, outputs = len(user.arguments), len(user.outputs)
        read = []
        for i in user.needs:
            is_gradient, is_argument = i < outputs, i < outputs + arguments
            read.append(g.ograd(i) if is_gradient else g.input(i - outputs) if is_argument else g.output(i - outputs - arguments))
        states = [g.input(arguments + i) for i in range(len(user.states))]
        node = g.node_of("_backward_Custom", *read, *states, op_type=g.p.op_type, behaviour=user, ins=tuple(g.ins), outs=tuple(g.outs))
        return [*(node.out(i) for i in range(arguments)), *(None for _ in user.states)]

    def host(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> HostCall:
        return HostCall(partial(p.behaviour.forward, number=ctx.number, specs=(tuple(ins), tuple(outs)), reqs=ctx.reqs, train=ctx.train))


class CustomBackward(Op, OnHost):
    """Gradient of Custom: reads what the user's operator declared, and its auxiliary states."""

    name = "_backward_Custom"
    hidden = True
    own_params = True

    def parse(self, given: Mapping[str, Any], node_name: str = "") -> Params:
        return Params(given)

    def input_names(self, p: Params) -> tuple[str, ...]:
        return (*(f"read{i}" for i in p.behaviour.needs), *p.behaviour.states)

    def aux_names(self, p: Params) -> tuple[str, ...]:
        names: tuple[str, ...] = p.behaviour.states
        return names

    def output_names(self, p: Params) -> tuple[str, ...]:
        names: tuple[str, ...] = p.behaviour.arguments
        return names

    def _arguments(self, p: Params) -> tuple[TensorSpec, ...]:
        specs: tuple[TensorSpec, ...] = p.ins[: len(p.behaviour.arguments)]
        return specs

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [s.shape for s in self._arguments(p)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, [s.dtype for s in self._arguments(p)]

    def mutates(self, p: Params, train: bool) -> Sequence[int]:
        count = len(p.behaviour.needs)
        return range(count, count + len(p.behaviour.states))

    def title(self, p: Params) -> str:
        return f"{self.name}[{p.op_type}]"

    def host(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> HostCall:
        return HostCall(partial(p.behaviour.backward, number=ctx.number, specs=(p.ins, p.outs), reqs=ctx.reqs))


register(Custom)
register(CustomBackward)
