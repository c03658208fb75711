"""Functions of each element."""

from __future__ import annotations

import math

import numpy as np

from .....symbol import Symbol
from ..node import FLOATS, READERS, Node, Reader, reads
from ..reader import element_type

_UNARY = {
    "Abs": "abs", "Acos": "arccos", "Acosh": "arccosh", "Asin": "arcsin", "Asinh": "arcsinh", "Atan": "arctan", "Atanh": "arctanh",
    "Ceil": "ceil", "Cos": "cos", "Cosh": "cosh", "Erf": "erf", "Exp": "exp", "Floor": "floor", "Identity": "_copy", "Log": "log",
    "Neg": "negative", "Reciprocal": "reciprocal", "Relu": "relu", "Sigmoid": "sigmoid", "Sign": "sign", "Sin": "sin",
    "Sinh": "sinh", "Softsign": "softsign", "Sqrt": "sqrt", "Tan": "tan", "Tanh": "tanh",
}  # fmt: skip


def _unary(name: str) -> Reader:
    return lambda n: n.out(name, n.x)


READERS.update({kind: _unary(name) for kind, name in _UNARY.items()})


@reads("Round")
def _round(n: Node) -> Symbol:
    return n.out("_copy", n.half_even(n.x))


@reads("Softplus")
def _softplus(n: Node) -> Symbol:
    return n.out("Activation", n.x, act_type="softrelu")


@reads("Not")
def _not(n: Node) -> Symbol:
    return n.out("Cast", n.op("logical_not", n.cast(n.x, "int32")), dtype="bool")


@reads("IsNaN")
def _is_nan(n: Node) -> Symbol:
    return n.out("Cast", n.op("broadcast_not_equal", n.x, n.x), dtype="bool")


@reads("IsInf")
def _is_inf(n: Node) -> Symbol:
    x, positive, negative = n.x, n.attr("detect_positive", 1), n.attr("detect_negative", 1)
    if not positive and not negative:
        return n.out("Cast", n.op("broadcast_not_equal", n.op("zeros_like", x), n.op("zeros_like", x)), dtype="bool")
    if positive and negative:
        x = n.op("abs", x)
    return n.out("Cast", n.op("_equal_scalar", x, scalar=math.inf if positive else -math.inf), dtype="bool")


@reads("Cast")
def _cast(n: Node) -> Symbol:
    return n.out("Cast", n.x, dtype=element_type(n.attrs["to"], n.text("attribute 'to'")))


@reads("CastLike")
def _cast_like(n: Node) -> Symbol | np.ndarray:
    if n.is_constant(0):
        return n.constant(0).astype(n.dtype(1))
    return n.out("Cast", n.x, dtype=n.dtype(1))


@reads("Clip")
def _clip(n: Node) -> Symbol:
    low, high = -math.inf, math.inf
    kind = np.dtype(n.dtype())
    if kind.kind != "f":
        limits = np.iinfo(kind) if kind.kind in "iu" else None
        low, high = (limits.min, limits.max) if limits else (0, 1)
    low, high = n.attr("min", low), n.attr("max", high)
    result = n.x
    for i, name in ((1, "broadcast_maximum"), (2, "broadcast_minimum")):
        if n.has(i) and not n.is_constant(i):
            result = n.op(name, result, n[i])
        elif n.has(i) and i == 1:
            low = n.constant(i).ravel()[0].item()
        elif n.has(i):
            high = n.constant(i).ravel()[0].item()
    if kind.kind != "f":
        return n.out("_minimum_scalar", n.op("_maximum_scalar", result, scalar=low), scalar=high)
    if math.isinf(low) and math.isinf(high):
        return n.out("_copy", result)
    return n.out("clip", result, a_min=low, a_max=min(high, max(low, high)) if low <= high else high)


@reads("Elu")
def _elu(n: Node) -> Symbol:
    return n.out("LeakyReLU", n.x, act_type="elu", slope=n.attr("alpha", 1.0))


@reads("Selu")
def _selu(n: Node) -> Symbol:
    alpha, gamma = n.attr("alpha", 1.6732632423543772), n.attr("gamma", 1.0507009873554805)
    return n.out("_mul_scalar", n.op("LeakyReLU", n.x, act_type="elu", slope=alpha), scalar=gamma)


@reads("Celu")
def _celu(n: Node) -> Symbol:
    alpha = n.attr("alpha", 1.0)
    elu = n.op("LeakyReLU", n.op("_div_scalar", n.x, scalar=alpha), act_type="elu", slope=1.0)
    return n.out("_mul_scalar", elu, scalar=alpha)


@reads("LeakyRelu")
def _leaky(n: Node) -> Symbol:
    return n.out("LeakyReLU", n.x, act_type="leaky", slope=n.attr("alpha", 0.01))


@reads("PRelu")
def _prelu(n: Node) -> Symbol:
    x = n.x
    positive = n.op("relu", x)
    return n.out("elemwise_add", positive, n.op("broadcast_mul", n.op("elemwise_sub", x, positive), n[1]))


@reads("ThresholdedRelu")
def _thresholded(n: Node) -> Symbol:
    return n.out("elemwise_mul", n.x, n.op("_greater_scalar", n.x, scalar=n.attr("alpha", 1.0)))


@reads("Shrink")
def _shrink(n: Node) -> Symbol:
    x, limit, bias = n.x, n.attr("lambd", 0.5), n.attr("bias", 0.0)
    above = n.op("elemwise_mul", n.op("_greater_scalar", x, scalar=limit), n.op("_minus_scalar", x, scalar=bias))
    below = n.op("elemwise_mul", n.op("_lesser_scalar", x, scalar=-limit), n.op("_plus_scalar", x, scalar=bias))
    return n.out("elemwise_add", above, below)


@reads("HardSigmoid")
def _hard_sigmoid(n: Node) -> Symbol:
    return n.out("hard_sigmoid", n.x, alpha=n.attr("alpha", 0.2), beta=n.attr("beta", 0.5))


@reads("HardSwish")
def _hard_swish(n: Node) -> Symbol:
    return n.out("elemwise_mul", n.x, n.op("hard_sigmoid", n.x, alpha=1 / 6, beta=0.5))


@reads("Swish")
def _swish(n: Node) -> Symbol:
    return n.out("elemwise_mul", n.x, n.op("sigmoid", n.op("_mul_scalar", n.x, scalar=n.attr("alpha", 1.0))))


@reads("Mish")
def _mish(n: Node) -> Symbol:
    return n.out("elemwise_mul", n.x, n.op("tanh", n.op("Activation", n.x, act_type="softrelu")))


@reads("Gelu")
def _gelu(n: Node) -> Symbol:
    if n.attr("approximate", "none") == "none":
        return n.out("LeakyReLU", n.x, act_type="gelu")
    x = n.x
    cubed = n.op("_mul_scalar", n.op("elemwise_mul", n.op("square", x), x), scalar=0.044715)
    inner = n.op("tanh", n.op("_mul_scalar", n.op("elemwise_add", x, cubed), scalar=math.sqrt(2 / math.pi)))
    return n.out("elemwise_mul", n.op("_mul_scalar", x, scalar=0.5), n.op("_plus_scalar", inner, scalar=1.0))


@reads("Dropout")
def _dropout(n: Node) -> list[Symbol | np.ndarray | None]:
    if n.opset >= 12 and n.has(2) and bool(n.constant(2).ravel()[0]):
        ratio = float(n.scalar("ratio", 1, 0.5))
        if ratio:
            n.fail("training_mode is true: graphs are imported for inference", "export the model for inference")
    result: list[Symbol | np.ndarray | None] = [n.out("_copy", n.x)]
    if len(n.outputs) > 1:
        result.append(n.op("Cast", n.op("ones_like", n.x), dtype="bool") if n.opset >= 10 else n.op("ones_like", n.x))
    return result


def _same_type(n: Node, i: int = 0) -> list[Symbol]:
    return [n[0], n.cast(n[1], n.dtype(0))]


def _binary(n: Node, elementwise: str, broadcast: str, a: Symbol, b: Symbol) -> Symbol:
    same = n.spec(a)[0] == n.spec(b)[0] and -1 not in n.spec(a)[0]
    return n.out(elementwise if same else broadcast, a, b)


def _old_broadcast(n: Node) -> Symbol:
    """Before version 7 the second operand's place was an attribute."""
    if n.opset < 7 and n.attr("broadcast", 0) and "axis" in n.attrs:
        behind = n.rank() - n.attrs["axis"] - n.rank(1)
        return n.reshape(n[1], (*n.shape(1), *[1] * behind))
    return n[1]


def _arithmetic(elementwise: str, broadcast: str) -> Reader:
    return lambda n: _binary(n, elementwise, broadcast, n.x, _old_broadcast(n))


READERS.update(
    Add=_arithmetic("elemwise_add", "broadcast_add"),
    Sub=_arithmetic("elemwise_sub", "broadcast_sub"),
    Mul=_arithmetic("elemwise_mul", "broadcast_mul"),
    Div=_arithmetic("elemwise_div", "broadcast_div"),
)


@reads("Pow")
def _pow(n: Node) -> Symbol:
    kind, exponent = n.dtype(), n.dtype(1)
    if kind in FLOATS and n.is_constant(1) and n.constant(1).size == 1:
        return n.out("_power_scalar", n.x, scalar=float(n.constant(1).ravel()[0]))
    if kind in FLOATS:
        return n.out("broadcast_power", n.x, n.cast(n[1], kind))
    wide = "float64" if exponent not in FLOATS else exponent
    return n.out("Cast", n.op("broadcast_power", n.cast(n.x, wide), n.cast(n[1], wide)), dtype=kind)


@reads("Mod")
def _mod(n: Node) -> Symbol:
    if not n.attr("fmod", 0):
        return n.out("broadcast_mod", n.x, n[1])
    kind = n.dtype()
    a, b = (n.x, n[1]) if kind in FLOATS else (n.cast(n.x, "float64"), n.cast(n[1], "float64"))
    rest = n.op("broadcast_mod", n.op("abs", a), n.op("abs", b))
    return n.out("Cast", n.op("broadcast_mul", n.op("sign", a), rest), dtype=kind)


def _comparison(name: str) -> Reader:
    def read(n: Node) -> Symbol:
        operands = [n.x, _old_broadcast(n)]
        if n.dtype() == "bool":
            operands = [n.cast(s, "int32") for s in operands]
        return n.out("Cast", n.op(name, *operands), dtype="bool")

    return read


for _kind, _name in {
    "Equal": "broadcast_equal", "Greater": "broadcast_greater", "Less": "broadcast_lesser", "GreaterOrEqual": "broadcast_greater_equal",
    "LessOrEqual": "broadcast_lesser_equal",
}.items():  # fmt: skip
    READERS[_kind] = _comparison(_name)


def _logical(name: str) -> Reader:
    def read(n: Node) -> Symbol:
        return n.out("Cast", n.op(name, n.cast(n.x, "int32"), n.cast(_old_broadcast(n), "int32")), dtype="bool")

    return read


for _kind, _name in {"And": "broadcast_logical_and", "Or": "broadcast_logical_or", "Xor": "broadcast_logical_xor"}.items():
    READERS[_kind] = _logical(_name)


def _pairwise(name: str) -> Reader:
    def read(n: Node) -> Symbol:
        first, *rest = n.all
        if not rest:
            return n.out("_copy", first)
        for s in rest[:-1]:
            first = n.op(name, first, s)
        return n.out(name, first, rest[-1])

    return read


for _kind, _name in {"Max": "broadcast_maximum", "Min": "broadcast_minimum", "Sum": "broadcast_add"}.items():
    READERS[_kind] = _pairwise(_name)


@reads("Mean")
def _mean(n: Node) -> Symbol:
    first, *rest = n.all
    for s in rest:
        first = n.op("broadcast_add", first, s)
    return n.out("_div_scalar", first, scalar=float(len(rest) + 1))


@reads("Where")
def _where(n: Node) -> Symbol:
    parts = [n.cast(n[0], "float32"), n[1], n[2]]
    shape: tuple[int, ...] = ()
    for i in range(3):
        shape = np.broadcast_shapes(shape, n.shape(i))
    whole = [s if n.spec(s)[0] == shape else n.op("broadcast_to", _lead(n, s, len(shape)), shape=shape) for s in parts]
    return n.out("where", *whole)


def _lead(n: Node, s: Symbol, rank: int) -> Symbol:
    shape = n.spec(s)[0]
    return s if len(shape) == rank else n.reshape(s, (*[1] * (rank - len(shape)), *shape))
