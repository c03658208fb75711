"""ROIAlign and RROIAlign: the mean of bilinear samples over the bins of boxes in images."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec
from ...params import Bool, Int, Params
from ...params import Shape as ShapeField
from ..shared.float_types import one_float_type
from ..shared.launch_sizes import share_grid
from ..shared.strided import Walk, copy, row_major
from .roi_pooling import box_extents, plane_grid, pooled_shapes
from .tensors import Fraction, Sides

__all__ = ["ROIAlign", "RROIAlign"]

_SOURCE = "vision/roi_align.cl"
_CHANNELS = 64
"""Of a bin that a CPU work-item computes at once: of kernels/vision/roi_align.cl."""

_LANES = 16
"""With fewer channels than this, bringing them side by side is not worth it."""


class _Aligned(Op, Estimated):
    """The type rule and the cost of both."""

    inputs = ("data", "rois")

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 32 * outs[0].size, sum(t.nbytes for t in (*ins, *outs))


@register
class ROIAlign(_Aligned):
    r"""Mean of bilinear samples within each bin of boxes in images; nothing is rounded to whole pixels.

    A box from ``spatial_scale (x1, y1)`` to ``spatial_scale (x2, y2)``, at least 1 wide and high, is cut into `pooled_size` equal bins, and
    each bin into `sample_ratio` parts a direction, in whose middle the image is read. A sample up to a pixel outside of the image has the
    value of the border, one farther away 0.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, H, W), floating-point.
    rois : Symbol or NDArray
        (R, 5): the image's index in the batch, x1, y1, x2, y2.
    pooled_size : tuple of int
        Bins in height and width.
    spatial_scale : float
        From the coordinates of the boxes to those of the data, 0 to 1.
    sample_ratio : int
        Samples of a bin along each direction; not positive: as many as the bin has pixels, rounded up.
    position_sensitive : bool
        Bin (i, j) of output channel c reads channel ``(c PH + i) PW + j``.
    aligned : bool
        Shift boxes by half a pixel, so that whole coordinates are the corners of pixels; boxes smaller than 1 are then left as they are.

    Returns
    -------
    Symbol or NDArray
        (R, C, PH, PW), or (R, C / (PH PW), PH, PW) if position sensitive; 0 where the image does not exist, a coordinate is not finite, or
        an aligned box has no extent. Boxes get the gradient 0.

    Raises
    ------
    MXNetError
        Shapes contradict one another.

    Examples
    --------
    >>> import clsym as mx
    >>> data = mx.nd.arange(16).reshape((1, 1, 4, 4))
    >>> mx.nd.contrib.ROIAlign(data, mx.nd.array([[0, 0, 0, 2, 2]]), pooled_size=(1, 1), spatial_scale=1).asnumpy().tolist()
    [[[[5.0]]]]

    References
    ----------
    K. He, G. Gkioxari, P. Dollár, R. Girshick, Mask R-CNN, 2017.
    """

    name = "_contrib_ROIAlign"
    params = {
        "pooled_size": Sides(doc="Bins in height and width."),
        "spatial_scale": Fraction(doc="From the coordinates of the boxes to those of the data."),
        "sample_ratio": Int(-1, "Samples of a bin along each direction.", low=-(1 << 31), high=(1 << 31) - 1),
        "position_sensitive": Bool(False, "Whether each bin has channels of its own."),
        "aligned": Bool(False, "Whether to shift boxes by half a pixel."),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if not p.position_sensitive:
            return pooled_shapes(ins, outs, p.pooled_size)
        bins = p.pooled_size[0] * p.pooled_size[1]
        found, shapes = pooled_shapes(ins, [None], p.pooled_size)
        data, shape = found[0], shapes[0]
        assert data is not None
        assert shape is not None
        if data[1] >= 0 and data[1] % bins:
            raise ShapeError(f"data must have a multiple of {bins} channels, one for each bin of pooled_size {p.pooled_size}")
        (expected, rois), (out,) = pooled_shapes([(data[0], -1, *data[2:]), found[1]], outs, p.pooled_size)
        assert expected is not None
        assert out is not None
        planes = data[1] // bins if data[1] >= 0 else out[1]
        channels = planes * bins if planes >= 0 else -1
        return [(data[0], channels, *data[2:]), rois], [(out[0], planes, *out[2:])]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        if not g.needed[0]:
            return [None, None]
        return [g.apply("_backward_ROIAlign", g.ograd(), g.input(1), **{**dict(g.p.items()), "shape": g.ins[0].shape}), None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        dtype, data, out = outs[0].dtype, ins[0].shape, outs[0]
        count = out.shape[0]
        numbers = _numbers(p, data, count, dtype)
        reads = 4 * count * out.shape[2] * out.shape[3]  # of a channel, at least
        if ctx.traits.is_cpu and not p.position_sensitive and data[1] >= _LANES and reads >= data[0] * data[2] * data[3]:
            return _by_rows(numbers, ins[0], out, ctx)
        args: tuple[Arg, ...] = (In(0), In(1), Out(0), *numbers, Scalar("int", out.shape[1]))
        defines = defines_for(dtype, ctx.reqs[0], SENSITIVE=int(p.position_sensitive))
        return [KernelCall(_SOURCE, "roi_align", args, defines, *grid(out.size, ctx.traits, per_item=64))]


def _numbers(p: Params, data: tuple[int, ...], count: int, dtype: str) -> tuple[Scalar, ...]:
    extents = box_extents(data, count, p.pooled_size, p.spatial_scale, dtype)
    return *extents, Scalar("int", p.sample_ratio), Scalar("int", int(p.aligned))


def _by_rows(numbers: tuple[Scalar, ...], data: TensorSpec, out: TensorSpec, ctx: LowerContext) -> list[KernelCall]:
    """The launches that bring the channels side by side and compute many of them at once."""
    n, channels, height, width = data.shape
    beside = Temp(0, data.nbytes)
    area = height * width
    turn = copy(In(0), beside, (n, area, channels), Walk(0, (channels * area, 1, area)), row_major((n, area, channels)), data.dtype, ctx)
    items = out.shape[0] * -(-channels // _CHANNELS) * out.shape[2]
    size, local = share_grid(items, 16 * out.size, ctx.traits, elsewhere=items)
    args: tuple[Arg, ...] = (beside, In(1), Out(0), *numbers)
    return [*turn, KernelCall(_SOURCE, "roi_align_rows", args, defines_for(out.dtype, ctx.reqs[0], SENSITIVE=0), size, local)]


@register
class ROIAlignBackward(Op):
    """Gradient of the images: pixels collect from the samples around them."""

    name = "_backward_ROIAlign"
    hidden = True
    inputs = ("ograd", "rois")
    params = {**ROIAlign.params, "shape": ShapeField(())}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        dtype, shape = outs[0].dtype, p.shape
        args: tuple[Arg, ...] = (In(0), In(1), Out(0), *_numbers(p, shape, ins[1].shape[0], dtype), Scalar("int", ins[0].shape[1]))
        defines = defines_for(dtype, ctx.reqs[0], SENSITIVE=int(p.position_sensitive))
        return [KernelCall(_SOURCE, "roi_align_backward", args, defines, *plane_grid(shape, ctx.traits))]


@register
class RROIAlign(_Aligned):
    """Mean of bilinear samples within each bin of rotated boxes; without a gradient, as in MXNet.

    As `ROIAlign`, of boxes that are turned around their middle.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, H, W), floating-point.
    rois : Symbol or NDArray
        (R, 6): the image's index in the batch, x and y of the middle, width, height, and an angle in degrees.
    pooled_size : tuple of int
        Bins in height and width.
    spatial_scale : float
        From the coordinates of the boxes to those of the data, 0 to 1.
    sampling_ratio : int
        Samples of a bin along each direction; not positive: as many as the bin has pixels, rounded up.

    Returns
    -------
    Symbol or NDArray
        (R, C, *pooled_size); 0 where the image does not exist or a number is not finite.

    Raises
    ------
    MXNetError
        Shapes contradict one another.

    References
    ----------
    J. Ma et al., Arbitrary-Oriented Scene Text Detection via Rotation Proposals, 2018.
    """

    name = "_contrib_RROIAlign"
    params = {
        "pooled_size": Sides(doc="Bins in height and width."),
        "spatial_scale": Fraction(doc="From the coordinates of the boxes to those of the data."),
        "sampling_ratio": Int(-1, "Samples of a bin along each direction.", low=-(1 << 31), high=(1 << 31) - 1),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return pooled_shapes(ins, outs, p.pooled_size, 6)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        dtype, out = outs[0].dtype, outs[0]
        numbers = box_extents(ins[0].shape, out.shape[0], p.pooled_size, p.spatial_scale, dtype)
        radian = Scalar(compute_type(dtype), math.pi / 180)
        args: tuple[Arg, ...] = (In(0), In(1), Out(0), *numbers, Scalar("int", p.sampling_ratio), radian)
        defines = defines_for(dtype, ctx.reqs[0], SENSITIVE=0)
        return [KernelCall(_SOURCE, "rotated_roi_align", args, defines, *grid(out.size, ctx.traits, per_item=64))]


differs(
    "_contrib_ROIAlign",
    "a box of an image that does not exist gives 0",
    "print(mx.nd.contrib.ROIAlign(mx.nd.ones((1, 1, 2, 2)), mx.nd.array([[-1, 0, 0, 1, 1]]), pooled_size=(1, 1), spatial_scale=1)"
    ".asnumpy().tolist())",
    ours="[[[[0.0]]]]",
    mxnet="reads memory outside of the data",
    why="An index of no image is not noticed by MXNet, whose result is then what lies in memory there.",
)
