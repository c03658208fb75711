"""What metrics count of predictions, on the device: right ones, and the scores of the right classes."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Refusal, Scalar, ctype, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, TensorSpec
from ...params import Field, Int, Params
from ..shared.rows import check_axis, split_axis

__all__ = ["MetricHits", "MetricPick"]

GROUPS = 64
_ITEMS = 64  # GROUP_MOST of kernels/include/group.h


class _Metric(Op):
    hidden = True
    inputs = ("label", "pred")

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, outs

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None, None]


@register
class MetricHits(_Metric):
    """How many labels are among the `k` classes of the highest scores, as 64 counts to be summed.

    With k = 1 the first of equal scores comes first, as for argmax, else the last.
    """

    name = "_metric_hits"
    params: dict[str, Field] = {"axis": Int(1, "The axis of the classes."), "k": Int(1, "How many classes.", low=1)}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if ins[1] is not None:
            check_axis(p.axis, len(ins[1]))
        return ins, [(GROUPS,)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, ["int32"]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows = split_axis(ins[1].shape, check_axis(p.axis, len(ins[1].shape)))
        extents = [Scalar("long", n) for n in (rows.count, rows.n, rows.inner)]
        local = 1 if ctx.traits.is_cpu else min(_ITEMS, ctx.traits.max_work_group_size)
        defines = defines_for(ins[1].dtype, ctx.reqs[0], TL=ctype(ins[0].dtype))
        args: tuple[Arg, ...] = (In(0), In(1), Out(0), *extents, Scalar("int", p.k))
        return [KernelCall("reduce/metric.cl", "hits", args, defines, (GROUPS * local,), (local,))]


@register
class MetricPick(_Metric):
    """The score of each label's class; classes from -C to -1 count from the end."""

    name = "_metric_pick"

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [ins[0]]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, [ins[1]]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows, classes = ins[1].shape
        refusal = Refusal("IndexError", "index {value} is out of bounds for axis {axis} with size {extent}: a label is no class")
        args: tuple[Arg, ...] = (In(0), In(1), Out(0), Scalar("long", rows), Scalar("long", classes), refusal)
        defines = defines_for(ins[1].dtype, ctx.reqs[0], TL=ctype(ins[0].dtype))
        return [KernelCall("reduce/metric.cl", "pick_label", args, defines, *grid(rows, ctx.traits))]
