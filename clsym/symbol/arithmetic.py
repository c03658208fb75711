"""The operators of Python on symbols."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import Any, Protocol, TypeVar

from ..base import NotImplementedForSymbol
from ..graph.contract.op import Entry
from ..graph.contract.registry import find_op
from .compose import create_node

__all__ = ["Arithmetic", "binary", "scalar"]

# the names that MXNet gives: a + b is _plus0, a + 1 _plusscalar0, a > 1 _greater_scalar0
_TENSOR = {
    "plus": "elemwise_add", "minus": "elemwise_sub", "mul": "elemwise_mul", "div": "elemwise_div", "mod": "_mod", "power": "_power",
    "maximum": "_maximum", "minimum": "_minimum", "hypot": "_hypot", "equal": "_equal", "not_equal": "_not_equal", "greater": "_greater",
    "greater_equal": "_greater_equal", "lesser": "_lesser", "lesser_equal": "_lesser_equal",
}  # fmt: skip
_UNDERSCORED = {"equal", "not_equal", "greater", "greater_equal", "lesser", "lesser_equal"}


class Operand(Protocol):
    """What an operand must be: a symbol, made of entries."""

    def __init__(self, *entries: Entry) -> None: ...
    def _single(self, name: str) -> Entry | None: ...


S = TypeVar("S", bound=Operand)


def scalar(kind: str, symbol: S, value: Any, hint: str = "") -> S:
    """``_plus_scalar`` and its kin."""
    hint = hint or (f"_{kind}_scalar" if kind in _UNDERSCORED else f"_{kind}scalar")
    node = create_node(find_op(f"_{kind}_scalar"), hint, [symbol._single("data")], {}, {"scalar": value}, None, None)
    return type(symbol)(node.out())


def _tensor(kind: str, left: S, right: S) -> S:
    inputs: list[Entry | None] = [left._single("lhs"), right._single("rhs")]
    return type(left)(create_node(find_op(_TENSOR[kind]), f"_{kind}", inputs, {}, {}, None, None).out())


def binary(kind: str, symbol: S, other: Any) -> S:
    """``_plus`` or ``_plus_scalar``, and their kin, by the type of the other operand."""
    if isinstance(other, type(symbol)):
        return _tensor(kind, symbol, other)
    if isinstance(other, Number):
        return scalar(kind, symbol, other)
    raise TypeError(f"type {type(other)} not supported: the operands of a Symbol are Symbols and numbers")


def _method(kind: str, text: str) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        return binary(kind, self, other)

    method.__doc__ = text
    return method


def _reflected(kind: str, text: str, hint: str = "") -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if isinstance(other, Number):
            return scalar("r" + kind, self, other, hint)
        raise TypeError(f"type {type(other)} not supported: the operands of a Symbol are Symbols and numbers")

    method.__doc__ = text
    return method


def _forbidden(name: str, alias: str) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        raise NotImplementedForSymbol(method, alias, other)

    method.__name__ = name
    method.__doc__ = "Raises: a symbol is immutable."
    return method


class Arithmetic:
    """Arithmetic and comparison, element by element, with symbols of the same shape and with numbers."""

    __slots__ = ()
    __array_priority__ = 1000.0  # numpy scalars leave the operation to us
    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]  # == makes a Symbol

    __add__ = __radd__ = _method("plus", "x + y.")
    __mul__ = __rmul__ = _method("mul", "x * y.")
    __sub__ = _method("minus", "x - y.")
    __truediv__ = __div__ = _method("div", "x / y.")
    __mod__ = _method("mod", "x % y, with the sign of y.")
    __pow__ = _method("power", "x ** y.")
    __rsub__ = _reflected("minus", "y - x.")
    __rtruediv__ = __rdiv__ = _reflected("div", "y / x.")
    __rmod__ = _reflected("mod", "y % x.")
    __rpow__ = _reflected("power", "y ** x.", "_rpower_scalar")
    __eq__ = _method("equal", "1 where x == y, else 0.")
    __ne__ = _method("not_equal", "1 where x != y, else 0.")
    __gt__ = _method("greater", "1 where x > y, else 0.")
    __ge__ = _method("greater_equal", "1 where x >= y, else 0.")
    __lt__ = _method("lesser", "1 where x < y, else 0.")
    __le__ = _method("lesser_equal", "1 where x <= y, else 0.")
    __iadd__ = _forbidden("__iadd__", "+=")
    __isub__ = _forbidden("__isub__", "-=")
    __imul__ = _forbidden("__imul__", "*=")
    __itruediv__ = __idiv__ = _forbidden("__itruediv__", "/=")

    def __neg__(self: Any) -> Any:
        """The negative, as a product with -1."""
        return scalar("mul", self, -1.0)

    def __abs__(self: Any) -> Any:
        """The absolute value."""
        return self.abs()

    def __bool__(self) -> bool:
        raise NotImplementedForSymbol(self.__bool__, "bool")
