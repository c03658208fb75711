"""From a `Model` to a file; the only module that needs the onnx library."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ...base import MXNetError
from ...version import __version__
from .model import OPSET, TYPES, Model, Tensor

__all__ = ["write"]

_IR_VERSION = 8  # that of the opset: newer ones are refused by older runtimes
_LIMIT = (1 << 31) - (1 << 20)  # protobuf's limit of a message, less the nodes


def _library() -> Any:
    try:
        import onnx
        import onnx.checker
        import onnx.numpy_helper
        import onnx.shape_inference
    except ImportError as exc:
        raise MXNetError(f"export_model needs the onnx library ({exc}): pip install 'clsym[onnx]'") from exc
    return onnx


def _value_info(onnx: Any, tensor: Tensor) -> Any:
    labels = tensor.labels or (None,) * len(tensor.shape)
    dims = [label if d < 0 else d for d, label in zip(tensor.shape, labels, strict=True)]
    return onnx.helper.make_tensor_value_info(tensor.name, TYPES[tensor.dtype], dims)


def _proto(onnx: Any, model: Model) -> Any:
    values = model.read_values()
    total = sum(a.nbytes for a in values.values())
    if total > _LIMIT:
        raise MXNetError(f"export_model: the parameters are {total} bytes, an ONNX file holds {_LIMIT}; cast them to float16")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(n.op, n.inputs, n.outputs, name=n.outputs[0], **n.attrs) for n in model.nodes],
        "clsym",
        [_value_info(onnx, t) for t in model.inputs],
        [_value_info(onnx, t) for t in model.outputs],
        [onnx.numpy_helper.from_array(np.asarray(a, order="C"), name) for name, a in values.items()],
    )
    opset = onnx.helper.make_opsetid("", OPSET)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION, producer_name="clsym", producer_version=__version__)


def write(model: Model, path: str, infer: bool) -> None:
    """Check the model and write it: first beside `path`, then renamed, so that no half-written file is left under its name.

    Raises
    ------
    MXNetError
        The onnx library is missing, or its checker refuses the model.
    """
    onnx = _library()
    proto = _proto(onnx, model)
    try:
        onnx.checker.check_model(proto)
        if infer:
            proto = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as exc:
        raise MXNetError(f"export_model: the onnx library refuses the model: {exc}; report it with the symbol's JSON") from exc
    temporary = f"{path}.tmp{os.getpid()}"
    try:
        with open(temporary, "wb") as f:
            f.write(proto.SerializeToString())
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
