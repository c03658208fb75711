"""Shapes and element types, in both directions, to a fixpoint; partial knowledge is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ..base import MXNetError
from .contract.contradiction import Contradiction, of_shapes, of_types, unify_type
from .contract.ir import topological
from .contract.op import Entry, Node
from .contract.spec import PartialShape, ShapeError, TensorSpec, UnsupportedType, known, show_shape, unify_shape

__all__ = ["InferenceError", "infer_shapes", "infer_specs", "infer_types"]

Key = tuple[int, int]


class InferenceError(MXNetError):
    """Shapes or types of a graph contradict one another; the message names node, operator and argument."""


_Rule = dict[tuple[object, ...], tuple[list[PartialShape], list[PartialShape], bool]]
"""What a rule told before, and whether that is all there is to know. Deep networks repeat their layers."""
_TypeRule = dict[tuple[object, ...], tuple[list[str | None], list[str | None], bool]]
_TypeFunction = Callable[[list[str | None], list[str | None]], tuple[list[str | None], list[str | None]]]
_STAND_INS = ("float64", "float32", "int32")
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


def _keys(node: Node) -> tuple[list[Key], list[Key]]:
    serial = node.serial
    return [(e.node.serial, e.index) for e in node.inputs], [(serial, i) for i in range(node.num_outputs)]


def _shape_step(node: Node, shapes: dict[Key, PartialShape], memo: _Rule, origins: _Origins) -> tuple[bool, bool]:
    """Apply one node's rule; whether anything became better known, and whether all is known."""
    op = node.op
    assert op is not None
    in_keys, out_keys = _keys(node)
    ins = [shapes.get(k) for k in in_keys]
    outs = [shapes.get(k) for k in out_keys]
    rule = (op, node.params, *ins, *outs)
    at: tuple[str, int, PartialShape, PartialShape] | None = None
    changed = False
    try:
        known_rule = memo.get(rule)
        if known_rule is None:
            rule_ins, rule_outs = op.infer_shape(node.params, list(ins), list(outs))
            known_rule = memo[rule] = (rule_ins, rule_outs, all(map(known, (*rule_ins, *rule_outs))))
        new_ins, new_outs, complete = known_rule
        for part, keys, before, told in (("input", in_keys, ins, new_ins), ("output", out_keys, outs, new_outs)):
            for i, (k, old, new) in enumerate(zip(keys, before, told, strict=True)):
                if new is None or new == old:
                    continue
                # the same entry may stand at several positions: unify with what an earlier position just told
                so_far = shapes.get(k)
                at = part, i, new, so_far
                merged = unify_shape(so_far, new)
                if merged != so_far:
                    shapes[k] = merged
                    origins[k] = node
                    changed = True
    except ShapeError as exc:
        kind, position, after, so_far = at or ("", 0, None, None)
        plain = Contradiction(kind, position, show_shape(after), show_shape(so_far), "" if at else str(exc))
        raise _shape_error(node, shapes, origins, plain) from exc
    return changed, complete


def _to_fixpoint(order: Sequence[Node], step: Callable[[Node], tuple[bool, bool]]) -> None:
    """Sweep over the operators, forwards and backwards, until nothing becomes better known.

    Of a node all of whose entries are known nothing can change any more: what contradicts it is found at the other node.
    """
    pending = [node for node in order if node.op is not None]
    while pending:
        changed = False
        left = []
        for node in pending:
            better, complete = step(node)
            changed |= better
            if not complete:
                left.append(node)
        for node in reversed(left):
            changed |= step(node)[0]
        if not changed:
            return
        pending = left


def infer_shapes(order: Sequence[Node], shapes: dict[Key, PartialShape]) -> dict[Key, PartialShape]:
    """Complete `shapes` (by node identity and output index) over a graph in topological order; changed in place and returned.

    Raises
    ------
    InferenceError
        A contradiction.
    """
    memo: _Rule = {}
    origins: _Origins = {}
    _to_fixpoint(order, lambda node: _shape_step(node, shapes, memo, origins))
    return shapes


def _as_computed(infer_type: _TypeFunction, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
    """What a rule says of types that its operator does not compute with: what it says of one that it does, in that type's place."""
    try:
        return infer_type(ins, outs)
    except UnsupportedType as exc:
        for stand_in in _STAND_INS:
            if stand_in in ins or stand_in in outs:
                continue
            there, back = {exc.dtype: stand_in}, {stand_in: exc.dtype}
            try:
                found = _as_computed(infer_type, _renamed(ins, there), _renamed(outs, there))
            except UnsupportedType:
                continue
            return _renamed(found[0], back), _renamed(found[1], back)
        raise


def _renamed(types: Sequence[str | None], names: Mapping[str, str]) -> list[str | None]:
    return [None if t is None else names.get(t, t) for t in types]


def _rule_of(node: Node, computed: bool) -> _TypeFunction:
    assert node.op is not None
    infer_type = partial(node.op.infer_type, node.params)
    return infer_type if computed else partial(_as_computed, infer_type)


def _type_error(node: Node, types: Mapping[Key, str | None], origins: _Origins, plain: Contradiction, computed: bool) -> InferenceError:
    ins = [types.get((e.node.serial, e.index)) for e in node.inputs]
    outs = [types.get((node.serial, i)) for i in range(node.num_outputs)]
    found = of_types(_rule_of(node, computed), ins, outs, _given(node, origins)) or plain
    return _error(node, found, types, origins, lambda t: t or "(unknown)", "Insert mx.sym.cast, or give type_dict at bind.")


def _type_step(node: Node, types: dict[Key, str | None], memo: _TypeRule, origins: _Origins, computed: bool) -> tuple[bool, bool]:
    """The same for element types."""
    op = node.op
    assert op is not None
    in_keys, out_keys = _keys(node)
    ins = [types.get(k) for k in in_keys]
    outs = [types.get(k) for k in out_keys]
    rule = (op, node.params, *ins, *outs)
    at: tuple[str, int, str, str] | None = None
    changed = False
    try:
        known_rule = memo.get(rule)
        if known_rule is None:
            rule_ins, rule_outs = _rule_of(node, computed)(list(ins), list(outs))
            known_rule = memo[rule] = (rule_ins, rule_outs, None not in rule_ins and None not in rule_outs)
        new_ins, new_outs, complete = known_rule
        for kind, keys, after in (("input", in_keys, new_ins), ("output", out_keys, new_outs)):
            for position, (k, new) in enumerate(zip(keys, after, strict=True)):
                old = types.get(k)
                if new is None or new == old:
                    continue
                at = kind, position, str(new), str(old)
                types[k] = unify_type(old, new)
                origins[k] = node
                changed = True
    except ShapeError as exc:
        plain = Contradiction(*at, "") if at is not None else Contradiction("", 0, "", "", str(exc))
        raise _type_error(node, types, origins, plain, computed) from exc
    return changed, complete


def infer_types(order: Sequence[Node], types: dict[Key, str | None], computed: bool = True) -> dict[Key, str | None]:
    """Complete the element types of a graph, in place.

    Parameters
    ----------
    order : list of Node
        In topological order.
    types : dict
        What is known, by node and output.
    computed : bool, default True
        Whether operators refuse the types that they do not compute with: those that run must. Questions are answered without.

    Raises
    ------
    InferenceError
        A contradiction.
    """
    memo: _TypeRule = {}
    origins: _Origins = {}
    _to_fixpoint(order, lambda node: _type_step(node, types, memo, origins, computed))
    return types


def infer_specs(order: Sequence[Node], known_specs: Mapping[Key, TensorSpec]) -> dict[Key, TensorSpec]:
    """The full specs of every entry of `order`, from those of some; what is known is kept.

    Raises
    ------
    InferenceError
        A contradiction, or an entry whose shape or type does not follow.
    """
    shapes: dict[Key, PartialShape] = {}
    types: dict[Key, str | None] = {}
    for node in order:
        in_keys, out_keys = _keys(node)
        for k in (*in_keys, *out_keys):
            spec = known_specs.get(k)
            if spec is not None:
                shapes[k], types[k] = spec.shape, spec.dtype
    infer_shapes(order, shapes)
    infer_types(order, types)
    specs: dict[Key, TensorSpec] = dict(known_specs)
    alike: dict[tuple[tuple[int, ...], str], TensorSpec] = {}  # what is equal is one object, whose size is computed once
    for node in order:
        for i in range(node.num_outputs):
            k = (node.serial, i)
            shape, dtype = shapes.get(k), types.get(k)
            if not known(shape) or shape is None:
                raise InferenceError(
                    f"the shape of {node.output_name(i)!r} is not known ({show_shape(shape)}); give shapes of more arguments of the graph"
                )
            what = (shape, dtype or "float32")
            spec = alike.get(what)
            specs[k] = alike[what] = TensorSpec(*what) if spec is None else spec
    return specs
