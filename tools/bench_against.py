"""One layer of `bench_op.py` against other engines, in turns, each in a process of its own (see rivals/protocol.py)."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench_cases import Case
from bench_rivals import Rival, RivalError

__all__ = ["compare"]

PAUSE = 0.05  # seconds before each turn; OpenMP's and ONNX Runtime's threads spin for a few milliseconds
Array = np.ndarray[Any, Any]


def _onnx_file(case: Case, values: Sequence[Array], folder: Path) -> dict[str, str]:
    """Writes the node as a model of its own; the files of its inputs by name."""
    import onnx
    from onnx import helper

    assert case.onnx is not None
    fed = {f"x{i}": v for i, v in enumerate(case.onnx.feed(*values))}
    node = helper.make_node(case.onnx.op, list(fed), ["y"], **case.onnx.attributes)
    infos = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for n, v in fed.items()]
    graph = helper.make_graph([node], "layer", infos, [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)])
    opset = helper.make_opsetid("", case.onnx.opset)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), str(folder / "net.onnx"))
    return _arrays(fed, folder, "onnx")


def _arrays(values: dict[str, Array], folder: Path, stem: str) -> dict[str, str]:
    found = {}
    for name, value in values.items():
        found[name] = str(folder / f"{stem}_{name}.npy")
        np.save(found[name], value)
    return found


def _start(kind: str, case: Case, net: Any, values: Sequence[Array], folder: Path, args: Any) -> Rival:
    import clsym as mx

    config: dict[str, Any] = {"threads": args.threads, "train": False, "rate": 0, "output": str(folder / f"{kind}.npy")}
    if kind == "onnxruntime":
        if case.onnx is None:
            raise RivalError("the layer has no equivalent in ONNX")
        config |= {"inputs": _onnx_file(case, values, folder), "onnx": str(folder / "net.onnx")}
        return Rival(kind, sys.executable, config, args.timeout)
    net.save(str(folder / "net.json"))
    mx.nd.save(str(folder / "net.params"), {"arg:unused": mx.nd.zeros((1,))})
    inputs = _arrays({f"x{i}": v for i, v in enumerate(values)}, folder, "mxnet")
    config |= {"symbol": str(folder / "net.json"), "params": str(folder / "net.params"), "inputs": inputs}
    return Rival(kind, args.mxnet_python, config, args.timeout, "NONE")


def compare(case: Case, net: Any, ex: Any, values: Sequence[Array], args: Any) -> dict[str, Any]:
    """Medians of the forward passes of all sides in milliseconds, the ratio to the best rival, and the largest relative difference."""

    def ours(count: int) -> list[float]:
        times = []
        for _ in range(count):
            start = time.perf_counter()
            ex.forward(is_train=False)[0].wait_to_read()
            times.append(time.perf_counter() - start)
        return times

    result = ex.forward(is_train=False)[0].asnumpy()
    row: dict[str, Any] = {"rivals_ms": {}, "error": 0.0}
    with tempfile.TemporaryDirectory(prefix="clsym-bench-") as name:
        folder, rivals = Path(name), {}
        try:
            for kind in args.against:
                try:
                    rivals[kind] = _start(kind, case, net, values, folder, args)
                except RivalError as exc:
                    print(f"{case.name}: no {kind}: {exc}", file=sys.stderr)
                    continue
                theirs = np.load(folder / f"{kind}.npy")
                row["error"] = max(row["error"], float(np.abs(result - theirs).max() / np.abs(theirs).max()))
            sides: dict[str, Any] = {"clsym": ours, **{kind: rival.run for kind, rival in rivals.items()}}
            times: dict[str, list[float]] = {side: [] for side in sides}
            for turn in range(args.rounds + 1):
                for side, run in sides.items():
                    time.sleep(PAUSE)
                    taken = run(3)
                    times[side] += taken if turn else []  # the first turn warms up
        finally:
            for rival in rivals.values():
                rival.close()
    ms = {side: statistics.median(values) * 1e3 for side, values in times.items()}
    row["forward_ms"] = ms.pop("clsym")
    row["rivals_ms"] = ms
    row["ratio"] = row["forward_ms"] / min(ms.values()) if ms else None
    return row
