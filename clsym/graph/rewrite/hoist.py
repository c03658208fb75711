"""Hoisting: what depends on parameters alone and only prepares them (packed weights, folded normalisations) leaves the graph.

It becomes a plan of its own, run before the first forward and again only after one of its inputs was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..contract.ir import consumers, topological
from ..contract.op import Entry, Node

__all__ = ["Hoisted", "hoist"]


@dataclass
class Hoisted:
    """The outcome of `hoist`.

    Attributes
    ----------
    heads : list of Entry
        Of what is left; it reads `variables` where it read the prepared values.
    variables : list of Node
        A new variable for each prepared value.
    sources : list of Entry
        The prepared values, in the same order.
    position : dict of int to int
        Identity of each rebuilt node to that of the node it was, for numbers that are kept by identity.
    """

    heads: list[Entry]
    variables: list[Node]
    sources: list[Entry]
    position: dict[int, int]


def _movable(order: Sequence[Node], heads: Sequence[Entry]) -> set[int]:
    """Identities of the nodes that prepare parameters, and of those that nothing but these read."""
    fixed: set[int] = set()  # follow from variables alone, and may be computed once
    for node in order:
        op = node.op
        if op is None or (not op.random and not node.aux_positions() and all(id(e.node) in fixed for e in node.inputs)):
            fixed.add(id(node))
    readers = consumers(order)
    outputs = {id(h.node) for h in heads}
    movable: set[int] = set()
    for node in reversed(order):
        if node.op is None or id(node) not in fixed:
            continue
        read_by = [r for i in range(node.num_outputs) for r, _ in readers.get((id(node), i), ())]
        if node.op.prepares or (read_by and id(node) not in outputs and all(id(r) in movable for r in read_by)):
            movable.add(id(node))
    return movable


def hoist(heads: Sequence[Entry]) -> Hoisted:
    """Split a graph into what prepares parameters and the rest."""
    order = topological(heads)
    movable = _movable(order, heads)
    variables: dict[tuple[int, int], Node] = {}
    sources: list[Entry] = []
    rebuilt: dict[int, Node] = {}
    position: dict[int, int] = {}

    def now(e: Entry) -> Entry:
        if id(e.node) not in movable:
            return Entry(rebuilt[id(e.node)], e.index)
        k = (id(e.node), e.index)
        if k not in variables:
            assert e.node.op is not None
            attrs = {a: v for a, v in e.node.attrs.items() if a in ("__ctx_group__", "ctx_group")}
            variables[k] = Node(None, e.name, attrs=attrs)
            sources.append(e)
        return variables[k].out(0)

    for node in order:
        if id(node) in movable:
            continue
        inputs = [now(e) for e in node.inputs]
        same = all(a.node is b.node for a, b in zip(inputs, node.inputs, strict=True))
        fresh = node if same else Node(node.op, node.name, node.params, node.attrs, inputs)
        rebuilt[id(node)] = fresh
        position[id(fresh)] = id(node)
    return Hoisted([now(h) for h in heads], list(variables.values()), sources, position)
