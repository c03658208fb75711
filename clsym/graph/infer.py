"""Shapes and element types, in both directions, to a fixpoint; partial knowledge is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ..base import MXNetError
from .contract.contradiction import Contradiction, of_shapes, of_types, unify_type
from .contract.ir import topological
from .contract.op import Entry, Node
from .contract.spec import PartialShape, ShapeError, TensorSpec, known, show_shape, unify_shape

__all__ = ["InferenceError", "infer_shapes", "infer_specs", "infer_types"]

Key = tuple[int, int]


class InferenceError(MXNetError):
    """Shapes or types of a graph contradict one another; the message names node, operator and argument."""


_Rule = dict[tuple[object, ...], tuple[list[PartialShape], list[PartialShape]]]
_Origins = dict[Key, Node]
"""The node whose rule completed a shape or type last; what a user gave has none."""


def _argument(node: Node, position: int) -> str:
    assert node.op is not None
    names = node.op.input_names(node.params)
    label = names[position] if position < len(names) else str(position)
    return f"argument {label!r} ({node.inputs[position].name})"


def _origin(entry: Entry, node: Node, known_values: Mapping[Key, Any], origins: _Origins, show: Callable[[Any], str]) -> str:
    """Where the shape or type of an entry comes from, in brackets."""
    by = origins.get((entry.node.serial, entry.index))
    if entry.node.is_variable:
        if by is None or by is node or by.op is None:
            return ""
        return f" (from node {by.name!r}, {by.op.name}, which reads {entry.name} as well)"
    variables = [n for n in topological([entry]) if n.is_variable and (n.serial, 0) in known_values and (n.serial, 0) not in origins]
    listing = ", ".join(f"{n.name}={show(known_values[(n.serial, 0)])}" for n in variables[:4])
    return f" (computed from {listing}{', ...' if len(variables) > 4 else ''})" if listing else ""


def _error(
    node: Node,
    found: Contradiction,
    known_values: Mapping[Key, Any],
    origins: _Origins,
    show: Callable[[Any], str],
    advice: str,
) -> InferenceError:
    """What contradicts at a node, in words."""
    assert node.op is not None
    if found.kind == "input":
        sentence = found.text(_argument(node, found.position))
    elif found.kind == "output":
        by = origins.get((node.serial, found.position))
        who = f" from its inputs; node {by.name!r} needs the former" if by is not None else ""
        sentence = found.text(f"output {node.output_name(found.position)!r}", who)
    else:
        sentence = found.note
    listing = ", ".join(
        f"{e.name}={show(known_values.get((e.node.serial, e.index)))}{_origin(e, node, known_values, origins, show)}"
        for e in node.inputs[:8]
    )
    inputs = f" Its inputs: {listing}{', ...' if len(node.inputs) > 8 else ''}." if listing else ""
    return InferenceError(f"Error in operator {node.name} ({node.op.name}): {sentence}.{inputs} {advice}")


def _given(node: Node, origins: _Origins) -> list[bool]:
    return [e.node.is_variable and (e.node.serial, e.index) not in origins for e in node.inputs]


def _shape_error(node: Node, shapes: Mapping[Key, PartialShape], origins: _Origins, plain: Contradiction) -> InferenceError:
    op = node.op
    assert op is not None
    ins = [shapes.get((e.node.serial, e.index)) for e in node.inputs]
    outs = [shapes.get((node.serial, i)) for i in range(node.num_outputs)]
    found = of_shapes(partial(op.infer_shape, node.params), ins, outs, _given(node, origins)) or plain
    return _error(node, found, shapes, origins, show_shape, "Check the shapes given to bind or infer_shape.")


def _shape_step(node: Node, shapes: dict[Key, PartialShape], memo: _Rule, origins: _Origins) -> bool:
    """Apply one node's rule; whether anything became better known."""
    op = node.op
    assert op is not None
    in_keys = [(e.node.serial, e.index) for e in node.inputs]
    ins = [shapes.get(k) for k in in_keys]
    nid = node.serial
    out_keys = [(nid, i) for i in range(node.num_outputs)]
    outs = [shapes.get(k) for k in out_keys]
    rule = (op, node.params, *ins, *outs)  # deep networks repeat their layers
    plain = Contradiction("", 0, "", "", "")
    changed = False
    try:
        known_rule = memo.get(rule)
        if known_rule is None:
            known_rule = memo[rule] = op.infer_shape(node.params, list(ins), list(outs))
        new_ins, new_outs = known_rule
        for kind, keys, before, after in (("input", in_keys, ins, new_ins), ("output", out_keys, outs, new_outs)):
            for position, (k, old, new) in enumerate(zip(keys, before, after, strict=True)):
                if new is None or new == old:
                    continue
                # the same entry may stand at several positions: unify with what an earlier position just told
                so_far = shapes.get(k)
                plain = Contradiction(kind, position, show_shape(new), show_shape(so_far), "")
                merged = unify_shape(so_far, new)
                if merged != so_far:
                    shapes[k] = merged
                    origins[k] = node
                    changed = True
    except ShapeError as exc:
        if not plain.kind:
            plain = Contradiction("", 0, "", "", str(exc))
        raise _shape_error(node, shapes, origins, plain) from exc
    return changed


def infer_shapes(order: Sequence[Node], shapes: dict[Key, PartialShape]) -> dict[Key, PartialShape]:
    """Complete `shapes` (by node identity and output index) over a graph in topological order; changed in place and returned.

    Raises
    ------
    InferenceError
        A contradiction.
    """
    operators = [n for n in order if n.op is not None]
    memo: _Rule = {}
    origins: _Origins = {}
    while True:
        changed = False
        for node in operators:
            changed |= _shape_step(node, shapes, memo, origins)
        if not changed:  # this sweep has also checked every rule against the final shapes
            return shapes
        if _incomplete(operators, shapes):
            for node in reversed(operators):
                _shape_step(node, shapes, memo, origins)


def _incomplete(operators: Sequence[Node], shapes: Mapping[Key, PartialShape]) -> bool:
    return any(
        not known(shapes.get(k))
        for node in operators
        for k in (*((e.node.serial, e.index) for e in node.inputs), *((node.serial, i) for i in range(node.num_outputs)))
    )


def _type_error(node: Node, types: Mapping[Key, str | None], origins: _Origins, plain: Contradiction) -> InferenceError:
    op = node.op
    assert op is not None
    ins = [types.get((e.node.serial, e.index)) for e in node.inputs]
    outs = [types.get((node.serial, i)) for i in range(node.num_outputs)]
    found = of_types(partial(op.infer_type, node.params), ins, outs, _given(node, origins)) or plain
    return _error(node, found, types, origins, lambda t: t or "(unknown)", "Insert mx.sym.cast, or give type_dict at bind.")


def _type_step(node: Node, types: dict[Key, str | None], origins: _Origins) -> bool:
    op = node.op
    assert op is not None
    in_keys = [(e.node.serial, e.index) for e in node.inputs]
    out_keys = [(node.serial, i) for i in range(node.num_outputs)]
    ins = [types.get(k) for k in in_keys]
    outs = [types.get(k) for k in out_keys]
    plain = Contradiction("", 0, "", "", "")
    changed = False
    try:
        new_ins, new_outs = op.infer_type(node.params, list(ins), list(outs))
        for kind, keys, after in (("input", in_keys, new_ins), ("output", out_keys, new_outs)):
            for position, (k, new) in enumerate(zip(keys, after, strict=True)):
                old = types.get(k)
                if new is None or new == old:
                    continue
                plain = Contradiction(kind, position, str(new), str(old), "")
                types[k] = unify_type(old, new)
                origins[k] = node
                changed = True
    except ShapeError as exc:
        if not plain.kind:
            plain = Contradiction("", 0, "", "", str(exc))
        raise _type_error(node, types, origins, plain) from exc
    return changed


def infer_types(order: Sequence[Node], types: dict[Key, str | None]) -> dict[Key, str | None]:
    """Complete the element types of a graph, in place.

    Raises
    ------
    InferenceError
        A contradiction.
    """
    operators = [n for n in order if n.op is not None]
    origins: _Origins = {}
    while True:
        changed = False
        for node in operators:
            changed |= _type_step(node, types, origins)
        for node in reversed(operators):
            changed |= _type_step(node, types, origins)
        if not changed:
            return types


def infer_specs(order: Sequence[Node], known_specs: Mapping[Key, TensorSpec]) -> dict[Key, TensorSpec]:
    """The full specs of every entry of `order`, from those of some; what is known is kept.

    Raises
    ------
    InferenceError
        A contradiction, or an entry whose shape or type does not follow.
    """
    shapes: dict[Key, PartialShape] = {k: s.shape for k, s in known_specs.items()}
    types: dict[Key, str | None] = {k: s.dtype for k, s in known_specs.items()}
    infer_shapes(order, shapes)
    infer_types(order, types)
    specs: dict[Key, TensorSpec] = dict(known_specs)
    for node in order:
        for i in range(node.num_outputs):
            k = (node.serial, i)
            shape, dtype = shapes.get(k), types.get(k)
            if not known(shape) or shape is None:
                raise InferenceError(
                    f"the shape of {node.output_name(i)!r} is not known ({show_shape(shape)}); give shapes of more arguments of the graph"
                )
            specs[k] = TensorSpec(shape, dtype or "float32")
    return specs
