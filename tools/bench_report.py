"""What the benchmarks print and write: the machine, plain-text tables, JSON files."""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["Others", "conditions", "geometric_mean", "table", "write_json"]


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def conditions(device: Any, threads: int) -> dict[str, Any]:
    """Machine, versions and command, so that a figure can be repeated."""
    import clsym

    return {
        "command": shlex.join([Path(sys.executable).name, *sys.argv]),
        "machine": {"cpu": _cpu_name(), "cores": os.cpu_count(), "system": platform.platform()},
        "device": {"name": device.name, "platform": device.platform_name, "version": str(device.cl_device.version).strip()},
        "threads": threads,
        "versions": {"python": platform.python_version(), "clsym": clsym.__version__, "pyopencl": _version("pyopencl"),
                     "pocl-binary-distribution": _version("pocl-binary-distribution"), "numpy": _version("numpy")},
    }  # fmt: skip


class Others:
    """How much of the machine programs other than the measured processes use; Linux only, elsewhere it is never known.

    >>> others = Others([])
    >>> others.start()
    >>> others.share() is None or others.share() >= 0
    True
    """

    def __init__(self, processes: Sequence[int]) -> None:
        self._processes = [os.getpid(), *processes]
        self._since = (0.0, 0.0)

    def _now(self) -> tuple[float, float]:
        """Seconds by the clock, and of all cores that others used."""
        tick = os.sysconf("SC_CLK_TCK")
        user, nice, system = (int(v) for v in Path("/proc/stat").read_text(encoding="utf-8").split(maxsplit=4)[1:4])
        own = 0
        for pid in self._processes:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
            own += int(fields[11]) + int(fields[12])
        return time.perf_counter(), (user + nice + system - own) / tick

    def start(self) -> None:
        """Begin to count."""
        if sys.platform == "linux":
            self._since = self._now()

    def share(self) -> float | None:
        """Of one core, since `start`."""
        if sys.platform != "linux":
            return None
        clock, used = self._now()
        return max(0.0, (used - self._since[1]) / max(clock - self._since[0], 1e-3))


def geometric_mean(values: Sequence[float]) -> float:
    """NaN where there are none."""
    return math.exp(sum(math.log(v) for v in values) / len(values)) if values else math.nan


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1e-2 or abs(value) >= 1e5 else f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"
    return str(value)


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Aligned columns: the first to the left, numbers to the right; None is a dash."""
    cells = [list(header), *([_cell(v) for v in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = []
    for k, row in enumerate(cells):
        lines.append("  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))).rstrip())
        if k == 0:
            lines.append("  ".join("-" * w for w in widths))
    return "\n".join(lines)


def write_json(path: str, result: Any) -> None:
    """Write a file at once: beside its name first, then renamed."""
    temporary = Path(f"{path}.tmp")
    temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)
