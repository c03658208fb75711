"""What an ONNX file says of its inputs and outputs."""

from __future__ import annotations

from typing import Any

from .reader import load

__all__ = ["describe", "get_model_metadata"]


def get_model_metadata(model_file: Any) -> dict[str, Any]:
    """Names and shapes of the inputs and outputs of an ONNX file.

    Parameters
    ----------
    model_file : path-like, bytes or onnx.ModelProto

    Returns
    -------
    dict
        ``input_tensor_data`` and ``output_tensor_data``: lists of (name, shape), with 0 for open extents.

    Raises
    ------
    MXNetError
        The file cannot be read or is no ONNX model.
    """
    return describe(load(model_file))


def describe(model: Any) -> dict[str, Any]:
    """`get_model_metadata` of a model that is read."""
    parameters = {p.name for p in model.graph.initializer}

    def told(infos: Any) -> list[tuple[str, tuple[int, ...]]]:
        return [(i.name, tuple(int(d.dim_value) for d in i.type.tensor_type.shape.dim)) for i in infos if i.name not in parameters]

    return {"input_tensor_data": told(model.graph.input), "output_tensor_data": told(model.graph.output)}
