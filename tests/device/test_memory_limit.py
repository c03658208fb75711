"""Plans that run parts of the forward twice: the same gradients, draws and statistics, bit for bit, in less memory."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest

import clsym as mx
from clsym.runtime.device import all_devices

SHAPE = (4, 3, 16, 16)


def unit(data: mx.sym.Symbol, name: str, filters: int, **more: object) -> mx.sym.Symbol:
    net = mx.sym.Convolution(data, kernel=(3, 3), pad=(1, 1), num_filter=filters, no_bias=True, name=f"{name}_conv", **more)
    net = mx.sym.BatchNorm(net, fix_gamma=False, name=f"{name}_bn")
    return mx.sym.Activation(net, act_type="relu", name=f"{name}_relu")


def convnet() -> mx.sym.Symbol:
    net = unit(mx.sym.Variable("data"), "a", 8)
    for i in range(3):
        net = net + unit(unit(net, f"b{i}", 8), f"c{i}", 8)
        net = mx.sym.Dropout(net, p=0.3, name=f"drop{i}")
    net = mx.sym.Concat(net, unit(net, "d", 4), dim=1, name="concat")
    net = mx.sym.Pooling(net, kernel=(2, 2), stride=(2, 2), pool_type="max", name="pool")
    net = mx.sym.FullyConnected(mx.sym.Dropout(unit(net, "e", 6), p=0.5, name="drop"), num_hidden=5, name="fc")
    return mx.sym.SoftmaxOutput(net, name="softmax")


def bound(ctx: mx.Context, net: mx.sym.Symbol, **how: object) -> mx.executor.Executor:
    ex = net.simple_bind(ctx, data=SHAPE, **how)
    rng = np.random.RandomState(1)
    for name, array in ex.arg_dict.items():
        array[:] = rng.uniform(-0.5, 0.5, array.shape) if name != "softmax_label" else rng.randint(0, 5, array.shape)
    for array in ex.aux_dict.values():
        array[:] = rng.uniform(0.5, 1, array.shape)
    return ex


def trained(ex: mx.executor.Executor, steps: int = 2) -> dict[str, np.ndarray]:
    """Everything that two training steps leave."""
    mx.random.seed(5)
    for _ in range(steps):
        ex.forward(is_train=True)
        ex.backward()
    left = {f"grad {k}": v.asnumpy() for k, v in ex.grad_dict.items() if v is not None}
    left |= {f"aux {k}": v.asnumpy() for k, v in ex.aux_dict.items()}
    return left | {f"output {i}": o.asnumpy() for i, o in enumerate(ex.outputs)}


def least(net: mx.sym.Symbol, ctx: mx.Context) -> int:
    """The smallest limit, as the refusal tells it."""
    with pytest.raises(mx.MXNetError, match=r"memory_limit=1 bytes: the smallest plan found needs \d+ bytes") as caught:
        net.simple_bind(ctx, data=SHAPE, memory_limit=1)
    found = re.search(r"needs (\d+) bytes", str(caught.value))
    assert found
    return int(found[1])


def assert_same(got: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        assert got[name].tobytes() == value.tobytes(), name


@pytest.mark.parametrize("req", ["write", "add"])
def test_the_same_bits_under_any_limit(ctx: mx.Context, req: str) -> None:
    net = convnet()
    plain = bound(ctx, net, grad_req=req)
    expected = trained(plain)
    arena = plain.plan(True).memory.arena_bytes
    smallest = least(net, ctx)
    assert smallest < 0.7 * arena
    for limit in (arena, (3 * arena + smallest) // 4, (arena + smallest) // 2, smallest):
        limited = bound(ctx, net, grad_req=req, memory_limit=limit)
        plan = limited.plan(True)
        assert plan.memory.arena_bytes <= limit
        assert (plan.recomputed > 0) == (limit < arena)
        assert_same(trained(limited), expected)


def test_statistics_move_once(ctx: mx.Context) -> None:
    net = convnet()
    limited = bound(ctx, net, memory_limit=least(net, ctx))
    plan = limited.plan(True)
    assert any(step.name.startswith("b0_bn_recompute") for step in plan.steps[plan.forward :])
    assert not any(step.mutates for step in plan.steps[plan.forward :])
    limited.forward(is_train=True)
    before = {k: v.asnumpy() for k, v in limited.aux_dict.items()}
    limited.backward()
    for name, value in limited.aux_dict.items():
        assert value.asnumpy().tobytes() == before[name].tobytes(), name


def test_the_checked_run_agrees(ctx: mx.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    net = convnet()
    expected = trained(bound(ctx, net))
    monkeypatch.setenv("CLSYM_CHECK", "1")
    assert_same(trained(bound(ctx, net, memory_limit=least(net, ctx))), expected)


def test_backward_twice_and_after_inference(ctx: mx.Context) -> None:
    """The forward part is redone then, with the same draws."""
    net = convnet()
    limited = bound(ctx, net, memory_limit=least(net, ctx))
    expected = trained(limited, 1)
    limited.backward()
    assert_same(
        {f"grad {k}": v.asnumpy() for k, v in limited.grad_dict.items() if v is not None},
        {k: v for k, v in expected.items() if k.startswith("grad")},
    )


def test_reshape_keeps_the_limit(ctx: mx.Context) -> None:
    net = convnet()
    plain = bound(ctx, net)
    limit = plain.plan(True).memory.arena_bytes * 8 // 10
    limited = bound(ctx, net, memory_limit=limit)
    smaller = limited.reshape(data=(2, *SHAPE[1:]), softmax_label=(2,))
    assert smaller.plan(True).memory.arena_bytes <= limit
    assert smaller.plan(True).memory_limit == limit
    with pytest.raises(mx.MXNetError, match="memory_limit="):
        limited.reshape(data=(32, *SHAPE[1:]), softmax_label=(32,), allow_up_sizing=True)


def test_bind_takes_text(ctx: mx.Context) -> None:
    x = mx.nd.ones((2, 3), ctx=ctx)
    net = mx.sym.exp(mx.sym.sin(mx.sym.Variable("x")))
    assert net.bind(ctx, {"x": x}, memory_limit="1MiB").plan().memory_limit == 1 << 20
    with pytest.raises(mx.MXNetError, match="is not an amount of memory"):
        net.bind(ctx, {"x": x}, memory_limit="many")
    with pytest.raises(mx.MXNetError, match="smallest plan found needs"):
        (net + mx.sym.cos(net)).bind(ctx, {"x": x}, memory_limit=0)


@pytest.mark.parametrize("how", ["environment", "attribute"])
def test_mirroring(ctx: mx.Context, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    plain = bound(ctx, convnet())
    expected = trained(plain)
    if how == "environment":
        monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", "1")
        net = convnet()
    else:
        with mx.AttrScope(__force_mirroring__="True"):
            net = convnet()
    mirrored = bound(ctx, net)
    plan = mirrored.plan(True)
    assert plan.recomputed > 0
    assert plan.memory.arena_bytes < plain.plan(True).memory.arena_bytes
    if how == "environment":
        assert plan.extra_work == 0
    assert_same(trained(mirrored), expected)


def random_net(rnd: random.Random) -> mx.sym.Symbol:
    """A graph of (4, 6) tensors with shared values, views, draws, statistics, several heads."""
    values = [mx.sym.Variable("data"), mx.sym.Variable("other")]
    for i in range(rnd.randint(6, 25)):
        a, b = rnd.choice(values[-4:]), rnd.choice(values)
        values.append(
            rnd.choice(
                [
                    lambda a, b, i: a + b,
                    lambda a, b, i: a * b,
                    lambda a, b, i: mx.sym.maximum(a, b),
                    lambda a, b, i: mx.sym.Activation(a, act_type=rnd.choice(["relu", "tanh", "softsign"]), name=f"act{i}"),
                    lambda a, b, i: mx.sym.FullyConnected(a, num_hidden=6, name=f"fc{i}"),
                    lambda a, b, i: mx.sym.FullyConnected(mx.sym.Concat(a, b, dim=1), num_hidden=6, name=f"fc{i}"),
                    lambda a, b, i: mx.sym.BatchNorm(a, fix_gamma=False, use_global_stats=rnd.random() < 0.3, name=f"bn{i}"),
                    lambda a, b, i: mx.sym.Dropout(a, p=0.4, name=f"drop{i}"),
                    lambda a, b, i: mx.sym.reshape(mx.sym.sin(mx.sym.reshape(a, shape=(2, 12))), shape=(4, 6)),
                    lambda a, b, i: mx.sym.Concat(*list(mx.sym.split(a, num_outputs=2, axis=1))[::-1], dim=1),
                    lambda a, b, i: mx.sym.softmax(a, axis=1),
                    lambda a, b, i: mx.sym.BlockGrad(a) * b,
                ]
            )(a, b, i)
        )
    heads = [mx.sym.MakeLoss(mx.sym.sum(sum(values[-3:], values[-1])))]
    if rnd.random() < 0.5:
        heads.append(mx.sym.BlockGrad(values[len(values) // 2]))
    return mx.sym.Group(heads)


@pytest.mark.parametrize("block", range(2))
def test_random_graphs(ctx: mx.Context, block: int) -> None:
    recomputed = 0
    for seed in range(10 * block, 10 * block + 10):
        net = random_net(random.Random(seed))
        shapes = {"data": (4, 6), "other": (4, 6)}
        shapes = {k: v for k, v in shapes.items() if k in net.list_arguments()}
        rng = np.random.RandomState(seed)
        given = {n: rng.uniform(-1, 1, s) for n, s in zip(net.list_arguments(), net.infer_shape(**shapes)[0], strict=True)}
        results, req = [], "add" if seed % 3 == 0 else "write"
        try:
            net.plan(ctx, req, memory_limit=0, **shapes)
            limit = None
        except mx.MXNetError as refused:
            limit = int(re.search(r"needs (\d+) bytes", str(refused))[1])  # type: ignore[index]
        for memory_limit in (None, limit):
            ex = net.simple_bind(ctx, req, memory_limit=memory_limit, **shapes)
            for name, value in given.items():
                ex.arg_dict[name][:] = value
            results.append(trained(ex))
            recomputed += ex.plan(True).recomputed
        assert_same(results[1], results[0])
    assert recomputed > 0


def test_over_two_devices() -> None:
    """What is run again runs where it ran first; copies between devices are never repeated."""
    found = [d.selector for d in all_devices() if d.rank.automatic][:2]
    if len(found) < 2:
        pytest.skip("one device only")
    first, second = (mx.cl(s) for s in found)
    net = mx.sym.Variable("data")
    for i in range(6):
        with mx.AttrScope(ctx_group=f"dev{i // 3}"):
            net = unit(net, f"u{i}", 8)
    net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(net, num_hidden=5, name="fc"), name="softmax")
    where = {"dev0": first, "dev1": second}
    plain = bound(first, net, group2ctx=where)
    expected = trained(plain)
    limited = bound(first, net, group2ctx=where, memory_limit=plain.plan(True).memory.arena_bytes * 8 // 10)
    plan = limited.plan(True)
    assert plan.recomputed > 0
    assert {plan.steps[plan.forward + i].lane for i in range(len(plan.steps) - plan.forward)} == {0, 1}
    lanes = {step.name: step.lane for step in plan.steps[: plan.forward]}
    for step in plan.steps[plan.forward :]:
        if "_recompute" in step.name:
            assert step.lane == lanes[re.sub(r"_recompute\d*", "", step.name)]
            assert not step.copy
    assert_same(trained(limited), expected)
