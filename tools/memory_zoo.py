"""The model zoo's graphs: what naive allocation, MXNet's planner, the lower bound and clsym's plan need for the same pass.

A folder holds ``<model>.json`` for the models of `MXNET_MIB`, `mxnet.gluon.model_zoo.vision` applied to ``Variable('data')`` without a
loss, and ``<graph>.train.json`` for those of `OTHERS`, which end in one. Figures are bytes of intermediates and outputs. MXNet's do not
count its workspaces, clsym's do.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["MXNET_MIB", "OTHERS", "Case", "cases", "geometric_mean", "measure", "report"]

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

OTHERS: dict[str, tuple[int, dict[str, tuple[int, ...]], float, float]] = {
    "lstm_4x1024_T64": (64, {"data": (64, 64), "softmax_label": (64, 64)}, 192, 1661),
    "resnet1001_cifar": (32, {"data": (32, 3, 28, 28)}, 18.41, 3591),
    "randwire1": (1, {"data": (1, 3, 224, 224)}, 7.71, 34.1),
}
"""Batch, shapes, and MXNet's MiB for inference and training."""


@dataclass(frozen=True)
class Case:
    """One graph at one batch, for inference or training."""

    model: str
    batch: int
    train: bool
    shapes: Mapping[str, tuple[int, ...]]
    mxnet_mib: float
    has_loss: bool = False

    @property
    def file(self) -> str:
        """The name of the graph's file."""
        return f"{self.model}.train.json" if self.has_loss else f"{self.model}.json"


def cases(models: list[str], batches: list[int], others: bool) -> list[Case]:
    """The cases of the tables, in their order."""
    found = []
    for train, batch in itertools.product((False, True), batches):
        for model in models:
            extent = 299 if model == "inception_v3" else 224
            mxnet = MXNET_MIB[model][2 * train + (batch == 32)]
            found.append(Case(model, batch, train, {"data": (batch, 3, extent, extent)}, mxnet))
    if others:
        found += [Case(m, b, t, shapes, (x, y)[t], True) for t in (False, True) for m, (b, shapes, x, y) in OTHERS.items()]
    return found


def measure(folder: Path, case: Case, traits: Any) -> dict[str, Any]:
    """Plan one case; the figures in bytes. "tensors" is the bound without workspaces."""
    import clsym as mx

    net = mx.sym.load(str(folder / case.file))
    if case.train and not case.has_loss:
        net = mx.sym.SoftmaxOutput(net, mx.sym.var("softmax_label"), name="softmax")
    start = time.perf_counter()
    plan = net.plan(traits, grad_req="write" if case.train else "null", **case.shapes)
    seconds = time.perf_counter() - start
    found = plan.memory_report()
    mxnet = case.mxnet_mib * MIB
    ours = found.arena_bytes + found.output_bytes
    return {
        "model": case.model, "batch": case.batch, "mode": "training" if case.train else "inference", "zoo": not case.has_loss,
        "naive": found.naive_bytes, "mxnet": mxnet, "tensors": _max_live(found) + found.output_bytes,
        "bound": found.bound_bytes + found.output_bytes, "ours": ours, "ratio": ours / mxnet, "steps": len(found.order),
        "over_bound": found.arena_bytes - found.bound_bytes, "workspace": found.workspace_bytes, "peak_step": found.peak_step,
        "peak_node": found.order[found.peak_step], "arrays": found.argument_bytes + found.gradient_bytes + found.aux_bytes,
        "seconds": seconds,
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


_HEADER = (
    f"{'graph':18s}{'naive':>10s}{'MXNet':>10s}{'tensors':>10s}{'bound':>10s}{'ours':>10s}{'/MXNet':>8s} {'/bound':>8s}"
    f"{'workspace':>11s}{'seconds':>9s}"
)


def report(rows: list[dict[str, Any]]) -> str:
    """The cases as tables in MiB, with geometric means over the zoo; ``!`` marks what takes more than MXNet."""
    lines: list[str] = []
    for mode in ("inference", "training"):
        mine = [r for r in rows if r["mode"] == mode]
        for title, part in _tables(mine):
            lines += ["", f"{mode}, {title} (MiB)", _HEADER]
            for r in part:
                sizes = "".join(f"{r[k] / MIB:10.2f}" for k in ("naive", "mxnet", "tensors", "bound", "ours"))
                over = f"{r['ours'] / r['bound']:.4f}" if r["over_bound"] else "="
                flag = " " if r["ratio"] <= 1 else "!"
                ratios = f"{r['ratio']:8.3f}{flag}{over:>8s}"
                lines.append(f"{r['model']:18s}{sizes}{ratios}{r['workspace'] / MIB:11.2f}{r['seconds']:9.2f}")
        if zoo := [r for r in mine if r["zoo"]]:
            exact = sum(not r["over_bound"] for r in zoo)
            lines.append(
                f"zoo, {mode}: geometric mean of ours/MXNet {geometric_mean([r['ratio'] for r in zoo]):.4f}, of naive/MXNet "
                f"{geometric_mean([r['naive'] / r['mxnet'] for r in zoo]):.2f}; {exact} of {len(zoo)} equal "
                f"the bound, {sum(r['ratio'] <= 1 for r in zoo)} take no more than MXNet"
            )
    return "\n".join(lines[1:])


def _tables(rows: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    zoo = [r for r in rows if r["zoo"]]
    found = [(f"batch {b}", [r for r in zoo if r["batch"] == b]) for b in sorted({r["batch"] for r in zoo})]
    others = [r for r in rows if not r["zoo"]]
    return [*found, *([("other graphs", others)] if others else [])]
