"""How the command line names a model, the device and the shapes to bind it with: for ``clsym tune``, ``warm``, ``run`` and ``inspect``."""

from __future__ import annotations

import argparse
from typing import Any

from .base import MXNetError
from .context import Context, cl, cpu

__all__ = ["OPTIONS", "RUN_OPTIONS", "context_of", "shapes_of"]

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

RUN_OPTIONS: dict[str, dict[str, Any]] = {
    "model": {"help": "a graph (net-symbol.json), the start of the files' names, a folder, or model.tar.gz"},
    "params": {"nargs": "?", "help": "the parameters (.params or .safetensors); default: those beside the graph, of the last epoch"},
    "--shape": {"action": "append", "default": [], "metavar": "NAME=N,C,H,W", "help": "shape of an input; once for each input"},
    "--input": {
        "action": "append",
        "default": [],
        "metavar": "[NAME=]FILE",
        "help": "values of an input: .npy, or an image (extra 'image'); default: normally distributed, seed 0",
    },
    "--mean": {"default": "0", "metavar": "R,G,B", "help": "subtracted from an image's colours (0 to 255)"},
    "--std": {"default": "1", "metavar": "R,G,B", "help": "an image's colours are divided by these"},
    "--bgr": {"action": "store_true", "help": "an image's colours in the order blue, green, red"},
    "--top": {"type": int, "default": 0, "metavar": "K", "help": "print the K largest values of each row with their places"},
    "--labels": {"metavar": "FILE", "help": "names of the classes, a line each, for --top"},
    "--output": {"metavar": "FILE.npz", "help": "store all outputs by name"},
    "--device": {"default": "", "help": "device to use, as mx.cl() takes it (default: cpu(0))"},
    "--as-written": {"action": "store_true", "help": "keep losses and labels rather than turn them into predictions"},
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
    batch = getattr(args, "batch", "")
    try:
        for text in args.shape:
            name, _, extents = text.partition("=")
            shapes[name] = tuple(int(d) for d in extents.split(","))
        batches = [int(n) for n in batch.split(",")] if batch else []
    except ValueError:
        raise MXNetError(
            f"{args.command}: --shape {' '.join(args.shape)!r}, --batch {batch!r}: expected as in --shape data=1,3,224,224 --batch 1,16"
        ) from None
    if not shapes:
        raise MXNetError(f"{args.command}: give the shape of the input, as in --shape data=1,3,224,224")
    return [{n: (b, *s[1:]) for n, s in shapes.items()} for b in batches] or [shapes]
