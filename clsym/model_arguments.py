"""How the command line names a model, the device and the shapes to bind it with: for ``clsym tune`` and ``clsym warm``."""

from __future__ import annotations

import argparse
from typing import Any

from .base import MXNetError
from .context import Context, cl, cpu

__all__ = ["OPTIONS", "context_of", "shapes_of"]

OPTIONS: dict[str, dict[str, Any]] = {
    "model": {"nargs": "?", "help": "a graph as Symbol.save writes it, such as resnet-symbol.json"},
    "--shape": {
        "action": "append",
        "default": [],
        "metavar": "NAME=N,C,H,W",
        "help": "shape of an input; once for each input whose shape does not follow from the others",
    },
    "--batch": {"default": "", "metavar": "N,N", "help": "batch sizes, in the place of the first extent of all shapes"},
    "--train": {"action": "store_true", "help": "the training step, too"},
    "--device": {"default": "", "help": "device to use, as mx.cl() takes it (default: cpu(0))"},
}


def context_of(args: argparse.Namespace) -> Context:
    """The device that was named, or the default one."""
    return cl(args.device) if args.device else cpu()


def shapes_of(args: argparse.Namespace) -> list[dict[str, tuple[int, ...]]]:
    """The shapes of the inputs by name, a dict for each batch size.

    Raises
    ------
    MXNetError
        There are none, or they cannot be understood.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for text in args.shape:
        name, _, extents = text.partition("=")
        try:
            shapes[name] = tuple(int(d) for d in extents.split(","))
            batches = [int(n) for n in args.batch.split(",")] if args.batch else []
        except ValueError:
            raise MXNetError(
                f"{args.command}: --shape {text!r}, --batch {args.batch!r}: expected as in --shape data=1,3,224,224 --batch 1,16"
            ) from None
    if not shapes:
        raise MXNetError(f"{args.command}: give the shape of the input, as in --shape data=1,3,224,224")
    return [{n: (b, *s[1:]) for n, s in shapes.items()} for b in batches] or [shapes]
