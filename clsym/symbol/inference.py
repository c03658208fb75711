"""`Symbol.infer_shape` and `Symbol.infer_type`: names and conventions of MXNet around the passes of `clsym.graph.infer`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..base import FLAG_DTYPES, MXNetError, dtype_name
from ..graph.contract.host import Measured
from ..graph.contract.ir import aux_variables, topological
from ..graph.contract.op import Entry, Node
from ..graph.contract.registry import facet
from ..graph.contract.spec import PartialShape, known
from ..graph.infer import infer_shapes, infer_types
from ..params import Shape
from ..util import is_np_shape, partial_shape, user_shape

__all__ = ["infer_shape", "infer_type"]

Names = list[str]


def _arguments(order: Sequence[Node]) -> tuple[list[Node], list[Node]]:
    aux = aux_variables(order)
    variables = [n for n in order if n.is_variable]
    return [n for n in variables if n.serial not in aux], [n for n in variables if n.serial in aux]


def _given(what: str, args: Sequence[Any], kwargs: Mapping[str, Any], arguments: list[Node], aux: list[Node]) -> list[tuple[str, Any]]:
    """Pairs of argument name and value."""
    if args and kwargs:
        raise ValueError(f"Can only specify known argument {what}s either by positional or kwargs way.")
    if len(args) > len(arguments):
        raise MXNetError(
            f"infer_{what}: {len(args)} {what}s are given, but there are {len(arguments)} arguments: {', '.join(n.name for n in arguments)}"
        )
    names = {n.name for n in (*arguments, *aux)}
    for name in kwargs:
        if name not in names:
            candidates = "".join(f"\n\t[{i}]{n.name}" for i, n in enumerate(arguments))
            raise MXNetError(f"infer_{what}: keyword argument name {name} not found.\nCandidate arguments:{candidates}")
    return [(n.name, v) for n, v in zip(arguments, args, strict=False)] if args else list(kwargs.items())


def _checked(label: str, shape: Any) -> PartialShape:
    if not isinstance(shape, tuple):
        raise TypeError(f"Arguments need to be shapes (tuple), but {label} is {type(shape)}.")
    for extent in shape:
        if isinstance(extent, bool) or not isinstance(extent, (int, np.integer)):
            raise TypeError(f"Arguments need to be shapes (tuple of int), but {label} is {shape!r}.")
        if extent >= 1 << 62:
            raise MXNetError(f"infer_shape: extent {extent} of {label} is too large")
    return partial_shape([int(d) for d in shape])


def _declared(node: Node, attribute: str) -> Any:
    """What a variable says of itself; None if nothing."""
    text = node.attrs.get(attribute)
    if text is None:
        return None
    try:
        if attribute == "__shape__":
            return partial_shape(Shape().parse(text))
        return FLAG_DTYPES[int(text)] if text.lstrip("-").isdigit() else dtype_name(text)
    except (ValueError, KeyError, MXNetError) as exc:
        if text == "-1":
            return None
        raise MXNetError(
            f"variable {node.name!r}: attribute {attribute} is {text[:100]!r}, which is no {attribute.strip('_')}: {exc}"
        ) from exc


def _warn(what: str, unknown: list[tuple[str, Any]], note: str) -> None:
    lines = "\n\t".join(f"{name}: {value}" for name, value in unknown)
    warnings.warn(f"Cannot decide {what} for the following arguments{note}. Consider providing them as input:\n\t{lines}", stacklevel=4)


def infer_shape(heads: Sequence[Entry], partial: bool, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Shapes of arguments, outputs and auxiliary states.

    Returns
    -------
    tuple of three lists of tuples
        Or (None, None, None) where `partial` is false and something stays unknown; a warning then lists the arguments.

    Raises
    ------
    MXNetError
        The shapes contradict one another, or a name is no argument.
    TypeError
        A shape is no tuple of integers.
    """
    order = topological(heads)
    arguments, aux = _arguments(order)
    label = "argument {}" if args else "{!r}"
    given: dict[str, PartialShape] = {}
    for i, (name, shape) in enumerate(_given("shape", args, kwargs, arguments, aux)):
        if not (args and shape is None):
            given[name] = _checked(label.format(i if args else name), shape)
    shapes: dict[tuple[int, int], PartialShape] = {}
    for node in (*arguments, *aux):
        shape = given[node.name] if node.name in given else _declared(node, "__shape__")
        if shape is not None:
            shapes[(node.serial, 0)] = shape
    infer_shapes([n for n in order if n.op is None or facet(n.op, Measured) is None], shapes)  # their extents are not known before they ran
    results = [[shapes.get((n.serial, 0)) for n in group] for group in (arguments, aux)]
    outputs = [shapes.get((h.node.serial, h.index)) for h in heads]
    if not partial and not all(known(s) for s in (*results[0], *outputs, *results[1])):
        unknown = [(n.name, user_shape(s)) for n, s in zip(arguments, results[0], strict=True) if not known(s)]
        _warn("shape", unknown, " (-1s in shape means unknown dimensions)" if is_np_shape() else " (0s in shape means unknown dimensions)")
        return None, None, None
    return [user_shape(s) for s in results[0]], [user_shape(s) for s in outputs], [user_shape(s) for s in results[1]]


def infer_type(heads: Sequence[Entry], partial: bool, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Element types (numpy classes) of arguments, outputs and auxiliary states; the rest as `infer_shape`."""
    order = topological(heads)
    arguments, aux = _arguments(order)
    given = {name: dtype_name(np.dtype(t)) for name, t in _given("type", args, kwargs, arguments, aux) if t is not None}
    types: dict[tuple[int, int], str | None] = {}
    for node in (*arguments, *aux):
        found = given.get(node.name) or _declared(node, "__dtype__")
        if found is not None:
            types[(node.serial, 0)] = found
    infer_types(order, types, computed=False)

    def show(name: str | None) -> type | None:
        return None if name is None else np.dtype(name).type

    results = [[show(types.get((n.serial, 0))) for n in group] for group in (arguments, aux)]
    outputs = [show(types.get((h.node.serial, h.index))) for h in heads]
    if not partial and any(t is None for t in (*results[0], *outputs, *results[1])):
        _warn("type", [(n.name, t) for n, t in zip(arguments, results[0], strict=True) if t is None], "")
        return None, None, None
    return results[0], outputs, results[1]
