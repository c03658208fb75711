"""Loop and Scan whose number of turns is known: their bodies one behind the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from .functions import Body
from .graph import Graph, Value
from .node import Node
from .reader import tensor

__all__ = ["LOOPS", "read_loop", "read_scan"]

_MOST_NODES = 1 << 14
"""Nodes that loops may become in all."""


class Walk(Protocol):
    """What goes through the nodes of a graph and of those inside it."""

    graph: Graph
    depth: int
    unrolled: int

    def refuse_missing(self, proto: Any) -> None:
        """Raise MXNetError that names the operators that cannot be imported."""

    def enter(self, node: Node) -> None:
        """One level deeper."""

    def nodes(self, protos: Sequence[Any], given: Mapping[str, Any]) -> None:
        """Import nodes in order."""


class _Turns:
    """The body of a loop, written once a turn."""

    def __init__(self, walk: Walk, node: Node) -> None:
        self.walk, self.node, self.graph, self.count = walk, node, walk.graph, 0
        proto = node.attrs.get("body")
        if proto is None or not hasattr(proto, "node"):
            node.fail("the body is missing")
        walk.refuse_missing(proto)
        self.body = Body([i.name for i in proto.input], [o.name for o in proto.output], list(proto.node), {})
        self.constants = {p.name: tensor(p, f"initializer {p.name!r}") for p in proto.initializer}

    def run(self, inputs: Sequence[str]) -> list[Value]:
        """The values that one more turn gives."""
        node, prefix = self.node, f"{self.node.name}/{self.count}/"
        self.count += 1
        self.walk.unrolled += len(self.body.nodes) + 1
        if self.walk.unrolled > _MOST_NODES:
            node.fail(f"its turns are more than {_MOST_NODES} nodes", "make the loop shorter")
        names = [*self.body.inputs, *self.constants]
        for name, array in self.constants.items():
            self.graph.add_constant(prefix + name, array)
        given = [*inputs, *(prefix + n for n in self.constants)]
        if len(inputs) != len(self.body.inputs):
            node.fail(f"its body takes {len(self.body.inputs)} inputs, the loop has {len(inputs)} for it", "the file is damaged")
        call = Node(self.graph, node.kind, node.name, given, [], {})
        inner = Body(names, self.body.outputs, self.body.nodes, {}).renamed(call, prefix)
        self.walk.enter(node)
        self.walk.nodes(inner.node, {})
        self.walk.depth -= 1
        return [self.graph.value(o, node) for o in inner.outputs]

    def named(self, value: Value, name: str) -> str:
        """A tensor of the loop's own."""
        unique = f"{self.node.name}/{self.count}.{name}"
        self.graph.values[unique] = value
        return unique

    def constant(self, array: Any, name: str) -> str:
        """A number that a turn reads."""
        unique = f"{self.node.name}/{self.count}.{name}"
        self.graph.add_constant(unique, np.asarray(array))
        return unique


def _stacked(node: Node, values: Sequence[Value], axis: int, name: str) -> Value:
    """What the turns gave, one behind the other on a new axis."""
    graph = node.graph
    if not values:
        node.fail("it makes no turn, so that the shapes of its results are not known")
    if all(v.constant is not None for v in values):
        graph.add_constant(name, np.stack([np.asarray(v.constant) for v in values], axis=axis))
        return graph.values[name]
    symbols = [graph.symbol(v) for v in values]
    made = node.op("Concat", *symbols, dim=0) if values[0].scalar else node.op("stack", *symbols, axis=axis)
    graph.add_result(name, made)
    return graph.values[name]


def _part(node: Node, value: Value, axis: int, at: int, name: str) -> Value:
    """One place of a tensor along an axis, without the axis."""
    graph = node.graph
    if value.constant is not None:
        graph.add_constant(name, np.take(value.constant, at, axis=axis))
        return graph.values[name]
    one = node.op("slice_axis", graph.symbol(value), axis=axis, begin=at, end=at + 1)
    assert value.shape is not None
    rest = [d for a, d in enumerate(value.shape) if a != axis]
    graph.add_result(name, node.reshape(one, rest), scalar=not rest)
    return graph.values[name]


def _store(node: Node, values: Sequence[Value]) -> None:
    for name, value in zip(node.outputs, values, strict=False):
        if name:
            node.graph.values[name] = value


def read_loop(walk: Walk, node: Node) -> None:
    """Loop: as many turns as its count says, or until its condition, a known one, fails."""
    turns = _Turns(walk, node)
    limit = int(node.constant(0).ravel()[0]) if node.has(0) else None
    going = bool(node.constant(1).ravel()[0]) if node.has(1) else True
    states = [node.value(i) for i in range(2, len(node.input_names))]
    every: list[list[Value]] = []
    while going and (limit is None or turns.count < limit):
        number = turns.constant(np.int64(turns.count), "turn")
        made = turns.run([number, turns.constant(np.bool_(True), "cond"), *(turns.named(s, f"state{i}") for i, s in enumerate(states))])
        if len(made) < 1 + len(states):
            node.fail("its body gives fewer values than the loop carries", "the file is damaged")
        if made[0].constant is None:
            node.fail("whether it goes on is only known when it runs", "export the model with a fixed number of turns")
        going = bool(made[0].constant.ravel()[0])
        states = made[1 : 1 + len(states)]
        every.append(made[1 + len(states) :])
    stacks = max(len(node.outputs) - len(states), 0)
    results = list(states)
    for k in range(stacks):
        results.append(_stacked(node, [e[k] for e in every], 0, f"{node.name}/stack{k}"))
    _store(node, results)


def _scan_once(node: Node, values: Sequence[Value], turns: _Turns, label: str) -> list[Value]:
    """States and stacks of one scan."""
    count = int(node.attr("num_scan_inputs", 1))
    states, scanned = list(values[: len(values) - count]), values[len(values) - count :]
    axes = node.attr("scan_input_axes", [0] * count)
    backwards = node.attr("scan_input_directions", node.attr("directions", [0] * count))
    extents = []
    for value, axis in zip(scanned, axes, strict=True):
        if value.scalar or value.shape is None or value.shape[axis] < 0:
            node.fail(f"the extent of {value.name!r} that it runs along is not known", "give shapes of the inputs with shapes={...}")
        extents.append(value.shape[axis])
    if len(set(extents)) != 1:
        node.fail(f"it runs along extents that differ: {extents}", "the file is damaged")
    every: list[list[Value]] = []
    for turn in range(extents[0]):
        parts = []
        for i, (value, axis, back) in enumerate(zip(scanned, axes, backwards, strict=True)):
            assert value.shape is not None
            name = f"{node.name}/{label}{turn}.part{i}"
            _part(node, value, axis % len(value.shape), extents[0] - 1 - turn if back else turn, name)
            parts.append(name)
        made = turns.run([*(turns.named(s, f"state{i}") for i, s in enumerate(states)), *parts])
        states, every = made[: len(states)], [*every, made[len(states) :]]
    outputs = max(len(turns.body.outputs) - len(states), 0)
    out_axes, out_back = node.attr("scan_output_axes", [0] * outputs), node.attr("scan_output_directions", [0] * outputs)
    results = list(states)
    for k in range(outputs):
        column = [e[k] for e in every]
        results.append(_stacked(node, column[::-1] if out_back[k] else column, out_axes[k], f"{node.name}/{label}stack{k}"))
    return results


def read_scan(walk: Walk, node: Node) -> None:
    """Scan: a turn for each place along the axes of its inputs; in opset 8 for each entry of a batch."""
    turns = _Turns(walk, node)
    if node.opset >= 9:
        values = [node.value(i) for i in range(len(node.input_names))]
        _store(node, _scan_once(node, values, turns, ""))
        return
    if node.has(0):
        node.fail("sequences of unequal length", "export the model with opset 9 or later")
    values = [node.value(i) for i in range(1, len(node.input_names))]
    shape = values[0].shape
    if shape is None or shape[0] < 0:
        node.fail("the extent of the batch is not known", "give shapes of the inputs with shapes={...}")
    entries = []
    for b in range(shape[0]):
        own = [_part(node, v, 0, b, f"{node.name}/batch{b}.{i}") for i, v in enumerate(values)]
        entries.append(_scan_once(node, own, turns, f"{b}."))
    _store(node, [_stacked(node, column, 0, f"{node.name}/entries{k}") for k, column in enumerate(zip(*entries, strict=True))])


LOOPS = {"Loop": read_loop, "Scan": read_scan}
