"""The graph: nodes, entries, and walks over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ..params import Params
from .op import Op

__all__ = ["Entry", "Node", "topological"]

NO_PARAMS = Params({})


class Entry(NamedTuple):
    """One output of one node."""

    node: Node
    index: int  # type: ignore[assignment]  # hides tuple.index

    @property
    def name(self) -> str:
        """The name that a user knows it by: ``conv1_output``, ``split_output0``; a variable's own name."""
        return self.node.output_name(self.index)


class Node:
    """A variable (``op is None``) or the application of an operator.

    Identity is the object: names may repeat. Everything but `attrs` is fixed at construction.

    Attributes
    ----------
    op : Op or None
    name : str
    params : Params
        Typed.
    attrs : dict of str to str
        Text as the user or the file gave it: operator parameters as well as ``__lr_mult__``, ``__ctx_group__`` ...
    inputs : tuple of Entry
    versions : tuple of int or None
        The version numbers that a graph file gave the inputs, kept to write them again; None where none was read.
    """

    __slots__ = ("attrs", "inputs", "name", "op", "params", "versions")
    versions: tuple[int, ...] | None

    def __init__(
        self, op: Op | None, name: str, params: Params = NO_PARAMS, attrs: dict[str, str] | None = None, inputs: Sequence[Entry] = ()
    ):
        self.op = op
        self.name = name
        self.params = params
        self.attrs = attrs if attrs is not None else {}
        self.inputs = tuple(inputs)
        self.versions = None

    @property
    def is_variable(self) -> bool:
        """Whether this is an input of the graph."""
        return self.op is None

    @property
    def num_outputs(self) -> int:
        """How many outputs it has, hidden ones included."""
        return 1 if self.op is None else len(self.op.output_names(self.params))

    @property
    def num_visible(self) -> int:
        """How many outputs a user sees."""
        return 1 if self.op is None else self.op.num_visible(self.params)

    def out(self, index: int = 0) -> Entry:
        """One of its outputs."""
        return Entry(self, index)

    def output_name(self, index: int) -> str:
        """The user's name of an output."""
        if self.op is None:
            return self.name
        return f"{self.name}_{self.op.output_names(self.params)[index]}"

    def aux_positions(self) -> range:
        """Which inputs are auxiliary states."""
        if self.op is None:
            return range(0)
        return range(len(self.inputs) - len(self.op.aux_names(self.params)), len(self.inputs))

    def __repr__(self) -> str:
        return f"<{self.op.name if self.op else 'Variable'} {self.name}>"


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
