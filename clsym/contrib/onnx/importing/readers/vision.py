"""Regions of interest, sampling, boxes."""

from __future__ import annotations

from .....symbol import Symbol
from ..node import Node, reads


@reads("MaxRoiPool")
def _max_roi_pool(n: Node) -> Symbol:
    return n.out("ROIPooling", n.x, n[1], pooled_size=tuple(n.attrs["pooled_shape"]), spatial_scale=n.attr("spatial_scale", 1.0))


@reads("RoiAlign")
def _roi_align(n: Node) -> Symbol:
    n.require(n.attr("mode", "avg") == "avg", f"mode {n.attr('mode')!r}")
    aligned = n.attr("coordinate_transformation_mode", "half_pixel" if n.opset >= 16 else "output_half_pixel") == "half_pixel"
    count = n.shape(1)[0]
    batch = n.op("Reshape", n.cast(n[2], n.dtype(1)), shape=(count, 1))
    return n.out(
        "_contrib_ROIAlign", n.x, n.op("Concat", batch, n[1], dim=1), pooled_size=(n.attr("output_height", 1), n.attr("output_width", 1)),
        spatial_scale=n.attr("spatial_scale", 1.0), sample_ratio=n.attr("sampling_ratio", 0) or -1, aligned=aligned,
    )  # fmt: skip


@reads("Col2Im")
def _col2im(n: Node) -> Symbol:
    kernel = n.ints("block_shape", 2)
    rank = len(kernel)
    pads = n.attr("pads", [0] * 2 * rank)
    n.require(list(pads[:rank]) == list(pads[rank:]), f"pads {pads}")
    return n.out(
        "col2im", n.x, output_size=n.ints("image_shape", 1), kernel=kernel, stride=tuple(n.attr("strides", (1,) * rank)),
        dilate=tuple(n.attr("dilations", (1,) * rank)), pad=tuple(pads[:rank]),
    )  # fmt: skip


@reads("DeformConv")
def _deform_conv(n: Node) -> Symbol:
    weight = n.shape(1)
    kernel = tuple(n.attr("kernel_shape", weight[2:]))
    rank = len(kernel)
    pads = n.attr("pads", [0] * 2 * rank)
    n.require(list(pads[:rank]) == list(pads[rank:]), f"pads {pads}")
    masked = n.has(4)
    parts = [n.x, n[2], *([n[4]] if masked else []), n[1], *([n[3]] if n.has(3) else [])]
    return n.out(
        "_contrib_ModulatedDeformableConvolution" if masked else "_contrib_DeformableConvolution", *parts, kernel=kernel,
        stride=tuple(n.attr("strides", (1,) * rank)), dilate=tuple(n.attr("dilations", (1,) * rank)), pad=tuple(pads[:rank]),
        num_filter=weight[0], num_group=n.attr("group", 1), num_deformable_group=n.attr("offset_group", 1), no_bias=not n.has(3),
    )  # fmt: skip
