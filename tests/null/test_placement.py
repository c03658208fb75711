"""Where operators run is decided before the graph is rewritten for the devices that they run on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import clsym as mx
from clsym.context import Context
from clsym.graph.contract.op import Node
from clsym.graph.contract.spec import TensorSpec
from clsym.graph.contract.traits import DeviceTraits
from clsym.graph.plan import Binding, Plan, compile_plan

CPU, GPU = mx.cpu(0), mx.gpu(0)
TRAITS = {CPU: DeviceTraits(vector_width=8), GPU: DeviceTraits(kind="gpu", vector_width=1, max_work_group_size=256)}


def network() -> Any:
    net = mx.sym.Variable("data")
    for i in range(2):
        net = mx.sym.Convolution(net, kernel=(3, 3), pad=(1, 1), num_filter=16, no_bias=True, name=f"conv{i}")
        net = mx.sym.Activation(net, act_type="relu", name=f"relu{i}")
    return net


def plan_of(net: Any, train: bool, placer: Any, group2ctx: Mapping[str, Context] | None = None) -> Plan:
    names, shapes = net.list_arguments(), net.infer_shape(data=(1, 16, 8, 8))[0]
    nodes = {n.name: n for n in (e.node for e in net.get_internals()._entries) if n.is_variable}
    specs = [TensorSpec(s) for s in shapes]
    binding = Binding([nodes[n] for n in names], specs, [CPU] * len(names), ["write" if train else "null"] * len(names))
    return compile_plan(net._entries, binding, train=train, default=CPU, traits=lambda c: TRAITS[c], group2ctx=group2ctx, placer=placer)


def second_half_on_gpu(order: Sequence[Node], specs: Mapping[tuple[int, int], TensorSpec]) -> Mapping[int, Context]:
    assert all((n.serial, 0) in specs for n in order)
    return {n.serial: GPU for n in order if n.name in ("conv1", "relu1")}


def test_forms_follow_the_placement() -> None:
    plan = plan_of(network(), False, second_half_on_gpu)
    where = {step.name: plan.contexts[step.lane] for step in plan.steps if not step.copy}
    kinds = {step.name: step.op for step in plan.steps}
    assert where["conv0"] == CPU and kinds["conv0"] == "_blocked_convolution"
    assert where["conv1"] == GPU and kinds["conv1"] == "_fused_convolution"
    assert any(step.copy for step in plan.steps)


def test_gradients_run_where_their_layer_does() -> None:
    plan = plan_of(network(), True, second_half_on_gpu)
    backward = [s for s in plan.steps[plan.forward :] if not s.copy]
    assert {plan.contexts[s.lane] for s in backward if s.name.startswith(("conv1_backward", "relu1_backward"))} == {GPU}
    assert {plan.contexts[s.lane] for s in backward if s.name.startswith(("conv0_backward", "relu0_backward"))} == {CPU}
    assert {plan.homes[k] for k in plan.homes if k.startswith("grad:")} == {CPU}


def test_a_pinned_node_stays() -> None:
    with mx.AttrScope(ctx_group="here"):
        net = network()
    plan = plan_of(net, False, second_half_on_gpu, {"here": CPU})
    assert plan.contexts == (CPU,)


def test_without_a_choice_all_is_as_before() -> None:
    net = network()
    assert plan_of(net, True, lambda order, specs: {}).dump() == plan_of(net, True, None).dump()
