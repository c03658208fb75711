"""The rectifier with a learnt slope a channel, over blocked tensors."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, defines_for
from ...graph.contract.op import Entry
from ...graph.contract.registry import attach, register
from ...graph.contract.spec import PartialShape, TensorSpec, unify_shape
from ...graph.rewrite.requests import Blocked
from ...graph.rewrite.rewrite import Rewrite, Rewriting
from ...params import Params
from .reorder import BlockedOp, blocked_dims, items_for

__all__ = ["BlockedPReLU"]


@register
class BlockedPReLU(BlockedOp):
    """``x > 0 ? x : slope[c] * x``; slope is (blocks * block,). For inference: it has no gradient."""

    name = "_blocked_prelu"
    inputs = ("data", "slope")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data = blocked_dims(unify_shape(ins[0], outs[0]), "data")
        if data is None:
            return ins, outs
        slope = unify_shape(
            (data[1] * data[4] if min(data[1], data[4]) >= 0 else -1,), ins[1], "slope has one value a channel, padded to whole blocks"
        )
        return [data, slope], [data]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        images, blocks, height, width, block = outs[0].shape
        numbers = (Scalar("long", images * blocks), Scalar("int", blocks), Scalar("long", height * width))
        size = items_for(images * blocks * height * width, 8 * block, ctx.traits)
        defines = defines_for("float32", ctx.reqs[0], BLOCK=block)
        return [KernelCall("cpu_blocked/prelu.cl", "blocked_prelu", (In(0), In(1), Out(0), *numbers), defines, *size)]


class BlockedForm(Rewriting):
    """The form of `LeakyReLU` with a learnt slope a channel, in inference, of a tensor that is blocked already."""

    def rewrite(self, r: Rewrite) -> Sequence[Entry | Blocked] | None:
        if r.p.act_type != "prelu" or r.train or not r.is_blocked(0) or r.ins[1].shape != r.ins[0].shape[1:2]:
            return None
        return [Blocked(r.apply(BlockedPReLU.name, r.blocked(0), r.apply("_pad_channels", r.plain(1), block=r.block)))]


attach("LeakyReLU", BlockedForm())
