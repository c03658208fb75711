"""PSROIPooling and DeformablePSROIPooling: bins of boxes that each read channels of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, compute_type, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, Shape, ShapeError, TensorSpec, unify_shape
from ...params import Bool, Field, Float, Int, Params
from ...params import Shape as ShapeField
from ..shared.float_types import one_float_type
from .roi_pooling import box_extents, plane_grid
from .tensors import Fraction, boxes, images

__all__ = ["DeformablePSROIPooling", "PSROIPooling"]

_SOURCE = "vision/psroi_pooling.cl"
_MOST = 1 << 15
_SCALE = Fraction(doc="From the coordinates of the boxes to those of the data.")
_PARAMS: dict[str, Field] = {
    "spatial_scale": _SCALE,
    "output_dim": Int(doc="Channels of the output.", low=1, high=_MOST),
    "pooled_size": Int(doc="Bins in height and width.", low=1, high=_MOST),
    "group_size": Int(0, "Groups of channels in height and width; 0: one a bin.", low=0, high=_MOST),
}
_DEFORMABLE_PARAMS: dict[str, Field] = {
    "spatial_scale": _SCALE,
    "output_dim": Int(doc="Channels of the output.", low=1, high=_MOST),
    "group_size": Int(doc="Groups of channels in height and width.", low=1, high=_MOST),
    "pooled_size": Int(doc="Bins in height and width.", low=1, high=_MOST),
    "part_size": Int(0, "Parts of a box in height and width that move together; 0: the bins.", low=0, high=_MOST),
    "sample_per_part": Int(1, "Samples of a bin along each direction.", low=1, high=_MOST),
    "trans_std": Float(0.0, "What the moves are multiplied by."),
    "no_trans": Bool(False, "Whether nothing is moved; there is no third input then."),
}


class _Sensitive(Op):
    """What both have in common."""

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    @staticmethod
    def _shapes(p: Params, ins: Sequence[PartialShape], outs: Sequence[PartialShape]) -> tuple[Shape, Shape, Shape]:
        """Of images, boxes and output."""
        data, rois = images(ins[0]), boxes(ins[1])
        channels = p.output_dim * (p.group_size or p.pooled_size) ** 2
        if 0 <= data[1] < channels:
            raise ShapeError(
                f"data must have at least {channels} channels, group_size * group_size for each of the {p.output_dim} of the output"
            )
        out = unify_shape(outs[0], (-1, p.output_dim, p.pooled_size, p.pooled_size))
        assert out is not None
        count = max(rois[0], out[0])
        return data, (count, 5), (count, *out[1:])


def _numbers(p: Params, data: Shape, count: int, dtype: str) -> tuple[Scalar, ...]:
    *extents, scale = box_extents(data, count, (p.pooled_size, p.output_dim), p.spatial_scale, dtype)
    return *extents, Scalar("int", p.group_size or p.pooled_size), scale


@register
class PSROIPooling(_Sensitive):
    r"""Mean of the pixels of each bin of boxes in images, each bin in channels of its own.

    A box covers ``spatial_scale`` times from (round(x1), round(y1)) to (round(x2) + 1, round(y2) + 1), at least 0.1. A bin takes the pixels
    from the floor of its beginning to the ceiling of its end; bin (i, j) of output channel o reads channel
    ``(o G + floor(i G / P)) G + floor(j G / P)``.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, H, W), floating-point; C at least ``output_dim * group_size ** 2``.
    rois : Symbol or NDArray
        (R, 5): the image's index in the batch, x1, y1, x2, y2.
    spatial_scale : float
        From the coordinates of the boxes to those of the data, 0 to 1.
    output_dim : int
        Channels of the output.
    pooled_size : int
        P, bins in height and width.
    group_size : int
        G, groups of channels in height and width; 0: P.

    Returns
    -------
    Symbol or NDArray
        (R, output_dim, P, P); 0 where a bin is empty, the image does not exist or a coordinate is not finite. Boxes get the gradient 0.

    Raises
    ------
    MXNetError
        The data have too few channels, or shapes contradict one another.

    References
    ----------
    J. Dai, Y. Li, K. He, J. Sun, R-FCN: Object Detection via Region-based Fully Convolutional Networks, 2016.
    """

    name = "_contrib_PSROIPooling"
    inputs = ("data", "rois")
    params = _PARAMS

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data, rois, out = self._shapes(p, ins, outs)
        return [data, rois], [out]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        given = {**dict(g.p.items()), "shape": g.ins[0].shape}
        return [g.apply("_backward_PSROIPooling", g.ograd(), g.input(1), **given) if g.needed[0] else None, None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        args: tuple[Arg, ...] = (In(0), In(1), Out(0), *_numbers(p, ins[0].shape, outs[0].shape[0], outs[0].dtype))
        size, local = grid(outs[0].size, ctx.traits, per_item=64)
        return [KernelCall(_SOURCE, "psroi_pooling", args, defines_for(outs[0].dtype, ctx.reqs[0]), size, local)]


@register
class PSROIPoolingBackward(Op):
    """Gradient of the images: pixels collect from the bins that they are in."""

    name = "_backward_PSROIPooling"
    hidden = True
    inputs = ("ograd", "rois")
    params = {**_PARAMS, "shape": ShapeField(())}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        args: tuple[Arg, ...] = (In(0), In(1), Out(0), *_numbers(p, p.shape, ins[1].shape[0], outs[0].dtype))
        size, local = plane_grid(p.shape, ctx.traits)
        return [KernelCall(_SOURCE, "psroi_pooling_backward", args, defines_for(outs[0].dtype, ctx.reqs[0]), size, local)]


def _moves(p: Params, trans: TensorSpec | None, dtype: str) -> tuple[Scalar, ...]:
    """Samples, parts, classes and the factor of the moves; 0 where nothing moves."""
    classes = trans.shape[1] // 2 if trans is not None else 1
    ints = (p.sample_per_part, p.part_size or p.pooled_size, classes)
    return *(Scalar("int", v) for v in ints), Scalar(compute_type(dtype), float(np.float32(p.trans_std)) if trans is not None else 0.0)


@register
class DeformablePSROIPooling(_Sensitive):
    r"""`PSROIPooling` of bilinear samples, in bins that are moved by learnt parts of the box's width and height.

    Bin (i, j) of a box of width w and height h from (x1, y1) on, half a pixel before the box of `PSROIPooling`, begins at
    ``x1 + j w / P + trans_std trans[r, 2 k, part] w``, and along y likewise with plane ``2 k + 1``, where k is the class of the output's
    channel. Samples more than half a pixel outside of the image do not count.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, H, W), floating-point; C at least ``output_dim * group_size ** 2``.
    rois : Symbol or NDArray
        (R, 5): the image's index in the batch, x1, y1, x2, y2.
    trans : Symbol or NDArray
        (R, 2 classes, part_size, part_size): moves along x and y; absent with `no_trans`.
    spatial_scale : float
        From the coordinates of the boxes to those of the data, 0 to 1.
    output_dim : int
        Channels of the output, a multiple of the classes.
    group_size : int
        Groups of channels in height and width.
    pooled_size : int
        P, bins in height and width.
    part_size : int
        Parts of a box that move together, in height and width; 0: P.
    sample_per_part : int
        Samples of a bin along each direction.
    trans_std : float
        What the moves are multiplied by.
    no_trans : bool

    Returns
    -------
    Symbol or NDArray
        (R, output_dim, P, P); 0 where no sample counts. Data and moves get gradients, boxes the gradient 0.

    Raises
    ------
    MXNetError
        The data have too few channels, or shapes contradict one another.

    References
    ----------
    J. Dai et al., Deformable Convolutional Networks, 2017.
    """

    name = "_contrib_DeformablePSROIPooling"
    inputs = ("data", "rois", "trans")
    params = _DEFORMABLE_PARAMS

    def input_names(self, p: Params) -> tuple[str, ...]:
        return self.inputs[:2] if p.no_trans else self.inputs

    def json_outputs(self, p: Params) -> int:
        return 2

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data, rois, out = self._shapes(p, ins, outs)
        if p.no_trans:
            return [data, rois], [out]
        part = p.part_size or p.pooled_size
        trans = unify_shape(ins[2], (rois[0], -1, part, part), "trans must be (R, 2 classes, part_size, part_size)")
        assert trans is not None
        if trans[1] >= 0 and (trans[1] % 2 or not trans[1] or p.output_dim % (trans[1] // 2)):
            raise ShapeError(f"trans must have two channels for each of some classes that divide output_dim {p.output_dim}, got {trans[1]}")
        count = max(rois[0], trans[0])
        return [data, (count, 5), (count, *trans[1:])], [(count, *out[1:])]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        given, moves = dict(g.p.items()), () if g.p.no_trans else (g.input(2),)
        found: list[Entry | None] = [None] * len(g.ins)
        if g.needed[0]:
            found[0] = g.apply("_backward_DeformablePSROIPooling_data", g.ograd(), g.input(1), *moves, **given, shape=g.ins[0].shape)
        if moves and g.needed[2]:
            found[2] = g.apply("_backward_DeformablePSROIPooling_trans", g.ograd(), g.input(0), g.input(1), *moves, **given)
        return found

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        dtype = outs[0].dtype
        trans: Arg = In(1) if p.no_trans else In(2)
        numbers = (*_numbers(p, ins[0].shape, outs[0].shape[0], dtype), *_moves(p, None if p.no_trans else ins[2], dtype))
        size, local = grid(outs[0].size, ctx.traits, per_item=64)
        args: tuple[Arg, ...] = (In(0), In(1), trans, Out(0), *numbers)
        return [KernelCall(_SOURCE, "deformed_pooling", args, defines_for(dtype, ctx.reqs[0]), size, local)]


@register
class DeformablePSROIPoolingDataBackward(Op):
    """Gradient of the images: pixels collect from the samples around them."""

    name = "_backward_DeformablePSROIPooling_data"
    hidden = True
    inputs = ("ograd", "rois", "trans")
    params = {**_DEFORMABLE_PARAMS, "shape": ShapeField(())}

    def input_names(self, p: Params) -> tuple[str, ...]:
        return self.inputs[:2] if p.no_trans else self.inputs

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        dtype = outs[0].dtype
        trans: Arg = In(1) if p.no_trans else In(2)
        numbers = (*_numbers(p, p.shape, ins[1].shape[0], dtype), *_moves(p, None if p.no_trans else ins[2], dtype))
        size, local = plane_grid(p.shape, ctx.traits)
        args: tuple[Arg, ...] = (In(0), In(1), trans, Out(0), *numbers)
        return [KernelCall(_SOURCE, "deformed_data_backward", args, defines_for(dtype, ctx.reqs[0]), size, local)]


@register
class DeformablePSROIPoolingTransBackward(Op):
    """Gradient of the moves: each collects from the bins of its part."""

    name = "_backward_DeformablePSROIPooling_trans"
    hidden = True
    inputs = ("ograd", "data", "rois", "trans")
    params = _DEFORMABLE_PARAMS

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [ins[3]]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        dtype = outs[0].dtype
        numbers = (*_numbers(p, ins[1].shape, ins[2].shape[0], dtype), *_moves(p, ins[3], dtype))
        size, local = grid(outs[0].size // 2, ctx.traits, per_item=8)
        args: tuple[Arg, ...] = (In(0), In(1), In(2), In(3), Out(0), *numbers)
        return [KernelCall(_SOURCE, "deformed_trans_backward", args, defines_for(dtype, ctx.reqs[0]), size, local)]
