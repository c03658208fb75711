"""Gradient of batch normalisation, and its output again from statistics that are known: what graphs get from `BatchNorm`."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, defines_for, grid, req_code
from ...graph.contract.op import Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, TensorSpec, unify_shape
from ...params import Bool, Field, Float, Int, Params
from ..shared.float_types import statistics_type
from .batch_norm_calls import EPS, PER_CHANNEL, apply_calls, channel_axis, index_type, split

__all__ = ["BatchNormApply", "BatchNormBackward"]

_APPLY_PARAMS: dict[str, Field] = {
    "eps": Float(EPS),
    "fix_gamma": Bool(True),
    "axis": Int(1),
    "inverse": Bool(True, "Whether var holds the inverse standard deviation."),
}


@register
class BatchNormApply(Op, Estimated):
    """The output of a batch normalisation again, from the statistics that it gave."""

    name = "_batch_norm_apply"
    hidden = True
    inputs = ("data", "gamma", "beta", "mean", "var")
    params = _APPLY_PARAMS

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data = unify_shape(ins[0], outs[0])
        vector: PartialShape = (-1,) if data is None else (data[channel_axis(p, len(data))],)
        return [data, *[vector] * 4], [data]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        data = ins[0] or outs[0]
        return [data, *[statistics_type(data)] * 4], [data]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return apply_calls(p, split(p, ins[0].shape, ctx.traits), ins, ctx, In(3), In(4), int(p.inverse))

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 2 * outs[0].size, ins[0].nbytes + outs[0].nbytes


_BATCH_NORM_BACKWARD_PARAMS: dict[str, Field] = {
    "eps": Float(EPS),
    "fix_gamma": Bool(True),
    "use_global_stats": Bool(False),
    "axis": Int(1),
    "inverse": Bool(True, "Whether var holds the inverse standard deviation."),
}


@register
class BatchNormBackward(Op):
    """Gradient of batch normalisation with respect to data, gamma and beta."""

    name = "_backward_BatchNorm"
    hidden = True
    inputs = ("ograd", "data", "gamma", "mean", "var")
    outputs = ("data_grad", "gamma_grad", "beta_grad")
    params = _BATCH_NORM_BACKWARD_PARAMS

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data = unify_shape(ins[0], ins[1])
        vector: PartialShape = (-1,) if data is None else (data[channel_axis(p, len(data))],)
        return [data, data, vector, vector, vector], [data, vector, vector]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        data = ins[0] or ins[1]
        other = statistics_type(data)
        return [data, data, other, other, other], [data, other, other]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        # the reductions have read all of both before the element-wise kernel writes
        return ((0, 0), (0, 1))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        s = split(p, ins[0].shape, ctx.traits)
        ct = compute_type(ins[0].dtype)
        vector_bytes = s.channels * ins[2].itemsize
        defines = defines_for(
            ins[0].dtype,
            ctx.reqs[0],
            LOCAL=s.local[0],
            INDEX=index_type(ins[0].shape),
            INV=int(p.inverse),
            REQ1=req_code(ctx.reqs[1]),
            REQ2=req_code(ctx.reqs[2]),
        )
        channels, inner = Scalar("int", s.channels), () if s.rows else (Scalar("long", s.inner),)
        count, parts = Scalar("long", s.count), Scalar("int", s.parts)
        part, coef = Temp(0, 2 * s.parts * vector_bytes), Temp(1, 3 * vector_bytes)
        dgamma, dbeta = (Out(k) if ctx.reqs[k] != "null" else coef for k in (1, 2))  # unused when null
        suffix = "_rows" if s.rows else ""
        sums = (In(0), In(1), In(3), part, channels, *inner, count, parts, Scalar("long", s.size))
        flags = (Scalar(ct, p.eps), Scalar("int", int(p.fix_gamma)), Scalar("int", int(not p.use_global_stats)))
        calls = [
            KernelCall(s.source, "bn_sums" + suffix, sums, defines, s.reduction, s.local),
            KernelCall(
                PER_CHANNEL,
                "bn_grad",
                (part, In(2), In(4), dgamma, dbeta, coef, channels, count, parts, *flags),
                defines,
                *grid(s.channels, ctx.traits, 256),
            ),
        ]
        if ctx.reqs[0] != "null":
            work, per_item = (s.outer, max(16, 4096 // s.channels)) if s.rows else (outs[0].size, 4096)
            args: tuple[Arg, ...] = (In(0), In(1), In(3), coef, Out(0), channels, *inner, Scalar("long", work))
            calls.append(KernelCall(s.source, "bn_dx" + suffix, args, defines, *grid(work, ctx.traits, per_item)))
        return calls
