"""Cases of `bench_op.py` whose data matter: sorting and selection, boxes; and the ONNX graphs of a node that rivals run for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench_cases import Case

__all__ = ["inputs", "onnx_model", "ordering_cases"]

_BOXES, _PRIORS = 10000, 8732


def ordering_cases(case: type[Case]) -> Iterator[Case]:
    """One million numbers; ten thousand boxes; the detections of SSD300."""
    n = 1000000
    for name, op, params in (
        ("sort", "sort", {}), ("argsort", "argsort", {"dtype": "int32"}), ("topk 10", "topk", {"k": 10}), ("topk 100", "topk", {"k": 100}),
        ("topk 1000", "topk", {"k": 1000}), ("topk 100000", "topk", {"k": 100000}),
    ):  # fmt: skip
        given = {"ret_typ": "both", "dtype": "int32", **params} if op == "topk" else params
        yield case("ordering", f"{name} of {n}", op, [(n,)], given, 0, 4 * (n + 2 * params["k"] if params.get("k") else 2 * n))
    yield case("ordering", "topk 5 of 1000x1000", "topk", [(1000, 1000)], {"k": 5, "ret_typ": "both", "dtype": "int32"}, 0, 4 * (n + 10000))
    yield case("ordering", "sort of 1000x1000", "sort", [(1000, 1000)], {}, 0, 8 * n)
    shape = (1, _BOXES, 6)
    for name, params in (("classes", {"id_index": 0}), ("one class", {"id_index": 0, "force_suppress": True})):
        yield case("detection", f"box_nms {_BOXES}, {name}", "_contrib_box_nms", [shape], {"overlap_thresh": 0.5, **params}, 0, 48 * _BOXES)
    shapes = [(1, 21, _PRIORS), (1, 4 * _PRIORS), (1, _PRIORS, 4)]
    for name, params in (("", {}), (", 400 best", {"nms_topk": 400, "nms_threshold": 0.45})):
        yield case("detection", f"MultiBoxDetection {_PRIORS}x21{name}", "_contrib_MultiBoxDetection", shapes, params, 0, 140 * _PRIORS)


def _corners(rng: Any, n: int, most: float) -> Any:
    import numpy as np

    low = rng.uniform(0, 1, (1, n, 2))
    return np.concatenate([low, low + rng.uniform(0.01, most, (1, n, 2))], -1)


def inputs(case: Case, rng: Any) -> list[Any] | None:
    """What the case reads, in float32; None where any numbers do."""
    import numpy as np

    if case.op == "_contrib_box_nms":
        n = case.shapes[0][1]
        arrays = [np.concatenate([rng.randint(0, 20, (1, n, 1)), rng.uniform(0, 1, (1, n, 1)), _corners(rng, n, 0.2)], -1)]
    elif case.op == "_contrib_MultiBoxDetection":
        prob = rng.uniform(0, 1, case.shapes[0])
        arrays = [prob / prob.sum(1, keepdims=True), rng.uniform(-1, 1, case.shapes[1]), _corners(rng, case.shapes[2][1], 0.3)]
    elif case.group == "ordering":
        arrays = [rng.uniform(-1, 1, s) for s in case.shapes]
    else:
        return None
    return [a.astype(np.float32) for a in arrays]


def onnx_model(case: Case) -> Any:
    """The same for ONNX Runtime, reading x0; None where ONNX has no such operator."""
    from onnx import TensorProto, helper

    def constant(name: str, kind: int, *values: float) -> Any:
        return helper.make_tensor(name, kind, [len(values)], values)

    fed, floats = helper.make_tensor_value_info("x0", TensorProto.FLOAT, list(case.shapes[0])), TensorProto.FLOAT
    if case.group == "ordering":
        n = case.shapes[0][-1]
        if "is_ascend" in case.params or case.op in ("sort", "argsort"):
            nodes = [helper.make_node("TopK", ["x0", "k"], ["values", "places"], largest=0)]
            count = n
        else:
            nodes, count = [helper.make_node("TopK", ["x0", "k"], ["values", "places"])], case.params["k"]
        names = ["places", "values"] if case.op == "argsort" else ["values", "places"]
        constants = [constant("k", TensorProto.INT64, count)]
    elif case.params.get("force_suppress"):
        split = [constant("one", TensorProto.INT64, 1), constant("two", TensorProto.INT64, 2), constant("six", TensorProto.INT64, 6)]
        bounds = [constant("axis", TensorProto.INT64, 2), constant("most", TensorProto.INT64, case.shapes[0][1])]
        constants = [*split, *bounds, constant("overlap", floats, case.params["overlap_thresh"]), constant("least", floats, 0.0)]
        nodes = [
            helper.make_node("Slice", ["x0", "two", "six", "axis"], ["boxes"]),
            helper.make_node("Slice", ["x0", "one", "two", "axis"], ["column"]),
            helper.make_node("Transpose", ["column"], ["scores"], perm=[0, 2, 1]),
            helper.make_node("NonMaxSuppression", ["boxes", "scores", "most", "overlap", "least"], ["kept"]),
        ]
        names = ["kept"]
    else:
        return None
    kinds = {"values": floats, "places": TensorProto.INT64, "kept": TensorProto.INT64}
    outs = [helper.make_tensor_value_info(name, kinds[name], None) for name in names]
    graph = helper.make_graph(nodes, "case", [fed], outs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
