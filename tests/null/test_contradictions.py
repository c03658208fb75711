"""Every input of every operator is contradicted in turn: the error names it, what was given and what the operator derives."""

from __future__ import annotations

import re

import pytest
from inference_table import cases

import clsym as mx
from clsym.base import MXNetError
from clsym.graph.contract.op import Node
from clsym.graph.contract.registry import find_op
from clsym.graph.contract.spec import show_shape
from clsym.graph.infer import infer_shapes, infer_types

CASES = cases()
SAYS = re.compile(
    r"Error in operator node \((?P<op>\w+)\): argument '(?P<label>\w+)' \((?P<variable>\w+)\): "
    r"(expected (?P<expected>.+?), )?got (?P<got>\([^()]*\)|\w+)(?P<note>; .+?)?\. Its inputs: ",
    re.DOTALL,
)


def _graph(name, params):
    op = find_op(name)
    p = op.parse(params)
    names = op.input_names(p)
    variables = [Node(None, f"v_{n}") for n in names]
    return names, variables, [*variables, Node(op, "node", p, {}, [v.out(0) for v in variables])]


def _wrong(shape):
    """The shape with one extent, or the number of its dimensions, changed."""
    yield from ((*shape[:d], e + 1, *shape[d + 1 :]) for d, e in enumerate(shape))
    yield (*shape, 1)
    yield shape[1:]


def _error(order, variables, shapes):
    """The message of what contradicts; empty if nothing does."""
    try:
        infer_shapes(order, {(v.serial, 0): s for v, s in zip(variables, shapes, strict=True) if s is not None})
    except MXNetError as exc:
        return str(exc)
    return ""


def _type_error(order, variables, types):
    try:
        infer_types(order, {(v.serial, 0): t for v, t in zip(variables, types, strict=True)})
    except MXNetError as exc:
        return str(exc)
    return ""


def _parse(text):
    return tuple(-1 if e.strip() == "?" else int(e) for e in text.strip("()").split(",") if e.strip())


def _check(order, names, variables, shapes, name, message):
    """The message, and what it says would be right; returns the name of the input."""
    said = SAYS.match(message)
    assert said, message
    assert said["op"] == name
    k = names.index(said["label"])
    assert said["variable"] == variables[k].name
    assert said["got"] == show_shape(shapes[k]), f"{message} was given {shapes[k]}"
    if not said["expected"]:
        assert said["note"], message
        return said["label"]
    for text in said["expected"].split(" or "):
        expected = _parse(text)
        assert len(expected) != len(shapes[k]) or any(e not in (-1, g) for e, g in zip(expected, shapes[k], strict=True)), message
        mended = [*shapes]
        mended[k] = expected
        then = _error(order, variables, mended)
        if then:  # several contradict: the next is another one
            said_then = SAYS.match(then)
            assert said_then, then
            assert said_then["label"] != names[k], f"{message}\nthen {then}"
    return said["label"]


@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda i: f"{i}-{CASES[i][0]}")
def test_shapes(case):
    name, params, shapes = CASES[case]
    names, variables, order = _graph(name, params)
    assert not _error(order, variables, shapes)
    for k, shape in enumerate(shapes):
        for wrong in _wrong(shape):
            given = [*shapes[:k], wrong, *shapes[k + 1 :]]
            if message := _error(order, variables, given):
                _check(order, names, variables, given, name, message)
            # without those behind it, it is the last that was given, and what contradicts
            given = [*shapes[:k], wrong, *[None] * (len(shapes) - k - 1)]
            if message := _error(order, variables, given):
                assert _check(order, names, variables, given, name, message) == names[k], message


@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda i: f"{i}-{CASES[i][0]}")
def test_types(case):
    name, params, _ = CASES[case]
    names, variables, order = _graph(name, params)
    right: dict[tuple[int, int], str | None] = {}
    first = {"_contrib_requantize": "int32", "_contrib_dequantize": "int8"}.get(name, "float32")
    for i, v in enumerate(variables):  # as the operator wants them, the first in float32
        right.setdefault((v.serial, 0), first if i == 0 else None)
        infer_types(order, right)
    for k in range(len(variables)):
        for wrong in ("float64", "int32"):
            types = [wrong if i == k else right[(v.serial, 0)] for i, v in enumerate(variables)]
            message = _type_error(order, variables, types)
            if not message:
                continue
            said = SAYS.match(message)
            assert said, message
            assert said["op"] == name
            assert said["got"] == types[names.index(said["label"])], message
            assert said["expected"] or said["note"], message
            assert said["expected"] != said["got"]


def test_most_contradictions_are_found():
    """Enough of the above are errors that the tests above mean something."""
    errors = 0
    for name, params, shapes in CASES:
        _, variables, order = _graph(name, params)
        for k, shape in enumerate(shapes):
            errors += sum(bool(_error(order, variables, [*shapes[:k], wrong, *shapes[k + 1 :]])) for wrong in _wrong(shape))
    assert errors > 600


def test_weight_of_the_wrong_shape():
    net = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=4, name="f")
    with pytest.raises(MXNetError, match=r"operator f \(FullyConnected\): argument 'weight' \(f_weight\): expected \(4, 7\), got \(5, 7\)"):
        net.infer_shape(data=(2, 7), f_weight=(5, 7))


def test_the_users_shape_is_blamed():
    """Not what follows from other shapes, whichever of them the operator compares with which."""
    first = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=4, name="f")
    net = mx.sym.FullyConnected(mx.sym.relu(first), num_hidden=3, name="g")
    with pytest.raises(MXNetError, match=r"operator g .*argument 'weight' \(g_weight\): expected \(3, 4\), got \(5, 7\)"):
        net.infer_shape(data=(2, 7), g_weight=(5, 7))
    shared = mx.sym.var("w")
    both = [mx.sym.FullyConnected(mx.sym.var(n), shared, num_hidden=4, name=f"{n}_layer") for n in "pq"]
    with pytest.raises(
        MXNetError, match=r"'data' \(q\): expected \(\?, 7\), got \(2, 8\).*w=\(4, 7\) \(from node 'p_layer', FullyConnected"
    ):
        (both[0] + both[1]).infer_shape(p=(2, 7), q=(2, 8))
    x, y = mx.sym.relu(mx.sym.var("x")), mx.sym.relu(mx.sym.var("y"))
    with pytest.raises(MXNetError, match=r"'rhs' \(relu\d+_output\): expected \(2, 3\), got \(2, 4\).*\(computed from y=\(2, 4\)\)"):
        (x + y).infer_shape(x=(2, 3), y=(2, 4))
