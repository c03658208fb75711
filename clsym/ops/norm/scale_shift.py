"""A scale and a shift a channel, a sum and an activation in one pass: what is left of a batch normalisation in inference."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, compute_type, defines_for, grid
from ...graph.contract.op import Node, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...graph.rewrite.requests import Request
from ...graph.rewrite.rewrite import Absorbing, Rewrite
from ...params import Bool, Enum, Field, Float, Int, Params
from ..shared.epilogue import ACTIVATIONS, with_epilogue
from ..shared.float_types import one_float_type, statistics_type
from .batch_norm_fold import padded

__all__ = ["ScaleShift"]

_SOURCE = "norm/scale_shift.cl"

_SCALE_SHIFT_PARAMS: dict[str, Field] = {
    "axis": Int(1, "Where the channels stand, unless blocked."),
    "channels": Int(0, "Number of channels; 0: as the data has them, or whole blocks of them."),
    "blocked": Bool(False, "The data is (N, blocks, H, W, block)."),
    "with_residual": Bool(False, "A tensor like the data is added."),
    "act_type": Enum(ACTIVATIONS, "none", "What is applied to the sum."),
    "act_low": Float(0.0, "Lower limit of clip; slope of leaky."),
    "act_high": Float(0.0, "Upper limit of clip."),
}


@register
class ScaleShift(Op, Absorbing, Estimated):
    """``act(data * scale[c] + shift[c] + residual)`` for channel c at `axis`, or in blocked layout.

    data and residual are of one floating-point type and shape; scale and shift are (C,), for blocked data with zeros up to whole
    blocks, and float32 for float16 data. Lanes beyond the last channel stay zero. The activations are those of `blocked_geometry`.
    For inference: it has no gradient.
    """

    name = "_scale_shift"
    hidden = True
    params = _SCALE_SHIFT_PARAMS

    def input_names(self, p: Params) -> tuple[str, ...]:
        return ("data", "scale", "shift", "residual") if p.with_residual else ("data", "scale", "shift")

    def _channels(self, p: Params, shape: Sequence[int]) -> tuple[int, int]:
        """The axis of the channels (or blocks), and the length of scale and shift; -1 where it is not known."""
        if p.blocked:
            if len(shape) != 5:
                raise ShapeError(f"data: expected (N, blocks, H, W, block), got {len(shape)} dimensions")
            blocks, block = shape[1], shape[4]
            if blocks < 0 or block < 0:
                return 1, -1
            if p.channels and padded(p.channels, block) != blocks * block:
                raise ShapeError(f"data: {blocks} blocks of {block} do not hold channels={p.channels}")
            return 1, blocks * block
        if not -len(shape) <= p.axis < len(shape):
            raise ShapeError(f"axis={p.axis} is out of range for data of {len(shape)} dimensions")
        axis = p.axis % len(shape)
        if p.channels and shape[axis] not in (-1, p.channels):
            raise ShapeError(f"data: expected channels={p.channels} at axis {axis}, got {shape[axis]}")
        return axis, p.channels or shape[axis]

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data = unify_shape(ins[0], outs[0])
        if p.with_residual:
            data = unify_shape(data, ins[3], "residual has the shape of the data")
        if data is None:
            return ins, outs
        vector: PartialShape = (self._channels(p, data)[1],)
        for what, shape in zip(("scale", "shift"), ins[1:3], strict=True):
            vector = unify_shape(vector, shape, f"{what} has one value a channel")
        return [data, vector, vector, *[data] * (len(ins) - 3)], [data]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        (data, *residual), (out,) = one_float_type(self.name, [ins[0], *ins[3:]], outs)
        return [data, *[statistics_type(data)] * 2, *residual], [out]

    def absorb(self, node: Node, request: Request, r: Rewrite) -> Node | None:
        return with_epilogue(node, request)

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0), (0, 3)) if p.with_residual else ((0, 0),)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        shape, dtype, traits = outs[0].shape, outs[0].dtype, ctx.traits
        axis, _ = self._channels(p, shape)
        rows, channels, inner, n = math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]), outs[0].size
        vectors = traits.is_cpu and dtype != "float16"
        if p.blocked and not vectors:
            raise ShapeError(f"blocked layout is for float32 and CPUs, not for {dtype} on a {traits.kind}; use the plain layout there")
        live = p.channels % shape[-1] if p.blocked else 0
        keeps_zero = p.act_type != "clip" or p.act_low <= 0 <= p.act_high
        defines = defines_for(
            dtype,
            ctx.reqs[0],
            ACT=f"act_{p.act_type}",
            RESIDUAL=int(p.with_residual),
            BLOCKED=int(p.blocked),
            PADDING=int(live > 0 and not keeps_zero),
            VW=(shape[-1] if p.blocked else traits.vector_width * 4 // outs[0].itemsize) if vectors else 0,
            INDEX="uint" if n < 1 << 31 else "long",
        )
        ct = compute_type(dtype)
        tensors = (In(0), In(1), In(2), In(3 if p.with_residual else 0), Out(0), Scalar("int", channels))
        limits = (Scalar(ct, p.act_low), Scalar(ct, p.act_high))
        if vectors and inner == 1:
            row_args = (*tensors, Scalar("long", rows), *limits)
            return [KernelCall(_SOURCE, "scale_shift_rows", row_args, defines, *grid(rows, traits, max(16, 4096 // channels)))]
        extents = (Scalar("long", inner), Scalar("long", n))
        if vectors:
            args = (*tensors, *extents, *limits, Scalar("int", live))
            return [KernelCall(_SOURCE, "scale_shift_lines", args, defines, *grid(n, traits))]
        return [KernelCall(_SOURCE, "scale_shift", (*tensors, *extents, *limits), defines, *grid(n, traits))]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 2 * outs[0].size, sum(t.nbytes for t in (*ins, *outs))
