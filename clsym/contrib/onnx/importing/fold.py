"""Nodes whose inputs are all known, computed while importing by the onnx library's reference: shapes, axes, weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....base import DTYPE_FLAGS
from .reader import library

__all__ = ["fold"]


def fold(proto: Any, inputs: dict[str, np.ndarray], opsets: Sequence[Any]) -> list[np.ndarray] | None:
    """The outputs of a node, or None where the reference cannot compute them.

    Parameters
    ----------
    proto : NodeProto
    inputs : dict of str to numpy.ndarray
        Its inputs by name.
    opsets : list of OperatorSetIdProto
    """
    onnx = library()
    try:
        from onnx.reference import ReferenceEvaluator

        names = [n for n in proto.input if n]
        outputs = [o for o in proto.output if o]
        graph = onnx.helper.make_graph(
            [proto],
            "fold",
            [
                onnx.helper.make_tensor_value_info(n, onnx.helper.np_dtype_to_tensor_dtype(inputs[n].dtype), None)
                for n in dict.fromkeys(names)
            ],
            [onnx.helper.make_value_info(o, onnx.TypeProto()) for o in outputs],
        )
        model = onnx.helper.make_model(graph, opset_imports=list(opsets))
        found = [np.asarray(v) for v in ReferenceEvaluator(model).run(None, {n: inputs[n] for n in names})]
    except Exception:  # whatever the reference cannot do, the graph computes
        return None
    return found if all(v.dtype.name in DTYPE_FLAGS for v in found) else None
