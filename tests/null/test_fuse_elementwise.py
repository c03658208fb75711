"""Which operators are fused, which are not, and that no plan needs more memory for it."""

from __future__ import annotations

import random
from typing import Any

import pytest

import clsym as mx
from clsym.base import MXNetError
from clsym.executor.inputs import graph_inputs
from clsym.graph.contract.expression import Walk, substitute, walk_of
from clsym.graph.contract.registry import find_op
from clsym.graph.contract.spec import TensorSpec
from clsym.graph.contract.traits import DeviceTraits
from clsym.graph.plan import Binding, Plan, compile_plan

TRAITS = DeviceTraits()
S = (4, 64)


def plan_of(net: Any, grad_req: str = "null", **shapes: tuple[int, ...]) -> Plan:
    given = {name: shapes.get(name, S) for name in net.list_arguments()}
    return net.plan(TRAITS, grad_req=grad_req, **given)


def ops(net: Any, grad_req: str = "null", **shapes: tuple[int, ...]) -> list[str]:
    return [step.op.replace("_fused_elementwise", "") for step in plan_of(net, grad_req, **shapes).steps]


def x(name: str = "x") -> Any:
    return mx.sym.var(name)


# ------------------------------------------------------------------ what is fused


def test_a_chain_is_one_step() -> None:
    net = mx.sym.clip(mx.sym.LeakyReLU(mx.sym.Activation(x() + x("y"), act_type="relu") * 2, slope=0.1), a_min=0, a_max=1)
    assert ops(net) == ["[elemwise_add+Activation+_mul_scalar+LeakyReLU+clip]"]


def test_a_tree_with_a_value_that_is_used_twice() -> None:
    t = mx.sym.exp(x())
    assert ops(mx.sym.sigmoid(t) * mx.sym.tanh(t)) == ["[exp+sigmoid+tanh+elemwise_mul]"]


def test_one_operator_stays_itself() -> None:
    assert ops(x() + x("y")) == ["elemwise_add"]


def test_residual_block_backward() -> None:
    r = mx.sym.relu(mx.sym.dot(x(), x("w")) + x("z"))
    net = mx.sym.flip(r, axis=1) + mx.sym.dot(r, x("v"))  # (a product that came second would add to the sum by itself)
    found = ops(net, "write", w=(64, 64), z=S, v=(64, 64))
    assert "[elemwise_add+relu]" in found
    assert "[_grad_add+_backward_relu]" in found


def test_values_that_are_kept_become_outputs() -> None:
    net = mx.sym.tanh(mx.sym.sigmoid(x(), name="s") * x("y"), name="t")
    plan = plan_of(net, "write")
    assert plan.steps[0].op == "_fused_elementwise[sigmoid+elemwise_mul+tanh]"
    assert [plan.names[e] for e in plan.steps[0].outs] == ["t_output", "s_output"]  # which their gradients read
    assert len(plan.steps) == 2


def test_the_step_has_the_name_of_the_last_node_and_the_plan_knows_the_others() -> None:
    plan = plan_of(mx.sym.relu(mx.sym.negative(x(), name="first"), name="last"))
    assert [step.name for step in plan.steps] == ["last"]
    assert plan.fused["last"] == ("first", "last")
    assert "_fused_elementwise[negative+relu](x)" in plan.dump()


@pytest.mark.parametrize(
    ("shape", "full", "expected"),
    [
        ((2, 3), (2, 3), Walk("full")), ((1, 1), (2, 3), Walk("one")), ((1,), (2, 3), Walk("one")), ((), (2, 3), Walk("one")),
        ((1, 3, 1, 1), (2, 3, 4, 5), Walk("line", 20, 3)), ((2, 3, 1, 1), (2, 3, 4, 5), Walk("line", 20, 6)),
        ((5,), (3, 5), Walk("row", 5)), ((4, 5), (2, 3, 4, 5), Walk("row", 20)), ((1, 3, 1), (3, 1, 7), None),
        ((2, 1, 4), (2, 3, 4), None), ((3,), (2, 4), None), ((2, 1, 4, 1), (2, 3, 4, 5), None), ((1, 5), (1, 5), Walk("full")),
    ],
)  # fmt: skip
def test_walks(shape: tuple[int, ...], full: tuple[int, ...], expected: Walk | None) -> None:
    assert walk_of(shape, full) == expected


def test_repeated_operands() -> None:
    image = (2, 16, 8, 8)
    net = mx.sym.relu(mx.sym.broadcast_add(mx.sym.broadcast_mul(x(), x("scale")), x("shift")))
    assert ops(net, x=image, scale=(1, 16, 1, 1), shift=(2, 16, 1, 1)) == ["[broadcast_mul+broadcast_add+relu]"]
    assert ops(net, x=S, scale=(64,), shift=(4, 1)) == ["[broadcast_mul+broadcast_add+relu]"]
    assert ops(net, x=S, scale=(1,), shift=(1, 1)) == ["[broadcast_mul+broadcast_add+relu]"]
    # lines of other lengths, short ones, and walks of another kind stay apart
    assert ops(net, x=image, scale=(1, 16, 1, 1), shift=(8,)) == ["broadcast_mul", "broadcast_add", "relu"]
    assert ops(net, x=(2, 16, 2, 2), scale=(1, 16, 1, 1), shift=(2, 16, 1, 1)) == ["broadcast_mul", "broadcast_add", "relu"]
    assert ops(net, x=image, scale=(1, 16, 1, 8), shift=(1,)) == ["broadcast_mul", "[broadcast_add+relu]"]


# ------------------------------------------------------------------ what is not


def test_not_what_others_read_earlier() -> None:
    t = x() * 2
    net = mx.sym.dot(mx.sym.dot(t, x("w")) + 1, x("v")) + t  # t is read by the first product
    assert ops(net, w=(64, 64), v=(64, 64))[0] == "_mul_scalar"


def test_not_across_the_forward_and_the_backward_part() -> None:
    plan = plan_of(mx.sym.tanh(x()), "write")
    assert [step.op for step in plan.steps] == ["tanh", "_backward_tanh"]


def test_not_across_devices() -> None:
    with mx.AttrScope(ctx_group="first"):
        a = mx.sym.exp(x() + 1)
    with mx.AttrScope(ctx_group="second"):
        net = mx.sym.relu(a * 2)
    heads = list(net._entries)
    (variable,), _ = graph_inputs(heads)
    binding = Binding([variable], [TensorSpec(S)], [mx.cpu(0)], ["null"])
    where = {"first": mx.cpu(0), "second": mx.cpu(1)}
    plan = compile_plan(heads, binding, train=False, default=mx.cpu(0), group2ctx=where, traits=lambda c: TRAITS)
    found = [step.op for step in plan.steps]
    assert found == ["_fused_elementwise[_plus_scalar+exp]", "_CrossDeviceCopy", "_fused_elementwise[_mul_scalar+relu]"]


def test_not_types_that_are_computed_differently() -> None:
    assert ops(mx.sym.relu(mx.sym.cast(x() + 1, dtype="float64"))) == ["_plus_scalar", "Cast", "relu"]
    assert ops(mx.sym.relu(mx.sym.cast(x() + 1, dtype="int32"))) == ["_plus_scalar", "Cast", "relu"]
    assert ops(mx.sym.relu(mx.sym.cast(x() + 1, dtype="float16"))) == ["[_plus_scalar+Cast+relu]"]


def test_not_functions_that_are_calls() -> None:
    assert ops(mx.sym.sin(x()) + 1) == ["sin", "_plus_scalar"]
    assert ops(mx.sym.gamma(x() + 1) * 2) == ["_plus_scalar", "gamma", "_mul_scalar"]


def test_not_random_draws_and_not_states() -> None:
    found = ops(mx.sym.Dropout(x() + 1, p=0.5, mode="always") * 2)
    assert found == ["_plus_scalar", "Dropout", "_mul_scalar"]


def test_limits() -> None:
    total = x("x0")
    for i in range(1, 20):
        total = total + x(f"x{i}")
    steps = plan_of(total).steps
    assert max(len(step.ins) for step in steps) <= 8
    assert len(steps) == 3
    deep = x()
    for _ in range(100):
        deep = deep * 0.5 + 1
    assert 200 / 24 <= len(plan_of(deep).steps) <= 10


def test_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLSYM_OPTIMIZE", "0")
    assert ops(mx.sym.relu(x() + 1)) == ["_plus_scalar", "relu"]


# ------------------------------------------------------------------ programs


def defines(net: Any, **shapes: tuple[int, ...]) -> Any:
    (step,) = plan_of(net, **shapes).steps
    return step.calls[0].defines


def test_numbers_and_shapes_need_no_new_program() -> None:
    a = mx.sym.relu(x() * 2.5 + x("y"))
    b = mx.sym.relu(x("p") * float("nan") + x("q"))
    assert defines(a) == defines(b, p=(7, 9), q=(7, 9))
    assert defines(mx.sym.relu(mx.sym.broadcast_add(x(), x("b"))), b=(64,)) == defines(
        mx.sym.relu(mx.sym.broadcast_add(x(), x("b"))), x=(3, 32), b=(32,)
    )


def test_no_text_of_a_user_reaches_the_source() -> None:
    evil = 'x"; } kernel void evil() {'
    text = str(defines(mx.sym.relu(mx.sym.negative(x(evil), name=evil), name=evil)))
    assert "evil" not in text


def test_a_graph_file_cannot_name_it() -> None:
    with pytest.raises(MXNetError, match="made by the compiler alone"):
        find_op("_fused_elementwise").parse(
            {"statements": "1", "results": "(0,)", "numbers": "()", "shape": "(1,)", "label": "", "num_args": "1"}
        )


def test_substitute_replaces_whole_names_at_once() -> None:
    assert substitute("m_exp(x) * y + 0x1 + xy", {"x": "y", "y": "x"}) == "m_exp(y) * x + 0x1 + xy"


# ------------------------------------------------------------------ memory


def test_a_producer_far_away_does_not_keep_its_operands_alive() -> None:
    """The sum of two products is made at once: fused with its reader, which comes late, both products would have to wait."""
    early = mx.sym.dot(x(), x("w")) + mx.sym.dot(x(), x("v"))
    late = x()
    for i in range(3):
        late = mx.sym.dot(late, x(f"u{i}"))
    net = early + late
    square = {n: (64, 64) for n in net.list_arguments() if n != "x"}
    assert ops(net, "write", **square)[:7] == ["dot", "dot", "elemwise_add", "dot", "dot", "dot", "elemwise_add"]
    # of one product, nothing more waits than would have
    net = mx.sym.relu(mx.sym.dot(x(), x("w"))) + late
    assert "[relu+elemwise_add]" in ops(net, **{n: (64, 64) for n in net.list_arguments() if n != "x"})


def random_net(seed: int) -> Any:
    """Element-wise trees with products, views and reductions between them."""
    rnd = random.Random(seed)
    values = [x(n) for n in "abc"]
    pick = lambda: rnd.choice(values[-6:])  # noqa: E731
    makers = [
        lambda: mx.sym.tanh(pick()), lambda: mx.sym.relu(pick()), lambda: pick() + pick(), lambda: pick() * pick(),
        lambda: pick() * 0.5 + 1, lambda: mx.sym.sigmoid(pick()), lambda: mx.sym.square(pick()), lambda: pick() - pick(),
        lambda: mx.sym.dot(pick(), pick()), lambda: mx.sym.softmax(pick()), lambda: mx.sym.BlockGrad(pick()),
        lambda: mx.sym.reshape(mx.sym.reshape(pick(), shape=(-1,)) * 2, shape=(16, 16)),
        lambda: mx.sym.broadcast_add(pick(), mx.sym.mean(pick(), axis=1, keepdims=True)),
        lambda: mx.sym.concat(*mx.sym.split(mx.sym.exp(pick()), num_outputs=2, axis=0), dim=0),
    ]  # fmt: skip
    for _ in range(rnd.randint(8, 40)):
        values.append(rnd.choice(makers)())
    return mx.sym.Group(rnd.sample(values[3:], rnd.randint(1, 3)))


@pytest.mark.parametrize("grad_req", ["null", "write", "add"])
def test_random_graphs_need_no_more_memory(monkeypatch: pytest.MonkeyPatch, grad_req: str) -> None:
    monkeypatch.setenv("MXNET_ELIMINATE_COMMON_EXPR", "0")  # a value that is computed once may have to live longer
    fewer = 0
    for seed in range(150):
        net = random_net(seed)
        shapes = dict.fromkeys(net.list_arguments(), (16, 16))
        monkeypatch.setenv("CLSYM_OPTIMIZE", "1")
        fused = net.plan(TRAITS, grad_req=grad_req, **shapes)
        monkeypatch.setenv("CLSYM_OPTIMIZE", "0")
        plain = net.plan(TRAITS, grad_req=grad_req, **shapes)
        assert fused.memory.bound_bytes <= plain.memory.bound_bytes, f"seed {seed}"
        fewer += len(plain.steps) - len(fused.steps)
    assert fewer > 500
