"""Any internal value of a bound executor by name, without binding again."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Protocol

from ..base import dtype_name
from ..context import Context
from ..graph.contract.ir import topological
from ..graph.contract.op import Entry, Node
from ..graph.contract.spec import TensorSpec
from ..graph.order.place import group_context
from ..graph.plan import Binding, compile_plan
from ..ndarray import NDArray
from ..ndarray import zeros as nd_zeros
from ..runtime.bound import Arena, BoundPlan
from ..runtime.device import resolve
from .inputs import graph_inputs, traits_of
from .last_forward import LastForward

__all__ = ["Internals"]


class Looked(Protocol):
    """What `Internals` reads of an executor."""

    arg_arrays: list[NDArray]
    aux_arrays: list[NDArray]
    _heads: list[Entry]
    _arg_nodes: list[Node]
    _aux_nodes: list[Node]
    _ctx: Context
    _group2ctx: dict[str, Context]
    _positions: dict[int, int]
    _last: LastForward


class Internals(Mapping[str, NDArray]):
    """The internal values of a bound executor by name, each computed when asked for.

    ``ex.internals['relu1_output']`` is the value for the present arguments, in the mode of the last forward and with its random draws; the
    part of the graph that it needs is compiled once and run again at each look. Nothing of the executor changes: outputs, gradients and
    auxiliary states stay as they are.
    """

    def __init__(self, executor: Looked) -> None:
        self._executor = executor
        self._entries: dict[str, Entry] = {}
        for node in topological(executor._heads):
            for i in range(node.num_visible):
                self._entries.setdefault(node.output_name(i), node.out(i))
        self._parts: dict[tuple[str, bool], tuple[BoundPlan, NDArray, list[tuple[NDArray, NDArray]]]] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, name: str) -> NDArray:
        entry = self._entries.get(name)
        if entry is None:
            close = difflib.get_close_matches(name, self._entries, 3)
            raise KeyError(f"no internal value {name!r}; " + (f"close names: {', '.join(close)}" if close else "see list(ex.internals)"))
        ex = self._executor
        train = ex._last.train
        k = (name, train)
        if k not in self._parts:
            self._parts[k] = self._compile(entry, train)
        bound, out, states = self._parts[k]
        for private, original in states:
            original.copyto(private)
        if bound.plan.uses_rng:
            bound.write_rng(ex._last.words)
        bound.run(False)
        return out.copy()

    def _compile(self, entry: Entry, train: bool) -> tuple[BoundPlan, NDArray, list[tuple[NDArray, NDArray]]]:
        ex = self._executor
        args, aux = graph_inputs([entry])
        by_node = {n.serial: a for n, a in zip([*ex._arg_nodes, *ex._aux_nodes], [*ex.arg_arrays, *ex.aux_arrays], strict=True)}
        nodes = [*args, *aux]
        is_state = {n.serial for n in ex._aux_nodes}
        # operators that update their states do so on copies
        arrays = [by_node[n.serial].copy() if n.serial in is_state and train else by_node[n.serial] for n in nodes]
        states = [(a, by_node[n.serial]) for n, a in zip(nodes, arrays, strict=True) if a is not by_node[n.serial]]
        specs = [TensorSpec(tuple(a.shape), dtype_name(a.dtype)) for a in arrays]
        plan = compile_plan(
            [entry], Binding(nodes, specs, [a.context for a in arrays], ["null"] * len(nodes)),
            train=train, default=ex._ctx, group2ctx=ex._group2ctx, traits=traits_of, positions=ex._positions,
        )  # fmt: skip
        spec = plan.specs[plan.externals["out:0"]]
        where = group_context(entry.node, ex._ctx, ex._group2ctx) if not entry.node.is_variable else ex._ctx
        out = nd_zeros(spec.shape, ctx=where, dtype=spec.dtype)
        externals = {key: out if key.startswith("out:") else arrays[int(key[4:])] for key in plan.externals if key[:4] in ("out:", "var:")}
        return BoundPlan(plan, [resolve(c) for c in plan.contexts], externals, Arena()), out, states
