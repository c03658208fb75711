"""im2col and col2im: the column matrix of an image, whose products with a weight are a convolution, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import REQUIRED, Field, Params, Shape
from ..shared.float_types import one_float_type
from .column_calls import Columns, col2im, im2col

__all__ = ["Col2im", "Im2col"]

_WINDOW: dict[str, Field] = {
    "kernel": Shape(REQUIRED, "Sliding kernel size: (w,), (h, w) or (d, h, w)."),
    "stride": Shape((), "Stride of the blocks: (w,), (h, w) or (d, h, w). Defaults to 1 for each dimension."),
    "dilate": Shape((), "Spacing of the elements of a block: (w,), (h, w) or (d, h, w). Defaults to 1 for each dimension."),
    "pad": Shape((), "Zero padding on both sides: (w,), (h, w) or (d, h, w). Defaults to none."),
}


def _check(p: Params) -> None:
    nd = len(p.kernel)
    if not 1 <= nd <= 3:
        raise ShapeError(f"kernel must have 1 to 3 extents, got {p.kernel}")
    for name, low in (("kernel", 1), ("stride", 1), ("dilate", 1), ("pad", 0)):
        value = getattr(p, name)
        if value and len(value) != nd:
            raise ShapeError(f"{name} {value} must have as many extents as kernel {p.kernel}")
        if any(not low <= v < 1 << 31 for v in value):
            raise ShapeError(f"extents of {name} must be at least {low}, got {value}")


def _blocks(p: Params, spatial: Sequence[int]) -> tuple[int, ...]:
    """How many blocks lie along each dimension of an image; -1 where that is not known.

    Raises
    ------
    ShapeError
        A block exceeds the padded image.
    """
    nd = len(p.kernel)
    found = []
    window = zip(spatial, p.kernel, p.stride or (1,) * nd, p.dilate or (1,) * nd, p.pad or (0,) * nd, strict=True)
    for x, k, stride, dilate, pad in window:
        reach = dilate * (k - 1) + 1
        if 0 <= x < reach - 2 * pad:
            raise ShapeError(f"kernel size exceeds the input: dilated extent {reach} > {x} + 2 * {pad}")
        found.append((x + 2 * pad - reach) // stride + 1 if x >= 0 else -1)
    return tuple(found)


class _ColumnOp(Op):
    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def columns(self, p: Params, image: Sequence[int]) -> Columns:
        """Where the blocks of an image (N, C, *) lie."""
        return Columns.of(p, image, _blocks(p, image[2:]))


@register
class Im2col(_ColumnOp):
    r"""The sliding blocks of an image as columns of a matrix.

    .. math:: out[n, (c, k), x] = data[n, c, s x + d k - pad]

    with stride s and dilation d; zero outside the image. A convolution is the product of its weight, as a matrix, with these columns.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, W), (N, C, H, W) or (N, C, D, H, W), of floating-point type.
    kernel : tuple of int
        Extents of a block.
    stride, dilate, pad : tuple of int, optional
        Default 1, 1 and 0.

    Returns
    -------
    Symbol or NDArray
        (N, C * prod(kernel), number of blocks).

    Raises
    ------
    MXNetError
        A block exceeds the padded image.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.im2col(mx.nd.array([[[1, 2, 3]]]), kernel=2).asnumpy().tolist()
    [[[1.0, 2.0], [2.0, 3.0]]]

    Source: MXNet 1.9.1, ``im2col``.
    """

    name = "im2col"
    params = _WINDOW

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        _check(p)
        if ins[0] is None:
            return ins, outs
        nd, taps = len(p.kernel), math.prod(p.kernel)
        data = unify_shape(ins[0], (-1,) * (nd + 2), f"data must have {nd + 2} dimensions for kernel {p.kernel}")
        assert data is not None
        blocks = _blocks(p, data[2:])
        count = math.prod(blocks) if min(blocks) >= 0 else -1
        out = unify_shape((data[0], data[1] * taps if data[1] >= 0 else -1, count), outs[0])
        assert out is not None
        return [(out[0], *data[1:])], [out]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [im2col(self.columns(p, ins[0].shape), In(0), Out(0), outs[0].dtype, ctx.reqs[0], ctx.traits)]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("col2im", g.ograd(), **dict(g.p.items()), output_size=g.ins[0].shape[2:])]


@register
class Col2im(_ColumnOp):
    r"""Columns added up where they came from in an image: the gradient of `im2col`.

    .. math:: out[n, c, s x + d k - pad] \mathrel{+}= data[n, (c, k), x]

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C * prod(kernel), number of blocks), of floating-point type.
    output_size : tuple of int
        Spatial extents of the image.
    kernel : tuple of int
        Extents of a block.
    stride, dilate, pad : tuple of int, optional
        Default 1, 1 and 0.

    Returns
    -------
    Symbol or NDArray
        (N, C, *output_size).

    Raises
    ------
    MXNetError
        The columns are not those of an image of that size.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.col2im(mx.nd.array([[[1, 2], [3, 4]]]), output_size=3, kernel=2).asnumpy().tolist()
    [[[1.0, 5.0, 4.0]]]

    Source: MXNet 1.9.1, ``col2im``.
    """

    name = "col2im"
    params = {"output_size": Shape(REQUIRED, "Spatial extents of the image: (w,), (h, w) or (d, h, w)."), **_WINDOW}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        _check(p)
        if len(p.output_size) != len(p.kernel):
            raise ShapeError(f"output_size {p.output_size} must have as many extents as kernel {p.kernel}")
        if min(p.output_size) < 1:
            raise ShapeError(f"extents of output_size must be at least 1, got {p.output_size}")
        taps, count = math.prod(p.kernel), math.prod(_blocks(p, p.output_size))
        if ins[0] is None:
            return ins, outs
        data = unify_shape(ins[0], (-1, -1, count), f"data must be (N, C * {taps}, {count}): output_size fits no other columns")
        assert data is not None
        if data[1] >= 0 and data[1] % taps:
            raise ShapeError(f"the second extent of data, {data[1]}, must be a multiple of the size of the kernel, {taps}")
        out = unify_shape((data[0], data[1] // taps if data[1] >= 0 else -1, *p.output_size), outs[0])
        assert out is not None
        return [(out[0], out[1] * taps if out[1] >= 0 else -1, count)], [out]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [col2im(self.columns(p, outs[0].shape), In(0), Out(0), None, outs[0].dtype, ctx.reqs[0], ctx.traits)]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("im2col", g.ograd(), **{n: getattr(g.p, n) for n in _WINDOW})]


differs(
    "im2col",
    "images of one and three dimensions, of col2im as well",
    "print(mx.nd.im2col(mx.nd.array([[[1, 2, 3]]]), kernel=(2,)).asnumpy().tolist())",
    ours="[[[1.0, 2.0], [2.0, 3.0]]]",
    mxnet="an error: Check failed: i >= 0 && i < ndim(): index = 3 must be in range [0, 3)",
    why="They are documented; in some of these cases MXNet writes beyond its arrays.",
)
