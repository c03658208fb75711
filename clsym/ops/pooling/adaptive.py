"""Average pooling to a size that is given."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import find_op, register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, show_shape
from ...params import Params, Shape
from ..shared.float_types import one_float_type
from ..shared.launch_sizes import share_grid, stretch_grid
from .pooling import Pooling

__all__ = ["AdaptiveAvgPooling2D"]

_MOST = 1024
"""Elements of a stretch of the gradient."""


def _size(p: Params) -> tuple[int, int]:
    """Height and width of the output; as in MXNet, three and more numbers are none."""
    size: tuple[int, ...] = p.output_size or ()
    if any(v < 1 for v in size):
        raise ShapeError(f"extents of output_size must be at least 1, got {size}")
    if len(size) == 1:
        return size[0], size[0]
    return (size[0], size[1]) if len(size) == 2 else (1, 1)


@register
class AdaptiveAvgPooling2D(Op, Estimated):
    r"""Average pooling of images to a given size, with windows as large as that needs.

    Output (i, j) is the average of rows ``floor(i h / H)`` to ``ceil((i + 1) h / H)`` and columns alike; windows overlap where h is no
    multiple of H.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, h, w), of floating-point type.
    output_size : int or tuple of int, optional
        H and W, or one number for both; 1 by default.

    Returns
    -------
    Symbol or NDArray
        (N, C, H, W).

    Raises
    ------
    MXNetError
        The data has not four dimensions, or a size is not positive.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.contrib.AdaptiveAvgPooling2D(mx.nd.array([[[[1, 2, 6]]]]), output_size=(1, 2)).asnumpy().tolist()
    [[[[1.5, 4.0]]]]

    Source: MXNet 1.9.1, ``_contrib_AdaptiveAvgPooling2D``.
    """

    name = "_contrib_AdaptiveAvgPooling2D"
    params = {"output_size": Shape((), "Height and width of the output, or one number for both.", none=True)}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        size = _size(p)
        data, out = ins[0], outs[0]
        for what, s in (("data", data), ("the output", out)):
            if s is not None and len(s) != 4:
                raise ShapeError(f"{what} must have 4 dimensions (N, C, H, W), got {show_shape(s)}")
        if data is None:
            return ins, outs
        if 0 in data[2:]:
            raise ShapeError(f"data {show_shape(data)} has no pixel")
        outer = (max(data[0], out[0]), max(data[1], out[1])) if out is not None else data[:2]
        return [(*outer, *data[2:])], [(*outer, *size)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        (h, w), size = ins[0].shape[2:], _size(p)
        if h % size[0] == 0 and w % size[1] == 0:
            window = (h // size[0], w // size[1])
            pooling = find_op("Pooling")
            assert isinstance(pooling, Pooling)
            return pooling.lower(pooling.parse({"kernel": window, "stride": window, "pool_type": "avg"}), ins, outs, ctx)
        cells = outs[0].size
        window_size = share_grid(cells, ins[0].size, ctx.traits, cells)
        args: tuple[Arg, ...] = (In(0), Out(0), Scalar("long", cells), *(Scalar("int", v) for v in (h, w, *size)))
        return [KernelCall("pooling/adaptive.cl", "adaptive_average", args, defines_for(outs[0].dtype, ctx.reqs[0]), *window_size)]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_backward_contrib_AdaptiveAvgPooling2D", g.ograd(), shape=g.ins[0].shape)]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return ins[0].size, ins[0].nbytes + outs[0].nbytes


@register
class AdaptiveAvgPooling2DBackward(Op):
    """Gradient of `_contrib_AdaptiveAvgPooling2D`."""

    name = "_backward_contrib_AdaptiveAvgPooling2D"
    hidden = True
    inputs = ("ograd",)
    params = {"shape": Shape()}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        (h, w), (height, width) = p.shape[2:], ins[0].shape[2:]
        rows = math.prod(p.shape[:3])
        args: tuple[Arg, ...] = (In(0), Out(0), Scalar("long", rows), *(Scalar("int", v) for v in (h, w, height, width)))
        defines = defines_for(outs[0].dtype, ctx.reqs[0], MOST=_MOST)
        size = stretch_grid(rows, w, ctx.traits, _MOST)
        return [KernelCall("pooling/adaptive.cl", "adaptive_average_backward", args, defines, *size)]


differs(
    "_contrib_AdaptiveAvgPooling2D",
    "an output_size of zero",
    'exec("try: print(mx.nd.contrib.AdaptiveAvgPooling2D(mx.nd.ones((1, 1, 2, 2)), output_size=(0, 1)).shape)\\n'
    "except mx.MXNetError: print('an error')\")",
    ours="an error",
    mxnet="(1, 1, 0, 1)",
    why="Zero extents stand for unknown ones elsewhere; nothing can be computed.",
)
