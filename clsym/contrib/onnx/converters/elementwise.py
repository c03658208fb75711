"""Element-wise functions of one tensor, and those that leave it as it is."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..layer import FLOATS, Layer, converter

_SAME = {
    "abs": "Abs", "sign": "Sign", "_contrib_sign_ste": "Sign", "negative": "Neg", "relu": "Relu",
}  # fmt: skip
_FLOAT = {
    "arccos": "Acos", "arccosh": "Acosh", "arcsin": "Asin", "arcsinh": "Asinh", "arctan": "Atan", "arctanh": "Atanh", "ceil": "Ceil",
    "cos": "Cos", "cosh": "Cosh", "erf": "Erf", "exp": "Exp", "floor": "Floor", "log": "Log", "reciprocal": "Reciprocal",
    "sigmoid": "Sigmoid", "sin": "Sin", "sinh": "Sinh", "softsign": "Softsign", "sqrt": "Sqrt", "tan": "Tan", "tanh": "Tanh",
}  # fmt: skip


def _cut(layer: Layer, x: str, dtype: str) -> str:
    return layer.emit("Mul", layer.emit("Sign", x), layer.emit("Floor", layer.emit("Abs", x)))


def _round(layer: Layer, x: str, dtype: str) -> str:
    """Halves away from zero; ONNX's Round takes the even one."""
    larger = layer.emit("Add", layer.emit("Abs", x), layer.const(0.5, dtype))
    return layer.emit("Mul", layer.emit("Sign", x), layer.emit("Floor", larger))


def _cbrt(layer: Layer, x: str, dtype: str) -> str:
    return layer.emit("Mul", layer.emit("Sign", x), layer.emit("Pow", layer.emit("Abs", x), layer.const(1 / 3, dtype)))


def gelu(layer: Layer, x: str, dtype: str) -> str:
    """x * Phi(x), by the error function."""
    phi = layer.emit("Add", layer.emit("Erf", layer.emit("Mul", x, layer.const(math.sqrt(0.5), dtype))), layer.const(1, dtype))
    return layer.emit("Mul", layer.emit("Mul", x, layer.const(0.5, dtype)), phi)


def _times(factor: float) -> Callable[[Layer, str, str], str]:
    return lambda layer, x, dtype: layer.emit("Mul", x, layer.const(factor, dtype))


def _scaled_log(factor: float) -> Callable[[Layer, str, str], str]:
    return lambda layer, x, dtype: layer.emit("Mul", layer.emit("Log", x), layer.const(factor, dtype))


_FORMULAS: dict[str, Callable[[Layer, str, str], str]] = {
    "cbrt": _cbrt,
    "degrees": _times(180 / math.pi),
    "expm1": lambda layer, x, dtype: layer.emit("Sub", layer.emit("Exp", x), layer.const(1, dtype)),
    "fix": _cut,
    "log10": _scaled_log(1 / math.log(10)),
    "log1p": lambda layer, x, dtype: layer.emit("Log", layer.emit("Add", x, layer.const(1, dtype))),
    "log2": _scaled_log(1 / math.log(2)),
    "radians": _times(math.pi / 180),
    "rcbrt": lambda layer, x, dtype: layer.emit("Reciprocal", _cbrt(layer, x, dtype)),
    "rint": lambda layer, x, dtype: layer.emit("Ceil", layer.emit("Sub", x, layer.const(0.5, dtype))),  # halves downwards
    "round": _round,
    "_contrib_round_ste": _round,
    "rsqrt": lambda layer, x, dtype: layer.emit("Reciprocal", layer.emit("Sqrt", x)),
    "trunc": _cut,
}


def in_float(layer: Layer, formula: Callable[[Layer, str, str], str]) -> str:
    """The formula in the input's type; integers are computed in float32 and truncated, as MXNet does."""
    if layer.dtype in FLOATS:
        return formula(layer, layer.x, layer.dtype)
    return layer.cast(formula(layer, layer.cast(layer.x, layer.dtype, "float32"), "float32"), "float32", layer.dtype)


@converter(*_SAME)
def _same(layer: Layer) -> str:
    return layer.emit(_SAME[layer.op.name], layer.x)


@converter(*_FLOAT)
def _float(layer: Layer) -> str:
    return in_float(layer, lambda layer, x, dtype: layer.emit(_FLOAT[layer.op.name], x))


@converter(*_FORMULAS)
def _formula(layer: Layer) -> str:
    return in_float(layer, _FORMULAS[layer.op.name])


@converter("square")
def _square(layer: Layer) -> str:
    return layer.emit("Mul", layer.x, layer.x)


@converter("logical_not")
def _logical_not(layer: Layer) -> str:
    return layer.cast(layer.emit("Equal", layer.x, layer.const(0)), "bool", layer.out_dtypes[0])


@converter("hard_sigmoid")
def _hard_sigmoid(layer: Layer) -> str:
    return layer.emit("HardSigmoid", layer.x, alpha=layer.p.alpha, beta=layer.p.beta)


@converter("smooth_l1")
def _smooth_l1(layer: Layer) -> str:
    edge = 1 / layer.p.scalar**2
    size = layer.emit("Abs", layer.x)
    scaled = layer.emit("Mul", layer.x, layer.const(layer.p.scalar))
    inner = layer.emit("Mul", layer.emit("Mul", scaled, scaled), layer.const(0.5))
    outer = layer.emit("Sub", size, layer.const(0.5 * edge))
    return layer.emit("Where", layer.emit("Less", size, layer.const(edge)), inner, outer)


@converter("clip")
def _clip(layer: Layer) -> str:
    return layer.emit("Clip", layer.x, layer.const(layer.p.a_min), layer.const(layer.p.a_max))


@converter("Cast", "amp_cast")
def _cast(layer: Layer) -> str:
    return layer.cast(layer.x, layer.dtype, layer.out_dtypes[0])


@converter(
    "_copy", "_copyto", "BlockGrad", "make_loss", "MakeLoss", "LinearRegressionOutput", "MAERegressionOutput", "SVMOutput",
    "_identity_with_attr_like_rhs", "_contrib_gradientmultiplier", "IdentityAttachKLSparseReg",
)  # fmt: skip
def _identity(layer: Layer) -> str:
    return layer.x


@converter("Dropout")
def _dropout(layer: Layer) -> str:
    if layer.p.mode == "always":
        layer.fail("mode='always' drops in inference too", "set mode='training' to export the expectation")
    return layer.x


@converter("LogisticRegressionOutput")
def _logistic(layer: Layer) -> str:
    return layer.emit("Sigmoid", layer.x)


@converter("_contrib_quadratic")
def _quadratic(layer: Layer) -> str:
    p = layer.p
    inner = layer.emit("Add", layer.emit("Mul", layer.x, layer.const(p.a)), layer.const(p.b))
    return layer.emit("Add", layer.emit("Mul", inner, layer.x), layer.const(p.c))


@converter("amp_multicast")
def _multicast(layer: Layer) -> list[str]:
    return [layer.cast(x, have, want) for x, have, want in zip(layer.ins, layer.in_dtypes, layer.out_dtypes, strict=True)]


@converter("all_finite", "multi_all_finite")
def _all_finite(layer: Layer) -> str:
    """A difference with itself is 0 where a number is finite, NaN elsewhere."""
    found = []
    for x, dtype in zip(layer.ins, layer.in_dtypes, strict=True):
        zero = layer.emit("Equal", layer.emit("Sub", x, x), layer.const(0, dtype))
        found.append(layer.emit("ReduceMin", layer.reshape(layer.cast(zero, "bool", "float32"), (-1,)), axes=[0], keepdims=1))
    return found[0] if len(found) == 1 else layer.emit("Min", *found)
