"""Operators that are made of others: by the ONNX standard, or by the file itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....graph.contract.spec import PartialShape
from .node import Node
from .reader import attributes, library

__all__ = ["Body", "body_of"]


@dataclass
class _Nodes:
    node: list[Any]
    outputs: list[str]


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
        return _Nodes(result, [mapping.get(o, o) for o in self.outputs])


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


def resolved(proto: Any, given: Mapping[str, Any]) -> Any:
    """A node of a function with the values of the attributes that it takes from the call; those that the call has not are left out."""
    if not any(a.ref_attr_name for a in proto.attribute):
        return proto
    onnx = library()
    copy = onnx.NodeProto()
    copy.CopyFrom(proto)
    del copy.attribute[:]
    for a in proto.attribute:
        if not a.ref_attr_name:
            copy.attribute.append(a)
        elif a.ref_attr_name in given:
            value = given[a.ref_attr_name]
            value = onnx.numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
            copy.attribute.append(onnx.helper.make_attribute(a.name, value, attr_type=a.type or None))
    return copy


def body_of(proto: Any, opset: int, types: Sequence[tuple[str, PartialShape]] | None) -> Body | None:
    """The body of an operator of the standard, where it has one.

    Parameters
    ----------
    proto : NodeProto
    opset : int
    types : list of (str, tuple of int or None), optional
        Element types and shapes of the inputs, on which some bodies depend; None: only say whether there is one.
    """
    onnx = library()
    try:
        schema = onnx.defs.get_schema(proto.op_type, opset, "")
    except Exception:  # no such operator, or not in that version: the library's own SchemaError
        return None
    defaults = {k: onnx.helper.get_attribute_value(a.default_value) for k, a in schema.attributes.items() if a.default_value.name}
    defaults = {k: v.decode() if isinstance(v, bytes) else v for k, v in defaults.items()}
    if schema.has_function:
        return _with_defaults(Body.of(schema.function_body), defaults)
    if not schema.has_context_dependent_function:
        return None
    if types is None:
        return Body([], [], [], {})
    kinds = []
    for name, shape in types:
        kind = onnx.TypeProto()
        if name:
            known = None if shape is None else [d if d >= 0 else None for d in shape]
            kind = onnx.helper.make_tensor_type_proto(onnx.helper.np_dtype_to_tensor_dtype(np.dtype(name)), known)
        kinds.append(kind.SerializeToString())
    try:
        versions = [v for v in schema.context_dependent_function_opset_versions if v <= opset]
        text = schema.get_context_dependent_function_with_opset_version(max(versions, default=opset), proto.SerializeToString(), kinds)
    except Exception:  # the library cannot say what it stands for
        return None
    body = onnx.FunctionProto()
    body.ParseFromString(text)
    return _with_defaults(Body.of(body), defaults) if body.node else None


def _with_defaults(body: Body, defaults: dict[str, Any]) -> Body:
    return Body(body.inputs, body.outputs, body.nodes, {**defaults, **body.defaults})
