"""The layers of a graph as rows of a table: what each gives, how many parameters it has, what it reads."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..base import MXNetError
from ..graph.contract.ir import key, topological
from ..graph.contract.op import Entry, Node
from .inference import infer_shape

__all__ = ["Layer", "count_parameters", "html_table", "inferred_shapes", "layers", "visible"]

Shapes = Mapping[tuple[int, int], tuple[int, ...]]

# the inputs that layers learn, by the names that operators give them; what else they read are data, labels and states
_LEARNED = frozenset({"weight", "bias", "gamma", "beta", "parameters"})
_FIRST_ROWS, _LAST_ROWS = 50, 10


class Layer(NamedTuple):
    """A row: a node, the shape of its first output (None: not known), the parameters that it reads, and the layers before it."""

    node: Node
    shape: tuple[int, ...] | None
    parameters: int
    previous: tuple[str, ...]

    @property
    def title(self) -> str:
        """Its name, and in brackets its operator as graph files have it."""
        return f"{self.node.name}({self.node.op.name if self.node.op else 'null'})"


def visible(heads: Sequence[Entry]) -> tuple[Entry, ...]:
    """All outputs of all nodes that users see."""
    return tuple(n.out(i) for n in topological(heads) for i in range(n.num_visible))


def inferred_shapes(heads: Sequence[Entry], given: Mapping[str, Any]) -> Shapes:
    """The shapes of everything from those of some arguments.

    Raises
    ------
    ValueError
        They don't determine everything.
    """
    entries = visible(heads)
    outputs = infer_shape(entries, False, (), dict(**given))[1]
    if outputs is None:
        raise ValueError("Input shape is incomplete")
    return {key(e): shape for e, shape in zip(entries, outputs, strict=True)}


def _learned(node: Node) -> list[tuple[str, Entry]]:
    """The parameters among a node's inputs, and what the operator calls them."""
    if node.op is None:
        return []
    named = zip(node.op.input_names(node.params), node.inputs, strict=False)
    return [(name, entry) for name, entry in named if name in _LEARNED and entry.node.is_variable]


def _elements(node: Node, name: str, entry: Entry, shapes: Shapes | None) -> int:
    """The elements of one parameter; without shapes what the operator's own numbers tell of it: biases, and tables of embeddings."""
    if shapes is not None:
        shape = shapes.get(key(entry), ())
        return math.prod(shape) if shape and min(shape) > 0 else 0
    p = node.params
    if name == "bias":
        return int(getattr(p, "num_filter", getattr(p, "num_hidden", 0)))
    return int(getattr(p, "input_dim", 0)) * int(getattr(p, "output_dim", 0)) if name == "weight" else 0


def count_parameters(heads: Sequence[Entry], shapes: Shapes | None) -> int:
    """The elements of all parameters, those that several layers share once."""
    found = {key(entry): _elements(node, name, entry, shapes) for node in topological(heads) for name, entry in _learned(node)}
    return sum(found.values())


def layers(heads: Sequence[Entry], shapes: Shapes | None) -> list[Layer]:
    """A row for each operator and for the graph's first input, in the order of graph files; other variables have none."""
    order = topological(heads)
    first = order[0]
    rows = []
    for node in order:
        if node.is_variable and node is not first:
            continue
        shape = None
        if shapes is not None and (node.is_variable or node.output_name(0) == f"{node.name}_output"):
            shape = shapes.get(key(node.out()))
        parameters = sum(_elements(node, name, entry, shapes) for name, entry in _learned(node))
        previous = tuple(e.node.name for e in node.inputs if not e.node.is_variable or e.node is first)
        rows.append(Layer(node, shape, parameters, previous))
    return rows


def html_table(heads: Sequence[Entry], title: str) -> str:
    """The layers as an HTML table, for notebooks; shapes as far as the variables' own determine them."""
    entries = visible(heads)
    try:
        shapes: dict[tuple[int, int], tuple[int, ...]] = dict(
            zip(map(key, entries), infer_shape(entries, True, (), {})[1], strict=True)  # partial: never None
        )
    except MXNetError:  # shapes that contradict one another are told by who needs them; a picture of the graph does not
        shapes = {}
    rows = layers(heads, shapes)
    cells = [
        (
            layer.node.name,
            layer.node.op.name if layer.node.op else "",
            "x".join(str(d) if d > 0 else "?" for d in layer.shape or ()),
            str(layer.parameters or ""),
            ", ".join(layer.previous),
        )
        for layer in rows
    ]
    lines = [_row(c) for c in cells]
    if len(lines) > _FIRST_ROWS + _LAST_ROWS:
        left = len(lines) - _FIRST_ROWS - _LAST_ROWS
        lines[_FIRST_ROWS:-_LAST_ROWS] = [f'<tr><td colspan="5">\N{HORIZONTAL ELLIPSIS} {left} more</td></tr>']
    head = "".join(f"<th>{t}</th>" for t in ("Layer", "Operator", "Output shape", "Parameters", "Reads"))
    return f"<table><caption>{html.escape(title)}</caption><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _row(cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in cells) + "</tr>"
