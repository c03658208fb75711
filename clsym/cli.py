"""The command line: ``clsym devices``, ``clsym doctor`` and what `COMMANDS` lists besides."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import model_arguments, report
from .base import MXNetError
from .differences import all_differences, describe
from .runtime import cache

__all__ = ["COMMANDS", "Command", "main"]


@dataclass(frozen=True)
class Command:
    """One subcommand.

    Attributes
    ----------
    help : str
        One line.
    run : callable
        From the parsed arguments to the exit status.
    options : dict
        Arguments and flags to the keywords of ``argparse``'s ``add_argument``.
    """

    help: str
    run: Callable[[argparse.Namespace], int]
    options: dict[str, dict[str, Any]] = field(default_factory=dict)


def _devices(args: argparse.Namespace) -> int:
    found = report.describe_platforms(measure=not args.quick)
    print(json.dumps(found, indent=2) if args.json else report.device_text(found))
    if not any(p["devices"] for p in found):
        print("No OpenCL device was found; run `clsym doctor`.", file=sys.stderr)
        return 1
    return 0 if all(d["test"]["passed"] for p in found for d in p["devices"] if d["score"] >= 0) else 1


def _doctor(args: argparse.Namespace) -> int:
    if args.differences:
        from . import executor, ops  # they declare them; without the option `clsym doctor` must not need all of clsym  # noqa: F401

        found = all_differences()
        print(f"{describe(found)}\n\n{len(found)} known differences from MXNet 1.9.1.")
        return 0
    text, healthy = report.diagnose()
    print(text)
    return 0 if healthy else 1


def _demo(args: argparse.Namespace) -> int:
    from . import demo  # it needs all of clsym, which `clsym doctor` must not

    return demo.run(args)


def _cache(args: argparse.Namespace) -> int:
    folders = {f.name: f for f in cache.cache_folders()}
    if args.purge is None:
        rows = [{"name": f.name, "path": str(f.path), "files": n, "bytes": size, "holds": f.holds, "variable": f.variable}
                for f in folders.values() for n, size in [f.size()]]  # fmt: skip
        print(json.dumps(rows, indent=2) if args.json else report.cache_text(rows))
        return 0
    chosen = [n for n in folders if n != "tuning"] if args.purge == "kernels" else list(folders) if args.purge == "all" else [args.purge]
    for name in chosen:
        files, size = cache.empty(folders[name])
        print(f"{name}: {files} files, {size / 2**20:.1f} MiB removed from {folders[name].path}")
    return 0


def _tune(args: argparse.Namespace) -> int:
    from .tuner import command  # it needs all of clsym, which `clsym doctor` must not

    return command.run(args)


def _warm(args: argparse.Namespace) -> int:
    from . import warm  # likewise

    return warm.run(args)


def _run(args: argparse.Namespace) -> int:
    from . import run_model  # likewise

    return run_model.run(args)


def _inspect(args: argparse.Namespace) -> int:
    from . import inspect_model  # likewise

    return inspect_model.run(args)


def _operators(args: argparse.Namespace) -> int:
    from . import absent  # likewise

    return absent.run(args)


_TUNE: dict[str, dict[str, Any]] = {
    **model_arguments.OPTIONS,
    "--budget": {"type": float, "default": 600.0, "metavar": "SECONDS", "help": "stop searching after this time (default: 600)"},
    "--quick": {"action": "store_true", "help": "shorter measurements, and each number once"},
    "--only": {"default": "", "metavar": "TEXT", "help": "only classes of steps whose name contains this, such as gemm"},
    "--dry-run": {"action": "store_true", "help": "store nothing"},
    "--show": {"action": "store_true", "help": "print the numbers in force on the device"},
    "--export": {"metavar": "FILE", "help": "write the device's stored numbers to a file"},
    "--import": {"metavar": "FILE", "dest": "import_", "help": "take over a file that --export wrote on a machine of the same kind"},
    "--reset": {"action": "store_true", "help": "forget the device's stored numbers"},
}

COMMANDS: dict[str, Command] = {
    "cache": Command(
        "show where compiled kernels and tuned numbers are kept and how large they are, or remove them",
        _cache,
        {
            "--purge": {
                "nargs": "?",
                "const": "kernels",
                "choices": ["kernels", "all", *(f.name for f in cache.cache_folders())],
                "help": "remove: the compiled kernels (the default), all, or one folder by name; they are made again when needed",
            },
            "--json": {"action": "store_true", "help": "print JSON"},
        },
    ),
    "demo": Command(
        "train a small convolution net on handwritten digits, save it and load it back",
        _demo,
        {
            "--device": {"default": "", "help": "device to use, as mx.cl() takes it (default: cpu(0))"},
            "--epochs": {"type": int, "default": 15, "help": "passes over the training part (default: 15)"},
            "--output": {"default": "clsym-demo", "help": "folder for digits-symbol.json and digits-0000.params (default: clsym-demo)"},
        },
    ),
    "devices": Command(
        "list the OpenCL devices, run a kernel on each and measure it",
        _devices,
        {
            "--json": {"action": "store_true", "help": "print JSON"},
            "--quick": {"action": "store_true", "help": "test but do not measure"},
        },
    ),
    "doctor": Command(
        "check the installation and name what is wrong",
        _doctor,
        {
            "--differences": {
                "action": "store_true",
                "help": "list instead where results differ from MXNet 1.9.1's, with code",
            }
        },
    ),
    "inspect": Command(
        "say what a model's graph holds: operators, those that are missing, parameters, multiply-adds, memory",
        _inspect,
        {
            "model": {"help": "a graph as Symbol.save writes it, such as resnet-symbol.json"},
            "--shape": model_arguments.OPTIONS["--shape"],
            "--json": {"action": "store_true", "help": "print JSON"},
        },
    ),
    "operators": Command(
        "list the operators, or those of MXNet 1.9.1 that are not there, with reasons",
        _operators,
        {
            "--absent": {"action": "store_true", "help": "list what MXNet 1.9.1 has and clsym has not, and why"},
            "--json": {"action": "store_true", "help": "print JSON"},
        },
    ),
    "run": Command("compute a model's outputs from its files", _run, model_arguments.RUN_OPTIONS),
    "tune": Command("measure which tile sizes are fastest on this device for a model's layers, and use them from then on", _tune, _TUNE),
    "warm": Command(
        "build a model's kernels ahead, so that its first use does not wait for them",
        _warm,
        {
            **model_arguments.OPTIONS,
            "--params": {"default": "", "metavar": "FILE", "help": "the model's parameters, whose types count (default: all float32)"},
        },
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status (2 for a wrong command line, as argparse has it)."""
    parser = argparse.ArgumentParser(prog="clsym", description="MXNet's symbolic API on any OpenCL device.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, help=command.help, description=command.help)
        for flag, keywords in command.options.items():
            sub.add_argument(flag, **keywords)
    args = parser.parse_args(argv)
    try:
        return COMMANDS[args.command].run(args)
    except MXNetError as exc:
        print(f"clsym: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("clsym: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
