"""``clsym run``: a model's outputs for an input, for people who have only the files."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from . import ndarray as nd
from .base import MXNetError
from .model_arguments import context_of, shapes_of
from .model_files import Model, load_model

__all__ = ["read_input", "run"]


def _numbers(text: str, what: str) -> np.ndarray:
    try:
        return np.array([float(v) for v in text.split(",")], dtype=np.float32)
    except ValueError:
        raise MXNetError(f"run: {what} {text!r}: expected numbers, as in {what} 123.7,116.8,103.9") from None


def _image(path: Path, shape: tuple[int, ...], args: argparse.Namespace) -> np.ndarray:
    """An image as (1, 3, H, W) or (1, 1, H, W): stretched to the size of the input, its mean taken off, divided."""
    try:
        from PIL import Image
    except ImportError as exc:
        raise MXNetError("run: images need Pillow: pip install 'clsym[image]'; or give a .npy file") from exc
    if len(shape) != 4 or shape[1] not in (1, 3):
        raise MXNetError(f"run: {path} is an image, but the input has shape {shape}; images fit (N, 3, H, W) and (N, 1, H, W)")
    try:
        with Image.open(path) as opened:
            picture = opened.convert("RGB" if shape[1] == 3 else "L").resize((shape[3], shape[2]), Image.Resampling.BILINEAR)
            pixels = np.asarray(picture, dtype=np.float32).reshape(shape[2], shape[3], shape[1])
    except (OSError, ValueError) as exc:
        raise MXNetError(f"run: {path} cannot be read as an image: {exc}") from exc
    pixels = (pixels - _numbers(args.mean, "--mean")) / _numbers(args.std, "--std")
    if args.bgr:
        pixels = pixels[:, :, ::-1]
    return pixels.transpose(2, 0, 1)[None]


def read_input(path: Path, shape: tuple[int, ...], args: argparse.Namespace) -> np.ndarray:
    """The values of an input from a file; one example is repeated for the whole batch.

    Raises
    ------
    MXNetError
        The file is missing or no array or image, or does not fit the shape.
    """
    if not path.is_file():
        raise MXNetError(f"run: there is no file {path}")
    if path.suffix == ".npy":
        try:
            values = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as exc:
            raise MXNetError(f"run: {path} is no .npy file of numbers: {exc}") from exc
    else:
        values = _image(path, shape, args)
    if values.shape == shape[1:]:
        values = values[None]
    try:
        return np.ascontiguousarray(np.broadcast_to(values, shape))
    except ValueError:
        raise MXNetError(f"run: {path} has shape {values.shape}, the input has {shape}") from None


def _values(model: Model, shapes: dict[str, tuple[int, ...]], args: argparse.Namespace) -> dict[str, np.ndarray]:
    rng = np.random.RandomState(0)
    given: dict[str, Path] = {}
    for text in args.input:
        name, equals, rest = text.partition("=")
        if equals and name not in shapes:
            raise MXNetError(f"run: --input {text}: the inputs are {', '.join(shapes)}")
        given[name if equals else next(iter(shapes))] = Path(rest if equals else text)
    return {n: read_input(given[n], s, args) if n in given else rng.standard_normal(s).astype(np.float32) for n, s in shapes.items()}


def _print(name: str, values: np.ndarray, args: argparse.Namespace, labels: list[str]) -> None:
    print(f"{name}: {values.dtype.name} {values.shape}")
    if not values.size:
        return
    if not args.top:
        finite = values.astype(np.float64)
        print(f"  least {finite.min():.6g}, mean {finite.mean():.6g}, greatest {finite.max():.6g}")
        return
    for number, row in enumerate(values.reshape(values.shape[0] if values.ndim > 1 else 1, -1)):
        best = np.argsort(-row, kind="stable")[: args.top]
        shown = "  ".join(f"{labels[i] if i < len(labels) else i}: {row[i]:.6g}" for i in best.tolist())
        print(f"  row {number}: {shown}")


def run(args: argparse.Namespace) -> int:
    """The command; returns the exit status."""
    model = load_model(args.model, args.params)
    net = model.symbol if args.as_written else model.symbol.strip_training_head()
    names = net.list_arguments()
    shapes = shapes_of(args)[0] if args.shape else dict(model.shapes)
    unknown = [n for n in shapes if n not in names]
    if unknown or not shapes:
        inputs = [n for n in names if n not in model.arg_params]
        problem = f"the model has no input {', '.join(unknown)}" if unknown else "give the shape of the input"
        raise MXNetError(f"run: {problem}; --shape NAME=N,C,H,W for each of: {', '.join(inputs) or ', '.join(names)}")
    ctx = context_of(args)
    bound: dict[str, Any] = {"grad_req": "null", **shapes}
    executor = net.simple_bind(ctx, **bound)
    missing = [
        n for n in [*names, *net.list_auxiliary_states()] if n not in shapes and n not in model.arg_params and n not in model.aux_params
    ]
    if missing:
        raise MXNetError(f"run: the parameter file lacks {len(missing)} of the model's parameters: {', '.join(missing[:8])}")
    executor.copy_params_from(model.arg_params, model.aux_params, allow_extra_params=True)
    for name, values in _values(model, shapes, args).items():
        executor.arg_dict[name][:] = values
    executor.forward(is_train=False)
    nd.waitall()
    start = time.perf_counter()
    outputs = [o.asnumpy() for o in executor.forward(is_train=False)]
    seconds = time.perf_counter() - start
    labels = Path(args.labels).read_text().splitlines() if args.labels else []
    for name, values in zip(net.list_outputs(), outputs, strict=True):
        _print(name, values, args, labels)
    print(f"{seconds * 1000:.1f} ms on {ctx}, kernels built")
    if args.output:
        np.savez(args.output, **dict(zip(net.list_outputs(), outputs, strict=True)))
    return 0
