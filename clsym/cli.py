"""The command line: ``clsym devices``, ``clsym doctor`` and what `COMMANDS` lists besides."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import report
from .base import MXNetError

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
        Flags to the keywords of ``argparse``'s ``add_argument``.
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
    text, healthy = report.diagnose()
    print(text)
    return 0 if healthy else 1


def _demo(args: argparse.Namespace) -> int:
    from . import demo  # it needs all of clsym, which `clsym doctor` must not

    return demo.run(args)


COMMANDS: dict[str, Command] = {
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
    "doctor": Command("check the installation and name what is wrong", _doctor),
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


if __name__ == "__main__":
    sys.exit(main())
