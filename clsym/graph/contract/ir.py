"""Walks over a graph of nodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .op import Entry, Node

__all__ = ["attribute", "aux_variables", "consumers", "key", "topological"]


def topological(heads: Iterable[Entry]) -> list[Node]:
    """Every node that the heads depend on, inputs first, in depth-first post-order (the order MXNet lists arguments in).

    Iterative, so that a graph of any depth is walked.
    """
    order: list[Node] = []
    seen: set[int] = set()
    for head in heads:
        if id(head.node) in seen:
            continue
        seen.add(id(head.node))
        stack: list[tuple[Node, int]] = [(head.node, 0)]
        while stack:
            node, i = stack[-1]
            if i < len(node.inputs):
                stack[-1] = (node, i + 1)
                child = node.inputs[i].node
                if id(child) not in seen:
                    seen.add(id(child))
                    stack.append((child, 0))
            else:
                stack.pop()
                order.append(node)
    return order


def aux_variables(nodes: Iterable[Node]) -> dict[int, Node]:
    """The variables that some operator uses as auxiliary state, by identity."""
    found: dict[int, Node] = {}
    for node in nodes:
        for i in node.aux_positions():
            if node.inputs[i].node.is_variable:
                found[id(node.inputs[i].node)] = node.inputs[i].node
    return found


def consumers(nodes: Iterable[Node]) -> dict[tuple[int, int], list[tuple[Node, int]]]:
    """Who reads each entry: (id of node, output index) to a list of (reader, position)."""
    readers: dict[tuple[int, int], list[tuple[Node, int]]] = {}
    for node in nodes:
        for i, entry in enumerate(node.inputs):
            readers.setdefault((id(entry.node), entry.index), []).append((node, i))
    return readers


def key(entry: Entry) -> tuple[int, int]:
    """A hashable key of an entry, by identity."""
    return (id(entry.node), entry.index)


def attribute(node: Node, name: str) -> Any:
    """A hidden attribute by its plain name: ``ctx_group`` finds ``__ctx_group__`` and the old spelling without underscores."""
    return node.attrs.get(f"__{name}__", node.attrs.get(name))
