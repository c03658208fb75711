"""Prior boxes of single-shot detectors: MultiBoxPrior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...base import MXNetError
from ...graph.contract.kernel_call import Arg, KernelCall, LowerContext, Out, Scalar, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec
from ...params import Bool, Field, Floats, Params
from .float32_only import float32_only

__all__ = ["MultiBoxPrior"]

_PAIRS = 8  # of a launch: a vector of sixteen numbers


@register
class MultiBoxPrior(Op):
    """Prior (anchor) boxes around every cell of a feature map, as SSD has them (Liu et al. 2016).

    Around the center ``((i + offsets[0]) * steps[0], (j + offsets[1]) * steps[1])`` of cell (i, j) of H x W lie boxes of width
    ``size * H / W * sqrt(ratio)`` and height ``size / sqrt(ratio)``: each of `sizes` with the first ratio, then the first size with each of
    the other `ratios`. The whole image is the square from 0 to 1.

    Parameters
    ----------
    data : Symbol or NDArray
        Shape (N, C, H, W); only H and W count. Of type float32.
    sizes : tuple of float
        As shares of the image's height.
    ratios : tuple of float
        Width over height.
    clip : bool
        Cut the boxes to the image.
    steps : tuple of float
        Of the cells' centers, (y, x); where they are not positive, 1 / H and 1 / W.
    offsets : tuple of float
        Of the first center, in steps, (y, x).

    Returns
    -------
    Symbol or NDArray
        Shape (1, H * W * (len(sizes) + len(ratios) - 1), 4): x1, y1, x2, y2. It has no gradient (it is zero).

    Raises
    ------
    MXNetError
        There are no sizes or ratios, a pair isn't one, or only one step is given.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.contrib.MultiBoxPrior(mx.nd.zeros((1, 3, 1, 1)), sizes=(0.5,)).asnumpy().tolist()
    [[[0.25, 0.25, 0.75, 0.75]]]
    """

    name = "_contrib_MultiBoxPrior"
    aliases = ("MultiBoxPrior",)
    params: dict[str, Field] = {
        "sizes": Floats((1.0,), "As shares of the image's height."), "ratios": Floats((1.0,), "Width over height."),
        "clip": Bool(False, "Cut the boxes to the image."), "steps": Floats((-1.0, -1.0), "Of the cells' centers, (y, x)."),
        "offsets": Floats((0.5, 0.5), "Of the first center, in steps, (y, x)."),
    }  # fmt: skip

    def parse(self, given: Mapping[str, Any], node_name: str = "") -> Params:
        p = super().parse(given, node_name)
        where = f" (node {node_name!r})" if node_name else ""
        for field in ("sizes", "ratios"):
            if not getattr(p, field):
                raise MXNetError(f"{self.name}{where}: {field} must not be empty")
        for field in ("steps", "offsets"):
            if len(getattr(p, field)) != 2:
                raise MXNetError(f"{self.name}{where}: {field} must be a pair (y, x), got {getattr(p, field)}")
        if p.steps[0] * p.steps[1] < 0:
            raise MXNetError(f"{self.name}{where}: give both step_y and step_x, or neither; got steps={p.steps}")
        return p

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        shape = ins[0]
        if shape is None:
            return ins, outs
        if len(shape) < 4:
            raise ShapeError(f"data must have 4 dimensions (N, C, H, W), got {shape}")
        height, width = shape[2:4]
        if 0 in (height, width):
            raise ShapeError(f"data must have a height and a width, got {shape}")
        number = len(p.sizes) + len(p.ratios) - 1
        return ins, [(1, height * width * number if min(height, width) > 0 else -1, 4)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return float32_only(self.name, ins, outs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        height, width = ins[0].shape[2:4]
        extents = _half_extents(p, height, width)
        steps = [s if s > 0 else np.float32(1) / np.float32(d) for s, d in zip(p.steps, (height, width), strict=True)]
        place = Scalar("float4", (*(float(v) for v in p.offsets), *(float(s) for s in steps)))
        calls = []
        for first in range(0, len(extents), _PAIRS):
            some = extents[first : first + _PAIRS]
            pairs = Scalar("float16", (*(v for pair in some for v in pair), *(0.0,) * (2 * (_PAIRS - len(some)))))
            sizes = (width, len(extents), first, len(some))
            counts = (Scalar("int", v) for v in sizes)
            args: tuple[Arg, ...] = (Out(0), Scalar("long", height * width), *counts, pairs, place, Scalar("int", int(p.clip)))
            launch = grid(height * width * len(some), ctx.traits, 1024)
            calls.append(KernelCall("detection/prior.cl", "multibox_prior", args, defines_for("float32", ctx.reqs[0]), *launch))
        return calls


def _half_extents(p: Params, height: int, width: int) -> list[tuple[float, float]]:
    """Half the width and height of each box of a cell, rounded to float32 after every operation, as MXNet does it."""
    f = np.float32
    sizes, ratios = [f(s) for s in p.sizes], [f(r) for r in p.ratios]
    with np.errstate(all="ignore"):
        pairs = [(s, np.sqrt(ratios[0])) for s in sizes] + [(sizes[0], np.sqrt(r)) for r in ratios[1:]]
        return [(float(s * f(height) / f(width) * r / f(2)), float(s / r / f(2))) for s, r in pairs]
