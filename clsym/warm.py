"""``clsym warm``: build a model's kernels ahead."""

from __future__ import annotations

import argparse
from typing import Any

from . import ndarray as nd
from .base import MXNetError
from .model_arguments import context_of, shapes_of
from .symbol import load

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """The command; returns the exit status."""
    if args.model is None:
        raise MXNetError("warm: give a model, as in clsym warm resnet-symbol.json --shape data=1,3,224,224")
    net, ctx = load(args.model), context_of(args)
    params = nd.load(args.params) if args.params else {}
    if not isinstance(params, dict):
        raise MXNetError(f"warm: {args.params} holds arrays without names; parameters are saved with their names")
    for shapes in shapes_of(args):
        options: dict[str, Any] = {**shapes, "train": args.train, "params": params}
        done = net.warm(ctx, **options)
        what = "training" if args.train else "inference"
        print(f"{what} {' '.join(f'{n}={s}' for n, s in shapes.items())}: {done}", flush=True)
    return 0
