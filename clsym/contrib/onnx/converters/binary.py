"""Element-wise functions of two tensors, and of a tensor and a number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ....ops.elementwise.binary_table import BINARY_TABLE
from ..layer import FLOATS, Layer, converter

Formula = Callable[[Layer, str, str, str], str]
"""From a layer, two tensors of one type, and that type."""


def _plain(name: str) -> Formula:
    return lambda layer, a, b, dtype: layer.emit(name, a, b)


def _compare(name: str) -> Formula:
    return lambda layer, a, b, dtype: layer.cast(layer.emit(name, a, b), "bool", layer.out_dtypes[0])


def _logic(name: str) -> Formula:
    def formula(layer: Layer, a: str, b: str, dtype: str) -> str:
        found = layer.emit(name, layer.cast(a, dtype, "bool"), layer.cast(b, dtype, "bool"))
        return layer.cast(found, "bool", layer.out_dtypes[0])

    return formula


def _not_equal(layer: Layer, a: str, b: str, dtype: str) -> str:
    return layer.cast(layer.emit("Not", layer.emit("Equal", a, b)), "bool", layer.out_dtypes[0])


def _mod(layer: Layer, a: str, b: str, dtype: str) -> str:
    """Of the sign of b, and 0 where b is 0; ONNX's Mod of floating-point numbers has the sign of a."""
    if dtype not in FLOATS:
        return layer.emit("Mod", a, b)
    rest = layer.emit("Mod", a, b, fmod=1)
    zero = layer.const(0, dtype)
    other = layer.emit("Less", layer.emit("Mul", rest, layer.emit("Sign", b)), zero)
    rest = layer.emit("Where", other, layer.emit("Add", rest, b), rest)
    return layer.emit("Where", layer.emit("Equal", b, zero), zero, rest)


def _hypot(layer: Layer, a: str, b: str, dtype: str) -> str:
    return layer.emit("Sqrt", layer.emit("Add", layer.emit("Mul", a, a), layer.emit("Mul", b, b)))


_FORMULAS: dict[str, Formula] = {
    "add": _plain("Add"), "sub": _plain("Sub"), "mul": _plain("Mul"), "div": _plain("Div"), "mod": _mod, "power": _plain("Pow"),
    "maximum": _plain("Max"), "minimum": _plain("Min"), "hypot": _hypot,
    "equal": _compare("Equal"), "not_equal": _not_equal, "greater": _compare("Greater"), "greater_equal": _compare("GreaterOrEqual"),
    "lesser": _compare("Less"), "lesser_equal": _compare("LessOrEqual"),
    "logical_and": _logic("And"), "logical_or": _logic("Or"), "logical_xor": _logic("Xor"),
}  # fmt: skip
_OPERATORS = {
    **{row.same: row.stem for row in BINARY_TABLE},
    **{f"broadcast_{row.stem}": row.stem for row in BINARY_TABLE},
    "_grad_add": "add",
}
_WITH_NUMBER = {
    "_plus_scalar": "add", "_minus_scalar": "sub", "_rminus_scalar": "sub", "_mul_scalar": "mul", "_div_scalar": "div",
    "_rdiv_scalar": "div", "_mod_scalar": "mod", "_rmod_scalar": "mod", "_power_scalar": "power", "_rpower_scalar": "power",
    "_maximum_scalar": "maximum", "_minimum_scalar": "minimum", "_hypot_scalar": "hypot", "_equal_scalar": "equal",
    "_not_equal_scalar": "not_equal", "_greater_scalar": "greater", "_greater_equal_scalar": "greater_equal", "_lesser_scalar": "lesser",
    "_lesser_equal_scalar": "lesser_equal", "_logical_and_scalar": "logical_and", "_logical_or_scalar": "logical_or",
    "_logical_xor_scalar": "logical_xor",
}  # fmt: skip
_NUMBER_FIRST = {"_rminus_scalar", "_rdiv_scalar", "_rmod_scalar", "_rpower_scalar"}
_TRUTH = {"equal", "not_equal", "greater", "greater_equal", "lesser", "lesser_equal", "logical_and", "logical_or", "logical_xor"}


@converter(*_OPERATORS)
def _binary(layer: Layer) -> str:
    a, b = layer.ins
    dtype = str(np.result_type(*layer.in_dtypes))
    a, b = layer.cast(a, layer.in_dtypes[0], dtype), layer.cast(b, layer.in_dtypes[1], dtype)
    return _FORMULAS[_OPERATORS[layer.op.name]](layer, a, b, dtype)


@converter(*_WITH_NUMBER)
def _with_number(layer: Layer) -> str:
    stem = _WITH_NUMBER[layer.op.name]
    value = layer.p.scalar
    dtype = layer.dtype if stem in _TRUTH else layer.out_dtypes[0]
    if dtype not in FLOATS and not float(value).is_integer():
        dtype = "float32"  # an integer is compared with 0.5 as a number
    x, number = layer.cast(layer.x, layer.dtype, dtype), layer.const(value, dtype)
    a, b = (number, x) if layer.op.name in _NUMBER_FIRST else (x, number)
    made = _FORMULAS[stem](layer, a, b, dtype)
    return made if stem in _TRUTH else layer.cast(made, dtype, layer.out_dtypes[0])


@converter("add_n")
def _add_n(layer: Layer) -> str:
    return layer.emit("Sum", *layer.ins)


@converter("where")
def _where(layer: Layer) -> str:
    condition = layer.cast(layer.ins[0], layer.in_dtypes[0], "bool")
    rank = len(layer.in_shapes[1])
    if layer.rank == 1 and rank > 1:  # chooses whole rows
        condition = layer.unsqueeze(condition, *range(1, rank))
    return layer.emit("Where", condition, *layer.ins[1:])
