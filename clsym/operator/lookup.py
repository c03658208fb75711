"""Which operators there are, and what they take, in MXNet's words."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..graph.contract.registry import all_names, find_op
from ..params import REQUIRED, Bool, Enum, Field, Float, Int, Shape

__all__ = ["OperatorArguments", "get_all_registered_operators", "get_operator_arguments"]


class OperatorArguments(NamedTuple):
    """What an operator takes: how many inputs and parameters, their names, and what they are."""

    narg: int
    names: list[str]
    types: list[str]


def get_all_registered_operators() -> list[str]:
    """The names of all operators, aliases included.

    >>> import clsym as mx
    >>> 'Convolution' in mx.operator.get_all_registered_operators()
    True
    """
    return sorted(name for name, op in all_names().items() if not op.hidden)


def _default(field: Field) -> str:
    value: Any = field.default
    if isinstance(field, Bool) and value is not None:
        return str(int(value))
    if isinstance(field, Float) and value is not None:
        return f"{np.float32(value):.9g}"
    if isinstance(field, Shape) and value is not None:
        return f"[{','.join(map(str, value))}]"
    if isinstance(field, (Int, Enum)) and getattr(field, "low", None) != 0:
        return repr(str(value))
    return repr(value)


def _told(field: Field) -> str:
    """A parameter as MXNet describes it: its kind, whether it must be given, its default."""
    kind = field.kind
    if isinstance(field, Enum):
        words = ", ".join((["None"] if field.none else []) + sorted(map(repr, field.choices)))
        return f"{{{words}}}, required" if field.default is REQUIRED else f"{{{words}}},optional, default={_default(field)}"
    if isinstance(field, Int) and field.low == 0:
        kind += " (non-negative)"
    if field.none and not isinstance(field, Shape):
        kind += " or None"
    return f"{kind}, required" if field.default is REQUIRED else f"{kind}, optional, default={_default(field)}"


def get_operator_arguments(op_name: str) -> OperatorArguments:
    """The inputs and parameters of an operator.

    Raises
    ------
    MXNetError
        There is no such operator.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.operator.get_operator_arguments('Flatten')
    OperatorArguments(narg=1, names=['data'], types=['NDArray-or-Symbol'])
    """
    op = find_op(op_name)
    many = bool(op.variadic or op.many)
    inputs = {"data": "NDArray-or-Symbol[]"} if many else dict.fromkeys(op.inputs, "NDArray-or-Symbol")
    found = inputs | {name: _told(field) for name, field in op.params.items()}
    return OperatorArguments(len(found), list(found), list(found.values()))
