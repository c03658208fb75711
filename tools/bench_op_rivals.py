"""The rivals' side of `bench_op.py`: one operator's graph in other libraries, each in its own process, timed in turns with clsym's."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench_case import Array, Case
from bench_rivals import Rival, RivalError

__all__ = ["against"]

PAUSE = 0.05  # seconds before each turn; OpenMP's and ONNX Runtime's threads spin for a few milliseconds
RUNS = 3  # of a turn
TIMEOUT = 120.0


def _onnx_file(case: Case, net: Any, values: Sequence[Array], path: Path) -> dict[str, Array]:
    """Writes the case as a model; what the model is fed, by name."""
    import onnx

    import clsym as mx

    named = {f"x{i}": v for i, v in enumerate(values)}
    if case.onnx is not None:
        model, fed = case.onnx(case, values)
        onnx.save(model, str(path))
        return fed
    states = set(net.list_auxiliary_states()) | {f"x{i}" for i in case.weights}
    fed = {n: v for n, v in named.items() if n not in states}
    constants = {n: mx.nd.array(v) for n, v in named.items() if n in states}
    try:
        mx.onnx.export_model(net, constants, [v.shape for v in fed.values()], np.float32, str(path))
    except mx.MXNetError as exc:
        raise RivalError(f"ONNX has no such operator: {str(exc).splitlines()[0]}") from exc
    return fed


def _config(case: Case, net: Any, values: Sequence[Array], kind: str, folder: Path, threads: int) -> dict[str, Any]:
    """What rivals/protocol.py describes, its files written."""
    import clsym as mx

    config: dict[str, Any] = {"threads": threads, "train": False, "rate": 0.0, "output": str(folder / f"{kind}.npy"), "inputs": {}}
    if kind == "onnxruntime":
        config["onnx"] = str(folder / "case.onnx")
        fed = _onnx_file(case, net, values, folder / "case.onnx")
    else:
        config |= {"symbol": str(folder / "case.json"), "params": str(folder / "case.params")}
        net.save(config["symbol"])
        named = {f"x{i}": v for i, v in enumerate(values)}
        weights = {f"x{i}" for i in case.weights}  # set once: MXNet brings them into its own layout, in which they cannot be written
        saved = {f"aux:{n}": mx.nd.array(named[n]) for n in net.list_auxiliary_states()}
        saved |= {f"arg:{n}": mx.nd.array(named[n]) for n in weights}
        mx.nd.save(config["params"], saved or {"arg:nothing": mx.nd.zeros((1,))})  # an empty file is a list to MXNet
        fed = {n: named[n] for n in net.list_arguments() if n not in weights}
    for name, array in fed.items():
        config["inputs"][name] = str(folder / f"{kind}_{name}.npy")
        np.save(config["inputs"][name], array)
    return config


def _error(ours: Array, theirs: Array) -> float | None:
    """The largest difference, as a share of the largest value; None where the other library answers in another form."""
    if ours.shape != theirs.shape or not ours.size:
        return None
    return float(np.abs(ours - theirs).max() / max(float(np.abs(theirs).max()), 1e-30))


def against(
    case: Case, net: Any, values: Sequence[Array], output: Array, forward: Callable[[], float], pythons: Mapping[str, str], threads: int,
    rounds: int,
) -> dict[str, Any]:  # fmt: skip
    """Milliseconds of a forward pass of all sides, medians over turns, the ratio to the best rival, and the errors where outputs compare.

    `forward` runs it here once, to the end, and returns seconds.
    """

    def ours(count: int) -> list[float]:
        return [forward() for _ in range(count)]

    rivals: dict[str, Rival] = {}
    errors: dict[str, float | None] = {}
    with tempfile.TemporaryDirectory(prefix="clsym-bench-") as name:
        try:
            for kind, python in pythons.items():
                try:
                    rivals[kind] = Rival(kind, python, _config(case, net, values, kind, Path(name), threads), TIMEOUT, "NONE")
                except RivalError as exc:
                    print(f"{case.group} {case.name}: no {kind}: {exc}", file=sys.stderr)
                    continue
                errors[kind] = _error(output, np.load(Path(name) / f"{kind}.npy"))
            if not rivals:
                return {}
            sides: dict[str, Callable[[int], list[float]]] = {"clsym": ours, **{kind: rival.run for kind, rival in rivals.items()}}
            times: dict[str, list[float]] = {side: [] for side in sides}
            for turn in range(rounds + 1):
                for side, run in list(sides.items()):
                    time.sleep(PAUSE)
                    try:
                        taken = run(RUNS)
                    except RivalError as exc:
                        print(f"{case.group} {case.name}: {exc}", file=sys.stderr)
                        del sides[side], times[side]
                        continue
                    times[side] += taken if turn else []  # the first turn warms up
        finally:
            for rival in rivals.values():
                rival.close()
    ms = {side: 1e3 * statistics.median(values) for side, values in times.items()}
    mine = ms.pop("clsym")
    return {"rivals_ms": ms, "turns_ms": mine, "ratio": mine / min(ms.values()), "error": errors} if ms else {}
