"""IdentityAttachKLSparseReg: a penalty on mean activations that only the gradient knows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ...differences import differs
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, compute_type, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import Field, Float, Params
from ..shared.float_types import one_float_type
from ..shared.launch_sizes import stretch_grid
from ..shared.strided import flat_copy

__all__ = ["IdentityAttachKLSparseReg"]

_SOURCE = "loss/kl_sparse_reg.cl"
_KL_PARAMS: dict[str, Field] = {
    "sparseness_target": Float(0.1, "What the mean activation of a unit should be."),
    "penalty": Float(0.001, "Weight of the penalty."),
    "momentum": Float(0.9, "Of the running average of the mean activations."),
}


class _WithAverage(Op):
    """What the operator and its gradient share: data (N, C, ...) and the average of each of C units, a state."""

    aux = ("moving_avg",)
    params = _KL_PARAMS

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)


@register
class IdentityAttachKLSparseReg(_WithAverage):
    """The data as they are; their gradient pulls the mean activation of each unit towards `sparseness_target`.

    In the backward pass ``moving_avg = momentum * moving_avg + (1 - momentum) * mean of the unit``, and the gradient of the
    Kullback-Leibler divergence is added: ``penalty * (-t / moving_avg + (1 - t) / (1 - moving_avg))`` with the target t.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C) or (N, C, ...): activations between 0 and 1.
    moving_avg : Symbol or NDArray
        (C,): a state.
    sparseness_target, momentum : float
        Between 0 and 1.
    penalty : float

    Returns
    -------
    Symbol or NDArray
        Of the data's shape.

    Raises
    ------
    MXNetError
        The data have fewer than two dimensions, or a parameter is not between 0 and 1.

    Source: MXNet, IdentityAttachKLSparseReg.
    """

    name = "IdentityAttachKLSparseReg"
    inputs = ("data", "moving_avg")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        for name in ("sparseness_target", "momentum"):
            if not 0 <= getattr(p, name) <= 1:
                raise ShapeError(f"{name}={getattr(p, name)} exceeds the bound [0, 1]")
        data = unify_shape(ins[0], outs[0])
        if data is None:
            return ins, outs
        if len(data) < 2:
            raise ShapeError(f"data must have at least 2 dimensions, (batch, units, ...), got {data}")
        return [data, data[1:2]], [data]

    def view(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Mapping[int, tuple[int, int]]:
        return {0: (0, 0)}

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        given = dict(g.p.items())
        return [g.apply("_backward_IdentityAttachKLSparseReg", g.ograd(), g.input(0), g.input(1), **given), None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return flat_copy(outs[0].size, outs[0].dtype, ctx, ctx.reqs[0])


@register
class IdentityAttachKLSparseRegBackward(_WithAverage):
    """Gradient of IdentityAttachKLSparseReg: the head gradient and that of the penalty; the average goes on."""

    name = "_backward_IdentityAttachKLSparseReg"
    hidden = True
    inputs = ("ograd", "data", "moving_avg")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [unify_shape(ins[1], outs[0])]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def mutates(self, p: Params, train: bool) -> Sequence[int]:
        return (2,)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        batch, units, *rest = ins[1].shape
        inner, kind = math.prod(rest), compute_type(outs[0].dtype)
        extents = tuple(Scalar("long", v) for v in (batch, units, inner))
        defines = defines_for(outs[0].dtype, ctx.reqs[0])
        return [
            KernelCall(
                _SOURCE, "kl_average", (In(1), In(2), *extents, Scalar(kind, p.momentum)), defines, *stretch_grid(1, units, ctx.traits, 64)
            ),
            KernelCall(
                _SOURCE, "kl_gradient", (In(0), In(2), Out(0), *extents, Scalar(kind, p.sparseness_target), Scalar(kind, p.penalty)),
                defines, *stretch_grid(batch * units, inner, ctx.traits),
            ),
        ]  # fmt: skip


differs(
    "IdentityAttachKLSparseReg",
    "data of more than two dimensions have a gradient",
    "x = mx.nd.ones((1, 2, 2)) / 2; g = mx.nd.zeros((1, 2, 2)); "
    "e = mx.sym.IdentityAttachKLSparseReg(mx.sym.var('x'), name='k').bind(mx.cpu(), {'x': x}, {'x': g}, 'write', "
    "{'k_moving_avg': mx.nd.ones(2) / 2}); _ = e.forward(is_train=True); e.backward(mx.nd.zeros((1, 2, 2))); print(g.shape)",
    ours="(1, 2, 2)",
    mxnet="MXNetError: reduction dimension do not match",
)
