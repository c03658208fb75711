"""The cross entropy of a softmax, summed."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, ctype, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec
from ...params import Params
from ..reduce.calls import reduce_calls
from ..shared.float_types import one_float_type
from ..shared.rows import row_grid

__all__ = ["SoftmaxCrossEntropy"]


def _call(entry: str, buffers: tuple[Arg, ...], data: TensorSpec, label: TensorSpec, req: str, ctx: LowerContext) -> KernelCall:
    n, c = data.shape
    size, local, more = row_grid(n, c, ctx.traits)
    args = (*buffers, Scalar("long", n), Scalar("long", c), *more)
    return KernelCall("loss/cross_entropy.cl", entry, args, defines_for(data.dtype, req, TL=ctype(label.dtype)), size, local)


@register
class SoftmaxCrossEntropy(Op):
    """Sum over the rows of ``-log(softmax(data)[label])``.

    Parameters
    ----------
    data : Symbol or NDArray
        Shape (N, C), floating-point.
    label : Symbol or NDArray
        Shape (N,): class indices, cut to 0..C-1.

    Returns
    -------
    Symbol or NDArray
        Shape (1,). Only `data` gets a gradient. Probabilities below 1e-8 count as 1e-8, as in MXNet.
    """

    name = "softmax_cross_entropy"
    inputs = ("data", "label")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if ins[0] is not None and len(ins[0]) != 2:
            raise ShapeError(f"data must have 2 dimensions (N, C), got {ins[0]}")
        n = (ins[0][0],) if ins[0] is not None else ins[1]
        return [ins[0], n], [(1,)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        found, _ = one_float_type(self.name, ins[:1], outs)
        return [found[0], ins[1] or found[0]], [found[0]]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_backward_softmax_cross_entropy", g.ograd(), g.input(0), g.input(1)), None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n, dtype = ins[1].size, ins[0].dtype
        wide = "float64" if dtype == "float64" else "float32"
        losses = Temp(0, n * (8 if wide == "float64" else 4))
        first = _call("cross_entropy", (In(0), In(1), losses), ins[0], ins[1], "write", ctx)
        return [first, *reduce_calls(losses, Out(0), (n,), (0,), wide, ctx, out_dtype=dtype, req=ctx.reqs[0], temp=1)]


@register
class SoftmaxCrossEntropyBackward(Op):
    """Gradient of softmax_cross_entropy: ``(softmax(data) - onehot(label)) * ograd``."""

    name = "_backward_softmax_cross_entropy"
    hidden = True
    inputs = ("ograd", "data", "label")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [ins[1]]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, [ins[1]]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [_call("cross_entropy_backward", (In(0), In(1), In(2), Out(0)), ins[1], ins[2], ctx.reqs[0], ctx)]
