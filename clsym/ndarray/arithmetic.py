"""The operators of Python on arrays, and the functions that take arrays or numbers on either side."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..base import MXNetError
from .invoke import invoke
from .storage import ArrayBase

__all__ = ["BINARY", "Arithmetic", "binary"]

Number = (int, float, np.generic)


class OperandError(TypeError, AssertionError):
    """An operand that is neither array nor number; MXNet raises a TypeError, or an AssertionError where the other is a number."""


class Binary:
    """One function of two operands: the operators behind it, by what the operands are."""

    __slots__ = ("arrays", "left", "numbers", "right")

    def __init__(self, arrays: str, right: str, left: str, numbers: Callable[[Any, Any], Any]) -> None:
        self.arrays = arrays  # array, array
        self.right = right  # array, number
        self.left = left  # number, array
        self.numbers = numbers


def _truth(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda x, y: 1 if compare(x, y) else 0


BINARY: dict[str, Binary] = {
    "add": Binary("broadcast_add", "_plus_scalar", "_plus_scalar", operator.add),
    "subtract": Binary("broadcast_sub", "_minus_scalar", "_rminus_scalar", operator.sub),
    "multiply": Binary("broadcast_mul", "_mul_scalar", "_mul_scalar", operator.mul),
    "divide": Binary("broadcast_div", "_div_scalar", "_rdiv_scalar", operator.truediv),
    "modulo": Binary("broadcast_mod", "_mod_scalar", "_rmod_scalar", operator.mod),
    "power": Binary("broadcast_power", "_power_scalar", "_rpower_scalar", operator.pow),
    "maximum": Binary("broadcast_maximum", "_maximum_scalar", "_maximum_scalar", lambda x, y: x if x > y else y),
    "minimum": Binary("broadcast_minimum", "_minimum_scalar", "_minimum_scalar", lambda x, y: x if x < y else y),
    "equal": Binary("broadcast_equal", "_equal_scalar", "_equal_scalar", _truth(operator.eq)),
    "not_equal": Binary("broadcast_not_equal", "_not_equal_scalar", "_not_equal_scalar", _truth(operator.ne)),
    "greater": Binary("broadcast_greater", "_greater_scalar", "_lesser_scalar", _truth(operator.gt)),
    "greater_equal": Binary("broadcast_greater_equal", "_greater_equal_scalar", "_lesser_equal_scalar", _truth(operator.ge)),
    "lesser": Binary("broadcast_lesser", "_lesser_scalar", "_greater_scalar", _truth(operator.lt)),
    "lesser_equal": Binary("broadcast_lesser_equal", "_lesser_equal_scalar", "_greater_equal_scalar", _truth(operator.le)),
    "logical_and": Binary("broadcast_logical_and", "_logical_and_scalar", "_logical_and_scalar", _truth(lambda x, y: x and y)),
    "logical_or": Binary("broadcast_logical_or", "_logical_or_scalar", "_logical_or_scalar", _truth(lambda x, y: x or y)),
    "logical_xor": Binary("broadcast_logical_xor", "_logical_xor_scalar", "_logical_xor_scalar", _truth(lambda x, y: bool(x) != bool(y))),
}


def binary(rule: Binary, lhs: Any, rhs: Any, out: Any = None) -> Any:
    """Apply a function of two operands.

    Raises
    ------
    TypeError
        An operand is neither array nor number.
    """
    if isinstance(lhs, ArrayBase):
        if isinstance(rhs, ArrayBase):
            return invoke(rule.arrays, (lhs, rhs), None, out)
        if isinstance(rhs, Number):
            return invoke(rule.right, (lhs,), {"scalar": float(rhs)}, out)
        raise TypeError(f"type {type(rhs)} not supported; make it an array with mx.nd.array")
    if isinstance(lhs, Number):
        if isinstance(rhs, ArrayBase):
            return invoke(rule.left, (rhs,), {"scalar": float(lhs)}, out)
        if isinstance(rhs, Number):
            return rule.numbers(lhs, rhs)
        raise OperandError(f"type {type(rhs)} not supported; make it an array with mx.nd.array")
    raise OperandError(f"type {type(lhs)} not supported; make it an array with mx.nd.array")


_ADD, _SUB, _MUL, _DIV, _MOD, _POW = (BINARY[n] for n in ("add", "subtract", "multiply", "divide", "modulo", "power"))


class Arithmetic(ArrayBase):
    """Arithmetic and comparison. Numbers take the array's element type; arrays must agree in theirs and broadcast."""

    __slots__ = ()

    __array_priority__ = 1000.0
    __array_ufunc__ = None  # numpy's operators leave mixed expressions to these, which refuse them by a TypeError

    def __add__(self, other: Any) -> Any:
        return binary(_ADD, self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return binary(_SUB, self, other)

    def __rsub__(self, other: Any) -> Any:
        return binary(_SUB, other, self)

    def __mul__(self, other: Any) -> Any:
        return binary(_MUL, self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return binary(_DIV, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return binary(_DIV, other, self)

    __div__, __rdiv__ = __truediv__, __rtruediv__

    def __mod__(self, other: Any) -> Any:
        return binary(_MOD, self, other)

    def __rmod__(self, other: Any) -> Any:
        return binary(_MOD, other, self)

    def __pow__(self, other: Any) -> Any:
        return binary(_POW, self, other)

    def __rpow__(self, other: Any) -> Any:
        return binary(_POW, other, self)

    def __neg__(self) -> Any:
        if self._dtype == "bool":
            return binary(_MUL, self, -1)  # int64, as all arithmetic of truth values with numbers
        return invoke("negative", (self,))

    def __abs__(self) -> Any:
        return invoke("abs", (self,))

    def __iadd__(self, other: Any) -> Any:
        return binary(_ADD, self, other, self)

    def __isub__(self, other: Any) -> Any:
        return binary(_SUB, self, other, self)

    def __imul__(self, other: Any) -> Any:
        return binary(_MUL, self, other, self)

    def __itruediv__(self, other: Any) -> Any:
        return binary(_DIV, self, other, self)

    __idiv__ = __itruediv__

    def __imod__(self, other: Any) -> Any:
        return binary(_MOD, self, other, self)

    def __ipow__(self, other: Any) -> Any:
        return binary(_POW, self, other)

    def __eq__(self, other: object) -> Any:
        return binary(BINARY["equal"], self, other)

    def __ne__(self, other: object) -> Any:
        return binary(BINARY["not_equal"], self, other)

    def __gt__(self, other: Any) -> Any:
        return binary(BINARY["greater"], self, other)

    def __ge__(self, other: Any) -> Any:
        return binary(BINARY["greater_equal"], self, other)

    def __lt__(self, other: Any) -> Any:
        return binary(BINARY["lesser"], self, other)

    def __le__(self, other: Any) -> Any:
        return binary(BINARY["lesser_equal"], self, other)

    def __hash__(self) -> int:
        return id(self) // 16

    # ------------------------------------------------------------------ as a number

    def __bool__(self) -> bool:
        size = self.size
        if size == 0:
            return False
        if size > 1:
            raise ValueError("The truth value of an NDArray with multiple elements is ambiguous.")
        return bool(self.asscalar())

    __nonzero__ = __bool__

    def __float__(self) -> float:
        return float(self._only_value())

    def __int__(self) -> int:
        return int(self._only_value())

    def __index__(self) -> int:
        value = self.asscalar()
        if isinstance(value, np.integer):
            return int(value)
        raise TypeError(f"only an integer array of one element is an index; this one holds {self._dtype}")

    def _only_value(self) -> Any:
        if self.size != 1:
            raise TypeError(f"only an array of one element is a number; this one has shape {self._shape}")
        return self.asscalar()

    def asscalar(self) -> Any:
        """The value of an array of one element, as a numpy scalar; waits for it.

        Raises
        ------
        ValueError
            It has another number of elements.

        Examples
        --------
        >>> import clsym as mx
        >>> float(mx.nd.array([7]).asscalar())
        7.0
        """
        if self.size != 1:
            raise ValueError("The current array is not a scalar")
        return self._download().reshape(-1)[0]


def require_arrays(arrays: Any, what: str) -> list[ArrayBase]:
    """The arrays of a list, checked."""
    found = list(arrays)
    for i, array in enumerate(found):
        if not isinstance(array, ArrayBase):
            raise MXNetError(f"{what}: argument {i} must be an NDArray, got {type(array).__name__}")
    return found
