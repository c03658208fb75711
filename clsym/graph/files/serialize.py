"""A graph as MXNet's symbol JSON, byte for byte as MXNet 1.9.1 writes it. `deserialize` reads it.

The layout is that of dmlc's writer: two spaces of indentation, a blank after the comma at a line's end, lists of up to ten items and
dictionaries of one on one line, dictionaries sorted by key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from ..contract.ir import topological
from ..contract.op import Entry, Node

__all__ = ["MXNET_VERSION", "entry_versions", "to_json"]

MXNET_VERSION = 10901
"""What the files say that wrote them: MXNet 1.9.1, whose format this is."""

_ESCAPES = str.maketrans({"\r": "\\r", "\n": "\\n", "\t": "\\t", "\\": "\\\\", '"': '\\"'})
_T = TypeVar("_T")


def _quote(text: str) -> str:
    return '"' + text.translate(_ESCAPES) + '"'


def _list(items: Sequence[_T], show: Callable[[_T], str], indent: str) -> str:
    if len(items) <= 10:
        return "[" + ", ".join(map(show, items)) + "]"
    inner = indent + "  "
    return "[\n" + inner + (", \n" + inner).join(map(show, items)) + "\n" + indent + "]"


def _dict(items: Mapping[str, str], indent: str) -> str:
    pairs = [f"{_quote(k)}: {_quote(items[k])}" for k in sorted(items, key=lambda k: k.encode("utf-8", "surrogatepass"))]
    if len(pairs) == 1:
        return "{" + pairs[0] + "}"
    inner = indent + "  "
    return "{\n" + inner + (", \n" + inner).join(pairs) + "\n" + indent + "}"


def entry_versions(order: Iterable[Node]) -> tuple[dict[int, tuple[int, ...]], dict[int, int]]:
    """The version number of every input of every node, and that of every variable that was written, by the identity of the node.

    A variable's version counts the operators that have written it as their auxiliary state; other entries have version 0. Nodes that were
    read from a file keep the numbers that stood there, and don't count.

    Parameters
    ----------
    order
        The nodes of a graph, inputs first.
    """
    writes: dict[int, int] = {}
    versions: dict[int, tuple[int, ...]] = {}
    for node in order:
        if node.versions is not None:
            versions[node.serial] = node.versions
            continue
        for i in node.aux_positions():
            variable = node.inputs[i].node.serial
            writes[variable] = writes.get(variable, 0) + 1
        versions[node.serial] = tuple(writes.get(e.node.serial, 0) for e in node.inputs)
    return versions, writes


def to_json(heads: Sequence[Entry]) -> str:
    """The graph below `heads` as the text that MXNet 1.9.1 writes for it."""
    fields = [*_graph(heads, "  "), f'"attrs": {{"mxnet_version": ["int", {MXNET_VERSION}]}}']
    return "{\n  " + ", \n  ".join(fields) + "\n}"


def _graph(heads: Sequence[Entry], indent: str) -> list[str]:
    """The fields of a graph, each line but the first behind `indent`."""
    order = topological(heads)
    index = {node.serial: i for i, node in enumerate(order)}
    versions, writes = entry_versions(order)
    nodes: list[str] = []
    rows = [0]
    inner, deeper = indent + "  ", indent + "    "
    for node in order:
        fields = [f'"op": {_quote(node.op.name if node.op else "null")}', f'"name": {_quote(node.name)}']
        if node.attrs:
            fields.append('"attrs": ' + _dict(node.attrs, deeper))
        entries = [(index[e.node.serial], e.index, v) for e, v in zip(node.inputs, versions[node.serial], strict=True)]
        fields.append('"inputs": ' + _list(entries, "[{0[0]}, {0[1]}, {0[2]}]".format, deeper))
        if node.op is not None and node.op.subgraphs:
            parts = [f", \n{deeper}    ".join(_graph(s.heads, deeper + "    ")) for s in node.params.subgraphs]
            bodies = [f"{deeper}  {{\n{deeper}    {part}\n{deeper}  }}" for part in parts]
            fields.append('"subgraphs": [\n' + ", \n".join(bodies) + f"\n{deeper}]")
        nodes.append(f"{inner}{{\n{deeper}" + f", \n{deeper}".join(fields) + f"\n{inner}}}")
        rows.append(rows[-1] + (node.op.json_outputs(node.params) if node.op else 1))
    outputs = [(index[h.node.serial], h.index, writes.get(h.node.serial, 0)) for h in heads]
    return [
        '"nodes": [\n' + ", \n".join(nodes) + f"\n{indent}]",
        '"arg_nodes": ' + _list([i for i, n in enumerate(order) if n.is_variable], str, indent),
        '"node_row_ptr": ' + _list(rows, str, indent),
        '"heads": ' + _list(outputs, "[{0[0]}, {0[1]}, {0[2]}]".format, indent),
    ]
