"""multi_lars: learning rates of layers; group_adagrad_update: Adagrad with one history a row."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, compute_type, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, UnsupportedType, unify_shape
from ...params import Float, Params
from ..shared.float_types import one_float_type
from ..shared.rows import row_grid
from .update_many import CLIP, RESCALE, single

__all__ = ["GroupAdagrad", "MultiLars"]


@register
class MultiLars(Op):
    """Learning rates of layers (LARS, You et al., 2017): lr * eta * norm(w) / (norm(g) + wd * norm(w) + eps), element-wise.

    Where one of the norms is 0, the rate is lr.

    Parameters
    ----------
    lrs, wds : Symbol or NDArray
        A learning rate and a weight decay for each layer; float32.
    weights_sum_sq, grads_sum_sq : Symbol or NDArray
        The squares of the norms (`multi_sum_sq`); the gradient's norm is scaled by ``rescale_grad``.

    Returns
    -------
    Symbol or NDArray
        The rates.

    Examples
    --------
    >>> import clsym as mx
    >>> one = mx.nd.ones(1)
    >>> mx.nd.multi_lars(one, one, one, one, eta=1, eps=0).asnumpy()
    array([0.5], dtype=float32)
    """

    name = "multi_lars"
    inputs = ("lrs", "weights_sum_sq", "grads_sum_sq", "wds")
    params = {"eta": Float(doc="Coefficient of the layer's rate."), "eps": Float(doc="Added to the denominator."), **RESCALE}

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        found, out = super().infer_type(p, ins, outs)
        if out[0] not in (None, "float32"):
            raise UnsupportedType(out[0], "multi_lars only supports float32")
        return found, out

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None] * 4

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return [(0, i) for i in range(4)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n = outs[0].size
        numbers = (Scalar("float", single(v)) for v in (p.eta, p.eps, p.rescale_grad))
        args: tuple[Arg, ...] = (*map(In, range(4)), Out(0), Scalar("long", n), *numbers)
        return [KernelCall("optimizer/lars.cl", "lars", args, defines_for("float32", ctx.reqs[0]), *grid(n, ctx.traits))]


@register
class GroupAdagrad(Op):
    """One step of Adagrad with one history a row: history += mean(g^2) over the row; weight - lr * g / sqrt(history + epsilon).

    Here g is ``rescale_grad * grad``, its values clipped to [-clip_gradient, clip_gradient] unless that is negative.
    Pass ``out=weight`` to update in place.

    Parameters
    ----------
    weight, grad : NDArray
        Of one shape and floating-point type.
    history : NDArray
        Of shape (rows, 1); overwritten.

    Returns
    -------
    NDArray
        The weight after the step.

    Notes
    -----
    After MXNet's ``_contrib_group_adagrad_update``, whose CPU takes gradients of sparse storage only.
    """

    name = "_contrib_group_adagrad_update"
    inputs = ("weight", "grad", "history")
    aux = ("history",)
    params = {"lr": Float(doc="Learning rate."), **RESCALE, **CLIP, "epsilon": Float(9.99999974737875e-06, "Added to the history.")}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        weight, grad, history = ins
        shape = unify_shape(unify_shape(weight, grad), outs[0])
        rows = -1 if shape is None else shape[0]
        if history is not None and (len(history) < 1 or any(d > 1 for d in history[1:])):
            raise ShapeError("history must be of shape (rows, 1)")
        if history is not None and rows >= 0 and history[0] not in (rows, -1):
            raise ShapeError("history must have an element for each row of the weight")
        return [shape, shape, (rows, 1) if history is None else history], [shape]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def mutates(self, p: Params, train: bool) -> Sequence[int]:
        return (2,)

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0), (0, 1))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows = outs[0].shape[0]
        length = outs[0].size // rows
        size, local, mapping = row_grid(rows, length, ctx.traits)
        ct = compute_type(outs[0].dtype)
        numbers = (Scalar(ct, single(v)) for v in (p.lr, p.rescale_grad, p.clip_gradient, p.epsilon))
        args: tuple[Arg, ...] = (In(0), In(1), In(2), Out(0), Scalar("long", rows), Scalar("long", length), *numbers, *mapping)
        defines = defines_for(outs[0].dtype, ctx.reqs[0])
        return [KernelCall("optimizer/group_adagrad.cl", "group_adagrad", args, defines, size, local)]
