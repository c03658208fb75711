"""Bilinear resizing of images."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...differences import differs
from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, show_shape
from ...params import Bool, Enum, Float, Int, Params, Shape
from ..shared.float_types import one_float_type
from ..shared.launch_sizes import stretch_grid

__all__ = ["BilinearResize2D"]

_MODES = ("like", "odd_scale", "size", "to_even_down", "to_even_up", "to_odd_down", "to_odd_up")
_MOST = 1024
"""Elements of a stretch."""


def _scaled(extent: int, scale: float, odd: bool) -> int:
    """An extent times a scale, in single precision as in MXNet; with `odd`, an odd one less one before and more one after."""
    once = 1 if odd and extent % 2 else 0
    return int(np.float32(extent - once) * np.float32(scale)) + once


def _rounded(extent: int, mode: str) -> int:
    """The extent, or its neighbour, even or odd."""
    if (extent % 2 == 0) == mode.startswith("to_even"):
        return extent
    return extent - 1 if mode.endswith("down") else extent + 1


def _size(p: Params, spatial: Sequence[int]) -> tuple[int, int]:
    """Height and width of the output; -1 where they are not known.

    Raises
    ------
    ShapeError
        The parameters that the mode needs are missing, or nothing is left of the image.
    """
    given = (p.height, p.width)
    if p.mode == "size" and p.scale_height is None:
        return given
    found = []
    for x, scale in zip(spatial, (p.scale_height, p.scale_width), strict=True):
        if p.mode in ("size", "odd_scale") and scale is None:
            raise ShapeError(f"mode={p.mode!r} needs both scale_height and scale_width, got {p.scale_height} and {p.scale_width}")
        if x < 0:
            found.append(-1)
            continue
        extent = _scaled(x, scale, p.mode == "odd_scale") if p.mode in ("size", "odd_scale") else _rounded(x, p.mode)
        if extent < 1:
            raise ShapeError(f"mode={p.mode!r} leaves nothing of {x} pixels (scales {p.scale_height} and {p.scale_width})")
        found.append(extent)
    return found[0], found[1]


def _steps(extents: Sequence[int], outs: Sequence[int], align: bool) -> tuple[Scalar, Scalar]:
    """How far apart neighbouring outputs read, down and across."""

    def step(x: int, y: int) -> Scalar:
        if y == 1:
            return Scalar("float", 0.0)
        return Scalar("float", float(np.float32(x - 1) / np.float32(y - 1) if align else np.float32(x) / np.float32(y)))

    return step(extents[0], outs[0]), step(extents[1], outs[1])


@register
class BilinearResize2D(Op, Estimated):
    r"""Resizing of images by bilinear interpolation.

    Output pixel i reads at ``i (h - 1) / (H - 1)``, or without `align_corners` at ``(i + 0.5) h / H - 0.5``, but not before pixel 0;
    columns alike.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, h, w), of floating-point type.
    like : Symbol or NDArray
        Only with ``mode='like'``: (N, C, H, W), whose height and width are taken.
    height, width : int, default 1
        Of the output, with ``mode='size'`` and no scales.
    scale_height, scale_width : float, optional
        Factors, with ``mode='size'`` and ``'odd_scale'``; extents are rounded down.
    mode : str, default 'size'
        'size'; 'odd_scale': where an extent is odd, ``(x - 1) scale + 1``; 'like'; 'to_even_down', 'to_even_up', 'to_odd_down',
        'to_odd_up': the neighbouring even or odd extent.
    align_corners : bool, default True

    Returns
    -------
    Symbol or NDArray
        (N, C, H, W).

    Raises
    ------
    MXNetError
        The data has not four dimensions, a scale is missing, or nothing is left of an image.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.contrib.BilinearResize2D(mx.nd.array([[[[1, 3]]]]), height=1, width=3).asnumpy().tolist()
    [[[[1.0, 2.0, 3.0]]]]

    Source: MXNet 1.9.1, ``_contrib_BilinearResize2D``.
    """

    name = "_contrib_BilinearResize2D"
    inputs = ("data", "like")
    params = {
        "height": Int(1, "Height of the output.", low=1),
        "width": Int(1, "Width of the output.", low=1),
        "scale_height": Float(None, "Factor of the height."),
        "scale_width": Float(None, "Factor of the width."),
        "mode": Enum(_MODES, "size", "What the output's size follows from."),
        "align_corners": Bool(True, "Whether the corner pixels of input and output are the same points."),
    }

    def input_names(self, p: Params) -> tuple[str, ...]:
        return self.inputs if p.mode == "like" else self.inputs[:1]

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data, out = ins[0], outs[0]
        for what, s in (*zip(self.inputs, ins, strict=False), ("the output", out)):
            if s is not None and len(s) != 4:
                raise ShapeError(f"{what} must have 4 dimensions (N, C, H, W), got {show_shape(s)}")
        if data is None:
            return ins, outs
        if 0 in data[2:]:
            raise ShapeError(f"data {show_shape(data)} has no pixel")
        outer = (max(data[0], out[0]), max(data[1], out[1])) if out is not None else data[:2]
        if p.mode != "like":
            return [(*outer, *data[2:])], [(*outer, *_size(p, data[2:]))]
        like = ins[1]
        if like is None:
            return [(*outer, *data[2:]), None], [(*outer, *(out[2:] if out is not None else (-1, -1)))]
        if 0 in like[2:]:
            raise ShapeError(f"like {show_shape(like)} has no pixel")
        return [(*outer, *data[2:]), like], [(*outer, *like[2:])]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [_call("resize_bilinear", p.align_corners, ins[0].shape, outs[0].shape, outs[0], ctx)]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        data = g.apply("_backward_contrib_BilinearResize2D", g.ograd(), shape=g.ins[0].shape, align_corners=g.p.align_corners)
        return [data, *(None for _ in g.ins[1:])]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 8 * outs[0].size, ins[0].nbytes + outs[0].nbytes


@register
class BilinearResize2DBackward(Op):
    """Gradient of `_contrib_BilinearResize2D`."""

    name = "_backward_contrib_BilinearResize2D"
    hidden = True
    inputs = ("ograd",)
    params = {"shape": Shape(), "align_corners": Bool(True)}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [_call("resize_bilinear_backward", p.align_corners, p.shape, ins[0].shape, outs[0], ctx)]


def _call(entry: str, align: bool, small: Sequence[int], large: Sequence[int], out: TensorSpec, ctx: LowerContext) -> KernelCall:
    """A launch of either kernel, from the shapes before and after resizing; `out` is what it writes."""
    rows, length = math.prod(out.shape[:3]), out.shape[3]
    sizes = (Scalar("int", v) for v in (*small[2:], *large[2:]))
    args: tuple[Arg, ...] = (In(0), Out(0), Scalar("long", rows), *sizes, *_steps(small[2:], large[2:], align))
    defines = defines_for(out.dtype, ctx.reqs[0], ALIGN=int(align), MOST=_MOST)
    return KernelCall("pooling/resize.cl", entry, args, defines, *stretch_grid(rows, length, ctx.traits, _MOST))


differs(
    "_contrib_BilinearResize2D",
    "mode='like' of images of another number or of other channels",
    "print(mx.nd.contrib.BilinearResize2D(mx.nd.ones((1, 2, 2, 2)), mx.nd.ones((3, 1, 1, 4)), mode='like').shape)",
    ours="(1, 2, 1, 4)",
    mxnet="(1, 2, 1, 4), and its gradient ends the process",
    why="MXNet's gradient writes beyond an array.",
)
