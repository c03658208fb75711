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
        if head.node.serial in seen:
            continue
        seen.add(head.node.serial)
        stack = [(head.node, iter(head.node.inputs))]
        while stack:
            node, inputs = stack[-1]
            for child, _ in inputs:
                if child.serial in seen:
                    continue
                seen.add(child.serial)
                if child.inputs:
                    stack.append((child, iter(child.inputs)))
                    break
                order.append(child)
            else:
                stack.pop()
                order.append(node)
    return order


def aux_variables(nodes: Iterable[Node]) -> dict[int, Node]:
    """The variables that some operator uses as auxiliary state, by serial."""
    found: dict[int, Node] = {}
    for node in nodes:
        for i in node.aux_positions():
            if node.inputs[i].node.is_variable:
                found[node.inputs[i].node.serial] = node.inputs[i].node
    return found


def consumers(nodes: Iterable[Node]) -> dict[tuple[int, int], list[tuple[Node, int]]]:
    """Who reads each entry: (serial of the node, output index) to a list of (reader, position)."""
    readers: dict[tuple[int, int], list[tuple[Node, int]]] = {}
    for node in nodes:
        for i, entry in enumerate(node.inputs):
            readers.setdefault((entry.node.serial, entry.index), []).append((node, i))
    return readers


def key(entry: Entry) -> tuple[int, int]:
    """A hashable key of an entry."""
    return (entry.node.serial, entry.index)


def attribute(node: Node, name: str) -> Any:
    """A hidden attribute of the user's node by its plain name: ``ctx_group`` finds ``__ctx_group__`` and the old ``ctx_group``."""
    attrs = node.origin.attrs
    return attrs.get(f"__{name}__", attrs.get(name))
