"""MiniMalloc's static-allocation benchmarks: what the planner's heuristics and its search need for live ranges that are hard to pack.

A folder holds ``<case>.<capacity>.csv`` files, ``id,lower,upper,size`` with live ranges [lower, upper), as in ``benchmarks/challenging`` of
https://github.com/google/minimalloc. Every plan is checked here, on its own, before its height is believed.
"""

from __future__ import annotations

import csv
import itertools
import time
from pathlib import Path
from typing import Any

__all__ = ["load", "measure", "report", "run", "valid"]


def load(path: Path) -> list[tuple[int, int, int]]:
    """The live ranges of a file: (first, last, size), both ends included."""
    with path.open(newline="", encoding="utf-8") as file:
        return [(int(row["lower"]), int(row["upper"]) - 1, int(row["size"])) for row in csv.DictReader(file)]


def valid(items: list[tuple[int, int, int]], offsets: list[int], height: int) -> bool:
    """Whether no two live ranges share a byte at any step and none ends above the height."""
    placed = sorted((offset, offset + size, first, last) for (first, last, size), offset in zip(items, offsets, strict=True) if size)
    inside = all(low >= 0 and top <= height for low, top, _, _ in placed)
    return inside and not any(
        a[2] <= b[3] and b[2] <= a[3] and b[0] < a[1] for a, b in itertools.combinations(placed, 2)
    )  # fmt: skip


def measure(path: Path, seconds: float) -> dict[str, Any]:
    """Plan one file three times: heuristics alone, until the capacity is met, and as low as the time allows."""
    from clsym.graph.memory.pack import best_packing, max_live

    items, capacity = load(path), int(path.name.split(".")[1])
    row: dict[str, Any] = {"case": path.name.split(".")[0], "buffers": len(items), "max_live": max_live(items), "capacity": capacity}
    for name, effort, target in (("fast", "fast", 0), ("default", "default", 0), ("fit", seconds, capacity), ("exact", seconds, 0)):
        start = time.perf_counter()
        found = best_packing(items, effort=effort, target=target)
        row[f"{name}_seconds"] = time.perf_counter() - start
        row[name] = sum(found.heights)
        row["certificate"] = found.certificate
        if not valid(items, [offset for _, offset in found.where], row[name]):
            raise SystemExit(f"{path}: the plan of effort {effort} is invalid")
    return row


def run(folder: Path, seconds: float) -> list[dict[str, Any]]:
    """All files of a folder."""
    files = sorted(path for path in folder.glob("*.csv") if path.name.split(".")[1].isdigit())
    if not files:
        raise SystemExit(f"{folder} has no <case>.<capacity>.csv")
    return [measure(path, seconds) for path in files]


def report(rows: list[dict[str, Any]]) -> str:
    """The cases as a table: bytes, and ratios to the capacity."""
    lines = [
        f"{'case':8s}{'buffers':>8s}{'max live':>10s}{'capacity':>10s}{'fast':>10s}{'/cap.':>7s}{'s':>7s}"
        f"{'default':>10s}{'/cap.':>7s}{'s':>7s}"
        f"{'fits':>6s}{'s':>7s}{'exact':>10s}{'s':>7s}  certificate"
    ]
    for r in rows:
        heuristics = "".join(f"{r[k]:10d}{r[k] / r['capacity']:7.3f}{r[k + '_seconds']:7.2f}" for k in ("fast", "default"))
        fits = "yes" if r["fit"] <= r["capacity"] else "no"
        lines.append(
            f"{r['case']:8s}{r['buffers']:8d}{r['max_live']:10d}{r['capacity']:10d}{heuristics}{fits:>6s}{r['fit_seconds']:7.2f}"
            f"{r['exact']:10d}{r['exact_seconds']:7.2f}  {r['certificate']}"
        )
    fit = sum(r["fit"] <= r["capacity"] for r in rows)
    worst = [max(r[k] / r["capacity"] for r in rows) for k in ("fast", "default")]
    slowest = max(r["fit_seconds"] for r in rows)
    lines.append(
        f"{fit} of {len(rows)} within their capacity, the slowest in {slowest:.2f} s; heuristics alone at worst "
        f"{worst[0]:.3f} (fast) and {worst[1]:.3f} (default) times the capacity"
    )
    return "\n".join(lines)
