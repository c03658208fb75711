"""Sorting, selection and suppression as `bench_op.py` measures them, and the ONNX graphs of a node that rivals run for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from bench_case import Array, Case

__all__ = ["ordering_cases"]

_BOXES, _PRIORS = 10000, 8732


def ordering_cases() -> Iterator[Case]:
    """One million numbers; ten thousand boxes; the detections of SSD300."""
    n = 1000000

    def numbers(*shape: int) -> Any:
        return lambda rng: [rng.uniform(-1, 1, shape)]

    for name, op, params in (
        ("sort", "sort", {}), ("argsort", "argsort", {"dtype": "int32"}), ("topk 10", "topk", {"k": 10}), ("topk 100", "topk", {"k": 100}),
        ("topk 1000", "topk", {"k": 1000}), ("topk 100000", "topk", {"k": 100000}),
    ):  # fmt: skip
        given = {"ret_typ": "both", "dtype": "int32", **params} if op == "topk" else params
        moved = 4 * (n + 2 * params["k"] if params.get("k") else 2 * n)
        yield Case("ordering", f"{name} of {n}", op, [(n,)], given, 0, moved, numbers(n), _selection)
    few = {"k": 5, "ret_typ": "both", "dtype": "int32"}
    rows = numbers(1000, 1000)
    yield Case("ordering", "topk 5 of 1000x1000", "topk", [(1000, 1000)], few, 0, 4 * (n + 10000), rows, _selection)
    yield Case("ordering", "sort of 1000x1000", "sort", [(1000, 1000)], {}, 0, 8 * n, rows, _selection)
    shape = (1, _BOXES, 6)
    for name, params, onnx in (
        ("classes", {"id_index": 0}, None), ("one class", {"id_index": 0, "force_suppress": True}, _suppression),
    ):  # fmt: skip
        overlap = {"overlap_thresh": 0.5, **params}
        yield Case("detection", f"box_nms {_BOXES}, {name}", "_contrib_box_nms", [shape], overlap, 0, 48 * _BOXES, _boxes, onnx)
    shapes = [(1, 21, _PRIORS), (1, 4 * _PRIORS), (1, _PRIORS, 4)]
    for name, params in (("", {}), (", 400 best", {"nms_topk": 400, "nms_threshold": 0.45})):
        name = f"MultiBoxDetection {_PRIORS}x21{name}"
        yield Case("detection", name, "_contrib_MultiBoxDetection", shapes, params, 0, 140 * _PRIORS, _detections)


def _corners(rng: np.random.RandomState, n: int, most: float) -> Array:
    low = rng.uniform(0, 1, (1, n, 2))
    return np.concatenate([low, low + rng.uniform(0.01, most, (1, n, 2))], -1)


def _boxes(rng: np.random.RandomState) -> list[Array]:
    n = _BOXES
    return [np.concatenate([rng.randint(0, 20, (1, n, 1)), rng.uniform(0, 1, (1, n, 1)), _corners(rng, n, 0.2)], -1)]


def _detections(rng: np.random.RandomState) -> list[Array]:
    prob = rng.uniform(0, 1, (1, 21, _PRIORS))
    return [prob / prob.sum(1, keepdims=True), rng.uniform(-1, 1, (1, 4 * _PRIORS)), _corners(rng, _PRIORS, 0.3)]


def _constant(name: str, kind: int, *values: float) -> Any:
    from onnx import helper

    return helper.make_tensor(name, kind, [len(values)], values)


def _model(
    case: Case, values: Sequence[Array], nodes: list[Any], names: Sequence[str], constants: list[Any]
) -> tuple[Any, dict[str, Array]]:
    from onnx import TensorProto, helper

    kinds = {"values": TensorProto.FLOAT, "places": TensorProto.INT64, "kept": TensorProto.INT64}
    fed = helper.make_tensor_value_info("x0", TensorProto.FLOAT, list(case.shapes[0]))
    outs = [helper.make_tensor_value_info(name, kinds[name], None) for name in names]
    graph = helper.make_graph(nodes, "case", [fed], outs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), {"x0": values[0]}


def _selection(case: Case, values: Sequence[Array]) -> tuple[Any, dict[str, Array]]:
    """TopK, of all where they are to be sorted."""
    from onnx import TensorProto, helper

    whole = case.op in ("sort", "argsort")
    node = helper.make_node("TopK", ["x0", "k"], ["values", "places"], **({"largest": 0} if whole else {}))
    count = case.shapes[0][-1] if whole else case.params["k"]
    names = ["places", "values"] if case.op == "argsort" else ["values", "places"]
    return _model(case, values, [node], names, [_constant("k", TensorProto.INT64, count)])


def _suppression(case: Case, values: Sequence[Array]) -> tuple[Any, dict[str, Array]]:
    """NonMaxSuppression of all boxes as of one class; its result is the places of those kept."""
    from onnx import TensorProto, helper

    whole = {"one": 1, "two": 2, "six": 6, "axis": 2, "most": case.shapes[0][1]}
    constants = [_constant(name, TensorProto.INT64, value) for name, value in whole.items()]
    constants += [_constant("overlap", TensorProto.FLOAT, case.params["overlap_thresh"]), _constant("least", TensorProto.FLOAT, 0.0)]
    nodes = [
        helper.make_node("Slice", ["x0", "two", "six", "axis"], ["boxes"]),
        helper.make_node("Slice", ["x0", "one", "two", "axis"], ["column"]),
        helper.make_node("Transpose", ["column"], ["scores"], perm=[0, 2, 1]),
        helper.make_node("NonMaxSuppression", ["boxes", "scores", "most", "overlap", "least"], ["kept"]),
    ]
    return _model(case, values, nodes, ["kept"], constants)
