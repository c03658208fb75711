"""Operators that are made of others: by the ONNX standard, or by the file itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .node import Node
from .reader import attributes, library

__all__ = ["Body", "body_of"]


@dataclass
class _Nodes:
    node: list[Any]


@dataclass
class Body:
    """The inside of a function.

    Attributes
    ----------
    inputs, outputs : list of str
    nodes : list of NodeProto
    defaults : dict
        Values of attributes that a call does not give.
    """

    inputs: list[str]
    outputs: list[str]
    nodes: list[Any]
    defaults: dict[str, Any]

    @classmethod
    def of(cls, proto: Any) -> Body:
        """From a FunctionProto."""
        onnx = library()
        defaults = attributes(onnx.NodeProto(attribute=list(proto.attribute_proto)))
        return cls(list(proto.input), list(proto.output), list(proto.node), defaults)

    def renamed(self, node: Node, prefix: str) -> _Nodes:
        """Copies of the nodes whose tensors are named apart from those of the graph around them; inputs by what the call gives."""
        names = dict.fromkeys((n for p in self.nodes for n in p.output), "")
        mapping = {n: prefix + n for n in names if n}
        mapping.update(zip(self.inputs, [*node.input_names, *[""] * len(self.inputs)], strict=False))
        result = []
        for proto in self.nodes:
            copy = library().NodeProto()
            copy.CopyFrom(proto)
            copy.name = prefix + (proto.name or (proto.output[0] if proto.output else proto.op_type))
            copy.input[:] = [mapping.get(n, n) for n in proto.input]
            copy.output[:] = [mapping.get(n, n) for n in proto.output]
            _rename_in_graphs(copy, mapping)
            result.append(copy)
        return _Nodes(result)


def _rename_in_graphs(proto: Any, mapping: dict[str, str]) -> None:
    """Tensors of the function that its branches read."""
    for a in proto.attribute:
        for graph in ([a.g] if a.HasField("g") else []) + list(a.graphs):
            own = {n for p in graph.node for n in p.output}
            for inner in graph.node:
                inner.input[:] = [n if n in own else mapping.get(n, n) for n in inner.input]
                _rename_in_graphs(inner, mapping)
            for out in graph.output:
                if out.name not in own:
                    out.name = mapping.get(out.name, out.name)


def body_of(proto: Any, opset: int, types: Sequence[str] | None) -> Body | None:
    """The body of an operator of the standard, where it has one.

    Parameters
    ----------
    proto : NodeProto
    opset : int
    types : list of str, optional
        Element types of the inputs, on which some bodies depend; None: only say whether there is one.
    """
    onnx = library()
    try:
        schema = onnx.defs.get_schema(proto.op_type, opset, "")
    except Exception:  # no such operator, or not in that version: the library's own SchemaError
        return None
    if schema.has_function:
        return Body.of(schema.function_body)
    if not schema.has_context_dependent_function:
        return None
    if types is None:
        return Body([], [], [], {})
    kinds = []
    for name in types:
        kind = onnx.TypeProto()
        if name:
            kind.tensor_type.elem_type = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(name))
        kinds.append(kind.SerializeToString())
    try:
        versions = [v for v in schema.context_dependent_function_opset_versions if v <= opset]
        text = schema.get_context_dependent_function_with_opset_version(max(versions, default=opset), proto.SerializeToString(), kinds)
    except Exception:  # the library cannot say what it stands for
        return None
    body = onnx.FunctionProto()
    body.ParseFromString(text)
    return Body.of(body) if body.node else None
