"""``clsym tune``: tune for a model, and look at, pass on or forget what was found."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from tqdm import tqdm

from ..base import MXNetError
from ..context import Context
from ..model_arguments import context_of, shapes_of
from ..runtime.device import resolve
from ..runtime.tuning_file import FORMAT, TuningFile, read_tuning, shipped_tuning, stored_tuning, tuning_path, write_tuning
from ..symbol import load
from .search import QUICK, Effort
from .session import Report, device_key_of, store, tune

__all__ = ["run", "table"]


def run(args: argparse.Namespace) -> int:
    """The command; returns the exit status."""
    ctx = context_of(args)
    actions = [name for name in ("show", "export", "import_", "reset") if getattr(args, name)]
    if len(actions) + (args.model is not None) != 1:
        raise MXNetError("tune: give a model to tune for, or one of --show, --export, --import and --reset")
    if args.model is not None:
        return _tune(args, ctx)
    path = tuning_path(device_key_of(resolve(ctx)))
    if args.show:
        _show(ctx, path)
    elif args.reset:
        path.unlink(missing_ok=True)
        print(f"{path} is gone; the built-in choices apply")
    elif args.export:
        if not path.exists():
            raise MXNetError(f"tune: nothing is stored for {resolve(ctx).name}; tune a model first")
        content = read_tuning(path)
        write_tuning(Path(args.export), content)
        print(f"{args.export}: numbers of {len(content.numbers)} classes of steps")
    else:
        _import(Path(args.import_), ctx, path)
    return 0


def _import(source: Path, ctx: Context, path: Path) -> None:
    given, device = read_tuning(source), device_key_of(resolve(ctx))
    if given.device != device:
        hint = f", or set CLSYM_TUNING={source} to try them all the same" if given.device.name == device.name else ""
        raise MXNetError(
            f"tune: {source} is for {given.device}, this device is {device}; numbers hold for one kind of device: tune here instead{hint}"
        )
    have = stored_tuning(device)
    write_tuning(path, TuningFile(device, {**have.numbers, **given.numbers}, {**have.record, **given.record}))
    print(f"{path}: numbers of {len(given.numbers)} classes of steps taken over")


def _show(ctx: Context, path: Path) -> None:
    device = resolve(ctx)
    key = device_key_of(device)
    print(f"{key.name} on {key.platform} ({key.kind}, {key.compute_units} compute units, driver {key.driver}), format {FORMAT}")
    print(f"stored in {path}" + ("" if path.exists() else ", which does not exist"))
    stored = stored_tuning(key)
    shipped = shipped_tuning(key)
    width = max(map(len, device.traits.tuning), default=0)
    for name, numbers in sorted(device.traits.tuning.items()):
        origin = "stored" if stored.numbers.get(name) == numbers else "shipped" if shipped.get(name) == numbers else "CLSYM_TUNING"
        gain = stored.record.get(name, {}).get("speedup") if origin == "stored" else None
        print(f"  {name:{width}s}  {_text(numbers) or 'built-in':24s}  {origin}" + (f", {gain:.2f} times as fast" if gain else ""))
    if not device.traits.tuning:
        print("  no tuned numbers are in force")


def _text(numbers: Mapping[str, int]) -> str:
    return " ".join(f"{k}={v}" for k, v in numbers.items())


def _tune(args: argparse.Namespace, ctx: Context) -> int:
    shapes = shapes_of(args)
    effort = QUICK if args.quick else Effort()
    with tqdm(unit=" candidates", disable=not sys.stderr.isatty(), leave=False) as bar:

        def progress(what: str, done: int) -> None:
            if what:
                bar.set_description(what)
            bar.update(done)

        report = tune(
            load(args.model), shapes, ctx, train=args.train, budget=args.budget, effort=effort, only=args.only, progress=progress
        )  # fmt: skip
    print(table(report))
    if report.numbers:
        print("not stored: --dry-run" if args.dry_run else f"stored in {store(report)}; used from the next process on")
    return 130 if report.interrupted else 0  # as a shell has it of a program that Ctrl-C ended


def table(report: Report) -> str:
    """What was found, a class of steps a line."""
    width = max([len("family/class"), *(len(r.key) for r in report.results)])
    lines = [f"{'family/class':{width}s} {'ms':>8s} {'tried':>5s} {'speed-up':>8s}  in force -> best"]
    for r in report.results:
        before, after = {**r.defaults, **r.start}, {**r.defaults, **r.best}
        changed = {k: v for k, v in after.items() if before.get(k) != v}
        text = " ".join(f"{k} {before.get(k)} -> {v}" for k, v in changed.items()) or "as it is"
        bad = ", ".join(f"{n} {why}" for why, n in r.rejected.items())
        line = f"{r.key:{width}s} {1e3 * r.seconds:8.3f} {r.tried:5d} {r.speedup:8.3f}  {text}"
        end = "" if r.finished else " (interrupted)" if report.interrupted else " (out of time)"
        lines.append(line + (f" ({bad})" if bad else "") + end)
    if not report.results:
        lines = ["nothing to tune: no step of this graph has tuned numbers on this device" if not report.left else "no class was searched"]
    lines += [f"{w.what}: {1e3 * w.before:.2f} ms before, {1e3 * w.after:.2f} ms with what was found" for w in report.whole]
    if report.interrupted:
        lines.append("interrupted" + (f"; not searched: {', '.join(report.left)}" if report.left else ""))
    elif report.left:
        lines.append(f"not searched for lack of time, more is had with --budget: {', '.join(report.left)}")
    if report.dropped:
        lines.append(f"nothing is stored: {report.dropped}")
    elif report.results and not report.numbers:
        lines.append("nothing is stored: no numbers were found that are faster by more than 3%")
    return "\n".join(lines)
