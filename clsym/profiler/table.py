"""Sums: a table by kind and name as MXNet prints it, and one of a graph's layers with their rates."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from ..context import Context
from ..runtime.device import resolve
from ..runtime.profiling import Span
from ..runtime.selftest import self_test
from .control import recorder

__all__ = ["dumps", "layers"]

_SORTS: dict[str, Callable[[list[float]], float]] = {
    "total": sum, "avg": lambda t: sum(t) / len(t), "min": min, "max": max, "count": len,
}  # fmt: skip


def _grouped(spans: Iterable[Span]) -> dict[str, dict[str, list[float]]]:
    """Milliseconds by kind and name; what graphs and calls compute by operator."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for s in spans:
        kind = "operator" if s.category in ("operator", "imperative", "copy") else s.category
        found[kind][s.operator or s.name].append((s.end - s.start) / 1e6)
    return found


def dumps(reset: bool = False, format: str = "table", sort_by: str = "total", ascending: bool = False) -> str:
    """Sums of what was recorded: how often, and milliseconds.

    Parameters
    ----------
    reset
        Forget it afterwards.
    format
        'table' or 'json'.
    sort_by
        'total', 'avg', 'min', 'max' or 'count'.
    ascending
        The smallest first.

    Raises
    ------
    AssertionError
        Another format or order.
    """
    if format not in ("table", "json"):
        raise AssertionError(f"Invalid value provided for format: {format}. Support: 'table', 'json'")
    if sort_by not in _SORTS:
        raise AssertionError(f"Invalid value provided for sort_by: {sort_by}. Support: 'total', 'avg', 'min', 'max', 'count'")
    found = _grouped(recorder.spans())
    ordered = {
        kind: sorted(names.items(), key=lambda item: _SORTS[sort_by](item[1]), reverse=not ascending)
        for kind, names in sorted(found.items())
    }
    if reset:
        recorder.clear()
    if format == "json":
        return json.dumps(
            {
                "Time": {
                    kind: {n: {"Count": len(t), "Total": sum(t), "Min": min(t), "Max": max(t), "Avg": sum(t) / len(t)} for n, t in names}
                    for kind, names in ordered.items()
                },
                "Unit": {"Time": "ms"},
            },
            indent=4,
        )
    lines = ["", "Profile Statistics:"]
    titles = ("Total Count", "Time (ms)", "Min Time (ms)", "Max Time (ms)", "Avg Time (ms)")
    for kind, names in ordered.items():
        lines += ["", kind, "=" * 17, f"{'Name':<25}" + "".join(f"{t:>17}" for t in titles)]
        lines.append(f"{'----':<25}" + "".join(f"{'-' * len(t):>17}" for t in titles))
        lines += [f"{n:<25}{len(t):>17}" + "".join(f"{v:>17.4f}" for v in (sum(t), min(t), max(t), sum(t) / len(t))) for n, t in names]
    return "\n".join(lines) + "\n"


def layers(peak: bool = False, limit: int | None = None) -> str:
    """The layers of the graphs that ran, those that took longest first.

    Parameters
    ----------
    peak
        Measure the device's multiply-add rate and copy bandwidth, and tell the share of whichever binds.
    limit
        So many lines at most.

    Returns
    -------
    str
        Node, operator, runs, milliseconds a run, share of all, GFLOP/s and GB/s by the estimated operations and bytes.
    """
    spans = [s for s in recorder.spans() if s.category in ("operator", "copy")]
    if not spans:
        return "no graph ran while the profiler was on; mx.profiler.set_state('run') starts it\n"
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for s in spans:
        row = rows.setdefault((s.track, s.name, s.operator), {"ns": 0, "flop": 0.0, "bytes": 0.0, "kernels": defaultdict(int)})
        row["ns"] += s.end - s.start
        row["flop"] += s.told["flop"]
        row["bytes"] += s.told["bytes"]
        row["kernels"][s.told["kernel"]] += 1
    peaks = {track: _peak(track) for track in {track for track, _, _ in rows}} if peak else {}
    total = sum(row["ns"] for row in rows.values())
    ordered = sorted(rows.items(), key=lambda item: -item[1]["ns"])[:limit]
    width = max(len("node"), *(len(name) for (_, name, _), _ in ordered))
    wide = max(len("operator"), *(len(op) for (_, _, op), _ in ordered))
    head = f"{'node':<{width}}  {'operator':<{wide}}  {'runs':>6}  {'ms':>9}  {'share':>6}  {'GFLOP/s':>8}  {'GB/s':>7}"
    lines = [head + (f"  {'of peak':>7}" if peak else "")]
    for (track, name, operator), row in ordered:
        runs = min(row["kernels"].values())
        ns = max(row["ns"], 1)
        line = (
            f"{name:<{width}}  {operator:<{wide}}  {runs:>6}  {ns / runs / 1e6:>9.4f}  {ns / total:>6.1%}  "
            f"{row['flop'] / ns:>8.1f}  {row['bytes'] / ns:>7.1f}"
        )
        if peak:
            flops, bandwidth = peaks[track]
            line += f"  {max(row['flop'] / ns / flops, row['bytes'] / ns / bandwidth):>7.1%}"
        lines.append(line)
    return "\n".join(lines) + "\n"


def _peak(track: str) -> tuple[float, float]:
    found = self_test(resolve(Context("cl", 0, track.split(" ")[0])))
    return found.fma_gflops or float("inf"), found.copy_gbs or float("inf")
