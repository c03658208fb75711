"""Depthwise convolution over blocked tensors, and its gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...base import MXNetError
from ...graph.contract.facets import Estimated, Prepares, Recomputable
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Temp
from ...graph.contract.op import Entry, Gradient, Node
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, known, show_shape, unify_shape
from ...graph.rewrite.requests import Request
from ...graph.rewrite.rewrite import Absorbing, Rewrite
from ...params import REQUIRED, Bool, Enum, Field, Float, Int, Params, Shape
from ..shared.epilogue import ACTIVATIONS, Epilogue, over_packed_weight
from . import depthwise_calls as calls
from .geometry import BlockedGeometry
from .reorder import BLOCKS, BlockedOp, blocked_dims

__all__ = ["MOST_TAPS", "BlockedDepthwise", "BlockedDepthwiseDeconvolution", "PackDepthwise"]

MOST_TAPS = 128
"""Positions of the largest window that the kernels, which unroll it, take."""

_WINDOW: dict[str, Field] = {
    "kernel": Shape(REQUIRED, "Window (h, w).", length=2),
    "stride": Shape((1, 1), "Stride (h, w).", length=2),
    "dilate": Shape((1, 1), "Dilation (h, w).", length=2),
    "pad": Shape((0, 0), "Zero padding at either side (h, w).", length=2),
    "channels": Int(doc="Channels of data and output.", low=1),
}


@register
class PackDepthwise(BlockedOp, Prepares):
    """The weight of a depthwise convolution, (C, 1, kh, kw), as (ceil(C / block), kh * kw, block), zeros beyond C. For inference."""

    name = "_pack_depthwise"
    inputs = ("weight",)
    params = {"block": Int(doc="Channels of a block: 4, 8 or 16.", low=1)}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if p.block not in BLOCKS:
            raise ShapeError(f"block={p.block}: a block has 4, 8 or 16 channels")
        weight = ins[0]
        if weight is None:
            return ins, outs
        if len(weight) != 4 or weight[1] not in (1, -1):
            raise ShapeError(f"weight must be (C, 1, kh, kw), got {show_shape(weight)}")
        c, _, kh, kw = weight
        out = (-(-c // p.block) if c >= 0 else -1, kh * kw if min(kh, kw) >= 0 else -1, p.block)
        return [(c, 1, kh, kw)], [unify_shape(out, outs[0])]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        c, _, kh, kw = ins[0].shape
        return [calls.pack((kh, kw), c, p.block, In(0), Out(0), ctx.reqs[0], ctx.traits)]


def _check(p: Params) -> None:
    for name, low in (("kernel", 1), ("stride", 1), ("dilate", 1), ("pad", 0)):
        if any(not low <= v < 1 << 31 for v in getattr(p, name)):
            raise ShapeError(f"{name}={getattr(p, name)}: both extents must be at least {low}")
    if math.prod(p.kernel) > MOST_TAPS:
        raise ShapeError(f"kernel={p.kernel}: windows of up to {MOST_TAPS} taps are supported in blocked layout; use Convolution")


def _result(p: Params, extents: Sequence[int]) -> list[int]:
    """Extents of the output's maps, -1 where unknown."""
    found = []
    for x, k, s, d, q in zip(extents, p.kernel, p.stride, p.dilate, p.pad, strict=True):
        window = d * (k - 1) + 1
        if x >= 0 and window > x + 2 * q:
            raise ShapeError(f"kernel {p.kernel}, dilated by {p.dilate}, exceeds data of {x} pixels padded by {q} at either side")
        found.append((x + 2 * q - window) // s + 1 if x >= 0 else -1)
    return found


def _geometry(p: Params, data: Sequence[int], out: Sequence[int]) -> BlockedGeometry:
    """Of a convolution between blocked shapes."""
    if max(math.prod(data[2:]), math.prod(out[2:])) >= 1 << 31:
        raise MXNetError(f"depthwise convolution of {tuple(data)} is too large: a block of channels must be below 2**31 elements")
    return BlockedGeometry(
        data[0], p.channels, p.channels, p.channels, (data[2], data[3]), (out[2], out[3]), p.kernel, p.stride, p.dilate, p.pad, data[4]
    )


def _packed(p: Params, g: BlockedGeometry, weight: Arg, ctx: LowerContext) -> tuple[list[KernelCall], Arg]:
    """The packed weight, and what makes it where the operator is given the raw one."""
    if p.packed:
        return [], weight
    packed = Temp(0, 4 * math.prod(calls.packed_shape(g)))
    return [calls.pack(g.kernel, g.channels, g.block, weight, packed, "write", ctx.traits)], packed


@register
class BlockedDepthwise(BlockedOp, Recomputable, Absorbing, Estimated):
    """``act(data * weight + bias + residual)``: a convolution with one window a channel.

    Inputs: data (N, blocks, H, W, b); weight (C, 1, kh, kw), or with `packed` as `_pack_depthwise` makes it; unless `no_bias`, bias (C,) or
    (blocks * b,) with zeros beyond C; with `with_residual`, residual, of the output's shape. Lanes beyond C are zero in the output if they
    are in data and residual. The gradient exists for raw weights without activation and residual.
    """

    name = "_blocked_depthwise"
    recompute = "heavy"
    params = {
        **_WINDOW,
        "packed": Bool(False, "Whether the weight is packed."),
        "no_bias": Bool(False, "Whether there is no bias."),
        "with_residual": Bool(False, "Whether there is something to add before the activation."),
        "act_type": Enum(ACTIVATIONS, "none", "What to apply in the end."),
        "act_low": Float(0.0, "Lower limit of clip; slope of leaky."),
        "act_high": Float(0.0, "Upper limit of clip."),
    }

    def absorb(self, node: Node, request: Request, r: Rewrite) -> Node | None:
        return None if r.train or not node.params.packed else over_packed_weight(node, request, r)

    def input_names(self, p: Params) -> tuple[str, ...]:
        bias = () if p.no_bias else ("bias",)
        return ("data", "weight", *bias, *(("residual",) if p.with_residual else ()))

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        _check(p)
        data = blocked_dims(ins[0], "data")
        if data is None:
            return ins, outs
        n, _, height, width, block = data
        if block > 0:
            data = blocked_dims(unify_shape(data, (-1, -(-p.channels // block), -1, -1, -1)), "data") or data
        if p.act_type == "clip" and block > 0 and p.channels % block and not p.act_low <= 0 <= p.act_high:
            raise ShapeError(
                f"clip to [{p.act_low}, {p.act_high}] would put other numbers than zero into the lanes beyond {p.channels} channels; "
                "clip behind the reorder to NCHW"
            )
        out: PartialShape = (n, data[1], *_result(p, (height, width)), block)
        residual = ins[-1] if p.with_residual else None
        for what, other in (("output", outs[0]), ("residual", residual)):
            out = unify_shape(out, other, what)
        wanted: tuple[int, ...] = (data[1], math.prod(p.kernel), block) if p.packed else (p.channels, 1, *p.kernel)
        weight = unify_shape(wanted, ins[1], f"weight must be {show_shape(wanted)}, {'packed' if p.packed else '(channels, 1, kh, kw)'}")
        shapes: list[PartialShape] = [data, weight]
        if not p.no_bias:
            bias = ins[2] if ins[2] is not None and known(ins[2]) else (p.channels,)
            if bias not in ((p.channels,), (data[1] * block,)):
                raise ShapeError(f"bias must be ({p.channels},), or ({data[1] * block},) with zeros at the end, got {show_shape(bias)}")
            shapes.append(bias)
        return [*shapes, *([out] if p.with_residual else [])], [out]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        p = g.p
        if p.packed or p.with_residual or p.act_type != "none":
            return super().gradient(g)
        found: list[Entry | None] = [None] * len(g.ins)
        head, window = g.ograd(), {name: getattr(p, name) for name in _WINDOW}
        if g.needed[0]:
            found[0] = g.apply("_backward_blocked_depthwise_data", head, g.input(1), **window, shape=g.ins[0].shape, packed=False)
        if g.needed[1]:
            found[1] = g.apply("_backward_blocked_depthwise_weight", head, g.input(0), **window)
        if not p.no_bias and g.needed[2]:
            found[2] = g.apply("_backward_blocked_depthwise_bias", head, length=g.ins[2].shape[0])
        return found

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, len(ins) - 1),) if p.with_residual else ()

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        g = _geometry(p, ins[0].shape, outs[0].shape)
        first, weight = _packed(p, g, In(1), ctx)
        bias, residual = None if p.no_bias else In(2), In(len(ins) - 1) if p.with_residual else None
        epilogue = Epilogue(bias, residual, p.act_type, p.act_low, p.act_high)
        length = 0 if p.no_bias else ins[2].size
        return [*first, calls.forward(g, In(0), weight, Out(0), epilogue, length, ctx.reqs[0], ctx.traits)]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 2 * outs[0].size * math.prod(p.kernel), sum(t.nbytes for t in (*ins, *outs))


class _DepthwiseGradient(BlockedOp, Recomputable, Estimated):
    recompute = "heavy"
    params: dict[str, Field] = _WINDOW

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 2 * ins[0].size * math.prod(p.kernel), sum(t.nbytes for t in (*ins, *outs))


@register
class DepthwiseData(_DepthwiseGradient):
    """Gradient of the data of `_blocked_depthwise`, whose shape is given."""

    name = "_backward_blocked_depthwise_data"
    inputs = ("ograd", "weight")
    params = {**_WINDOW, "shape": Shape(), "packed": Bool(False)}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        g = _geometry(p, outs[0].shape, ins[0].shape)
        first, weight = _packed(p, g, In(1), ctx)
        return [*first, calls.backward_data(g, In(0), weight, Out(0), ctx.reqs[0], ctx.traits)]


@register
class BlockedDepthwiseDeconvolution(DepthwiseData):
    """Transposed depthwise convolution, to a blocked shape that is given: that gradient, as a layer."""

    name = "_blocked_depthwise_deconvolution"
    inputs = ("data", "weight")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        _check(p)
        return super().infer_shape(p, ins, outs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        assert not g.p.packed
        head, window = g.ograd(), {name: getattr(g.p, name) for name in _WINDOW}
        data = g.apply("_blocked_depthwise", head, g.input(1), **window, no_bias=True) if g.needed[0] else None
        return [data, g.apply("_backward_blocked_depthwise_weight", g.input(0), head, **window) if g.needed[1] else None]


@register
class DepthwiseWeight(_DepthwiseGradient):
    """Gradient of the weight of `_blocked_depthwise`, (C, 1, kh, kw)."""

    name = "_backward_blocked_depthwise_weight"
    inputs = ("ograd", "data")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [(p.channels, 1, *p.kernel)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        g = _geometry(p, ins[1].shape, ins[0].shape)
        return calls.backward_weight(g, In(0), In(1), Out(0), ctx.reqs[0], ctx.traits)


@register
class DepthwiseBias(BlockedOp):
    """Gradient of the bias of `_blocked_depthwise`: the sum over images and pixels, of `length` channels."""

    name = "_backward_blocked_depthwise_bias"
    inputs = ("ograd",)
    params = {"length": Int(doc="Values of the bias.", low=1)}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [(p.length,)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return calls.backward_bias(ins[0].shape, p.length, In(0), Out(0), ctx.reqs[0], ctx.traits)
