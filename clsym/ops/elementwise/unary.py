"""Element-wise functions of one tensor: a row of the table each.

A row gives the function and its derivative as OpenCL C expressions in ``x`` (the input) and ``y`` (the output), of compute type ``CT``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ...graph.contract.expression import Expression
from ...graph.contract.facets import Fusible, Pointwise
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, compute_type, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import TensorSpec, UnsupportedType
from ...graph.rewrite.requests import Activate, Blocked
from ...graph.rewrite.rewrite import Rewrite, Rewriting
from ...params import Params
from .unary_curvature import CURVATURE, Term
from .unary_table import TABLE, Row

__all__ = ["Unary", "no_bool", "unary_defines"]


def no_bool(op: str, ins: Sequence[str | None], outs: Sequence[str | None]) -> tuple[list[str | None], list[str | None]]:
    """All tensors of one type, which is a number's.

    Raises
    ------
    UnsupportedType
        The type is bool.
    """
    found = next((t for t in (*ins, *outs) if t is not None), None)
    for i, t in enumerate(ins):
        if t == "bool":
            raise UnsupportedType(t, f"operator {op} does not support bool; cast input {i} first (mx.sym.cast)")
    return [found] * len(ins), [t or found for t in outs]


def unary_defines(dtype: str, req: str, in_float: bool, **more: str) -> tuple[tuple[str, str | int], ...]:
    """The defines of a kernel; with `in_float`, integers are computed in float and truncated."""
    defines = defines_for(dtype, req, **more)
    if in_float and not dtype.startswith("float"):
        instead: dict[str, str | int] = {"CT": "float", "IS_FLOAT": 1}
        defines = (*((k, instead.get(k, v)) for k, v in defines), ("INT", compute_type(dtype)))
    return defines


_ZERO_AT_ZERO = {
    *(
        "relu",
        "abs",
        "sign",
        "ceil",
        "floor",
        "rint",
        "round",
        "fix",
        "trunc",
        "square",
        "sqrt",
        "cbrt",
        "negative",
        "expm1",
        "log1p",
        "erf",
    ),
    *("sin", "tan", "sinh", "tanh", "arcsin", "arctan", "arcsinh", "arctanh", "softsign"),
}


class Unary(Op, Pointwise, Rewriting, Fusible):
    """An element-wise function; `forward` and `derivative` are expressions in ``x`` and ``y``."""

    def __init__(self, row: Row) -> None:
        self.name = row.name
        self.row = row

    def doc(self) -> str:
        """The documentation."""
        row = self.row
        types = "Integers are truncated after computing in float32." if row.in_float else ""
        values = "\n".join(
            f">>> y = mx.nd.{row.name}(mx.nd.array({x}))\n>>> y.asnumpy().astype('float64').round(4).tolist()\n{y}"
            for x, y in [row.example]
            if x
        )
        return (
            f"Element-wise {row.formula}.\n\n{types}\n\nParameters\n----------\ndata : Symbol or NDArray\n"
            "    Of any shape and numeric type.\n\n"
            f"Returns\n-------\nSymbol or NDArray\n    Of the shape and type of `data`.\n\n"
            "Raises\n------\nMXNetError\n    The type is bool.\n" + (f"\nExamples\n--------\n{values}\n" if values else "")
        )

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return no_bool(self.name, ins, outs)

    def pointwise(self, p: Params) -> Literal["", "any", "zero"]:
        return "zero" if self.name in _ZERO_AT_ZERO else "any"

    def rewrite(self, r: Rewrite) -> Sequence[Entry | Blocked] | None:
        return r.absorb(0, Activate(self.name)) if self.name in ("relu", "sigmoid", "tanh") else None

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        slope = self.row.derivative
        if slope is None:
            return [None]
        if isinstance(slope, float):
            return [g.apply("_mul_scalar", g.ograd(), scalar=slope)]
        # reading the output rather than the input lets the input's memory go, and the other way round
        saved = g.output() if self.row.of_output else g.input(0)
        return [g.apply(f"_backward_{self.name}", g.ograd(), saved)]

    def expression(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Expression | None:
        # sine and its kin are looked over for large arguments first, in blocks: their own kernel is faster
        return Expression(self.row.forward, ("x",)) if not self.row.near else None

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n, dtype = outs[0].size, outs[0].dtype
        global_size, local_size = grid(n, ctx.traits)
        row = self.row
        integer = not dtype.startswith("float")
        more = {"EXPR(x)": row.integer if integer and row.integer else row.forward}
        if row.near and dtype in ("float32", "float16"):
            more["NEAR_EXPR(x)"] = row.near
        defines = unary_defines(dtype, ctx.reqs[0], row.in_float, **more)
        return [KernelCall("elementwise/unary.cl", "unary", (In(0), Out(0), Scalar("long", n)), defines, global_size, local_size)]


class UnaryBackward(Op, Fusible):
    """Gradient of an element-wise function: head gradient times derivative."""

    inputs = ("ograd", "saved")
    hidden = True

    def __init__(self, forward: Unary) -> None:
        self.name = f"_backward_{forward.name}"
        self.row = forward.row

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        curve = CURVATURE.get(self.row.name)
        if curve is None:
            return super().gradient(g)
        head, saved = g.ograd(), g.input(1)
        first = g.apply(self.name, head, saved) if g.needed[0] else None
        if not g.needed[1] or curve == 0.0:
            return [first, None]
        product = Term(g, head) * Term(g, g.input(0))
        return [first, (product * (curve if isinstance(curve, float) else curve(Term(g, saved)))).entry]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0), (0, 1))

    def expression(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Expression | None:
        return Expression(f"((g) * {self.row.derivative})", ("g", "y" if self.row.of_output else "x"))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n = outs[0].size
        global_size, local_size = grid(n, ctx.traits)
        letter = "y" if self.row.of_output else "x"
        defines = unary_defines(outs[0].dtype, ctx.reqs[0], self.row.in_float, **{f"DERIVATIVE({letter})": str(self.row.derivative)})
        return [
            KernelCall(
                "elementwise/unary.cl", "unary_backward", (In(0), In(1), Out(0), Scalar("long", n)), defines, global_size, local_size
            )
        ]


for _row in TABLE:
    _op = register(Unary(_row))
    if isinstance(_row.derivative, str):
        register(UnaryBackward(_op))
