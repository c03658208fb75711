"""Regions of interest, sampling between pixels, and boxes."""

from __future__ import annotations

import numpy as np

from ..layer import Layer, converter


def _columns(layer: Layer, x: str, begin: int, end: int) -> str:
    """A part of the last axis."""
    return layer.emit("Slice", x, layer.ints(begin), layer.ints(end), layer.ints(-1))


@converter("ROIPooling")
def _roi_pooling(layer: Layer) -> str:
    return layer.emit("MaxRoiPool", *layer.ins, pooled_shape=list(layer.p.pooled_size), spatial_scale=layer.p.spatial_scale)


@converter("_contrib_ROIAlign")
def _roi_align(layer: Layer) -> str:
    p = layer.p
    if p.position_sensitive:
        layer.fail("position_sensitive=True has no equivalent in ONNX", "export a head without it")
    batch = layer.cast(layer.squeeze(_columns(layer, layer.ins[1], 0, 1), 1), layer.in_dtypes[1], "int64")
    height, width = p.pooled_size
    return layer.emit(
        "RoiAlign", layer.x, _columns(layer, layer.ins[1], 1, 5), batch, output_height=height, output_width=width,
        spatial_scale=p.spatial_scale, sampling_ratio=max(p.sample_ratio, 0), mode="avg",
        coordinate_transformation_mode="half_pixel" if p.aligned else "output_half_pixel",
    )  # fmt: skip


# ----------------------------------------------------------------------------------------------------------- sampling between pixels


def _sampled(layer: Layer, x: str, grid: str) -> str:
    """Bilinear samples at (x, y) on the last axis of the grid; pixels outside are zeros."""
    return layer.emit("GridSample", x, grid, mode="bilinear", padding_mode="zeros", align_corners=1)


def _affine(layer: Layer, theta: str, shape: tuple[int, ...]) -> str:
    """The grid of an affine map: (N, 2, H, W)."""
    height, width = shape[2:]
    if min(height, width) < 2:
        layer.fail(f"target_shape={(height, width)}: the coordinates of a single row or column are no numbers", "use at least two of each")
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    places = layer.const(np.stack([x.ravel(), y.ravel(), np.ones(x.size)]))
    made = layer.emit("MatMul", layer.reshape(theta, (-1, 2, 3)), places)
    return layer.reshape(made, (-1, 2, height, width))


@converter("GridGenerator")
def _grid_generator(layer: Layer) -> str:
    shape = layer.out_shapes[0]
    if layer.p.transform_type == "affine":
        return _affine(layer, layer.x, shape)
    height, width = layer.extent(0, 2), layer.extent(0, 3)
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    half = np.reshape([(width - 1) / 2, (height - 1) / 2], (2, 1, 1))
    moved = layer.emit("Add", layer.x, layer.const(np.stack([x, y])))
    return layer.emit("Sub", layer.emit("Div", moved, layer.const(half)), layer.const(1))


@converter("BilinearSampler")
def _sampler(layer: Layer) -> str:
    return _sampled(layer, layer.x, layer.transpose(layer.ins[1], (0, 2, 3, 1)))


@converter("SpatialTransformer")
def _transformer(layer: Layer) -> str:
    return _sampled(layer, layer.x, layer.transpose(_affine(layer, layer.ins[1], layer.out_shapes[0]), (0, 2, 3, 1)))


@converter("_contrib_DeformableConvolution", "_contrib_ModulatedDeformableConvolution")
def _deformable(layer: Layer) -> str:
    """Samples at the taps' places, then a convolution of 1 x 1 over them: ONNX's DeformConv is younger than what is written here."""
    p, modulated = layer.p, layer.op.name == "_contrib_ModulatedDeformableConvolution"
    n, channels, height, width = layer.shape(layer.in_shapes[0])
    rows, columns = layer.out_shapes[0][2:]
    groups, taps = p.num_deformable_group, p.kernel[0] * p.kernel[1]
    outputs = rows * columns
    steps, dilate, pad = p.stride or (1, 1), p.dilate or (1, 1), p.pad or (0, 0)
    tap = np.stack(np.meshgrid(*(np.arange(k) for k in p.kernel), indexing="ij")).reshape(2, taps, 1)
    place = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")).reshape(2, 1, outputs)
    plain = [tap[a] * dilate[a] + place[a] * steps[a] - pad[a] for a in range(2)]
    offsets = layer.reshape(layer.ins[1], (n * groups, taps, 2, outputs))
    axes, inside = [], ""
    for a, extent in ((1, width), (0, height)):
        own = layer.emit("Gather", offsets, layer.const(a, "int64"), axis=2)
        at = layer.emit("Add", own, layer.const(plain[a]))
        if not modulated:  # cut to the last row, zero from a pixel beyond it and before the first
            ok = layer.emit("And", layer.emit("GreaterOrEqual", at, layer.const(0)), layer.emit("Less", at, layer.const(extent)))
            inside = layer.emit("And", inside, ok) if inside else ok
            at = layer.emit("Clip", at, layer.const(0), layer.const(extent - 1))
        # pixel centres of GridSample with align_corners=0, which also has a meaning for an extent of 1
        at = layer.emit("Sub", layer.emit("Mul", layer.emit("Add", at, layer.const(0.5)), layer.const(2 / extent)), layer.const(1))
        axes.append(layer.unsqueeze(at, -1))
    grid = layer.emit("Concat", *axes, axis=-1)
    images = layer.reshape(layer.x, (n * groups, channels // groups, height, width))
    found = layer.emit("GridSample", images, grid, mode="bilinear", padding_mode="zeros", align_corners=0)
    weight = layer.ins[2]
    if modulated:
        found = layer.emit("Mul", found, layer.reshape(layer.ins[2], (n * groups, 1, taps, outputs)))
        weight = layer.ins[3]
    else:
        found = layer.emit("Mul", found, layer.unsqueeze(layer.cast(inside, "bool", layer.dtype), 1))
    flat = layer.reshape(found, (n, channels * taps, rows, columns))
    kernel = layer.reshape(weight, (p.num_filter, channels // p.num_group * taps, 1, 1))
    bias = () if p.no_bias else (layer.ins[-1],)
    return layer.emit("Conv", flat, kernel, *bias, kernel_shape=[1, 1], group=p.num_group)


# ------------------------------------------------------------------------------------------------------------------------------ boxes


def _corners(layer: Layer, x: str, form: str) -> tuple[str, str]:
    first, second = _columns(layer, x, 0, 2), _columns(layer, x, 2, 4)
    if form == "corner":
        return first, second
    half = layer.emit("Mul", second, layer.const(0.5))
    return layer.emit("Sub", first, half), layer.emit("Add", first, half)


@converter("_contrib_box_iou")
def _box_iou(layer: Layer) -> str:
    ranks = [len(s) for s in layer.in_shapes]
    left = layer.reshape(layer.ins[0], (-1, 1, 4))
    right = layer.reshape(layer.ins[1], (1, -1, 4))
    (low, high), (other_low, other_high) = (_corners(layer, x, layer.p.format) for x in (left, right))
    zero = layer.const(0)

    def area(begin: str, end: str) -> str:
        sides = layer.emit("Max", layer.emit("Sub", end, begin), zero)
        return layer.emit("ReduceProd", sides, axes=[-1], keepdims=0)

    common = area(layer.emit("Max", low, other_low), layer.emit("Min", high, other_high))
    union = layer.emit("Sub", layer.emit("Add", area(low, high), area(other_low, other_high)), common)
    positive = layer.emit("Greater", union, zero)
    ratio = layer.emit("Div", common, layer.emit("Where", positive, union, layer.const(1)))
    made = layer.emit("Where", positive, ratio, zero)
    return layer.reshape(made, layer.out_shapes[0]) if ranks != [2, 2] else made


@converter("_contrib_MultiBoxPrior")
def _prior(layer: Layer) -> str:
    """Boxes depend on the extents alone: they are computed here."""
    from ....symbol import var
    from ....symbol.register import operator

    shape = (1, 1, layer.extent(0, 2), layer.extent(0, 3))
    values = operator(layer.op.name)(var("data"), **dict(layer.p.items()))
    from ....ndarray import zeros

    return layer.const(values.eval(data=zeros(shape))[0].asnumpy(), layer.out_dtypes[0])


@converter("_contrib_box_nms", "_contrib_MultiBoxDetection", "_contrib_Proposal", "_contrib_MultiProposal")
def _suppression(layer: Layer) -> str:
    layer.fail(
        "ONNX's NonMaxSuppression gives places of boxes, not the sorted boxes of this operator",
        "export its inputs and suppress after the model",
    )
