"""Graphs from MXNet's symbol JSON, in every form that MXNet has written since 2015.

What differs between them: parameters stand under ``param``, ``attr`` or ``attrs``; entries have two numbers or three; the version may be
missing (before 0.9); auxiliary states may not be listed (before 0.9); attributes such as ``lr_mult`` have no underscores yet, and
``weight_lr_mult`` stands at the operator instead of at its weight. Nodes are known by index, since names repeat.

Nothing in a file is trusted: whatever is wrong raises `MXNetError` with the node's index and name, and no text of it is ever evaluated.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from ...base import MXNetError
from ...params import Params
from ..build import HIDDEN_KEYS, check_aux, fill_inputs, hide_keys, input_names, is_hidden
from ..contract.op import Entry, Node, Op
from ..contract.registry import find_op, has_op
from ..contract.subgraph import Subgraph

__all__ = ["from_json", "missing_operators", "operators_of"]

_DEEPEST = 32
"""How deep subgraphs may lie inside one another."""
_UNVERSIONED = 800
"""The version of a file that doesn't tell it: 0.8.0."""


def _fail(what: str) -> NoReturn:
    raise MXNetError(f"invalid symbol JSON: {what}")


def _parse(text: str) -> dict[str, Any]:
    try:
        graph = json.loads(text, strict=False)  # MXNet writes control characters as they are
    except RecursionError:
        raise MXNetError("invalid symbol JSON: nested too deeply") from None
    except ValueError as exc:
        raise MXNetError(f"invalid symbol JSON: {exc}. Is this a -symbol.json file, and complete?") from exc
    return _fields(graph)


def _fields(graph: Any) -> dict[str, Any]:
    if not isinstance(graph, dict):
        _fail(f"a graph is an object with 'nodes' and 'heads', not {type(graph).__name__}")
    for field in ("nodes", "heads"):
        if field not in graph:
            _fail(f"missing field {field!r}")
        if not isinstance(graph[field], list):
            _fail(f"{field!r} must be a list, not {type(graph[field]).__name__}")
    return graph


def _version(graph: dict[str, Any]) -> int:
    attrs = graph.get("attrs", {})
    if not isinstance(attrs, dict):
        _fail("'attrs' of the graph must be an object")
    version = attrs.get("mxnet_version", ["int", _UNVERSIONED])
    if not (isinstance(version, list) and len(version) == 2 and type(version[1]) is int):
        _fail(f"mxnet_version must be ['int', number], not {str(version)[:100]}")
    return version[1]


class _Record:
    """One node as it stands in the file, with its fields checked."""

    def __init__(self, index: int, raw: Any, count: int) -> None:
        self.where = f"node {index}"
        if not isinstance(raw, dict):
            _fail(f"{self.where} must be an object, not {type(raw).__name__}")
        for field in ("op", "name"):
            if not isinstance(raw.get(field), str):
                _fail(f"{self.where}: field {field!r} is missing or no string")
        self.op: str = raw["op"]
        self.name: str = raw["name"]
        self.where = f"node {index} ({self.name[:100]!r}, operator {self.op[:100]})"
        self.attrs: dict[str, str] = {}
        for field in ("param", "attr", "attrs"):
            for key, value in self._object(raw, field).items():
                if not isinstance(value, str):
                    _fail(f"{self.where}: {field} {key[:100]!r} must be a string, not {type(value).__name__}")
                self.attrs[key] = value
        if raw.get("control_deps"):
            _fail(f"{self.where}: control dependencies are not supported; save the graph without them")
        self.subgraphs = raw.get("subgraphs") or []
        if not isinstance(self.subgraphs, list):
            _fail(f"{self.where}: 'subgraphs' must be a list")
        inputs = raw.get("inputs", [])
        if not isinstance(inputs, list):
            _fail(f"{self.where}: 'inputs' must be a list")
        self.inputs = [_entry(e, count, f"{self.where}: input {i}") for i, e in enumerate(inputs)]

    def _object(self, raw: dict[str, Any], field: str) -> dict[str, Any]:
        value = raw.get(field)
        if value is None:
            return {}
        if not isinstance(value, dict):
            _fail(f"{self.where}: {field!r} must be an object, not {type(value).__name__}")
        return value


def _entry(raw: Any, count: int, where: str) -> tuple[int, int, int]:
    if not (isinstance(raw, list) and len(raw) in (2, 3) and all(type(n) is int for n in raw)):
        _fail(f"{where} must be two or three integers, not {str(raw)[:100]}")
    node, output, version = (*raw, 0)[:3]
    if not 0 <= node < count:
        _fail(f"{where} refers to node {str(node)[:30]}, but there are {count} nodes")
    if not (0 <= output < 1 << 31 and 0 <= version < 1 << 31):
        _fail(f"{where} has a negative or absurd output or version: {str(raw)[:100]}")
    return node, output, version


def _order(records: list[_Record]) -> list[int]:
    """Indices of all nodes, inputs first. MXNet's files are in this order already, but needn't be."""
    order: list[int] = []
    state = [0] * len(records)  # 1: being visited, 2: done
    for start in range(len(records)):
        stack = [] if state[start] else [(start, 0)]
        while stack:
            index, i = stack.pop()
            state[index] = 1
            inputs = records[index].inputs
            while i < len(inputs) and state[inputs[i][0]] == 2:
                i += 1
            if i == len(inputs):
                state[index] = 2
                order.append(index)
                continue
            child = inputs[i][0]
            if state[child] == 1:
                _fail(
                    f"{records[index].where}: its input node {child} ({records[child].name[:100]!r}) depends on it: the graph has a cycle"
                )
            stack += [(index, i), (child, 0)]
    return order


def _legacy_attributes(record: _Record, op: Op, version: int) -> list[tuple[str, str, str]]:
    """Bring the attributes of an operator to today's form; what belongs to its inputs is returned as (input, key, value)."""
    moved: list[tuple[str, str, str]] = []
    for name in list(record.attrs):
        if name in op.params or is_hidden(name):
            continue
        for key in HIDDEN_KEYS:
            if name == key:
                record.attrs[f"__{key}__"] = record.attrs.pop(name)
            elif name.endswith("_" + key) and name[: -len(key) - 1] in op.inputs:
                moved.append((name[: -len(key) - 1], f"__{key}__", record.attrs.pop(name)))
    if version < 905 and op.name in ("argmax", "argmin") and record.attrs.get("axis") == "-1":
        del record.attrs["axis"]  # -1 meant all axes until 0.9.5
    return moved


def _parameters(record: _Record, op: Op) -> Params:
    try:
        return op.parse({k: v for k, v in record.attrs.items() if k in op.params or not is_hidden(k)}, record.name)
    except MXNetError as exc:
        raise MXNetError(f"{record.where}: {exc}") from exc


def _subgraphs(record: _Record, op: Op, version: int, depth: int) -> tuple[Subgraph, ...]:
    if len(record.subgraphs) != op.subgraphs:
        _fail(f"{record.where} holds {len(record.subgraphs)} subgraphs, but the operator takes {op.subgraphs or 'none'}")
    if depth >= _DEEPEST:
        _fail(f"{record.where}: subgraphs are nested more than {_DEEPEST} deep")
    return tuple(Subgraph(_graph(_fields(raw), version, depth + 1)) for raw in record.subgraphs)


def _operator(record: _Record, made: dict[int, Node], version: int, depth: int) -> Node:
    op = find_op(record.op, f": {record.where}")
    moved = _legacy_attributes(record, op, version)
    params = _parameters(record, op)
    if op.subgraphs or record.subgraphs:
        params = params.replace(subgraphs=_subgraphs(record, op, version, depth))
    names = input_names(op, params, record.where)
    if len(record.inputs) > len(names):
        _fail(f"{record.where} has {len(record.inputs)} inputs, but with its parameters it takes {len(names)}: {', '.join(names)}")
    given: list[Entry | None] = []
    for position, (source, output, _) in enumerate(record.inputs):
        node = made[source]
        if output >= node.num_outputs:
            _fail(f"{record.where}: input {position} asks for output {output} of {node.name[:100]!r}, which has {node.num_outputs}")
        given.append(node.out(output))
    node = Node(op, record.name, params, record.attrs, fill_inputs(op, names, record.name, record.attrs, given))
    node.versions = (*(v for _, _, v in record.inputs), *(0 for _ in names[len(record.inputs) :]))
    check_aux(node)
    for name, key, value in moved:
        if name in names and node.inputs[names.index(name)].node.is_variable:
            node.inputs[names.index(name)].node.attrs[key] = value
    return node


def _walk(graph: dict[str, Any], depth: int = 0) -> Iterator[_Record]:
    """All nodes of a graph in a file, those inside other nodes as well."""
    for i, raw in enumerate(graph["nodes"]):
        record = _Record(i, raw, len(graph["nodes"]))
        yield record
        for inner in record.subgraphs:
            if depth >= _DEEPEST:
                _fail(f"{record.where}: subgraphs are nested more than {_DEEPEST} deep")
            yield from _walk(_fields(inner), depth + 1)


def operators_of(text: str) -> dict[str, list[str]]:
    """The operators of a symbol JSON with the names of their nodes, known or not, in the file's order.

    Raises
    ------
    MXNetError
        The text is no symbol JSON.
    """
    found: dict[str, list[str]] = {}
    for record in _walk(_parse(text)):
        if record.op != "null":
            found.setdefault(record.op, []).append(record.name)
    return found


def missing_operators(text: str) -> dict[str, list[str]]:
    """Those of `operators_of` that clsym does not have."""
    return {name: nodes for name, nodes in operators_of(text).items() if not has_op(name)}


def _refuse_missing(graph: dict[str, Any]) -> None:
    """All operators that are not there at once, so that nobody finds them one after the other."""
    missing: dict[str, list[_Record]] = {}
    for record in _walk(graph):
        if record.op != "null" and not has_op(record.op):
            missing.setdefault(record.op, []).append(record)
    if len(missing) == 1:
        name, (first, *rest) = missing.popitem()
        find_op(name, f": {first.where}" + (f" and {len(rest)} more" if rest else ""))
    if missing:
        lines = []
        for name, records in missing.items():
            shown = ", ".join(r.name[:60] for r in records[:3]) + (", ..." if len(records) > 3 else "")
            lines.append(f"  {name[:100]}: {len(records)} node{'s' if len(records) > 1 else ''} ({shown})")
        raise MXNetError(
            f"{len(missing)} operators of the graph are not registered:\n" + "\n".join(lines) + "\nclsym does not implement them: "
            "`clsym operators --absent` says why. Replace the nodes, or register the operators with clsym.extension.register."
        )


def from_json(text: str) -> tuple[Entry, ...]:
    """The outputs of the graph that `text` describes.

    Parameters
    ----------
    text : str
        MXNet's symbol JSON of any version up to 1.9.1.

    Raises
    ------
    MXNetError
        Anything is wrong with it; the message has the index, name and operator of the node.
    """
    graph = _parse(text)
    _refuse_missing(graph)
    return _graph(graph, _version(graph), 0)


def _graph(graph: dict[str, Any], version: int, depth: int) -> tuple[Entry, ...]:
    """The outputs of a graph in a file, or of one inside a node, `depth` nodes deep."""
    count = len(graph["nodes"])
    records = [_Record(i, raw, count) for i, raw in enumerate(graph["nodes"])]
    made: dict[int, Node] = {}
    for index in _order(records):
        record = records[index]
        if record.op == "null":
            if record.inputs:
                _fail(f"{record.where} is a variable and can have no inputs")
            made[index] = Node(None, record.name, attrs=hide_keys(record.attrs) if version < 900 else record.attrs)
        else:
            made[index] = _operator(record, made, version, depth)
    if not graph["heads"]:
        _fail("'heads' is empty: the graph has no outputs")
    heads: list[Entry] = []
    for i, raw in enumerate(graph["heads"]):
        source, output, _ = _entry(raw, count, f"head {i}")
        if output >= made[source].num_outputs:
            _fail(f"head {i} asks for output {output} of {records[source].where}, which has {made[source].num_outputs}")
        heads.append(made[source].out(output))
    return tuple(heads)
