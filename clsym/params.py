"""Typed operator parameters and the strings that MXNet's JSON holds for them.

A field turns a user's value, or the text of a graph file, into a typed Python value, and names what is wrong otherwise.
The text a user's value becomes in a graph file is `to_text`; MXNet writes ``str(value)`` of what the user gave, and so do we.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Mapping
from typing import Any

import numpy as np

from .base import FLAG_DTYPES, MXNetError, WrongTypeError, dtype_name

__all__ = ["REQUIRED", "Bool", "Dtype", "Enum", "Field", "Float", "Int", "Params", "Shape", "Str", "parse_params", "to_text"]


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Any = _Required()


class Field:
    """One parameter: its type, default and documentation.

    Parameters
    ----------
    default : object
        The typed default, or `REQUIRED`.
    doc : str
        What the parameter means, for the generated documentation.
    none : bool
        Whether ``None`` is a value of it.
    """

    kind = "value"

    def __init__(self, default: Any = REQUIRED, doc: str = "", *, none: bool = False) -> None:
        self.default = default
        self.doc = doc
        self.none = none or default is None

    def convert(self, value: Any) -> Any:
        """The typed value of `value`, which is no string."""
        raise NotImplementedError

    def convert_text(self, text: str) -> Any:
        """The typed value that `text` spells."""
        return self.convert(ast.literal_eval(text))

    def parse(self, value: Any) -> Any:
        """The typed value, or ValueError."""
        if value is None or (isinstance(value, str) and value == "None"):
            if self.none:
                return None
            raise ValueError("None is not allowed")
        if isinstance(value, str):
            try:
                return self.convert_text(value.strip())
            except (SyntaxError, TypeError, MemoryError, RecursionError) as exc:
                raise ValueError(str(exc)) from exc
        try:
            return self.convert(value)
        except (TypeError, OverflowError) as exc:
            raise ValueError(str(exc)) from exc

    def describe(self) -> str:
        """The type and default, as the documentation shows them."""
        text = self.kind + (" or None" if self.none else "")
        return text + (", required" if self.default is REQUIRED else f", optional, default={self.default!r}")


class Int(Field):
    """An integer, optionally bounded below by `low` and above by `high` (both inclusive)."""

    kind = "int"

    def __init__(
        self, default: Any = REQUIRED, doc: str = "", *, none: bool = False, low: int | None = None, high: int | None = None
    ) -> None:
        super().__init__(default, doc, none=none)
        self.low, self.high = low, high

    def convert(self, value: Any) -> int:
        if isinstance(value, (float, np.floating)) and not float(value).is_integer():
            raise ValueError("not an integer")
        number = int(value)
        if abs(number) >= 1 << 63:
            raise ValueError("does not fit in 64 bits")
        if (self.low is not None and number < self.low) or (self.high is not None and number > self.high):
            raise ValueError(f"must lie in [{self.low}, {self.high}]")
        return number

    def convert_text(self, text: str) -> int:
        if text in ("True", "False"):
            return int(text == "True")
        return self.convert(int(text[:-1] if text.endswith("L") else text))


class Float(Field):
    """A real number, optionally bounded below by `low` (inclusive); ``inf``, ``-inf`` and ``nan`` are numbers."""

    kind = "float"

    def __init__(self, default: Any = REQUIRED, doc: str = "", *, none: bool = False, low: float | None = None) -> None:
        super().__init__(default, doc, none=none)
        self.low = low

    def convert(self, value: Any) -> float:
        number = float(value)
        if self.low is not None and number < self.low:
            raise ValueError(f"should be greater equal to {self.low:g}")
        return number

    def convert_text(self, text: str) -> float:
        return self.convert(text == "True" if text in ("True", "False") else text)


class Bool(Field):
    """A truth value: True, False, 1, 0, 'true', 'false'."""

    kind = "boolean"

    def convert(self, value: Any) -> bool:
        if value not in (0, 1):
            raise ValueError("not a boolean")
        return bool(value)

    def convert_text(self, text: str) -> bool:
        lowered = text.lower()
        if lowered in ("true", "1"):
            return True
        if lowered in ("false", "0"):
            return False
        raise ValueError("not a boolean")


class Str(Field):
    """Free text."""

    kind = "string"

    def convert(self, value: Any) -> str:
        return str(value)

    def convert_text(self, text: str) -> str:
        return text


class Enum(Field):
    """One of a fixed set of words."""

    def __init__(self, choices: tuple[str, ...], default: Any = REQUIRED, doc: str = "", *, none: bool = False) -> None:
        super().__init__(default, doc, none=none)
        self.choices = choices
        self.kind = "{" + ", ".join(repr(c) for c in choices) + "}"

    def convert(self, value: Any) -> str:
        return self.convert_text(str(value))

    def convert_text(self, text: str) -> str:
        if text not in self.choices:
            raise ValueError(f"valid values are: {self.kind}")
        return text


class Shape(Field):
    """A tuple of integers: ``(3, 3)``, ``[3, 3]``, ``'(3,3)'``, or one integer. With `none_items`, items may be None."""

    kind = "Shape(tuple)"

    def __init__(
        self, default: Any = REQUIRED, doc: str = "", *, none: bool = False, none_items: bool = False, length: int | None = None
    ) -> None:
        super().__init__(default, doc, none=none)
        self.none_items = none_items
        self.length = length

    def convert(self, value: Any) -> tuple[int | None, ...]:
        items = tuple(value) if isinstance(value, (tuple, list, np.ndarray)) else (value,)
        out: list[int | None] = []
        for item in items:
            if item is None:
                if not self.none_items:
                    raise ValueError("items must be integers")
                out.append(None)
                continue
            if isinstance(item, (float, np.floating)) and not float(item).is_integer():
                raise ValueError("items must be integers")
            number = int(item)
            if abs(number) >= 1 << 62:
                raise ValueError("an item does not fit in 64 bits")
            out.append(number)
        if self.length is not None and len(out) != self.length:
            raise ValueError(f"must have {self.length} items")
        return tuple(out)

    def convert_text(self, text: str) -> tuple[int | None, ...]:
        body = text.strip("()[] ").rstrip(",")
        if not body:
            return ()
        return self.convert([None if t == "None" else int(t[:-1] if t.endswith("L") else t) for t in (p.strip() for p in body.split(","))])


class Floats(Field):
    """A tuple of real numbers."""

    kind = "tuple of <float>"

    def convert(self, value: Any) -> tuple[float, ...]:
        items = value if isinstance(value, (tuple, list, np.ndarray)) else (value,)
        return tuple(float(v) for v in items)

    def convert_text(self, text: str) -> tuple[float, ...]:
        body = text.strip("()[] ").rstrip(",")
        return tuple(float(t) for t in body.split(",")) if body else ()


class Dtype(Field):
    """An element type, by name, numpy type or MXNet's flag (``'0'`` is float32)."""

    kind = "dtype"

    def convert(self, value: Any) -> str | None:
        if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
            return self.convert_text(str(value))
        return dtype_name(value)

    def convert_text(self, text: str) -> str | None:
        if text.lstrip("-").isdigit():
            flag = int(text)
            if flag == -1 and self.none:
                return None
            if flag not in FLAG_DTYPES:
                raise ValueError("unknown type flag")
            return FLAG_DTYPES[flag]
        try:
            return dtype_name(text)
        except MXNetError as exc:
            raise ValueError(str(exc)) from exc


def _distinct(value: Any) -> Any:
    """`value`, or text where equality would confuse it: NaN differs from itself, -0.0 equals 0.0."""
    if isinstance(value, float):
        return repr(value) if value == 0 or value != value else value
    return repr(value) if isinstance(value, tuple) and any(isinstance(v, float) for v in value) else value


class Params:
    """The typed parameters of a node: attributes, immutable, hashable.

    >>> p = Params({'kernel': (3, 3), 'no_bias': False})
    >>> p.kernel, p.no_bias
    ((3, 3), False)
    """

    __slots__ = ("_hash", "_key", "_values")
    _values: dict[str, Any]
    _key: tuple[Any, ...]
    _hash: int

    def __init__(self, values: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_values", dict(values))
        object.__setattr__(self, "_key", tuple((k, _distinct(v)) for k, v in self._values.items()))
        object.__setattr__(self, "_hash", hash(self._key))

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("operator parameters are immutable; use replace()")

    def __reduce__(self) -> Any:
        return (Params, (self._values,))

    def replace(self, **changes: Any) -> Params:
        """A copy with some values changed."""
        return Params({**self._values, **changes})

    def items(self) -> Any:
        """Names and typed values."""
        return self._values.items()

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Params) and self._key == other._key

    def __repr__(self) -> str:
        return "Params(" + ", ".join(f"{k}={v!r}" for k, v in self._values.items()) + ")"


def to_text(value: Any) -> str:
    """The text that a parameter's value has in a graph file.

    numpy scalars are written as plain numbers, element types by name.

    >>> to_text((np.int64(3), 3)), to_text(np.float32), to_text(np.float32(0.1)), to_text(None)
    ('(3, 3)', 'float32', '0.1', 'None')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, (type, np.dtype)):
        return dtype_name(value)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, np.generic):
        return str(value)  # not item(): that would write float32's 0.1 with the digits of a double
    if isinstance(value, (tuple, list)):
        inner = [to_text(v) for v in value]
        if isinstance(value, list):
            return "[" + ", ".join(inner) + "]"
        return "(" + ", ".join(inner) + ("," if len(inner) == 1 else "") + ")"
    return str(value)


def parse_params(op_name: str, fields: Mapping[str, Field], given: Mapping[str, Any], node_name: str = "") -> Params:
    """The typed parameters of an operator from what was given; the same object for what was given before.

    Raises
    ------
    MXNetError
        A name is unknown, a required one is missing, or a value does not parse; the message lists the possible ones.
    """
    like = _written(given)
    key = (op_name, id(fields), like)
    known = _parsed.get(key) if like is not None else None
    if known is not None and known[0] is fields:
        return known[1]
    found = _parse(op_name, fields, given, node_name)
    if like is not None:
        if len(_parsed) >= _PARSED_KEPT:
            _parsed.clear()
        _parsed[key] = (fields, found)
    return found


_PARSED_KEPT = 4096
_parsed: dict[tuple[Any, ...], tuple[Mapping[str, Field], Params]] = {}
"""By operator and what was given; deep networks repeat their layers. The fields are kept, so that their identity stays theirs."""


def _written(given: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """What was given as a key that is the same for equal values of equal types; None where some value is not that simple."""
    found: list[Any] = []
    for name, value in given.items():
        kind = type(value)
        if kind is float:
            value = repr(value)  # NaN differs from itself, -0.0 equals 0.0
        elif kind is tuple:
            if not all(type(v) is int for v in value):
                return None
        elif kind not in (str, int, bool, type(None)):
            return None
        found.append((name, kind, value))
    return tuple(found)


def _parse(op_name: str, fields: Mapping[str, Field], given: Mapping[str, Any], node_name: str) -> Params:
    where = f", in operator {op_name}" + (f" (node {node_name!r})" if node_name else "")
    for name in given:
        if name not in fields:
            listing = "\n".join(f"{n} : {f.describe()}" for n, f in fields.items())
            close = difflib.get_close_matches(name, fields, 1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise MXNetError(f"Cannot find argument '{name}'{where}.{hint} Possible Arguments:\n----------------\n{listing}")
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name not in given:
            if field.default is REQUIRED:
                raise MXNetError(f"Required parameter {name} of {field.kind} is not presented{where}")
            values[name] = field.default
            continue
        try:
            values[name] = field.parse(given[name])
        except ValueError as exc:
            shown = repr(given[name])
            shown = shown if len(shown) < 200 else shown[:200] + "..."
            if isinstance(field, Enum):
                raise MXNetError(f"Invalid Input: {shown}, valid values are: {field.kind}, for parameter {name}{where}") from exc
            kind = WrongTypeError if isinstance(field, Dtype) else MXNetError
            raise kind(f"Invalid Parameter format for {name} expect {field.kind} but value={shown}{where}: {exc}") from exc
    return Params(values)
