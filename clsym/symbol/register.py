"""The functions of the operators on symbols: what `clsym.opfunctions` needs to know to make them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import ops as _ops  # noqa: F401  (fills the registry)
from ..graph.contract.registry import find_op
from ..opfunctions import Call, Flavour, make_function, namespace
from .compose import create_node
from .symbol import Symbol

__all__ = ["FLAVOUR", "invoke", "operator", "symbol_namespace"]


def invoke(call: Call) -> Symbol:
    """The symbol of a new node; ``out`` is for arrays and has no meaning here."""
    names = call.op.inputs if not (call.op.variadic or call.op.many) else tuple(f"argument {i}" for i in range(len(call.inputs)))
    inputs = [None if s is None else s._single(n) for n, s in zip(names, call.inputs, strict=True)]
    named = {n: s._single(n) for n, s in call.named.items()}
    node = create_node(call.op, call.hint, inputs, named, call.params, call.name, call.attr)
    return Symbol(*(node.out(i) for i in range(node.num_visible)))


FLAVOUR = Flavour("Symbol", Symbol, invoke)


def symbol_namespace(space: str, module: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a module of functions on symbols; see `clsym.opfunctions.namespace`."""
    return namespace(FLAVOUR, space, module)


_made: dict[str, Callable[..., Symbol]] = {}


def operator(name: str) -> Callable[..., Symbol]:
    """The function of an operator by any of its names, those with an underscore included.

    Raises
    ------
    MXNetError
        There is no such operator.
    """
    function = _made.get(name)
    if function is None:
        function = _made[name] = make_function(find_op(name), name, "clsym.symbol", FLAVOUR)
    return function
