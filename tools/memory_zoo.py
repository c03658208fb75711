"""The model zoo's graphs: what naive allocation, MXNet's planner, the lower bound and clsym's plan need for the same pass.

A folder holds ``<model>.json`` for each model of `MXNET_MIB`: `mxnet.gluon.model_zoo.vision` applied to ``Variable('data')``, without a
loss. Figures are bytes of intermediates and outputs. MXNet's do not count its workspaces, clsym's do.
"""

from __future__ import annotations

import itertools
import math
import time
from pathlib import Path
from typing import Any

__all__ = ["MXNET_MIB", "geometric_mean", "measure", "report", "run"]

MIB = 1 << 20

MXNET_MIB: dict[str, tuple[float, float, float, float]] = {
    "alexnet": (1.13, 36.27, 3.39, 108),
    "vgg16": (28.44, 910, 75.87, 2428),
    "squeezenet1.1": (6.05, 194, 21.31, 682),
    "resnet18_v1": (7.09, 227, 23.59, 754),
    "resnet50_v1": (9.39, 300, 86.84, 2773),
    "resnet50_v2": (9.39, 300, 82.12, 2622),
    "inception_v3": (13.46, 431, 99.38, 3176),
    "densenet121": (8.37, 268, 130, 4166),
    "mobilenet1.0": (6.32, 202, 41.63, 1330),
    "mobilenet_v2_1.0": (11.43, 366, 83.58, 2670),
}
"""What MXNet 1.9.1's planner allocates, in MiB to three digits or so: inference at batch 1 and 32, training at batch 1 and 32."""


def measure(folder: Path, model: str, batch: int, train: bool, traits: Any) -> dict[str, Any]:
    """Plan one case; the figures in bytes."""
    import clsym as mx

    net = mx.sym.load(str(folder / f"{model}.json"))
    if train:
        net = mx.sym.SoftmaxOutput(net, mx.sym.var("softmax_label"), name="softmax")
    extent = 299 if model == "inception_v3" else 224
    start = time.perf_counter()
    plan = net.plan(traits, grad_req="write" if train else "null", data=(batch, 3, extent, extent))
    seconds = time.perf_counter() - start
    found = plan.memory_report()
    mxnet = MXNET_MIB[model][2 * train + (batch == 32)] * MIB
    ours = found.arena_bytes + found.output_bytes
    return {
        "model": model, "batch": batch, "mode": "training" if train else "inference", "naive": found.naive_bytes, "mxnet": mxnet,
        "tensors": _max_live(found) + found.output_bytes, "bound": found.bound_bytes + found.output_bytes, "ours": ours,
        "ratio": ours / mxnet, "over_bound": ours - found.bound_bytes - found.output_bytes, "workspace": found.workspace_bytes,
        "peak_step": found.peak_step, "peak_node": found.order[found.peak_step],
        "arrays": found.argument_bytes + found.gradient_bytes + found.aux_bytes, "seconds": seconds,
    }  # fmt: skip


def _max_live(found: Any) -> int:
    """The most that is alive at once, workspaces not counted."""
    change: dict[int, int] = {}
    for t in found.ranges:
        if t.kind != "workspace":
            change[t.first] = change.get(t.first, 0) + t.bytes
            change[t.last + 1] = change.get(t.last + 1, 0) - t.bytes
    return max(itertools.accumulate(change[s] for s in sorted(change)), default=0)


def geometric_mean(values: list[float]) -> float:
    """The mean that suits ratios.

    >>> geometric_mean([0.5, 2.0])
    1.0
    """
    return math.exp(math.fsum(map(math.log, values)) / len(values))


def run(folder: Path, models: list[str], batches: list[int], traits: Any) -> list[dict[str, Any]]:
    """All cases, in the order of the tables."""
    missing = [m for m in models if m not in MXNET_MIB or not (folder / f"{m}.json").is_file()]
    if missing:
        raise SystemExit(f"{folder} has no {', '.join(m + '.json' for m in missing)}; known models: {', '.join(MXNET_MIB)}")
    return [measure(folder, model, batch, train, traits) for train in (False, True) for batch in batches for model in models]


def report(rows: list[dict[str, Any]]) -> str:
    """The cases as tables in MiB, with geometric means; "tensors" is the bound without workspaces."""
    lines: list[str] = []
    for mode in ("inference", "training"):
        for batch in sorted({r["batch"] for r in rows}):
            part = [r for r in rows if r["mode"] == mode and r["batch"] == batch]
            if not part:
                continue
            lines.append(f"\n{mode}, batch {batch} (MiB)")
            lines.append(
                f"{'model':18s}{'naive':>10s}{'MXNet':>10s}{'tensors':>10s}{'bound':>10s}{'ours':>10s}{'ours/MXNet':>12s}{'ours/bound':>12s}"
                f"{'workspace':>11s}{'seconds':>9s}"
            )
            for r in part:
                sizes = "".join(f"{r[k] / MIB:10.2f}" for k in ("naive", "mxnet", "tensors", "bound", "ours"))
                exact = "=" if not r["over_bound"] else f"{r['ours'] / r['bound']:.4f}"
                flag = " " if r["ratio"] <= 1 else "!"
                lines.append(f"{r['model']:18s}{sizes}{r['ratio']:11.3f}{flag}{exact:>12s}{r['workspace'] / MIB:11.2f}{r['seconds']:9.2f}")
        part = [r for r in rows if r["mode"] == mode]
        if part:
            exact = sum(not r["over_bound"] for r in part)
            lines.append(
                f"{mode}: geometric mean of ours/MXNet {geometric_mean([r['ratio'] for r in part]):.4f}, of naive/MXNet "
                f"{geometric_mean([r['naive'] / r['mxnet'] for r in part]):.2f}; {exact} of {len(part)} equal the bound, "
                f"{sum(r['ratio'] <= 1 for r in part)} no more than MXNet"
            )
    return "\n".join(lines).lstrip("\n")
