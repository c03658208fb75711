"""What the contract of operators can say beyond kernels: steps on the host, bodies run as often as the data say, measured outputs.

Each is shown by one small operator that only these tests know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

import clsym as mx
from clsym.base import MXNetError
from clsym.graph.contract import registry
from clsym.graph.contract.host import Body, HostCall, HostRun, Measured, OnHost
from clsym.graph.contract.kernel_call import LowerContext
from clsym.graph.contract.op import Entry, Gradient, Op
from clsym.graph.contract.spec import PartialShape, TensorSpec
from clsym.params import Params


class Cube(Op, OnHost):
    """x ** 3, by numpy."""

    name = "_test_cube"

    def host(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> HostCall:
        return HostCall(lambda run: run.write(0, run.read(0) ** 3))

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_test_cube_backward", g.ograd(), g.input(0))]


class CubeBackward(Op, OnHost):
    """Its gradient."""

    name = "_test_cube_backward"
    inputs = ("ograd", "data")
    hidden = True

    def host(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> HostCall:
        return HostCall(lambda run: run.write(0, 3 * run.read(0) * run.read(1) ** 2))


class Fails(Op, OnHost):
    """Raises."""

    name = "_test_fails"

    def host(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> HostCall:
        def function(run: HostRun) -> None:
            raise KeyError("no such thing")

        return HostCall(function)


class Repeat(Op, OnHost):
    """The body applied to the state, as often as the second input says."""

    name = "_test_repeat"
    inputs = ("state", "times")
    subgraphs = 1

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return [ins[0] or outs[0], (1,)], [ins[0] or outs[0]]

    def host(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> HostCall:
        assert ctx.body is not None
        plan = ctx.body(p.subgraphs[0], [ins[0]])

        def function(run: HostRun) -> None:
            value = run.read(0)
            for _ in range(int(run.read(1)[0])):
                (value,) = run.run_body(0, [value])
            run.write(0, value)

        return HostCall(function, (Body(plan),))


class Positive(Op, OnHost, Measured):
    """The rows whose first element is positive, and how many there are."""

    name = "_test_positive"
    outputs = ("rows", "count")

    def num_visible(self, p: Params) -> int:
        return 1

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return [ins[0]], [ins[0], (1,)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, [ins[0], "int32"]

    def measures(self, p: Params) -> Mapping[int, int]:
        return {0: 1}

    def host(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> HostCall:
        def function(run: HostRun) -> None:
            x = run.read(0)
            kept = x[x[:, 0] > 0]
            rows = np.zeros_like(x)
            rows[: len(kept)] = kept
            run.write(0, rows)
            run.write(1, np.array([len(kept)], np.int32))

        return HostCall(function)


@pytest.fixture(autouse=True)
def operators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))
    monkeypatch.setattr(registry, "_NAMES", dict(registry._NAMES))
    for op in (Cube, CubeBackward, Fails, Repeat, Positive):
        registry.register(op)


def node(op: str, *inputs: str, subgraphs: Sequence[Any] = ()) -> Any:
    """A symbol with one node between variables, through a graph file."""
    nodes: list[dict[str, Any]] = [{"op": "null", "name": n, "inputs": []} for n in inputs]
    nodes.append({"op": op, "name": "it", "inputs": [[i, 0, 0] for i in range(len(inputs))]})
    if subgraphs:
        nodes[-1]["subgraphs"] = [json.loads(s.tojson()) for s in subgraphs]
    return mx.sym.load_json(json.dumps({"nodes": nodes, "heads": [[len(inputs), 0, 0]], "attrs": {"mxnet_version": ["int", 10901]}}))


@pytest.mark.parametrize("check", ["0", "1"])
def test_a_step_on_the_host_between_kernels(ctx, check, monkeypatch):
    monkeypatch.setenv("CLSYM_CHECK", check)
    x = np.random.randn(3, 5).astype(np.float32)
    net = mx.sym.make_loss(mx.sym.sum(mx.sym.exp(node("_test_cube", "x")) * 2))
    for req in ("write", "add"):
        ex = net.simple_bind(ctx, x=x.shape, grad_req=req)
        ex.arg_dict["x"][:] = x
        ex.grad_dict["x"][:] = 1
        out = ex.forward(is_train=True)[0].asnumpy()
        ex.backward()
        np.testing.assert_allclose(out, 2 * np.exp(x.astype(np.float64) ** 3).sum(), rtol=1e-5)
        want = 2 * np.exp(x.astype(np.float64) ** 3) * 3 * x**2 + (req == "add")
        np.testing.assert_allclose(ex.grad_dict["x"].asnumpy(), want, rtol=1e-4, atol=1e-5)
    assert "on the host" in ex.plan(True).dump()


def test_a_host_step_as_the_only_one_adds_to_its_gradient(ctx):
    x = np.random.randn(4).astype(np.float32)
    ex = node("_test_cube", "x").simple_bind(ctx, x=(4,), grad_req="add")
    ex.arg_dict["x"][:] = x
    ex.grad_dict["x"][:] = 7
    ex.forward(is_train=True)
    ex.backward([mx.nd.ones((4,), ctx=ctx)])
    np.testing.assert_allclose(ex.grad_dict["x"].asnumpy(), 7 + 3 * x**2, rtol=1e-6)


def test_who_failed_is_named_and_the_executor_lives_on(ctx):
    ex = node("_test_fails", "x").simple_bind(ctx, x=(2,))
    for _ in range(2):
        with pytest.raises(MXNetError, match="node 'it' \\(_test_fails\\) failed on the host: KeyError") as caught:
            ex.forward()
        assert isinstance(caught.value.__cause__, KeyError)


def test_a_body_runs_as_often_as_the_data_say(ctx):
    state = mx.sym.Variable("s")
    body = mx.sym.tanh(state) * 1.5 + 0.25
    net = node("_test_repeat", "state", "times", subgraphs=[body]) + 1
    ex = net.simple_bind(ctx, state=(3, 2))
    x = np.random.randn(3, 2).astype(np.float32)
    for times in (0, 1, 4):
        got = ex.forward(state=x, times=np.array([times]))[0].asnumpy()
        want = x.astype(np.float64)
        for _ in range(times):
            want = np.tanh(want) * 1.5 + 0.25
        np.testing.assert_allclose(got, want + 1, rtol=1e-5, atol=1e-6)


def test_an_output_is_as_long_as_its_data_say(ctx):
    net = node("_test_positive", "x")
    assert net.infer_shape_partial(x=(4, 2))[1] == [()]
    with pytest.warns(UserWarning, match="Cannot decide shape"):
        assert net.infer_shape(x=(4, 2)) == (None, None, None)
    ex = net.simple_bind(ctx, x=(4, 2))
    for firsts in ([1, -1, 2, -3], [-1, -1, -1, -1], [1, 1, 1, 1], [0, 0, 0, 5]):
        x = np.random.rand(4, 2).astype(np.float32)
        x[:, 0] = firsts
        out = ex.forward(x=x)[0]
        assert out.shape == (sum(f > 0 for f in firsts), 2)
        np.testing.assert_array_equal(out.asnumpy(), x[x[:, 0] > 0])
    with pytest.raises(MXNetError, match="node 'act' cannot read it: make it an output"):
        mx.sym.relu(net, name="act").simple_bind(ctx, x=(4, 2))


def test_imperative_calls_run_on_the_host_too(ctx):
    from clsym.ndarray.invoke import invoke

    x = mx.nd.array([1, 2, 3], ctx=ctx)
    np.testing.assert_array_equal(invoke("_test_cube", [x]).asnumpy(), [1, 8, 27])
    invoke("_test_cube", [x], out=x)
    np.testing.assert_array_equal(x.asnumpy(), [1, 8, 27])
    with pytest.raises(MXNetError, match=r"operator _test_fails failed on the host: KeyError: 'no such thing' .*test_host_steps.py:"):
        invoke("_test_fails", [x])
