"""The functions of the operators on arrays: what `clsym.opfunctions` needs to know to make them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import ops as _ops  # noqa: F401  (fills the registry)
from ..base import MXNetError
from ..graph.contract.registry import find_op
from ..opfunctions import Call, Flavour, make_function, namespace
from .invoke import invoke as run
from .storage import ArrayBase

__all__ = ["FLAVOUR", "array_namespace", "invoke", "operator"]


def invoke(call: Call) -> Any:
    """Apply an operator to arrays; ``name`` and ``attr`` are for symbols and have no meaning here.

    Raises
    ------
    MXNetError
        An input is missing, or one was given that the operator has not.
    """
    op, params = call.op, call.params
    inputs = call.inputs
    if call.named or any(a is None for a in inputs):
        inputs = _complete(call)
    ctx = params.pop("ctx", None)  # not part of what is computed: one prepared call serves all contexts of a device
    return run(op, inputs, params, call.out, ctx)


def _complete(call: Call) -> list[ArrayBase]:
    """The inputs in order, those given by unusual names included, without those that may be left out."""
    op = call.op
    inputs = [a for a in call.inputs if a is not None]
    if op.variadic:
        if inputs and call.named:
            raise MXNetError(f"operator {op.name}: give inputs by position or as arg0=, arg1=, ..., not both ({', '.join(call.named)})")
        if sorted(call.named) != sorted(f"arg{i}" for i in range(len(call.named))):
            raise MXNetError(f"operator {op.name}: inputs given by name must be arg0=, arg1=, ...; got {', '.join(call.named)}")
        return inputs or [call.named[f"arg{i}"] for i in range(len(call.named))]
    if op.many:
        names = op.input_names(op.parse({k: v for k, v in call.params.items() if k != "ctx"}))
        by_name = dict(zip(names, inputs, strict=False)) | call.named
        wrong = [n for n in call.named if n not in names or n in names[: len(inputs)]]
        if wrong or len(inputs) > len(names) or len(by_name) < len(names):
            given = ", ".join([*(f"argument {i}" for i in range(len(inputs))), *call.named])
            raise MXNetError(f"Operator {op.name} expects {len(names)} inputs ({', '.join(names)}), but got {given or 'none'} instead.")
        return [by_name[n] for n in names]
    if call.named:
        raise MXNetError(f"operator {op.name} has no input {', '.join(map(repr, call.named))}; its inputs are {', '.join(op.inputs)}")
    last = max((i for i, a in enumerate(call.inputs) if a is not None), default=-1)
    names = op.input_names(op.parse({k: v for k, v in call.params.items() if k != "ctx"}))
    for i, a in enumerate(call.inputs[: last + 1]):
        if a is None and op.inputs[i] in names:
            raise MXNetError(f"operator {op.name}: the input {op.inputs[i]!r} is missing; it needs {', '.join(names)}")
    return inputs


FLAVOUR = Flavour("NDArray", ArrayBase, invoke, run)


def array_namespace(space: str, module: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a module of functions on arrays; see `clsym.opfunctions.namespace`."""
    return namespace(FLAVOUR, space, module)


_made: dict[str, Callable[..., Any]] = {}


def operator(name: str) -> Callable[..., Any]:
    """The function of an operator by any of its names, those with an underscore included.

    Raises
    ------
    MXNetError
        There is no such operator.
    """
    function = _made.get(name)
    if function is None:
        function = _made[name] = make_function(find_op(name), name, "clsym.ndarray", FLAVOUR)
    return function
