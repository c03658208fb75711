"""Graphs inside a node: the body of a loop, the branches of a condition."""

from __future__ import annotations

from dataclasses import dataclass

from .ir import aux_variables, topological
from .op import Entry, Node

__all__ = ["Subgraph"]


@dataclass(frozen=True, eq=False)
class Subgraph:
    """A graph that a node holds; a value among the node's parameters, ``subgraphs``, so that all rules of its operator see it.

    Its variables are the graph's own: how they stand for the node's inputs is told by the operator's parameters.

    Attributes
    ----------
    heads : tuple of Entry
    """

    heads: tuple[Entry, ...]

    @property
    def inputs(self) -> list[Node]:
        """The variables: arguments, then auxiliary states, each in the order that MXNet lists them."""
        order = topological(self.heads)
        states = aux_variables(order)
        variables = [n for n in order if n.is_variable]
        return [n for n in variables if n.serial not in states] + [n for n in variables if n.serial in states]
