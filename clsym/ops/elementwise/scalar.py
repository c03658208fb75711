"""Element-wise functions of a tensor and a number: arithmetic, comparison, logic (`_plus_scalar`, ...), clip, smooth_l1, hard_sigmoid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...differences import differs
from ...graph.contract.expression import Expression
from ...graph.contract.facets import Fusible, Pointwise
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, ctype, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import TensorSpec
from ...graph.rewrite.requests import Activate, Blocked
from ...graph.rewrite.rewrite import Rewrite, Rewriting
from ...params import Bool, Float, Params
from ..shared.float_types import one_float_type
from .unary import no_bool, unary_defines

__all__ = ["NumberOp", "ScalarOp", "as_type"]


def as_type(value: float, dtype: str) -> float | int:
    """A number as C converts it to an element type: integers are cut off and wrap around.

    >>> as_type(1.5, 'int32'), as_type(300, 'uint8'), as_type(float('nan'), 'int32')
    (1, 44, -2147483648)
    """
    if dtype.startswith("float"):
        with np.errstate(over="ignore"):
            return float(np.dtype(dtype).type(value))
    bits = 64 if dtype == "int64" else 32
    fits = math.isfinite(value) and -(2 ** (bits - 1)) <= int(value) < 2 ** (bits - 1)
    whole = int(value) if fits else -(2 ** (bits - 1))
    return int(np.int64(whole).astype(dtype))


class NumberOp(Op, Fusible):
    """Base: one tensor, up to two numbers.

    `expr` is OpenCL C in ``x``, ``s``, ``t``; `slope` in ``g`` (head gradient), ``v`` (input or output), ``s``, ``t``.
    """

    expr = ""
    slope = ""
    slope_of_output = False
    straight = False  # the slope is the same in either direction of each point, but for corners
    in_float = False

    def curvature(self, g: Gradient) -> Entry | None:
        """How the slope changes with what it reads, which is input 1 of the node; None: not written."""
        return None

    def numbers(self, p: Params, dtype: str) -> tuple[float, float]:
        """The two numbers, as values of that type."""
        raise NotImplementedError

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return no_bool(self.name, ins, outs)

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        if not self.slope:
            return [None]
        saved = g.output() if self.slope_of_output else g.input(0)
        return [g.apply(f"_backward_{self.name}", g.ograd(), saved, **dict(g.p.items()))]

    def calls(
        self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext, backward: bool
    ) -> list[KernelCall]:
        """The launch of the forward or the backward kernel."""
        n, dtype = outs[0].size, outs[0].dtype
        global_size, local_size = grid(n, ctx.traits)
        macro = {"DERIVATIVE(g, v, s, t)": self.slope} if backward else {"EXPR(x, s, t)": self.expr}
        if ins[0].dtype != dtype:
            macro["TX"] = ctype(ins[0].dtype)
        defines = unary_defines(dtype, ctx.reqs[0], self.in_float, **macro)
        kind = str(dict(defines)["CT"])
        s, t = self.numbers(p, dtype)
        args: tuple[Arg, ...] = (*(In(i) for i in range(len(ins))), Out(0), Scalar(kind, s), Scalar(kind, t), Scalar("long", n))
        return [KernelCall("elementwise/scalar.cl", "scalar_backward" if backward else "scalar", args, defines, global_size, local_size)]

    def expression(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Expression | None:
        return Expression(self.expr, ("x",), tuple(zip("st", self.numbers(p, outs[0].dtype), strict=True)))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return self.calls(p, ins, outs, ctx, False)


class NumberBackward(Op, Fusible):
    """Gradient of a `NumberOp`: its slope at the input or the output."""

    inputs = ("ograd", "saved")
    hidden = True

    def __init__(self, forward: NumberOp) -> None:
        self.name = f"_backward_{forward.name}"
        self.params = forward.params
        self.forward = forward

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        again = g.apply(self.name, g.ograd(), g.input(1), **dict(g.p.items())) if g.needed[0] else None
        if not g.needed[1] or self.forward.straight:
            return [again, None]
        slope = self.forward.curvature(g)
        return (
            super().gradient(g)
            if slope is None
            else [again, g.apply("elemwise_mul", g.apply("elemwise_mul", g.ograd(), g.input(0)), slope)]
        )

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0), (0, 1))

    def expression(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Expression | None:
        return Expression(self.forward.slope, ("g", "v"), tuple(zip("st", self.forward.numbers(p, outs[0].dtype), strict=True)))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return self.forward.calls(p, ins, outs, ctx, True)


def _register(op: NumberOp) -> None:
    register(op)
    if op.slope:
        register(NumberBackward(op))


# ------------------------------------------------------------------------------------------------------- arithmetic with a number


@dataclass(frozen=True)
class _Row:
    name: str
    alias: str
    formula: str
    expr: str
    slope: str = ""
    of_output: bool = False
    linear: str = ""  # the operator whose value at the head gradient is the gradient: _copy, negative, _mul_scalar, _div_scalar


_TABLE = [
    _Row("_plus_scalar", "_PlusScalar", "data + scalar", "((x) + (s))", linear="_copy"),
    _Row("_minus_scalar", "_MinusScalar", "data - scalar", "((x) - (s))", linear="_copy"),
    _Row("_rminus_scalar", "_RMinusScalar", "scalar - data", "((s) - (x))", linear="negative"),
    _Row("_mul_scalar", "_MulScalar", "data * scalar", "((x) * (s))", linear="_mul_scalar"),
    _Row("_div_scalar", "_DivScalar", "data / scalar", "quotient(x, s)", linear="_div_scalar"),
    _Row("_rdiv_scalar", "_RDivScalar", "scalar / data", "quotient_or_least(s, x)", "((g) * quotient(-(s), (v) * (v)))"),
    _Row("_mod_scalar", "_ModScalar", "data mod scalar (of the sign of scalar; 0 for scalar 0)", "modulo(x, s)", linear="_copy"),
    _Row(
        "_rmod_scalar",
        "_RModScalar",
        "scalar mod data (of the sign of data; 0 where data is 0)",
        "modulo(s, x)",
        "((g) * -floored(quotient(s, v)))",
    ),
    _Row("_power_scalar", "_PowerScalar", "data to the power of scalar", "power(x, s)", "((g) * (power(v, (s) - 1) * (s)))"),
    _Row("_rpower_scalar", "_RPowerScalar", "scalar to the power of data", "power(s, x)", "((g) * ((v) * (t)))", True),
    _Row("_maximum_scalar", "_MaximumScalar", "the greater of data, scalar; NaN stays NaN", "MAX_(x, s)", "((v) >= (s) ? (g) : 0)"),
    _Row("_minimum_scalar", "_MinimumScalar", "the lesser of data, scalar; NaN stays NaN", "MIN_(x, s)", "((v) <= (s) ? (g) : 0)"),
    _Row("_hypot_scalar", "_HypotScalar", "sqrt(data^2 + scalar^2)", "hypotenuse(x, s)", "((g) * quotient(v, hypotenuse(v, s)))"),
    _Row("_equal_scalar", "_EqualScalar", "1 where data == scalar, else 0", "((x) == (s))"),
    _Row("_not_equal_scalar", "_NotEqualScalar", "1 where data != scalar, else 0", "((x) != (s))"),
    _Row("_greater_scalar", "_GreaterScalar", "1 where data > scalar, else 0", "((x) > (s))"),
    _Row("_greater_equal_scalar", "_GreaterEqualScalar", "1 where data >= scalar, else 0", "((x) >= (s))"),
    _Row("_lesser_scalar", "_LesserScalar", "1 where data < scalar, else 0", "((x) < (s))"),
    _Row("_lesser_equal_scalar", "_LesserEqualScalar", "1 where data <= scalar, else 0", "((x) <= (s))"),
    _Row("_logical_and_scalar", "_LogicalAndScalar", "1 where both are other than 0, else 0", "((x) != 0 && (s) != 0)"),
    _Row("_logical_or_scalar", "_LogicalOrScalar", "1 where one is other than 0, else 0", "((x) != 0 || (s) != 0)"),
    _Row("_logical_xor_scalar", "_LogicalXorScalar", "1 where exactly one is other than 0, else 0", "(((x) != 0) != ((s) != 0))"),
]


class ScalarOp(NumberOp, Pointwise):
    """An operator of a tensor and the parameter ``scalar``."""

    params = {"scalar": Float(1.0, "The number."), "is_int": Bool(True, "Whether integer data stays so; False: the result is float64.")}

    def __init__(self, row: _Row) -> None:
        self.name = row.name
        self.aliases = (row.alias,)
        self.row = row
        self.expr, self.slope, self.slope_of_output = row.expr, row.slope, row.of_output
        self.straight = self.name in ("_maximum_scalar", "_minimum_scalar", "_rmod_scalar")

    def curvature(self, g: Gradient) -> Entry | None:
        s, saved = g.p.scalar, g.input(1)
        if self.name == "_rdiv_scalar":
            return g.apply("_mul_scalar", g.apply("_power_scalar", saved, scalar=-3.0), scalar=2 * s)
        if self.name == "_power_scalar":
            return g.apply("_mul_scalar", g.apply("_power_scalar", saved, scalar=s - 2), scalar=s * (s - 1))
        if self.name == "_rpower_scalar" and s > 0:
            return g.apply("_plus_scalar", g.apply("zeros_like", saved), scalar=math.log(s))
        return None

    def pointwise(self, p: Params) -> Literal["", "any", "zero"]:
        return "zero" if self.name in ("_mul_scalar", "_div_scalar") else "any"

    def doc(self) -> str:
        """The documentation."""
        return (
            f"Element-wise {self.row.formula}.\n\n"
            "Parameters\n----------\ndata : Symbol or NDArray\n    Of any shape and type.\nscalar : float\n"
            "    Converted to the type of the result first: 1.5 counts as 1 beside int32, 300 as 44 beside uint8.\nis_int : bool\n"
            "    False makes the result of integer data float64.\n\nReturns\n-------\nSymbol or NDArray\n"
            "    Of the shape and type of `data`; int64 for bool.\n"
        )

    def numbers(self, p: Params, dtype: str) -> tuple[float, float]:
        s = as_type(p.scalar, dtype)
        if self.name != "_rpower_scalar" or not dtype.startswith("float"):
            return s, 0
        return s, math.log(s) if s > 0 else (-math.inf if s == 0 else math.nan)

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        data = ins[0]
        if data is None:  # the result's type tells the data's where no conversion can have happened
            data = outs[0] if p.is_int or outs[0] in ("float16", "float32", "float64") else None
        if data is None:
            return [None], list(outs)
        if data.startswith("float"):
            return [data], [data]
        return [data], ["float64" if not p.is_int else "int64" if data == "bool" else data]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),) if ins[0].itemsize == outs[0].itemsize else ()

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        if not g.ins[0].dtype.startswith("float"):
            return [None]  # counts have no gradient
        linear = self.row.linear
        if linear == "_copy":
            return [g.ograd()]
        if linear:
            return [g.apply(linear, g.ograd(), **({"scalar": g.p.scalar} if linear.endswith("_scalar") else {}))]
        return super().gradient(g)


for _row in _TABLE:
    _register(ScalarOp(_row))


class ScatterScalar(ScalarOp):
    """What MXNet applies to the stored elements of sparse arrays alone; of dense ones these are all."""

    def __init__(self, row: _Row) -> None:
        super().__init__(row)
        self.name, self.aliases = f"_scatter{row.name}", ()


register(ScatterScalar(_TABLE[0]))
register(ScatterScalar(_TABLE[1]))


# -------------------------------------------------------------------------------------------------------------------- clip and kin


class Clip(NumberOp, Pointwise, Rewriting):
    """Values limited to an interval: ``min(max(data, a_min), a_max)``; NaN stays NaN.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and numeric type.
    a_min, a_max : float
        The ends. With integers they are cut off to whole numbers where they replace a value.

    Returns
    -------
    Symbol or NDArray
        Of the shape and type of `data`. The gradient passes where the data lies within the ends, these included.

    Examples
    --------
    >>> mx.nd.clip(mx.nd.array([-2, 0, 3]), a_min=-1, a_max=1).asnumpy().tolist()
    [-1.0, 0.0, 1.0]
    """

    name = "clip"
    params = {"a_min": Float(doc="Lower end."), "a_max": Float(doc="Upper end.")}
    expr = "((x) > (t) ? (t) : ((x) < (s) ? (s) : (x)))"
    straight = True
    slope = "((v) < (s) || (v) > (t) ? 0 : (g))"  # NaN passes

    def pointwise(self, p: Params) -> Literal["", "any", "zero"]:
        return "zero" if p.a_min <= 0 <= p.a_max else "any"

    def rewrite(self, r: Rewrite) -> Sequence[Entry | Blocked] | None:
        return r.absorb(0, Activate("clip", r.p.a_min, r.p.a_max)) if r.p.a_min <= 0 <= r.p.a_max else None

    def numbers(self, p: Params, dtype: str) -> tuple[float, float]:
        if dtype.startswith("float"):
            return as_type(p.a_min, dtype), as_type(p.a_max, dtype)
        # compared in the integer type: an end beyond its range must not wrap around
        low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
        return tuple(high if v >= high else low if v <= low else int(v) for v in (p.a_min, p.a_max))  # type: ignore[return-value]


class SmoothL1(NumberOp):
    """Smooth L1 loss: ``0.5 (scalar x)^2`` where ``|x| < 1 / scalar^2``, else ``|x| - 0.5 / scalar^2``.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and numeric type; integers are computed in float32 and truncated.
    scalar : float
        Sigma, the inverse square root of where the parabola ends.

    Returns
    -------
    Symbol or NDArray
        Of the shape and type of `data`.

    Examples
    --------
    >>> mx.nd.smooth_l1(mx.nd.array([1, 2, 3, 4]), scalar=1).asnumpy().tolist()
    [0.5, 1.5, 2.5, 3.5]
    """

    name = "smooth_l1"
    params = {"scalar": Float(1.0, "Sigma.")}
    expr = "((x) > (t) ? (x) - (CT)0.5 * (t) : ((x) < -(t) ? -(x) - (CT)0.5 * (t) : (CT)0.5 * (x) * (x) * (s)))"
    slope = "((g) * ((v) > (t) ? (CT)1 : ((v) < -(t) ? (CT)-1 : (s) * (v))))"
    in_float = True

    def numbers(self, p: Params, dtype: str) -> tuple[float, float]:
        square = p.scalar * p.scalar
        return square, 1 / square if square else math.inf


class HardSigmoid(NumberOp):
    """A piecewise linear sigmoid: ``max(0, min(1, alpha * data + beta))``; NaN stays NaN.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and floating-point type.
    alpha, beta : float
        Slope and offset.

    Returns
    -------
    Symbol or NDArray
        Of the shape and type of `data`. The gradient is `alpha` strictly between 0 and 1, else 0.

    Raises
    ------
    MXNetError
        The type is no floating-point one.

    Examples
    --------
    >>> mx.nd.hard_sigmoid(mx.nd.array([-4, 0, 4])).asnumpy().tolist()
    [0.0, 0.5, 1.0]
    """

    name = "hard_sigmoid"
    params = {"alpha": Float(0.2, "Slope."), "beta": Float(0.5, "Offset.")}
    expr = "hard(s * (x) + (t))"
    straight = True
    slope = "((v) > 0 && (v) < 1 ? (g) * (s) : 0)"
    slope_of_output = True

    def numbers(self, p: Params, dtype: str) -> tuple[float, float]:
        return p.alpha, p.beta

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type("hard_sigmoid", ins, outs)


for _op in (Clip(), SmoothL1(), HardSigmoid()):
    _register(_op)


differs(
    "clip",
    "the gradient of a gradient passes",
    "x = mx.nd.array([0.5]); x.attach_grad(); _ = mx.autograd.set_recording(True); "
    "g = mx.autograd.grad(mx.nd.square(mx.nd.clip(x, 0, 1)), x, create_graph=True)[0]; _ = mx.autograd.set_recording(False); "
    "g.backward(); print(x.grad.asnumpy().tolist())",
    ours="[2.0]",
    mxnet="[0.0]",
    why="Within its ends clip is the identity.",
)
differs(
    "clip",
    "grad_req='add' adds",
    "x = mx.nd.array([0.5]); g = mx.nd.ones(x.shape); "
    "e = mx.sym.clip(mx.sym.var('x'), 0, 1).bind(mx.cpu(), {'x': x}, {'x': g}, 'add'); _ = e.forward(is_train=True); "
    "e.backward(mx.nd.array([10])); print(g.asnumpy().astype('float64').round(3).tolist())",
    ours="[11.0]",
    mxnet="[10.0]",
    why="With grad_req='add' MXNet's gradient overwrites what is there instead of adding to it.",
)
