"""The rivals' side of `bench_op.py`: the graph of one operator in other libraries, timed in turns with clsym's."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench_cases import Case
from bench_ordering_cases import onnx_model
from bench_recurrent_cases import recurrent_model
from bench_rivals import Rival, RivalError

__all__ = ["against"]


def _save(case: Case, net: Any, arrays: Sequence[Any], kind: str, folder: Path, threads: int) -> dict[str, Any]:
    """The files that a rival reads.

    Raises
    ------
    RivalError
        It has no such operator.
    """
    import numpy as np

    import clsym as mx

    config: dict[str, Any] = {"threads": threads, "train": False, "rate": 0.0, "output": str(folder / f"{kind}.npy"), "inputs": {}}
    for i, array in enumerate(arrays):
        config["inputs"][f"x{i}"] = str(folder / f"x{i}.npy")
        np.save(config["inputs"][f"x{i}"], array)
    if kind == "onnxruntime":
        import onnx

        model = recurrent_model(case, arrays) or onnx_model(case)
        if model is None:
            raise RivalError("ONNX has no such operator")
        config["onnx"] = str(folder / "case.onnx")
        onnx.save(model, config["onnx"])
    else:
        config.update(symbol=str(folder / "case.json"), params=str(folder / "case.params"))
        net.save(config["symbol"])
        mx.nd.save(config["params"], {"arg:nothing": mx.nd.zeros((1,))})  # an empty file is a list to MXNet
    return config


def against(
    case: Case, net: Any, arrays: Sequence[Any], output: Any, forward: Callable[[], float], pythons: Mapping[str, str], threads: int,
    rounds: int, folder: Path,
) -> dict[str, Any]:  # fmt: skip
    """Milliseconds of the operator here and there, in turns, and the error where outputs compare.

    `forward` runs it here once, to the end, and returns seconds.
    """
    import numpy as np

    ms: dict[str, float] = {}
    errors: dict[str, float] = {}
    ours: list[float] = []
    for kind, python in pythons.items():
        try:
            rival = Rival(kind, python, _save(case, net, arrays, kind, folder, threads), 120, "NONE")
        except RivalError as exc:
            print(f"{case.group} {case.name}: no {kind}: {exc}", file=sys.stderr)
            continue
        try:
            theirs = np.load(folder / f"{kind}.npy")
            if theirs.shape == output.shape:
                errors[kind] = float(np.abs(theirs - output).max())
            times: list[float] = []
            for _ in range(rounds):
                times += rival.run(3)
                time.sleep(0.01)
                ours += [forward() for _ in range(3)]
            ms[kind] = 1e3 * statistics.median(times)
        finally:
            rival.close()
    if not ms:
        return {}
    mine = 1e3 * statistics.median(ours)
    return {"rivals_ms": ms, "turns_ms": mine, "ratio": mine / min(ms.values()), "error": errors}
