"""What one measurement of `bench_op.py` is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Array", "Case", "one_node"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Case:
    """One measurement.

    Attributes
    ----------
    group, name : str
    op : str
        The operator; its inputs are named x0, x1, ...
    shapes : list of tuple of int
    params : dict
    flops : int
        Multiplications and additions; 0 where memory is the limit.
    bytes : int
        Read and written, each tensor once.
    inputs : callable or None
        From a numpy.random.RandomState to x0, x1, ...; None: uniform numbers from 0.1 to 1.
    onnx : callable or None
        From the case and its inputs to an ONNX model and what it is fed, by name; None: as clsym's exporter writes it.
    weights : tuple of int
        Which inputs are parameters of a layer: constants of the exported model.
    """

    group: str
    name: str
    op: str
    shapes: list[tuple[int, ...]]
    params: dict[str, Any] = field(default_factory=dict)
    flops: int = 0
    bytes: int = 0
    inputs: Callable[[Any], Sequence[Array]] | None = None
    onnx: Callable[[Case, Sequence[Array]], tuple[Any, dict[str, Array]]] | None = None
    weights: tuple[int, ...] = ()

    def values(self, rng: np.random.RandomState) -> list[Array]:
        """x0, x1, ... in float32."""
        found = self.inputs(rng) if self.inputs else [rng.uniform(0.1, 1, s) for s in self.shapes]
        return [np.asarray(v).astype(np.float32) for v in found]


def one_node(
    op: str, opset: int, attributes: Mapping[str, Any], feed: Callable[..., Sequence[Array]]
) -> Callable[[Case, Sequence[Array]], tuple[Any, dict[str, Array]]]:
    """A case that is one node of ONNX; `feed` takes the case's inputs and returns the node's."""

    def model(case: Case, values: Sequence[Array]) -> tuple[Any, dict[str, Array]]:
        from onnx import TensorProto, helper

        fed = {f"x{i}": v for i, v in enumerate(feed(*values))}
        node = helper.make_node(op, list(fed), ["y"], **attributes)
        infos = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for n, v in fed.items()]
        graph = helper.make_graph([node], "case", infos, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9), fed

    return model
