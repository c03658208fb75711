"""Hoisting: what depends on parameters alone and only prepares them (packed weights, folded normalisations) leaves the graph.

It becomes a plan of its own, run before the first forward and again only after one of its inputs was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..contract.facets import Prepares
from ..contract.ir import consumers, topological
from ..contract.op import Entry, Node
from ..contract.registry import facet

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
    """

    heads: list[Entry]
    variables: list[Node]
    sources: list[Entry]


def _movable(order: Sequence[Node], heads: Sequence[Entry]) -> set[int]:
    """Serials of the nodes that prepare parameters, and of those that nothing but these read."""
    fixed: set[int] = set()  # follow from variables alone, and may be computed once
    for node in order:
        op = node.op
        if op is None or (not op.random and not node.aux_positions() and all(e.node.serial in fixed for e in node.inputs)):
            fixed.add(node.serial)
    readers = consumers(order)
    outputs = {h.node.serial for h in heads}
    movable: set[int] = set()
    for node in reversed(order):
        if node.op is None or node.serial not in fixed:
            continue
        read_by = [r for i in range(node.num_outputs) for r, _ in readers.get((node.serial, i), ())]
        if facet(node.op, Prepares) or (read_by and node.serial not in outputs and all(r.serial in movable for r in read_by)):
            movable.add(node.serial)
    return movable


def hoist(heads: Sequence[Entry]) -> Hoisted:
    """Split a graph into what prepares parameters and the rest."""
    order = topological(heads)
    movable = _movable(order, heads)
    variables: dict[tuple[int, int], Node] = {}
    sources: list[Entry] = []
    rebuilt: dict[int, Node] = {}

    def now(e: Entry) -> Entry:
        if e.node.serial not in movable:
            return Entry(rebuilt[e.node.serial], e.index)
        k = (e.node.serial, e.index)
        if k not in variables:
            variables[k] = Node(None, e.name, origin=e.node.origin)
            sources.append(e)
        return variables[k].out(0)

    for node in order:
        if node.serial in movable:
            continue
        rebuilt[node.serial] = node.reading([now(e) for e in node.inputs])
    return Hoisted([now(h) for h in heads], list(variables.values()), sources)
