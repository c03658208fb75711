"""A memory report as a picture, by matplotlib (the extra ``viz``)."""

from __future__ import annotations

import io
from typing import Any

from ...base import MXNetError
from .figures import MemoryFigures

__all__ = ["COLOURS", "draw", "stack"]

COLOURS = {
    "intermediate": "#4c8bf5",
    "kept for backward": "#f5a623",
    "backward": "#3aa675",
    "workspace": "#9b59b6",
}
"""Of the kinds of live ranges."""


def stack(report: MemoryFigures) -> tuple[dict[tuple[str, int], int], int]:
    """Where each chunk of each device's arena starts when they are drawn one above the other, and the height of all."""
    base: dict[tuple[str, int], int] = {}
    height = 0
    for lane, heights in sorted(report.plan.memory.arenas.items()):
        for chunk, size in enumerate(heights):
            base[str(report.plan.contexts[lane]), chunk] = height
            height += size
    return base, height


def draw(report: MemoryFigures, form: str) -> bytes:
    """The picture as a file's content: time across, offset up, a rectangle a live range, the bytes alive as a line.

    Raises
    ------
    MXNetError
        matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.collections import PolyCollection
        from matplotlib.figure import Figure
        from matplotlib.patches import Patch
    except ImportError as exc:
        raise MXNetError(f"a picture of the memory needs matplotlib: pip install 'clsym[viz]', or save as .html or .txt ({exc})") from exc
    figure: Any = Figure(figsize=(12, 7), layout="constrained")
    axes = figure.add_subplot()
    base, height = stack(report)
    unit, name = next(((n, u) for n, u in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")) if height >= n), (1, "bytes"))
    by_kind: dict[str, list[list[tuple[float, float]]]] = {}
    for t in report.ranges:
        low = (base.get((t.device, t.chunk or 0), 0) + (t.offset or 0)) / unit
        high = low + t.bytes / unit
        by_kind.setdefault(t.kind, []).append([(t.first, low), (t.last + 1, low), (t.last + 1, high), (t.first, high)])
    for kind, boxes in by_kind.items():
        axes.add_collection(PolyCollection(boxes, facecolors=COLOURS[kind], edgecolors="white", linewidths=0.3))
    handles: list[Any] = [Patch(color=COLOURS[kind], label=kind) for kind in COLOURS if kind in by_kind]
    handles += axes.step(
        range(len(report.live) + 1), [n / unit for n in [*report.live, 0]], "k-", where="post", linewidth=0.8, label="alive"
    )
    for start in list(base.values())[1:]:
        axes.axhline(start / unit, color="grey", linewidth=0.6, linestyle="--")
    if 0 < report.plan.forward < len(report.plan.steps):
        axes.axvline(report.plan.forward, color="grey", linewidth=0.6, linestyle=":")
    axes.set_xlim(0, max(len(report.plan.steps), 1))
    axes.set_ylim(0, max(height, 1) / unit * 1.02)
    axes.set_xlabel("step")
    axes.set_ylabel(f"offset ({name})")
    axes.set_title(f"arena {report.arena_bytes} bytes, bound {report.bound_bytes}, peak at step {report.peak_step}")
    axes.legend(handles=handles, loc="upper left", fontsize="small")
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "clsym"}):  # the same file for the same plan
        figure.savefig(buffer, format=form, metadata={"Date": None} if form == "svg" else None, dpi=120)
    return buffer.getvalue()
