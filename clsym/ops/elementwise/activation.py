"""Activation functions without parameters of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ...differences import differs
from ...graph.contract.expression import Expression
from ...graph.contract.facets import Fusible, Pointwise
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import TensorSpec
from ...graph.rewrite.requests import Activate, Blocked
from ...graph.rewrite.rewrite import Rewrite, Rewriting
from ...params import Enum, Field, Params
from ..shared.float_types import one_float_type

__all__ = ["Activation"]

_TYPES = ("relu", "sigmoid", "softrelu", "softsign", "tanh")

_ACTIVATION_PARAMS: dict[str, Field] = {"act_type": Enum(_TYPES, doc="The function.")}


@register
class Activation(Op, Pointwise, Rewriting, Fusible):
    r"""An activation function, element-wise.

    ``relu``: max(x, 0), NaN stays NaN; ``sigmoid``: 1 / (1 + exp(-x)); ``tanh``; ``softrelu``: log(1 + exp(x)); ``softsign``:
    x / (1 + abs(x)).

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and floating-point type.

    Returns
    -------
    Symbol or NDArray
        Of the data's shape.

    Raises
    ------
    MXNetError
        ``act_type`` is none of these, or the data is no floating-point type.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.Activation(mx.nd.array([-1, 0, 2]), act_type='relu').asnumpy()
    array([0., 0., 2.], dtype=float32)

    Notes
    -----
    After MXNet's ``Activation``.
    """

    name = "Activation"
    params = _ACTIVATION_PARAMS

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def pointwise(self, p: Params) -> Literal["", "any", "zero"]:
        return "zero" if p.act_type in ("relu", "tanh", "softsign") else "any"

    def rewrite(self, r: Rewrite) -> Sequence[Entry | Blocked] | None:
        return r.absorb(0, Activate(r.p.act_type)) if r.p.act_type in ("relu", "sigmoid", "tanh") else None

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        # from the output, so that the input's memory can go; softsign's would lose digits near 1
        saved = g.input(0) if g.p.act_type == "softsign" else g.output()
        return [g.apply("_backward_Activation", g.ograd(), saved, act_type=g.p.act_type)]

    def expression(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Expression | None:
        return Expression(f"F_act_{p.act_type}(x)", ("x",))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n = outs[0].size
        defines = defines_for(outs[0].dtype, ctx.reqs[0], ACT=f"act_{p.act_type}")
        return [KernelCall("elementwise/activation.cl", "activation", (In(0), Out(0), Scalar("long", n)), defines, *grid(n, ctx.traits))]


@register
class ActivationBackward(Op, Fusible):
    """Gradient of an activation function: the head gradient times the derivative."""

    name = "_backward_Activation"
    hidden = True
    inputs = ("ograd", "saved")
    params = Activation.params

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0), (0, 1))

    def expression(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Expression | None:
        return Expression(f"((g) * D_act_{p.act_type}(v))", ("g", "v"))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n = outs[0].size
        defines = defines_for(outs[0].dtype, ctx.reqs[0], ACT=f"act_{p.act_type}")
        args = (In(0), In(1), Out(0), Scalar("long", n))
        return [KernelCall("elementwise/activation.cl", "activation_backward", args, defines, *grid(n, ctx.traits))]


differs(
    "Activation",
    "relu of NaN is NaN",
    "print(mx.nd.Activation(mx.nd.array([float('nan')]), act_type='relu').asnumpy().tolist())",
    ours="[nan]",
    mxnet="[0.0]",
    build="oneDNN",
)
