"""Repeated expressions are computed once: which nodes are one, which stay apart, and the symbol that tells."""

from __future__ import annotations

import pytest

import clsym as mx
from clsym.graph.contract.ir import topological
from clsym.graph.contract.spec import TensorSpec
from clsym.graph.infer import infer_specs
from clsym.graph.rewrite.eliminate import eliminate

x, y = mx.sym.Variable("x"), mx.sym.Variable("y")


def left(net: mx.sym.Symbol) -> list[str]:
    """Names of the operators' nodes that are left."""
    order = topological(net.entries)
    specs = infer_specs(order, {(n.serial, 0): TensorSpec((4, 3)) for n in order if n.is_variable})
    return [n.name for n in topological(eliminate(net.entries, specs).heads) if not n.is_variable]


CASES = {
    "twice": (lambda: mx.sym.exp(x, name="a") + mx.sym.exp(x, name="b"), {"b"}),
    "chains": (lambda: mx.sym.tanh(mx.sym.exp(x, name="a"), name="c") * mx.sym.tanh(mx.sym.exp(x, name="b"), name="d"), {"b", "d"}),
    "parameters": (lambda: mx.sym.clip(x, a_min=0, a_max=1, name="a") + mx.sym.clip(x, a_min=0.0, a_max=1, name="b"), {"b"}),
    "other_parameters": (lambda: mx.sym.clip(x, a_min=0, a_max=1, name="a") + mx.sym.clip(x, a_min=0, a_max=2, name="b"), set()),
    "signed_zero": (lambda: mx.sym.clip(x, a_min=0.0, a_max=1, name="a") + mx.sym.clip(x, a_min=-0.0, a_max=1, name="b"), set()),
    "other_input": (lambda: mx.sym.exp(x, name="a") + mx.sym.exp(y, name="b"), set()),
    "order_counts": (lambda: mx.sym.elemwise_sub(x, y, name="a") + mx.sym.elemwise_sub(y, x, name="b"), set()),
    "outputs": (lambda: mx.sym.Group([mx.sym.exp(x, name="a"), mx.sym.exp(x, name="b")]), {"b"}),
    "one_of_several_outputs": (
        lambda: mx.sym.split(x, num_outputs=3, name="a")[0] + mx.sym.split(x, num_outputs=3, name="b")[1],
        {"b"},
    ),
    "random": (lambda: mx.sym.Dropout(x, name="a") + mx.sym.Dropout(x, name="b"), set()),
    "draws": (lambda: mx.sym.random.uniform(shape=(4, 3), name="a") + mx.sym.random.uniform(shape=(4, 3), name="b") + x, set()),
    "losses": (lambda: mx.sym.Group([mx.sym.MakeLoss(x, name="a"), mx.sym.MakeLoss(x, name="b")]), set()),
    "attributes": (lambda: mx.sym.exp(x, name="a", attr={"__mood__": "happy"}) + mx.sym.exp(x, name="b"), set()),
    "groups": (lambda: mx.sym.exp(x, name="a", attr={"ctx_group": "p"}) + mx.sym.exp(x, name="b", attr={"ctx_group": "q"}), set()),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_one(case: str) -> None:
    make, gone = CASES[case]
    net = make()
    before = [n.name for n in topological(net.entries) if not n.is_variable]
    assert left(net) == [n for n in before if n not in gone]


def test_states_stay_apart() -> None:
    shared = [mx.sym.Variable(n) for n in ("gamma", "beta", "mean", "var")]
    net = mx.sym.BatchNorm(x, *shared, name="a") + mx.sym.BatchNorm(x, *shared, name="b")
    order = topological(net.entries)
    specs = infer_specs(order, {(n.serial, 0): TensorSpec((4, 3) if n.name == "x" else (3,)) for n in order if n.is_variable})
    assert eliminate(net.entries, specs).removed == {}


def test_a_plan_has_fewer_steps_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    net = mx.sym.FullyConnected(x, mx.sym.Variable("w"), num_hidden=2, no_bias=True, name="a")
    net = mx.sym.concat(net, mx.sym.FullyConnected(x, mx.sym.Variable("w2"), num_hidden=2, no_bias=True, name="other"), dim=1)
    twice = mx.sym.dot(mx.sym.softmax(net, name="s1"), mx.sym.softmax(net, name="s2"), transpose_b=True)

    def softmaxes() -> int:
        return sum(step.op.startswith("softmax") for step in twice.plan(grad_req="null", x=(4, 3)).steps)

    assert softmaxes() == 1
    monkeypatch.setenv("MXNET_ELIMINATE_COMMON_EXPR", "0")
    assert softmaxes() == 2
