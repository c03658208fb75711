"""Convolution over tensors in blocked layout: what a layout pass puts in the place of `Convolution` on CPUs, with what it may take over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...base import MXNetError
from ...graph.contract.facets import Estimated, Prepares, Recomputable
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Temp
from ...graph.contract.op import Entry, Gradient, Node
from ...graph.contract.registry import attach, register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...graph.contract.traits import DeviceTraits
from ...graph.rewrite.requests import Blocked, Request
from ...graph.rewrite.rewrite import Absorbing, Rewrite, Rewriting
from ...params import REQUIRED, Bool, Enum, Field, Float, Int, Params, Shape
from ..shared.channels_last import is_last
from ..shared.epilogue import ACTIVATIONS, Epilogue, over_packed_weight
from . import direct as blocked_direct
from . import gradient as blocked_gradient
from . import winograd
from .geometry import BlockedGeometry
from .reorder import BlockedOp

__all__ = ["PACKED", "PACKED_LIMIT", "SHAPE_PARAMS", "BlockedConvolution", "PackConvolution", "geometry_of", "pack_into_temp", "trainable"]

SHAPE_PARAMS: dict[str, Field] = {
    "kernel": Shape(REQUIRED),
    "stride": Shape((1, 1)),
    "dilate": Shape((1, 1)),
    "pad": Shape((0, 0)),
    "num_filter": Int(low=1),
    "num_group": Int(1, low=1),
    "shape": Shape(REQUIRED, "Of the data in NCHW."),
    "block": Int(doc="Channels a block.", low=1),
    "plain": Bool(False, "The data is in NCHW: few channels, as those of a picture."),
    "tile": Int(0, "Extent of Winograd's output tiles, 2 or 4; 0: direct.", low=0),
}
_PARAMS: dict[str, Field] = {
    **SHAPE_PARAMS,
    "packed": Bool(False, "The weight was packed by `_pack_convolution`; else it is as the user has it."),
    "no_bias": Bool(True),
    "with_residual": Bool(False, "A tensor of the output's shape is added."),
    "act_type": Enum(ACTIVATIONS, "none"),
    "act_low": Float(0.0),
    "act_high": Float(0.0),
}


def geometry_of(p: Params) -> BlockedGeometry:
    """The geometry that the parameters describe."""
    images, channels, height, width = p.shape
    out = [
        (x + 2 * pad - d * (k - 1) - 1) // s + 1 for x, k, s, d, pad in zip(p.shape[2:], p.kernel, p.stride, p.dilate, p.pad, strict=True)
    ]
    if min(out) < 1:
        raise ShapeError(f"kernel {p.kernel} exceeds data {p.shape}")
    kernel, stride, dilate, pad = ((int(v[0]), int(v[1])) for v in (p.kernel, p.stride, p.dilate, p.pad))
    return BlockedGeometry(
        images, p.num_group, channels, p.num_filter, (height, width), (out[0], out[1]), kernel, stride, dilate, pad, p.block
    )


def _packed_shape(g: BlockedGeometry, p: Params) -> tuple[int, ...]:
    return winograd.packed_shape(g, p.tile) if p.tile else blocked_direct.packed_shape(g, p.plain)


def _pack(
    g: BlockedGeometry, tile: int, weight: Arg, out: Arg, traits: DeviceTraits, plain: bool, turned: bool = False
) -> list[KernelCall]:
    if tile:
        return winograd.pack(g, weight, out, traits, tile, turned)
    return blocked_direct.pack(g, weight, out, traits, turned, plain)


def pack_into_temp(
    g: BlockedGeometry, tile: int, weight: Arg, traits: DeviceTraits, plain: bool = False, turned: bool = False
) -> tuple[Temp, list[KernelCall]]:
    """The weight packed in a workspace, for graphs in which it changes with every step."""
    shape = winograd.packed_shape(g, tile) if tile else blocked_direct.packed_shape(g, plain)
    temp = Temp(PACKED, 4 * TensorSpec(shape).size)
    return temp, _pack(g, tile, weight, temp, traits, plain, turned)


PACKED_LIMIT = 2
"""Where weights have more bytes than this many times data and output, as deep layers of a batch of one, a packed copy of them in training
would take more memory than blocking the maps is worth."""

PACKED = 15
"""Number of the workspace that holds a packed weight; the kernels' own have smaller ones."""


class PackConvolution(BlockedOp, Prepares):
    """The weight of a convolution in the order in which the kernels read it, padded with zeros to whole blocks."""

    name = "_pack_convolution"
    inputs = ("weight",)
    params = SHAPE_PARAMS

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        g = geometry_of(p)
        return [g.weight_shape], [_packed_shape(g, p)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return _pack(geometry_of(p), p.tile, In(0), Out(0), ctx.traits, p.plain)


class BlockedConvolution(BlockedOp, Recomputable, Absorbing, Estimated):
    """``activation(convolution(data, weight) + bias + residual)``, all tensors but a plain input in blocked layout."""

    name = "_blocked_convolution"
    recompute = "heavy"
    inputs = ("data", "weight", "bias", "residual")
    params = _PARAMS

    def input_names(self, p: Params) -> tuple[str, ...]:
        return ("data", "weight", *(() if p.no_bias else ("bias",)), *(("residual",) if p.with_residual else ()))

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        g = geometry_of(p)
        data = p.shape if p.plain else g.data_shape
        weight = _packed_shape(g, p) if p.packed else g.weight_shape
        bias = [] if p.no_bias else [(g.out_blocks * g.block,)]
        return [data, weight, *bias, *([g.out_shape] if p.with_residual else [])], [unify_shape(g.out_shape, outs[0])]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, len(ins) - 1),) if p.with_residual else ()

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        p, head = g.p, g.ograd()
        assert not p.packed
        assert p.act_type == "none"
        assert not p.with_residual
        given = {name: getattr(p, name) for name in SHAPE_PARAMS}
        found: list[Entry | None] = [None] * len(g.ins)
        if g.needed[0]:
            if p.plain:
                plain = g.apply("_from_blocked", head, channels=p.num_filter)
                names = ("kernel", "stride", "dilate", "pad", "num_filter", "num_group", "shape")
                found[0] = g.apply("_backward_Convolution_data", plain, g.input(1), **{n: getattr(p, n) for n in names})
            else:
                found[0] = g.apply("_backward_blocked_convolution_data", head, g.input(1), **given)
        if g.needed[1]:
            found[1] = g.apply("_backward_blocked_convolution_weight", head, g.input(0), **given)
        if not p.no_bias and g.needed[2]:
            found[2] = g.apply("_backward_blocked_convolution_bias", head, **given)
        return found

    def absorb(self, node: Node, request: Request, r: Rewrite) -> Node | None:
        return None if r.train or not node.params.packed else over_packed_weight(node, request, r)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        g = geometry_of(p)
        n = len(ins)
        epilogue = Epilogue(None if p.no_bias else In(2), In(n - 1) if p.with_residual else None, p.act_type, p.act_low, p.act_high)
        weight: Arg = In(1)
        calls: list[KernelCall] = []
        if not p.packed:
            weight, calls = pack_into_temp(g, p.tile, In(1), ctx.traits, p.plain)
        if p.tile:
            return [*calls, *winograd.forward(g, In(0), weight, Out(0), epilogue, ctx.reqs[0], ctx.traits, p.tile)]
        return [*calls, *blocked_direct.forward(g, In(0), weight, Out(0), epilogue, ctx.reqs[0], ctx.traits, p.plain)]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return geometry_of(p).flops, sum(t.nbytes for t in (*ins, *outs))


class _Backward(BlockedOp, Recomputable, Estimated):
    recompute = "heavy"
    params = SHAPE_PARAMS

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return geometry_of(p).flops, sum(t.nbytes for t in (*ins, *outs))


class DataGradient(_Backward):
    """Gradient of the data, in blocked layout."""

    name = "_backward_blocked_convolution_data"
    inputs = ("ograd", "weight")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        g = geometry_of(p)
        return [g.out_shape, g.weight_shape], [g.data_shape]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        g = geometry_of(p)
        turned = g.transposed()
        if g.stride != (1, 1) or min(turned.pad) < 0:
            packed = Temp(PACKED, blocked_gradient.packed_strided_bytes(g))
            calls = blocked_gradient.pack_strided(g, In(1), packed, ctx.traits)
            return [*calls, *blocked_gradient.strided_data_gradient(g, In(0), packed, Out(0), ctx.reqs[0], ctx.traits)]
        tile = winograd.worth(turned, ctx.traits, False)
        weight, calls = pack_into_temp(turned, tile, In(1), ctx.traits, turned=True)
        if tile:
            return [*calls, *winograd.forward(turned, In(0), weight, Out(0), Epilogue(), ctx.reqs[0], ctx.traits, tile)]
        return [*calls, *blocked_direct.forward(turned, In(0), weight, Out(0), Epilogue(), ctx.reqs[0], ctx.traits)]


class WeightGradient(_Backward):
    """Gradient of the weight, as the user has it."""

    name = "_backward_blocked_convolution_weight"
    inputs = ("ograd", "data")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        g = geometry_of(p)
        return [g.out_shape, p.shape if p.plain else g.data_shape], [g.weight_shape]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return blocked_gradient.weight_gradient(geometry_of(p), In(0), In(1), Out(0), ctx.reqs[0], ctx.traits, p.plain)


class BiasGradient(_Backward):
    """Gradient of the bias, whose length is that of whole blocks."""

    name = "_backward_blocked_convolution_bias"
    inputs = ("ograd",)

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        g = geometry_of(p)
        return [g.out_shape], [(g.out_blocks * g.block,)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        g = geometry_of(p)
        whole = replace(g, filters=g.out_blocks * g.block)
        return blocked_gradient.bias_gradient(whole, In(0), Out(0), ctx.reqs[0], ctx.traits)


for _op in (PackConvolution, BlockedConvolution, DataGradient, WeightGradient, BiasGradient):
    register(_op)


# ------------------------------------------------------------------------------------------------------------ from the user's operator


class BlockedForm(Rewriting):
    """The blocked form of a `Convolution` on CPUs."""

    def rewrite(self, r: Rewrite) -> Sequence[Entry | Blocked] | None:
        found = _blocked_form(r)
        return None if found is None else [Blocked(found)]


def _blocked_form(r: Rewrite) -> Entry | None:
    """Its output in blocked layout; None where it has none."""
    p, data = r.p, r.ins[0]
    if not r.block or data.dtype != "float32" or len(p.kernel) != 2 or is_last(p) or 0 in data.shape or 0 in r.ins[1].shape:
        return None
    given = {
        "kernel": p.kernel,
        "stride": p.stride or (1, 1),
        "dilate": p.dilate or (1, 1),
        "pad": p.pad or (0, 0),
        "num_filter": p.num_filter,
        "num_group": p.num_group,
        "shape": data.shape,
        "block": r.block,
    }
    channels, groups = data.shape[1], p.num_group
    bias = () if p.no_bias else (r.apply("_pad_channels", r.plain(2), block=r.block),)
    if groups > 1 and groups == channels == p.num_filter:
        return _depthwise(r, given, bias)
    if p.num_filter < r.block or (groups > 1 and (channels // groups % r.block or p.num_filter // groups % r.block)):
        return None
    if r.train and r.ins[1].nbytes > PACKED_LIMIT * (data.nbytes + r.outs[0].nbytes):
        return None
    plain = channels < r.block and not r.is_blocked(0)
    geometry = geometry_of(PackConvolution().parse({**given, "plain": plain}))
    if r.train and not trainable(geometry, plain, r.traits):
        return None
    hoisted = not r.train
    tile = 0 if plain else winograd.worth(geometry, r.traits, hoisted)
    given |= {"plain": plain, "tile": tile}
    weight = r.plain(1)
    if hoisted:
        weight = r.apply("_pack_convolution", weight, **given)
    inputs = (r.plain(0) if plain else r.blocked(0), weight, *bias)
    return r.apply("_blocked_convolution", *inputs, **given, packed=hoisted, no_bias=p.no_bias)


def trainable(g: BlockedGeometry, plain: bool, traits: DeviceTraits) -> bool:
    """Whether the gradients' kernels find room on the device: large windows need more local memory than small devices have."""
    try:
        blocked_gradient.weight_gradient(g, In(0), In(1), Out(0), "write", traits, plain)
        if not plain and g.stride != (1, 1):
            blocked_gradient.strided_data_gradient(g, In(0), In(1), Out(0), "write", traits)
    except MXNetError:
        return False
    return True


def _depthwise(r: Rewrite, given: dict[str, object], bias: tuple[Entry, ...]) -> Entry | None:
    if not r.is_blocked(0):
        return None
    weight = r.plain(1)
    shared = {k: given[k] for k in ("kernel", "stride", "dilate", "pad")}
    if not r.train:
        weight = r.apply("_pack_depthwise", weight, block=r.block)
    return r.apply(
        "_blocked_depthwise", r.blocked(0), weight, *bias, **shared, channels=r.ins[0].shape[1], packed=not r.train, no_bias=not bias
    )


attach("Convolution", BlockedForm())
