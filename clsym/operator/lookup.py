"""Which operators there are, and what they take."""

from __future__ import annotations

from typing import NamedTuple

from ..graph.contract.registry import all_names, find_op

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
    many = bool(op.variadic or op.open)
    inputs = {"data": "NDArray-or-Symbol[]"} if many else dict.fromkeys(op.inputs, "NDArray-or-Symbol")
    found = inputs | {name: field.describe() for name, field in op.params.items()}
    return OperatorArguments(len(found), list(found), list(found.values()))
