"""Shapes and element types, in both directions, to a fixpoint; partial knowledge is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..base import MXNetError
from .contract.op import Entry, Node
from .contract.spec import PartialShape, ShapeError, TensorSpec, known, show_shape, unify_shape

__all__ = ["InferenceError", "infer_shapes", "infer_specs", "infer_types"]

Key = tuple[int, int]


class InferenceError(MXNetError):
    """Shapes or types of a graph contradict one another; the message names node, operator and argument."""


def _argument(node: Node, position: int) -> str:
    names = node.op.input_names(node.params) if node.op else ()
    label = names[position] if position < len(names) else str(position)
    return f"argument {label!r} ({node.inputs[position].name})"


_Rule = dict[tuple[object, ...], tuple[list[PartialShape], list[PartialShape]]]


def _shape_step(node: Node, shapes: dict[Key, PartialShape], memo: _Rule) -> bool:
    """Apply one node's rule; whether anything became better known."""
    op = node.op
    assert op is not None
    in_keys = [(e.node.serial, e.index) for e in node.inputs]
    ins = [shapes.get(k) for k in in_keys]
    nid = node.serial
    out_keys = [(nid, i) for i in range(node.num_outputs)]
    outs = [shapes.get(k) for k in out_keys]
    rule = (op, node.params, *ins, *outs)  # deep networks repeat their layers
    try:
        known_rule = memo.get(rule)
        if known_rule is None:
            known_rule = memo[rule] = op.infer_shape(node.params, list(ins), list(outs))
        new_ins, new_outs = known_rule
    except ShapeError as exc:
        given = ", ".join(f"{e.name}={show_shape(s)}" for e, s in zip(node.inputs, ins, strict=True))
        raise InferenceError(
            f"Error in operator {node.name} ({op.name}): {exc}. Input shapes: {given}. Check the shapes given to bind or infer_shape."
        ) from exc
    changed = False
    for position, (k, old, new) in enumerate(zip(in_keys, ins, new_ins, strict=True)):
        if new is None or new == old:
            continue
        # the same entry may stand at several positions: unify with what an earlier position just told
        try:
            merged = unify_shape(shapes.get(k), new)
        except ShapeError as exc:
            raise InferenceError(
                f"Error in operator {node.name} ({op.name}): Shape inconsistent for {_argument(node, position)}: "
                f"Provided = {show_shape(old)}, inferred shape={show_shape(new)}. Give {node.inputs[position].name} the inferred shape, or "
                "change the parameters of the node."
            ) from exc
        if merged != shapes.get(k):
            shapes[k] = merged
            changed = True
    for i, (k, old, new) in enumerate(zip(out_keys, outs, new_outs, strict=True)):
        if new is None or new == old:
            continue
        try:
            merged = unify_shape(old, new)
        except ShapeError as exc:
            raise InferenceError(
                f"Error in operator {node.name} ({op.name}): Shape inconsistent for output {node.output_name(i)!r}: a consumer needs "
                f"{show_shape(old)}, inferred shape={show_shape(new)}."
            ) from exc
        if merged != old:
            shapes[k] = merged
            changed = True
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
    while True:
        changed = False
        for node in operators:
            changed |= _shape_step(node, shapes, memo)
        if not changed:  # this sweep has also checked every rule against the final shapes
            return shapes
        if _incomplete(operators, shapes):
            for node in reversed(operators):
                _shape_step(node, shapes, memo)


def _incomplete(operators: Sequence[Node], shapes: Mapping[Key, PartialShape]) -> bool:
    return any(
        not known(shapes.get(k))
        for node in operators
        for k in (*((e.node.serial, e.index) for e in node.inputs), *((node.serial, i) for i in range(node.num_outputs)))
    )


def _type_step(node: Node, types: dict[Key, str | None]) -> bool:
    op = node.op
    assert op is not None
    in_keys = [(e.node.serial, e.index) for e in node.inputs]
    out_keys = [(node.serial, i) for i in range(node.num_outputs)]
    ins = [types.get(k) for k in in_keys]
    outs = [types.get(k) for k in out_keys]
    try:
        new_ins, new_outs = op.infer_type(node.params, list(ins), list(outs))
    except ShapeError as exc:
        raise InferenceError(f"Error in operator {node.name} ({op.name}): {exc}") from exc
    changed = False
    for position, (k, new) in enumerate(zip(in_keys, new_ins, strict=True)):
        old = types.get(k)
        if new is None or new == old:
            continue
        if old is not None:
            raise InferenceError(
                f"Error in operator {node.name} ({op.name}): type of {_argument(node, position)}: expected {new}, got {old}. "
                "Insert mx.sym.cast, or give type_dict at bind."
            )
        types[k] = new
        changed = True
    for i, (k, new) in enumerate(zip(out_keys, new_outs, strict=True)):
        old = types.get(k)
        if new is None or new == old:
            continue
        if old is not None:
            raise InferenceError(
                f"Error in operator {node.name} ({op.name}): type of output {node.output_name(i)!r}: inferred {new}, "
                f"but a consumer needs {old}."
            )
        types[k] = new
        changed = True
    return changed


def infer_types(order: Sequence[Node], types: dict[Key, str | None]) -> dict[Key, str | None]:
    """Complete the element types of a graph, in place.

    Raises
    ------
    InferenceError
        A contradiction.
    """
    operators = [n for n in order if n.op is not None]
    while True:
        changed = False
        for node in operators:
            changed |= _type_step(node, types)
        for node in reversed(operators):
            changed |= _type_step(node, types)
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


def entry_spec(specs: Mapping[Key, TensorSpec], entry: Entry) -> TensorSpec:
    """The spec of an entry."""
    return specs[(entry.node.serial, entry.index)]
