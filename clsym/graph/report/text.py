"""A memory report as text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .figures import MemoryFigures

__all__ = ["printable", "render", "show_bytes"]


def show_bytes(n: int) -> str:
    """An amount with a unit: ``12.3 MiB``.

    >>> show_bytes(1536), show_bytes(17)
    ('1.5 KiB', '17 B')
    """
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if n >= size:
            return f"{n / size:.1f} {unit}"
    return f"{n} B"


def printable(name: str) -> str:
    """A name on one line, without anything that a terminal obeys."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def _cut(lines: Iterable[str], rows: int) -> list[str]:
    found = list(lines)
    return found if len(found) <= rows else [*found[:rows], f"  ... and {len(found) - rows} more"]


def render(report: MemoryFigures, rows: int) -> str:
    """The report as text; lists are cut after `rows` lines."""
    plan = report.plan
    kind = "training" if plan.train else "inference"
    lines = [f"Memory of a plan for {kind}: {len(plan.steps)} steps ({plan.forward} forward) on {', '.join(map(str, plan.contexts))}"]
    sums = [
        ("arguments", report.argument_bytes), ("gradients", report.gradient_bytes), ("auxiliary states", report.aux_bytes),
        ("outputs", report.output_bytes), ("head gradients", report.head_gradient_bytes), ("random state", report.random_bytes),
        ("prepared", report.prepared_bytes), ("aligned copies", report.staging_bytes), ("arena", report.arena_bytes),
    ]  # fmt: skip
    lines += [f"  {name:17s} {n:15d}  {show_bytes(n)}" for name, n in sums if n or name in ("arguments", "arena")]
    lines.append(f"  {'total':17s} {report.total_bytes:15d}  {show_bytes(report.total_bytes)}")
    if len(report.by_device) > 1:
        lines += [f"    on {name}: {n} bytes ({show_bytes(n)})" for name, n in report.by_device.items()]
    over = f"{report.arena_bytes / report.bound_bytes:.4f} of the bound" if report.bound_bytes else "nothing to hold"
    lines.append(
        f"arena {report.arena_bytes} bytes: {over} of {report.bound_bytes}; without reuse {report.naive_bytes}; "
        f"largest workspace {report.workspace_bytes}"
    )
    lines.append(f"order: {report.order_certificate}; packing: {report.packing_certificate}")
    if report.recomputed:
        lines.append(f"{report.recomputed} steps run again in the backward, {report.extra_work:.1%} more multiply-adds")
    if plan.steps:
        step = plan.steps[report.peak_step]
        lines.append(f"peak at step {report.peak_step}, {printable(step.name)} ({step.op}): {report.live[report.peak_step]} bytes alive")
        lines += _cut((f"  {t.bytes:12d}  {printable(t.name)}  [{t.first}..{t.last}] {t.kind}" for t in report.peak_tensors), rows)
    lines.append(f"{len(report.in_place)} results in place, {len(plan.memory.aliased)} steps that only view")
    lines += _cut((f"  step {p.step}: {printable(p.output)} in place of {printable(p.input)}" for p in report.in_place), rows)
    lines.append(f"{len(report.refused)} candidates refused")
    lines += _cut(_reasons(report), rows)
    return "\n".join(lines)


def _reasons(report: MemoryFigures) -> list[str]:
    """Refusals that differ only in names and numbers as one line with the first of them as the example."""
    groups: dict[str, list[str]] = {}
    for r in report.refused:
        kind = re.sub(r"'(?:[^'\\]|\\.)*'|\d+", "_", f"{r.wish}: {r.reason}")
        groups.setdefault(kind, []).append(f"step {r.step}: {printable(r.output)} {r.wish} of {printable(r.input)}: {printable(r.reason)}")
    ordered = sorted(groups.values(), key=lambda g: -len(g))
    return [f"  {g[0]}" + (f" (and {len(g) - 1} alike)" if len(g) > 1 else "") for g in ordered]
