"""Plans under a memory limit, without a device: they fit, say what they recompute, and what runs twice reads the same values."""

from __future__ import annotations

import itertools
import random
import re

import pytest

import clsym as mx
from clsym.graph.contract.traits import DeviceTraits
from clsym.graph.plan import Plan
from clsym.graph.recompute.max_flow import INFINITE, Network

TRAITS = DeviceTraits()
COPY = re.compile(r"_recompute\d*")


def chain(layers: int = 12, convolve: bool = True) -> mx.sym.Symbol:
    net = mx.sym.Variable("data")
    for i in range(layers):
        if convolve:
            net = mx.sym.Convolution(net, kernel=(3, 3), pad=(1, 1), num_filter=8, name=f"conv{i}")
        net = mx.sym.BatchNorm(net, name=f"bn{i}")
        net = mx.sym.Activation(net, act_type="relu", name=f"relu{i}")
    return mx.sym.MakeLoss(mx.sym.sum(net), name="loss")


def planned(net: mx.sym.Symbol, limit: int | str | None = None, **more: object) -> Plan:
    return net.plan(TRAITS, memory_limit=limit, data=(4, 8, 32, 32), **more)


def least(net: mx.sym.Symbol) -> int:
    with pytest.raises(mx.MXNetError) as caught:
        planned(net, 0)
    return int(re.search(r"needs (\d+) bytes", str(caught.value))[1])  # type: ignore[index]


def check(plan: Plan) -> None:
    """Every step reads what is there; a second run reads the values of the first, and makes the same launches."""
    made = {e for e, key in ((e, k) for k, e in plan.externals.items()) if key.startswith(("var:", "head:"))}
    first = {step.name: step for step in plan.steps[: plan.forward]}
    for s, step in enumerate(plan.steps):
        assert made.issuperset(step.ins), step.name
        made |= {e for e in step.outs if e >= 0}
        if COPY.search(step.name):
            original = first[COPY.sub("", step.name)]
            assert s >= plan.forward
            assert not step.mutates
            shared = min(len(step.ins), len(original.ins), 3)
            assert [COPY.sub("", plan.names[e]) for e in step.ins[:shared]] == [plan.names[e] for e in original.ins[:shared]]
            assert step.calls == original.calls or step.op != original.op
    assert plan.recomputed == sum(bool(COPY.search(step.name)) for step in plan.steps)


def test_a_limit_is_kept_and_costs_little_at_first() -> None:
    net = chain()
    plain = planned(net)
    assert (plain.recomputed, plain.memory_limit) == (0, None)
    arena, smallest = plain.memory.arena_bytes, least(net)
    work = []
    for part in (1.0, 0.9, 0.7, 0.6):
        plan = planned(net, int(part * arena))
        check(plan)
        assert plan.memory.arena_bytes <= part * arena
        assert plan.extra_work == 0  # activations are enough
        work.append(plan.recomputed)
    assert work[0] == 0
    assert work == sorted(work)
    tight = planned(net, smallest)
    check(tight)
    assert tight.memory.arena_bytes <= smallest < 0.5 * arena
    assert 0 < tight.extra_work < 0.34
    assert f"{tight.recomputed} steps recomputed" in tight.dump()


def test_no_limit_and_a_wide_one_give_the_same_plan() -> None:
    net = chain(4)
    assert planned(net).dump() == planned(net, "1GiB").dump()


def test_the_same_plan_every_time() -> None:
    net = chain()
    limit = planned(net).memory.arena_bytes // 2
    assert planned(net, limit).dump() == planned(net, limit).dump()


def test_depth_costs_its_root() -> None:
    """A chain of n equal layers in the memory of a few, at less than one more forward."""
    smallest = [least(chain(n)) for n in (8, 32)]
    assert smallest[1] < 2.5 * smallest[0]


def test_inference_has_nothing_to_recompute() -> None:
    net = chain(3)
    arena = planned(net, grad_req="null").memory.arena_bytes
    assert planned(net, arena, grad_req="null").recomputed == 0
    with pytest.raises(mx.MXNetError, match=f"memory_limit={arena - 1} bytes: the smallest plan found needs {arena} bytes"):
        planned(net, arena - 1, grad_req="null")


def test_mirroring_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for net in (chain(), chain(convolve=False), chain(1)):
        monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", "0")
        plain = planned(net)
        monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", "1")
        mirrored = planned(net)
        check(mirrored)
        assert mirrored.memory.arena_bytes <= plain.memory.arena_bytes
        assert mirrored.extra_work == 0
        assert mirrored.recomputed > 0 or mirrored.memory.arena_bytes == plain.memory.arena_bytes


def test_mirroring_by_attribute() -> None:
    net = mx.sym.Variable("data")
    for i in range(4):
        net = mx.sym.Convolution(net, kernel=(3, 3), pad=(1, 1), num_filter=8, name=f"conv{i}")
        net = mx.sym.Activation(mx.sym.exp(net, name=f"exp{i}"), act_type="tanh", name=f"tanh{i}", attr={"__force_mirroring__": str(i < 2)})
    plan = planned(mx.sym.MakeLoss(mx.sym.sum(net)))
    check(plan)
    assert {COPY.sub("", step.name) for step in plan.steps if COPY.search(step.name)} == {"tanh0", "tanh1"}


def test_random_draws_keep_their_stream() -> None:
    net = mx.sym.Variable("data")
    for i in range(4):
        net = mx.sym.Activation(mx.sym.Dropout(mx.sym.exp(net, name=f"exp{i}"), p=0.5, name=f"drop{i}"), act_type="tanh", name=f"tanh{i}")
        net = mx.sym.Convolution(net, kernel=(1, 1), num_filter=8, name=f"conv{i}")
    net = mx.sym.MakeLoss(mx.sym.sum(net))
    plan = planned(net, least(net))
    check(plan)
    assert any(step.name.startswith("drop") and COPY.search(step.name) for step in plan.steps)


@pytest.mark.parametrize("seed", range(30))
def test_minimum_cuts(seed: int) -> None:
    rnd = random.Random(seed)
    n = rnd.randint(2, 7)
    arcs = [(a, b, rnd.choice((0, 1, 2, 5, INFINITE))) for a in range(n) for b in range(n) if a != b and rnd.random() < 0.5]
    network = Network(n)
    for arc in arcs:
        network.add(*arc)
    side = network.source_side(0, n - 1)

    def value(inside: tuple[bool, ...]) -> int:
        return sum(c for a, b, c in arcs if inside[a] and not inside[b])

    best = min(value((True, *middle, False)) for middle in itertools.product((False, True), repeat=n - 2))
    if best < INFINITE:
        assert side[0]
        assert not side[-1]
        assert value(tuple(side)) == best
