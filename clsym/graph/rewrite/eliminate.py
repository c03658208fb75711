"""Repeated expressions: what computes the same from the same is computed once.

Before differentiation, so that the gradients of all uses meet at the one that stays. Nodes that draw random numbers, that update states and
losses, whose gradients count once a node, stay as they are; so do steps on the host, which may do anything, and nodes to which the user
gave different attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..contract.host import OnHost
from ..contract.ir import topological
from ..contract.op import Entry, Node
from ..contract.registry import facet
from ..contract.spec import TensorSpec

__all__ = ["Eliminated", "eliminate"]

Key = tuple[int, int]


@dataclass
class Eliminated:
    """The outcome of `eliminate`.

    Attributes
    ----------
    heads : list of Entry
        Of the graph without repetitions; the same entry where two heads were equal.
    removed : dict of str to str
        Name of each node that is gone to that of the one that stands for it.
    """

    heads: list[Entry]
    removed: dict[str, str]


def _expression(node: Node, inputs: Sequence[Entry], specs: Mapping[Key, TensorSpec]) -> tuple[Any, ...] | None:
    """What a node computes, equal for nodes that compute the same; None for one that must stay."""
    op = node.op
    if (
        op is None
        or op.random
        or op.is_loss
        or facet(op, OnHost)
        or node.aux_positions()
        or op.mutates(node.params, True)
        or op.mutates(node.params, False)
    ):
        return None
    given = frozenset((k, v) for k, v in node.attrs.items() if k not in op.params)
    outs = tuple(specs.get((node.serial, i)) for i in range(node.num_outputs))  # of one without inputs they may follow from its readers
    return op, node.params, given, outs, tuple((e.node.serial, e.index) for e in inputs)


def eliminate(heads: Sequence[Entry], specs: Mapping[Key, TensorSpec]) -> Eliminated:
    """The graph with each expression once.

    Parameters
    ----------
    heads : list of Entry
    specs : dict
        Of the entries, as far as they are known.
    """
    now: dict[int, Node] = {}
    seen: dict[tuple[Any, ...], Node] = {}
    result = Eliminated([], {})
    for node in topological(heads):
        inputs = [Entry(now[e.node.serial], e.index) for e in node.inputs]
        expression = _expression(node, inputs, specs)
        have = seen.get(expression) if expression is not None else None
        if have is not None:
            result.removed[node.name] = have.name
            now[node.serial] = have
            continue
        fresh = node.reading(inputs)
        now[node.serial] = fresh
        if expression is not None:
            seen[expression] = fresh
    result.heads = [Entry(now[h.node.serial], h.index) for h in heads]
    return result
