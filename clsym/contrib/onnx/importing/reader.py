"""Opening ONNX files; the only module here that needs the onnx library, with `fold`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ....base import DTYPE_FLAGS, MXNetError

__all__ = ["attributes", "element_type", "library", "load", "tensor"]


def library() -> Any:
    """The onnx library.

    Raises
    ------
    MXNetError
        It is not installed.
    """
    try:
        import onnx
        import onnx.checker
        import onnx.external_data_helper
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as exc:
        raise MXNetError(f"import_model needs the onnx library ({exc}): pip install 'clsym[onnx]'") from exc
    return onnx


def load(model: Any) -> Any:
    """A model that is read, from a path, bytes, or a model as the onnx library has it; external data is read.

    Raises
    ------
    MXNetError
        It cannot be read, is no ONNX model, or refers to files outside its folder.
    """
    onnx = library()
    if hasattr(model, "graph") and hasattr(model, "opset_import"):
        return model
    if isinstance(model, bytes):
        return _parse(onnx, model, "<bytes>")
    path = Path(os.fspath(model))
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise MXNetError(f"cannot read {str(path)!r}: {exc.strerror or exc}. Check the path and its permissions.") from exc
    found = _parse(onnx, content, str(path))
    _external_data(onnx, found, path)
    return found


def _parse(onnx: Any, content: bytes, where: str) -> Any:
    found = onnx.ModelProto()
    try:
        found.ParseFromString(content)
    except Exception as exc:  # protobuf's DecodeError, whose module differs between its versions
        raise MXNetError(f"{where} is no ONNX model, or not whole: {exc}") from exc
    if not found.HasField("graph") or not found.opset_import:
        raise MXNetError(f"{where} is no ONNX model: it has no {'graph' if not found.HasField('graph') else 'opset_import'}")
    _check_names(found.graph, where)
    return found


def _check_names(graph: Any, where: str) -> None:
    """Names that are no text come as bytes."""
    names = [n for node in graph.node for n in (*node.input, *node.output, node.name, node.op_type, node.domain)]
    names += [v.name for v in (*graph.input, *graph.output, *graph.initializer)]
    for node in graph.node:
        names += [a.name for a in node.attribute]
        for a in node.attribute:
            if a.HasField("g"):
                _check_names(a.g, where)
    if not all(isinstance(n, str) for n in names):
        raise MXNetError(f"{where} is no ONNX model, or damaged: a name in it is no UTF-8 text")


def _external_data(onnx: Any, model: Any, path: Path) -> None:
    """Read the tensors that lie in other files, which must be in the model's folder or below it."""
    folder = path.resolve().parent
    for proto in onnx.external_data_helper._get_all_tensors(model):
        if not onnx.external_data_helper.uses_external_data(proto):
            continue
        info = {e.key: e.value for e in proto.external_data}
        location = info.get("location", "")
        target = (folder / location).resolve()
        if not location or os.path.isabs(location) or not target.is_relative_to(folder):
            raise MXNetError(f"{path}: tensor {proto.name!r} lies in {location!r}, outside the model's folder; refused")
        try:
            offset, length = int(info.get("offset", 0)), int(info.get("length", -1))
            size = target.stat().st_size
            if offset < 0 or offset + max(length, 0) > size:
                raise MXNetError(
                    f"{path}: tensor {proto.name!r} needs bytes {offset} to {offset + length} of {location!r}, which has {size}"
                )
            with target.open("rb") as file:
                file.seek(offset)
                proto.raw_data = file.read(length if length >= 0 else size - offset)
        except (OSError, ValueError) as exc:
            raise MXNetError(f"{path}: tensor {proto.name!r}: cannot read {location!r}: {exc}") from exc
        proto.data_location = onnx.TensorProto.DEFAULT
        del proto.external_data[:]


def element_type(number: int, where: str) -> str:
    """The name of an ONNX element type that clsym has.

    Raises
    ------
    MXNetError
        clsym has it not.
    """
    onnx = library()
    try:
        name = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(number)).name
    except (KeyError, TypeError, ValueError):
        name = ""
    known = (
        onnx.TensorProto.DataType.keys()[onnx.TensorProto.DataType.values().index(number)]
        if number in onnx.TensorProto.DataType.values()
        else number
    )
    if name not in DTYPE_FLAGS:
        raise MXNetError(f"{where} has the element type {known}; clsym has {', '.join(DTYPE_FLAGS)}")
    return name


def tensor(proto: Any, where: str) -> np.ndarray:
    """The values of a tensor in a file, as an array of its own.

    Raises
    ------
    MXNetError
        An element type that clsym has not, or data that does not fit the shape.
    """
    onnx = library()
    element_type(proto.data_type, where)
    try:
        return np.array(onnx.numpy_helper.to_array(proto))
    except Exception as exc:
        raise MXNetError(f"{where}: its data does not fit shape {tuple(proto.dims)}: {exc}") from exc


def attributes(node: Any) -> dict[str, Any]:
    """The attributes of a node as Python values; graphs stay as they are."""
    onnx = library()
    found: dict[str, Any] = {}
    for a in node.attribute:
        if a.ref_attr_name:
            continue
        value = onnx.helper.get_attribute_value(a)
        if a.type == onnx.AttributeProto.STRING:
            value = value.decode("utf-8", "replace")
        elif a.type == onnx.AttributeProto.STRINGS:
            value = [v.decode("utf-8", "replace") for v in value]
        elif a.type == onnx.AttributeProto.TENSOR:
            value = tensor(value, f"attribute {a.name!r} of node {node.name!r}")
        elif a.type in (onnx.AttributeProto.INTS, onnx.AttributeProto.FLOATS):
            value = list(value)
        found[a.name] = value
    return found
