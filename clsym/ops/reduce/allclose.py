"""_contrib_allclose: whether two tensors are equal within a tolerance."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, UnsupportedType
from ...params import Bool, Float, Params

__all__ = ["AllClose"]


@register
class AllClose(Op):
    """1 where ``|a - b| <= atol + rtol * |b|`` holds for every element, else 0, of type uint8 and without dimensions.

    Equal elements are close, infinities too; else the formula counts, by which -inf is close to inf. There is no gradient (it is zero).

    Parameters
    ----------
    a, b : Symbol or NDArray
        Of one shape and one element type, any but bool.
    rtol, atol : float
        Relative and absolute tolerance.
    equal_nan : bool
        Whether a NaN equals a NaN.
    """

    name = "_contrib_allclose"
    inputs = ("a", "b")
    params = {
        "rtol": Float(1e-5, "Relative tolerance."),
        "atol": Float(1e-8, "Absolute tolerance."),
        "equal_nan": Bool(True, "Whether a NaN equals a NaN."),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        a, b = ins
        if a is not None and b is not None and (len(a) != len(b) or any(m != n and m > 0 and n > 0 for m, n in zip(a, b, strict=True))):
            raise ShapeError(f"allclose compares tensors of one shape, got {a} and {b}")
        return [b if a is None else a, a if b is None else b], [()]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        ins, _ = super().infer_type(p, ins, [None])
        if ins[0] == "bool":
            raise UnsupportedType("bool", "allclose does not take data of type bool; cast it first")
        return ins, ["uint8"]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None, None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n, dtype = ins[0].size, ins[0].dtype
        defines = defines_for(dtype, "write")
        begin = KernelCall("reduce/allclose.cl", "allclose_begin", (Out(0),), defines, (1,), (1,))
        if not n:
            return [begin]
        kind = "double" if dtype == "float64" else "float"
        size, local = grid(n, ctx.traits)
        args = (In(0), In(1), Out(0), Scalar("long", n), Scalar(kind, p.rtol), Scalar(kind, p.atol), Scalar("int", int(p.equal_nan)))
        return [begin, KernelCall("reduce/allclose.cl", "allclose", args, defines, size, local)]
