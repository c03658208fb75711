"""Batch normalisation in inference as a scale and a shift a channel, for the parameters of the layer in front of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...graph.contract.facets import Prepares
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, compute_type, ctype, defines_for, grid, req_code
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import Bool, Dtype, Field, Int, Params
from ..shared.float_types import one_float_type
from .batch_norm import BatchNorm

__all__ = ["BatchNormScale", "PadChannels", "ScaleFilters", "padded"]

_SOURCE = "norm/batch_norm_fold.cl"


def padded(channels: int, block: int) -> int:
    """The number of channels, rounded up to whole blocks.

    >>> padded(20, 16)
    32
    """
    return -(-channels // block) * block


_SCALE_PARAMS: dict[str, Field] = {
    "eps": BatchNorm.params["eps"],
    "fix_gamma": BatchNorm.params["fix_gamma"],
    "with_bias": Bool(False, "The layer in front has a bias, which joins the shift."),
    "dtype": Dtype(None, "Type of the shift; None: that of beta."),
}


@register
class BatchNormScale(Op, Prepares):
    """The scale ``gamma / sqrt(moving_var + eps)`` and the shift ``beta + (bias - moving_mean) * scale`` of a batch normalisation.

    All inputs are (C,); they are read only. The shift has the type `dtype`, so that it can be the bias of a float16 convolution.
    """

    name = "_batch_norm_scale"
    hidden = True
    inputs = ("gamma", "beta", "moving_mean", "moving_var")
    outputs = ("scale", "shift")
    params = _SCALE_PARAMS

    def input_names(self, p: Params) -> tuple[str, ...]:
        return (*self.inputs, "bias") if p.with_bias else self.inputs

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        vector: PartialShape = (-1,)
        for what, shape in zip((*self.input_names(p), *self.outputs), (*ins, *outs), strict=True):
            vector = unify_shape(vector, shape, f"{what} has one value a channel")
        return [vector] * len(ins), [vector] * 2

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        statistics, (scale,) = one_float_type(self.name, ins[:4], outs[:1])
        bias = [ins[4] or scale] if p.with_bias else []
        return [*statistics, *bias], [scale, p.dtype or scale]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        channels = ins[0].shape[0]
        scale, shift = (Out(k if ctx.reqs[k] != "null" else 1 - k) for k in (0, 1))  # not written when null
        bias = 4 if p.with_bias else 1
        defines = defines_for(
            ins[0].dtype,
            ctx.reqs[0],
            T_BIAS=ctype(ins[bias].dtype),
            T_SHIFT=ctype(outs[1].dtype),
            WITH_BIAS=int(p.with_bias),
            REQ1=req_code(ctx.reqs[1]),
        )
        numbers = (Scalar("int", channels), Scalar(compute_type(ins[0].dtype), p.eps), Scalar("int", int(p.fix_gamma)))
        args = (In(0), In(1), In(2), In(3), In(bias), scale, shift, *numbers)
        return [KernelCall(_SOURCE, "bn_fold", args, defines, *grid(channels, ctx.traits, 1024))]


@register
class ScaleFilters(Op, Prepares):
    """A weight (O, ...) times a scale (O,) for its first dimension: the filters of a layer that something scales behind it."""

    name = "_scale_filters"
    hidden = True
    inputs = ("weight", "scale")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        weight = unify_shape(ins[0], outs[0])
        if weight is None:
            return ins, outs
        if not weight:
            raise ShapeError("weight: expected (filters, ...), got ()")
        scale = unify_shape(weight[:1], ins[1], "scale has one value a filter")
        return [weight, scale], [weight]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        (weight,), (out,) = one_float_type(self.name, ins[:1], outs)
        return [weight, ins[1] or weight], [out]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n, size = outs[0].size, outs[0].size // outs[0].shape[0]
        defines = defines_for(outs[0].dtype, ctx.reqs[0], T_SCALE=ctype(ins[1].dtype))
        args = (In(0), In(1), Out(0), Scalar("long", n), Scalar("long", size))
        return [KernelCall(_SOURCE, "scale_filters", args, defines, *grid(n, ctx.traits))]


_PAD_PARAMS: dict[str, Field] = {"block": Int(doc="Channels a block.", low=1)}


@register
class PadChannels(Op, Prepares):
    """A vector (C,) with zeros up to whole blocks of channels."""

    name = "_pad_channels"
    hidden = True
    params = _PAD_PARAMS

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        vector = unify_shape((-1,), ins[0])
        assert vector is not None
        return [vector], [(-1 if vector[0] < 0 else padded(vector[0], p.block),)]

    def view(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Mapping[int, tuple[int, int]]:
        return {0: (0, 0)} if ins[0].shape == outs[0].shape else {}

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("slice_axis", g.ograd(), axis=0, begin=0, end=g.ins[0].shape[0])]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        args = (In(0), Out(0), Scalar("int", ins[0].size), Scalar("int", outs[0].size))
        defines = defines_for(outs[0].dtype, ctx.reqs[0])
        return [KernelCall(_SOURCE, "pad_channels", args, defines, *grid(outs[0].size, ctx.traits))]
