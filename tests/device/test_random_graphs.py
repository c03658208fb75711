"""A thousand random graphs: with memory shared and reused the values are, bit for bit, those of a plan in which everything has its own."""

from __future__ import annotations

import random

import numpy as np
import pytest
from harness import is_twin
from harness_case import DeviceArray

import clsym as mx
from clsym.executor.inputs import graph_inputs
from clsym.graph.contract.spec import TensorSpec
from clsym.graph.plan import Binding, Plan, compile_plan
from clsym.runtime.bound import Arena, BoundPlan
from clsym.runtime.device import Device

SHAPE = (1, 8, 16)  # parts of a concat along axis 1 are then multiples of the alignment


def random_graph(seed: int) -> mx.sym.Symbol:
    """Element-wise chains, residual sums, views, concats and slices over three variables."""
    rnd = random.Random(seed)
    values = [mx.sym.Variable(n) for n in "abc"]
    makers = [
        lambda: mx.sym.tanh(rnd.choice(values)),
        lambda: mx.sym.relu(rnd.choice(values)),
        lambda: rnd.choice(values) + rnd.choice(values),
        lambda: rnd.choice(values) * rnd.choice(values),
        lambda: rnd.choice(values) * 0.5 + 1,
        lambda: mx.sym.softmax(rnd.choice(values)),
        lambda: mx.sym.reshape(mx.sym.reshape(rnd.choice(values), shape=(8, 16)) * 2, shape=SHAPE),
        lambda: mx.sym.slice_axis(
            mx.sym.concat(rnd.choice(values) - 1, mx.sym.sigmoid(rnd.choice(values)), dim=1), axis=1, begin=4, end=12
        ),
        lambda: mx.sym.transpose(mx.sym.transpose(rnd.choice(values), axes=(0, 2, 1)), axes=(0, 2, 1)),
        lambda: mx.sym.add_n(*(mx.sym.square(v) for v in mx.sym.split(rnd.choice(values), num_outputs=2, axis=1))).tile(reps=(1, 2, 1)),
    ]
    for _ in range(rnd.randint(2, 14)):
        values.append(rnd.choice(makers)())
    return mx.sym.Group(rnd.sample(values[3:], min(2, len(values) - 3)))


def no_overlap(plan: Plan) -> None:
    inside = [st for st in plan.memory.storages if st.external is None]
    for i, a in enumerate(inside):
        for b in inside[:i]:
            alive = a.first <= b.last and b.first <= a.last
            apart = (a.lane, a.chunk) != (b.lane, b.chunk) or a.offset + a.nbytes <= b.offset or b.offset + b.nbytes <= a.offset
            assert apart or not alive


def run(device: Device, graph: mx.sym.Symbol, reuse: bool, optimize: bool = False) -> list[np.ndarray]:
    heads = list(graph._entries)
    args, _ = graph_inputs(heads)
    ctx = mx.cl(device.selector)
    specs = [TensorSpec(SHAPE)] * len(args)
    binding = Binding(args, specs, [ctx] * len(args), ["write"] * len(args))
    plan = compile_plan(heads, binding, train=True, default=ctx, traits=lambda c: device.traits, reuse=reuse, optimize=optimize)
    if reuse:
        no_overlap(plan)
    arrays = {}
    for key, e in plan.externals.items():
        rng = np.random.RandomState(sum(map(ord, plan.names[e])) if key.startswith("var:") else 1)
        arrays[key] = DeviceArray(device, rng.uniform(-1, 1, plan.specs[e].shape).astype(np.float32))
    bound = BoundPlan(plan, [device], arrays, Arena())
    bound.run(False)
    bound.run(True)
    return [arrays[key].get() for key in sorted(arrays) if not key.startswith("head:")]


@pytest.mark.parametrize("block", range(10))
def test_planned_equals_unplanned(device: Device, block: int) -> None:
    for seed in range(block * 100, block * 100 + 100, 4 if is_twin(device) else 1):  # planned alike but for the kernels
        graph = random_graph(seed)
        planned, apart = run(device, graph, True), run(device, graph, False)
        assert len(planned) == len(apart)
        assert all(np.array_equal(a, b) for a, b in zip(planned, apart, strict=True)), f"seed {seed}"


def test_fused_equals_unfused(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXNET_ELIMINATE_COMMON_EXPR", "0")  # gradients of repeated expressions are then summed in another order
    for seed in range(20):  # each fused group is a program of its own, which takes a while to build
        graph = random_graph(seed)
        fused, apart = run(device, graph, True, True), run(device, graph, False, False)
        assert all(np.array_equal(a, b) for a, b in zip(fused, apart, strict=True)), f"seed {seed}"


def test_repeated_expressions_computed_once(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradients may be summed in another order; nothing else changes."""
    for seed in range(20):
        graph = random_graph(seed)
        monkeypatch.setenv("MXNET_ELIMINATE_COMMON_EXPR", "1")
        once = run(device, graph, True, True)
        monkeypatch.setenv("MXNET_ELIMINATE_COMMON_EXPR", "0")
        apart = run(device, graph, True, True)
        for a, b in zip(once, apart, strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-6, atol=2e-6 * float(np.abs(b).max(initial=0)), err_msg=f"seed {seed}")
