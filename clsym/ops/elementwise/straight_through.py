"""Functions whose gradient is meant to be another than their derivative, and the quadratic function."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, compute_type, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import TensorSpec
from ...params import Bool, Float, Params
from .identity import Identity
from .unary import Unary, no_bool, unary_defines
from .unary_table import TABLE

__all__ = ["GradientMultiplier", "Quadratic", "StraightThrough"]


class StraightThrough(Unary):
    """A step function whose gradient passes through unchanged (Bengio et al., 2013)."""

    def __init__(self, of: str) -> None:
        super().__init__(next(row for row in TABLE if row.name == of))
        self.name = f"_contrib_{of}_ste"

    def doc(self) -> str:
        """The documentation."""
        return (
            f"Element-wise {self.row.formula}; the gradient is that of the identity (a straight-through estimator).\n\n"
            "Parameters\n----------\ndata : Symbol or NDArray\n    Of any shape and numeric type.\n\n"
            "Returns\n-------\nSymbol or NDArray\n    Of the shape and type of `data`.\n"
        )

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.ograd()]


register(StraightThrough("round"))
register(StraightThrough("sign"))


@register
class GradientMultiplier(Identity):
    """The input as it is; its gradient is multiplied by ``scalar`` on the way back.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and type.
    scalar : float
        Negative: the gradient is reversed (Ganin and Lempitsky, 2015).
    is_int : bool
        Accepted, without effect.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.contrib.gradientmultiplier(mx.nd.array([1, 2]), scalar=3).asnumpy().tolist()
    [1.0, 2.0]
    """

    name = "_contrib_gradientmultiplier"
    params = {"scalar": Float(1.0, "Factor of the gradient."), "is_int": Bool(True, "Accepted, without effect.")}

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_mul_scalar", g.ograd(), scalar=g.p.scalar)]


@register
class Quadratic(Op):
    """The quadratic function a * x^2 + b * x + c, element-wise.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and numeric type; integers are computed in float32 and truncated.

    Returns
    -------
    Symbol or NDArray
        Of the shape and type of `data`.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.contrib.quadratic(mx.nd.array([1, 2]), a=1, b=2, c=3).asnumpy().tolist()
    [6.0, 11.0]
    """

    name = "_contrib_quadratic"
    params = {"a": Float(0.0, "Factor of x^2."), "b": Float(0.0, "Factor of x."), "c": Float(0.0, "The constant.")}

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return no_bool(self.name, ins, outs)

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        slope = g.apply("_plus_scalar", g.apply("_mul_scalar", g.input(0), scalar=2 * g.p.a), scalar=g.p.b)
        return [g.apply("elemwise_mul", g.ograd(), slope)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n, dtype = outs[0].size, outs[0].dtype
        kind = compute_type(dtype) if dtype.startswith("float") else "float"
        args: tuple[Arg, ...] = (In(0), Out(0), Scalar("long", n), *(Scalar(kind, v) for v in (p.a, p.b, p.c)))
        return [KernelCall("elementwise/quadratic.cl", "quadratic", args, unary_defines(dtype, ctx.reqs[0], True), *grid(n, ctx.traits))]
