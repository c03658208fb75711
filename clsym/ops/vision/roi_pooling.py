"""ROIPooling: the maximum over the bins of boxes in images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...base import MXNetError
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, compute_type, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, Shape, TensorSpec, unify_shape
from ...graph.contract.traits import DeviceTraits
from ...params import Params
from ...params import Shape as ShapeField
from ..shared.float_types import one_float_type
from ..shared.launch_sizes import stretch_grid
from .tensors import Fraction, Sides, boxes, images

__all__ = ["ROIPooling", "box_extents", "plane_grid", "pooled_shapes"]

_PLANE = 4096
"""Pixels of a plane whose gradients a CPU work-item collects together: of kernels/vision/*.cl."""


def pooled_shapes(ins: Sequence[PartialShape], outs: Sequence[PartialShape], sides: tuple[int, int], numbers: int = 5) -> tuple[
    list[PartialShape], list[PartialShape]
]:  # fmt: skip
    """Shapes of images and boxes, and of bins with the channels of the images, one after the other."""
    data, rois = images(ins[0]), boxes(ins[1], numbers)
    out = unify_shape(outs[0], (-1, -1, *sides))
    assert out is not None
    count, channels = max(rois[0], out[0]), max(data[1], out[1])
    return [(data[0], channels, *data[2:]), (count, numbers)], [(count, channels, *sides)]


def box_extents(data: Shape, count: int, sides: tuple[int, int], scale: float, dtype: str) -> tuple[Scalar, ...]:
    """The arguments ``N, C, H, W, R, PH, PW, scale`` of a kernel; the scale is a float32 for every type, as in MXNet.

    Raises
    ------
    MXNetError
        A plane of an image is too large for the kernels.
    """
    if data[2] * data[3] >= 1 << 31:
        raise MXNetError(f"images of {data[2]} x {data[3]} are too large for regions of interest: a plane must be below 2**31 elements")
    ints = [Scalar("int", e) for e in data]
    factor = Scalar(compute_type(dtype), float(np.float32(scale)))
    return *ints, Scalar("long", count), Scalar("int", sides[0]), Scalar("int", sides[1]), factor


def plane_grid(shape: Shape, traits: DeviceTraits) -> tuple[tuple[int], tuple[int]]:
    """Launch sizes of a gradient that is collected in stretches of the planes of images."""
    return stretch_grid(shape[0] * shape[1], shape[2] * shape[3], traits, _PLANE)


@register
class ROIPooling(Op):
    """Largest value within each bin of boxes in images.

    A box covers the whole pixels from ``round(spatial_scale (x1, y1))`` to ``round(spatial_scale (x2, y2))``, both included, at least one
    in each direction. It is cut into `pooled_size` bins, each from the floor of its beginning to the ceiling of its end.

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

    Returns
    -------
    Symbol or NDArray
        (R, C, *pooled_size); 0 where a bin is empty, the image does not exist or a coordinate is not finite. Boxes get the gradient 0.

    Raises
    ------
    MXNetError
        Shapes contradict one another.

    Examples
    --------
    >>> import clsym as mx
    >>> data = mx.nd.arange(16).reshape((1, 1, 4, 4))
    >>> mx.nd.ROIPooling(data, mx.nd.array([[0, 0, 0, 2, 2]]), pooled_size=(1, 1), spatial_scale=1).asnumpy().tolist()
    [[[[10.0]]]]

    References
    ----------
    R. Girshick, Fast R-CNN, 2015.
    """

    name = "ROIPooling"
    inputs = ("data", "rois")
    outputs = ("output", "maxidx")
    params = {
        "pooled_size": Sides(doc="Bins in height and width."),
        "spatial_scale": Fraction(doc="From the coordinates of the boxes to those of the data."),
    }

    def num_visible(self, p: Params) -> int:
        return 1

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        found, shapes = pooled_shapes(ins, outs, p.pooled_size)
        return found, shapes * 2

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        found, results = one_float_type(self.name, ins, outs[:1])
        return found, [*results, "int32"]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        given = {**dict(g.p.items()), "shape": g.ins[0].shape}
        data = g.apply("_backward_ROIPooling", g.ograd(), g.input(1), g.output(1), **given) if g.needed[0] else None
        return [data, None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        dtype, keep = outs[0].dtype, ctx.reqs[1] != "null"
        place: Arg = Out(1) if keep else In(1)
        lowest = Scalar(compute_type(dtype), float(np.finfo(dtype).min))
        args: tuple[Arg, ...] = (
            In(0),
            In(1),
            Out(0),
            place,
            *box_extents(ins[0].shape, outs[0].shape[0], p.pooled_size, p.spatial_scale, dtype),
            lowest,
        )
        defines = defines_for(dtype, ctx.reqs[0], KEEP=int(keep))
        return [KernelCall("vision/roi_pooling.cl", "roi_pooling", args, defines, *grid(outs[0].size, ctx.traits, per_item=64))]


@register
class ROIPoolingBackward(Op):
    """Gradient of the images: pixels collect from the bins whose largest value they are."""

    name = "_backward_ROIPooling"
    hidden = True
    inputs = ("ograd", "rois", "maxidx")
    params = {**ROIPooling.params, "shape": ShapeField(())}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return [ins[0], ins[1], "int32"], [ins[0]]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        dtype, shape = outs[0].dtype, p.shape
        args: tuple[Arg, ...] = (In(0), In(1), In(2), Out(0), *box_extents(shape, ins[1].shape[0], p.pooled_size, p.spatial_scale, dtype))
        size, local = plane_grid(shape, ctx.traits)
        return [KernelCall("vision/roi_pooling.cl", "roi_pooling_backward", args, defines_for(dtype, ctx.reqs[0]), size, local)]
