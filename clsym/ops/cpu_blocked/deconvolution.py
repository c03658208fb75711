"""Transposed convolution over tensors in blocked layout: what a layout pass puts in the place of `Deconvolution` on CPUs.

It is the data gradient of a blocked convolution, whose parameters its nodes hold; the convolution's forward is its gradient.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...base import MXNetError
from ...graph.contract.facets import Estimated, Prepares, Recomputable
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Temp
from ...graph.contract.op import Entry, Gradient
from ...graph.contract.registry import attach, find_op, register
from ...graph.contract.spec import PartialShape, TensorSpec, unify_shape
from ...graph.contract.traits import DeviceTraits
from ...graph.rewrite.requests import Blocked
from ...graph.rewrite.rewrite import Rewrite, Rewriting
from ...params import Bool, Params
from ..convolution.deconvolution import as_convolution
from ..shared.channels_last import is_last
from ..shared.epilogue import Epilogue
from . import direct, gradient, winograd
from .convolution import PACKED, PACKED_LIMIT, SHAPE_PARAMS, geometry_of, trainable
from .depthwise import MOST_TAPS
from .geometry import BlockedGeometry
from .reorder import BlockedOp

__all__ = ["BlockedDeconvolution"]

SPARE = 4
"""Lanes without a channel may be a fourth of the output's channels, unless the data is blocked already."""


def _turned(g: BlockedGeometry) -> BlockedGeometry | None:
    """The convolution of stride 1 that computes it, if there is one."""
    turned = g.transposed()
    return None if g.stride != (1, 1) or min(turned.pad) < 0 else turned


def _packed_shape(g: BlockedGeometry, tile: int) -> tuple[int, ...]:
    turned = _turned(g)
    if turned is None:
        return (gradient.packed_strided_bytes(g) // 4,)
    return winograd.packed_shape(turned, tile) if tile else direct.packed_shape(turned)


def _pack(g: BlockedGeometry, tile: int, weight: Arg, packed: Arg, traits: DeviceTraits) -> list[KernelCall]:
    turned = _turned(g)
    if turned is None:
        return gradient.pack_strided(g, weight, packed, traits)
    if tile:
        return winograd.pack(turned, weight, packed, traits, tile, turned=True)
    return direct.pack(turned, weight, packed, traits, turned=True)


def _fits(g: BlockedGeometry, traits: DeviceTraits) -> bool:
    """Whether the strided kernel finds room on the device."""
    try:
        gradient.strided_data_gradient(g, In(0), In(1), Out(0), "write", traits)
    except MXNetError:
        return False
    return True


@register
class PackDeconvolution(BlockedOp, Prepares):
    """The weight of a transposed convolution in the order in which the kernels read it, padded with zeros to whole blocks."""

    name = "_pack_deconvolution"
    inputs = ("weight",)
    params = SHAPE_PARAMS

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        g = geometry_of(p)
        return [g.weight_shape], [_packed_shape(g, p.tile)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return _pack(geometry_of(p), p.tile, In(0), Out(0), ctx.traits)


@register
class BlockedDeconvolution(BlockedOp, Recomputable, Estimated):
    """``transposed convolution(data, weight) + bias``, data and output in blocked layout; `shape` is that of the output in NCHW."""

    name = "_blocked_deconvolution"
    recompute = "heavy"
    inputs = ("data", "weight", "bias")
    params = {
        **SHAPE_PARAMS,
        "packed": Bool(False, "The weight was packed by `_pack_deconvolution`; else it is as the user has it."),
        "no_bias": Bool(True),
    }

    def input_names(self, p: Params) -> tuple[str, ...]:
        return self.inputs[:2] if p.no_bias else self.inputs

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        g = geometry_of(p)
        weight = _packed_shape(g, p.tile) if p.packed else g.weight_shape
        biases: list[PartialShape] = [] if p.no_bias else [(g.in_blocks * g.block,)]
        return [g.out_shape, weight, *biases], [unify_shape(g.data_shape, outs[0])]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        p, head = g.p, g.ograd()
        assert not p.packed
        given = {name: getattr(p, name) for name in SHAPE_PARAMS if name != "tile"}
        found: list[Entry | None] = [None] * len(g.ins)
        if g.needed[0]:
            found[0] = g.apply("_blocked_convolution", head, g.input(1), **given)
        if g.needed[1]:
            found[1] = g.apply("_backward_blocked_convolution_weight", g.input(0), head, **given)
        if not p.no_bias and g.needed[2]:
            point = {"kernel": (1, 1), "num_filter": p.shape[1], "shape": p.shape, "block": p.block}
            found[2] = g.apply("_backward_blocked_convolution_bias", head, **point)
        return found

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        g = geometry_of(p)
        weight: Arg = In(1)
        calls: list[KernelCall] = []
        if not p.packed:
            weight = Temp(PACKED, 4 * TensorSpec(_packed_shape(g, p.tile)).size)
            calls = _pack(g, p.tile, In(1), weight, ctx.traits)
        bias = None if p.no_bias else In(2)
        turned = _turned(g)
        if turned is None:
            return [*calls, *gradient.strided_data_gradient(g, In(0), weight, Out(0), ctx.reqs[0], ctx.traits, bias)]
        if p.tile:
            return [*calls, *winograd.forward(turned, In(0), weight, Out(0), Epilogue(bias), ctx.reqs[0], ctx.traits, p.tile)]
        return [*calls, *direct.forward(turned, In(0), weight, Out(0), Epilogue(bias), ctx.reqs[0], ctx.traits)]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return geometry_of(p).flops, sum(t.nbytes for t in (*ins, *outs))


class BlockedForm(Rewriting):
    """The blocked form of a `Deconvolution` on CPUs."""

    def rewrite(self, r: Rewrite) -> Sequence[Entry | Blocked] | None:
        p, data = r.p, r.ins[0]
        if not r.block or data.dtype != "float32" or len(p.kernel) != 2 or is_last(p) or 0 in data.shape:
            return None
        channels, groups = data.shape[1], p.num_group
        if groups == channels == p.num_filter > 1:
            return _depthwise(r, as_convolution(p, channels, data.shape[2:])) if p.no_bias else None
        spare = -p.num_filter % r.block
        if channels < r.block or math.prod(data.shape[2:]) == 1 or (spare > p.num_filter // SPARE and not r.is_blocked(0)):
            return None
        if groups > 1 and (channels // groups % r.block or p.num_filter // groups % r.block):
            return None
        if r.train and r.ins[1].nbytes > PACKED_LIMIT * (data.nbytes + r.outs[0].nbytes):
            return None
        convolution = as_convolution(p, channels, data.shape[2:])
        given = {name: convolution[name] for name in ("kernel", "stride", "dilate", "pad", "num_filter", "num_group")}
        given |= {"shape": r.outs[0].shape, "block": r.block}
        geometry = geometry_of(find_op("_pack_deconvolution").parse(given))
        if not (trainable(geometry, False, r.traits) if r.train else _fits(geometry, r.traits)):
            return None
        turned, hoisted = _turned(geometry), not r.train
        given["tile"] = 0 if turned is None else winograd.worth(turned, r.traits, hoisted)
        weight = r.plain(1)
        if hoisted:
            weight = r.apply("_pack_deconvolution", weight, **given)
        bias = () if p.no_bias else (r.apply("_pad_channels", r.plain(2), block=r.block),)
        return [Blocked(r.apply("_blocked_deconvolution", r.blocked(0), weight, *bias, **given, packed=hoisted, no_bias=p.no_bias))]


class BlockedUpSampling(Rewriting):
    """The blocked form of bilinear `UpSampling`, which is such a layer."""

    def rewrite(self, r: Rewrite) -> Sequence[Entry | Blocked] | None:
        p, data = r.p, r.ins[0]
        if p.sample_type != "bilinear" or not r.block or data.dtype != "float32" or 0 in data.shape:
            return None
        extent, pad = 2 * p.scale - p.scale % 2, p.scale // 2
        one, window = (1, 1), {"kernel": (extent, extent), "stride": (p.scale, p.scale), "pad": (pad, pad)}
        return _depthwise(r, {**window, "dilate": one})


def _depthwise(r: Rewrite, convolution: Mapping[str, Any]) -> Sequence[Entry | Blocked] | None:
    """One window a channel; lanes without a channel cost less than another layout, if they are no more than half."""
    n, channels, height, width = r.outs[0].shape
    if math.prod(convolution["kernel"]) > MOST_TAPS or (-channels % r.block > channels and not r.is_blocked(0)):
        return None
    given = {name: convolution[name] for name in ("kernel", "stride", "dilate", "pad")}
    shape = (n, -(-channels // r.block), height, width, r.block)
    weight = r.plain(1) if r.train else r.apply("_pack_depthwise", r.plain(1), block=r.block)
    more = {"channels": channels, "shape": shape, "packed": not r.train}
    return [Blocked(r.apply("_blocked_depthwise_deconvolution", r.blocked(0), weight, **given, **more))]


attach("Deconvolution", BlockedForm())
attach("UpSampling", BlockedUpSampling())
