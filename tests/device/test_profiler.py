"""mx.profiler: traces that Chrome reads, sums, layers, what users record; nothing changes and nothing stays behind."""

import json
from pathlib import Path

import numpy as np
import pytest

import clsym as mx
from clsym.runtime import profiling
from clsym.runtime.device import resolve


@pytest.fixture(autouse=True)
def _clean():
    yield
    mx.profiler.set_state("stop")
    mx.profiler.dumps(reset=True)
    mx.profiler.set_config(filename="profile.json")


def _net(ctx):
    x = mx.sym.Variable("x")
    net = mx.sym.FullyConnected(
        mx.sym.Activation(mx.sym.FullyConnected(x, num_hidden=8, name="one"), act_type="tanh"), num_hidden=4, name="two"
    )
    executor = net.simple_bind(ctx, x=(3, 5))
    for i, array in enumerate(executor.arg_arrays):
        array[:] = np.linspace(-1, 1, array.size).reshape(array.shape) * (i + 1)
    return executor


def _step(executor, ctx):
    out = executor.forward(is_train=True)[0]
    executor.backward(mx.nd.ones((3, 4), ctx=ctx))
    return [out.asnumpy(), *(g.asnumpy() for g in executor.grad_arrays)]


def test_trace(ctx, tmp_path: Path) -> None:
    executor = _net(ctx)
    before = _step(executor, ctx)
    plain = resolve(ctx).queue
    mx.profiler.set_config(profile_all=True, filename=str(tmp_path / "trace.json"))
    mx.profiler.set_state("run")
    assert resolve(ctx).queue is not plain
    during = _step(executor, ctx)
    domain = mx.profiler.Domain("mine")
    with_task, counter = domain.new_task("reading"), domain.new_counter("batches", 1)
    with_task.start()
    counter += 2
    domain.new_marker("here").mark()
    with_task.stop()
    mx.profiler.pause()
    assert resolve(ctx).queue is plain and profiling.active is None
    after = _step(executor, ctx)
    for a, b, c in zip(before, during, after, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
    mx.profiler.dump()
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert [p.name for p in tmp_path.iterdir()] == ["trace.json"]
    names = {e["name"] for e in events}
    assert {"one", "two", "forward", "backward", "reading", "batches", "here"} <= names
    two = next(e for e in events if e["name"] == "two" and e["ph"] == "X")
    assert two["args"]["operator"].startswith("FullyConnected") and two["args"]["outputs"][0] == [3, 4] and two["dur"] >= 0
    forward = next(e for e in events if e["name"] == "forward")
    assert 0 <= two["ts"] - forward["ts"] < 5e6, "device times lie on the host's clock"
    assert {e["pid"] for e in events} == {e["pid"] for e in events if e["ph"] == "M"}
    assert [e["args"]["mine"] for e in events if e["name"] == "batches"] == [1, 3]


def test_sums_and_layers(ctx) -> None:
    executor = _net(ctx)
    assert "no graph ran" in mx.profiler.layers()
    mx.profiler.set_state("run")
    for _ in range(3):
        _step(executor, ctx)
    (mx.nd.ones((4, 4), ctx=ctx) * 2).wait_to_read()
    mx.profiler.set_state("stop")
    found = json.loads(mx.profiler.dumps(format="json"))["Time"]
    assert found["operator"]["FullyConnected"]["Count"] >= 6
    assert found["host"]["forward"]["Count"] == 3
    assert "_mul_scalar" in found["operator"]
    table = mx.profiler.dumps(sort_by="count", ascending=True)
    assert "Profile Statistics" in table and "FullyConnected" in table
    rows = mx.profiler.layers(limit=2).splitlines()
    assert len(rows) == 3 and rows[0].split()[:3] == ["node", "operator", "runs"]
    one = next(line for line in mx.profiler.layers().splitlines() if line.startswith("one "))
    assert one.split()[2] == "3"
    mx.profiler.dumps(reset=True)
    assert json.loads(mx.profiler.dumps(format="json"))["Time"] == {}


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        mx.profiler.set_state("walk")
    with pytest.raises(mx.MXNetError, match="foo"):
        mx.profiler.set_config(foo=1)
    with pytest.raises(AssertionError, match="format"):
        mx.profiler.dumps(format="xml")
    with pytest.raises(AssertionError, match="sort_by"):
        mx.profiler.dumps(sort_by="name")
    mx.profiler.set_config(filename=str(tmp_path / "none" / "trace.json"))
    with pytest.raises(mx.MXNetError, match="cannot write"):
        mx.profiler.dump()
