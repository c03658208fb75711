"""Images resized by the methods that image libraries number 0 to 5."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, defines_for, grid
from ...graph.contract.op import Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec
from ...params import Bool, Int, Params, Shape
from .shapes import check_image

__all__ = ["ImageResize"]

_TYPES = ("uint8", "int8", "float32", "float64")
_LINEAR, _AREA, _EXACT = 1, 3, 5
_AREA_LINEAR = 6
"""In the kernel: linear by the parts of areas, which is what the area method means where an image grows."""


def _size(p: Params, height: int, width: int) -> tuple[int, int]:
    """Width and height of the output; -1 where they are not known."""
    if len(p.size) not in (1, 2):
        raise ShapeError(f"size={p.size} must be one or two numbers")
    if any(d <= 0 for d in p.size):
        raise ShapeError(f"size={p.size} must be greater than 0")
    if len(p.size) == 2:
        return p.size[0], p.size[1]
    (short,) = p.size
    if not p.keep_ratio:
        return short, short
    if height < 0 or width < 0:
        return -1, -1
    if height > width:
        return short, height * short // max(width, 1)
    return width * short // max(height, 1), short


def _method(interp: int, down: float, across: float) -> int:
    """What the kernel calls the method, for these ratios of extents before to those behind."""
    if interp == _LINEAR and down == 2 and across == 2:
        return _AREA
    if interp == _AREA and (down < 1 or across < 1):
        return _AREA_LINEAR
    return _LINEAR if interp == _EXACT else interp


@register
class ImageResize(Op):
    """Images in another size.

    Output pixel i reads around ``(i + 0.5) h / H - 0.5``: the nearest pixel, two, four or eight in each direction, or, with ``interp=3``
    where the image shrinks, all that its area covers. Bytes are computed with weights of 11 bits, as OpenCV does.

    Parameters
    ----------
    data : Symbol or NDArray
        (H, W, C) or (N, H, W, C), of type uint8, int8 (taken as bytes), float32 or float64.
    size : int or tuple of int
        (width, height), or one number for both.
    keep_ratio : bool, default False
        With one number: it is that of the shorter edge, and the other one follows.
    interp : int, default 1
        0 nearest, 1 and 5 bilinear, 2 bicubic, 3 by areas, 4 Lanczos over eight pixels: the numbers of OpenCV, which MXNet passes on,
        though its documentation has 2 and 3 the other way round.

    Returns
    -------
    Symbol or NDArray
        (height, width, C) or (N, height, width, C). It has no gradient.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.image.resize(mx.nd.array([[[1], [3]]]), size=(4, 1)).asnumpy().ravel().tolist()
    [1.0, 1.5, 2.5, 3.0]

    Source: MXNet 1.9.1, ``image.resize``.
    """

    name = "_image_resize"
    params = {
        "size": Shape((), "Size of the new image: (width, height), or one number."),
        "keep_ratio": Bool(False, "Whether one number is that of the shorter edge."),
        "interp": Int(1, "Method: 0 nearest, 1 bilinear, 2 bicubic, 3 area, 4 Lanczos."),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data = ins[0]
        if not 0 <= p.interp <= _EXACT:
            raise ShapeError(f"interp={p.interp}: unknown interpolation method; 0 to 5 are known")
        check_image(data, True)
        if data is None:
            return ins, outs
        if 0 in data[-3:-1]:
            raise ShapeError(f"an image of shape {data} has no pixel to resize")
        width, height = _size(p, data[-3], data[-2])
        return ins, [(*data[:-3], height, width, data[-1])]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        types = super().infer_type(p, ins, outs)
        if types[0][0] is not None and types[0][0] not in _TYPES:
            raise ShapeError(f"images of type {types[0][0]} cannot be resized; cast them to one of {', '.join(_TYPES)}")
        return types

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        dtype = "uint8" if ins[0].dtype == "int8" else ins[0].dtype
        before, behind = ins[0].shape[-3:-1], outs[0].shape[-3:-1]
        channels = ins[0].shape[-1]
        down, across = (1.0 / (o / i) for i, o in zip(before, behind, strict=True))
        method = _method(p.interp, before[0] / behind[0], before[1] / behind[1])
        whole = method == _AREA and all(i % o == 0 for i, o in zip(before, behind, strict=True))
        wide = "double" if ctx.traits.fp64 else "float"
        sizes = (Scalar("int", v) for v in (*before, *behind, channels))
        pixels = math.prod(outs[0].shape[:-1])
        args: tuple[Arg, ...] = (
            In(0), Out(0), Scalar("long", pixels), *sizes, Scalar(wide, down), Scalar(wide, across),
            Scalar("int", method), Scalar("int", int(whole)),
        )  # fmt: skip
        defines = defines_for(dtype, ctx.reqs[0], WIDE=wide, BYTES=int(dtype == "uint8"))
        return [KernelCall("image/resize.cl", "resize_image", args, defines, *grid(pixels, ctx.traits, 256))]


differs(
    "_image_resize",
    "images of type int64",
    "try:\n"
    "    print(mx.nd.image.resize(mx.nd.ones((2, 2, 1), dtype='int64'), size=(1, 1)).shape)\n"
    "except mx.MXNetError:\n"
    "    print('an error')",
    ours="an error",
    mxnet="(1, 1, 1), of numbers that mean nothing",
    why="MXNet takes the numbers for 16-bit ones.",
)
