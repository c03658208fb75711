"""The report is the truth: what it says is what OpenCL holds, to the byte."""

from __future__ import annotations

import gc
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clsym as mx
from clsym.runtime.buffer import live_bytes, pooled_bytes
from clsym.runtime.device import Device, all_devices, resolve


def mlp() -> Any:
    x = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=37, name="fc1")
    x = mx.sym.Activation(x, act_type="tanh")
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=11, name="fc2"), name="softmax")


def convnet() -> Any:
    x = mx.sym.Convolution(mx.sym.var("data"), num_filter=5, kernel=(3, 3), pad=(1, 1), name="conv1")
    x = mx.sym.relu(mx.sym.BatchNorm(x, name="bn1"))
    y = mx.sym.Convolution(x, num_filter=5, kernel=(1, 1), name="conv2")
    x = mx.sym.Pooling(mx.sym.Dropout(mx.sym.concat(x, y, dim=1), p=0.3), kernel=(2, 2), stride=(2, 2), pool_type="max")
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=7, name="fc1"), name="softmax")


def two_outputs() -> Any:
    a, b = mx.sym.var("data"), mx.sym.var("b")
    return mx.sym.Group([mx.sym.exp(mx.sym.dot(a, b)), mx.sym.sum(a), a])


def draws() -> Any:
    return mx.sym.var("data") + mx.sym.random.uniform(shape=(3, 5))


GRAPHS = {
    "mlp": (mlp, {"data": (3, 19)}),
    "convnet": (convnet, {"data": (2, 3, 9, 7)}),
    "two outputs, not losses": (two_outputs, {"data": (3, 5), "b": (5, 7)}),
    "drawing": (draws, {"data": (3, 5)}),
}


def held(device: Device) -> int:
    gc.collect()
    return live_bytes(device)


@pytest.mark.parametrize("req", ["null", "write", "add"])
@pytest.mark.parametrize("name", GRAPHS)
def test_report_is_what_the_device_holds(name: str, req: str, ctx: mx.Context) -> None:
    make, shapes = GRAPHS[name]
    net, device = make(), resolve(ctx)
    before, pooled = held(device), pooled_bytes(device)
    ex = net.simple_bind(ctx, grad_req=req, **shapes)
    report = ex.memory_report()
    train = req != "null"
    ex.forward(is_train=train)
    assert pooled_bytes(device) == pooled, "an array of the executor came from the pool"
    if train:
        ex.backward([mx.nd.ones(o.shape, ctx=ctx) for o in ex.outputs])
    mx.nd.waitall()
    assert held(device) - before == report.total_bytes
    assert report.by_device == {str(ctx): report.total_bytes}
    assert ex._arena.nbytes == report.arena_bytes
    planned = net.plan(ctx, grad_req=req, **shapes).memory_report()
    assert planned.to_dict() == report.to_dict()
    del ex
    assert held(device) == before


def pairs() -> list[tuple[str, str]]:
    found = [d.selector for d in all_devices() if d.rank.automatic]
    return [(a, b) for i, a in enumerate(found) for b in found[i + 1 :]][:2]


@pytest.mark.parametrize("pair", pairs(), ids="+".join)
def test_each_of_two_devices_holds_what_is_reported(pair: tuple[str, str]) -> None:
    one, two = mx.cl(pair[0]), mx.cl(pair[1])
    with mx.AttrScope(ctx_group="a"):
        x = mx.sym.Dropout(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=13, name="fc1"))
    with mx.AttrScope(ctx_group="b"):
        net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=3, name="fc2"), name="softmax")
    before = {c: held(resolve(c)) for c in (one, two)}
    ex = net.simple_bind(one, data=(4, 5), group2ctx={"a": one, "b": two})
    report = ex.memory_report()
    ex.forward(is_train=True)
    ex.backward()
    mx.nd.waitall()
    assert {str(c): held(resolve(c)) - before[c] for c in (one, two)} == report.by_device
    assert sum(report.by_device.values()) == report.total_bytes
    assert {t.device for t in report.tensors} == {str(one), str(two)}
    assert f"on {two}" in str(report)


def test_planning_allocates_nothing(ctx: mx.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    device = resolve(ctx)
    before, pooled = held(device), pooled_bytes(device)
    for req in ("null", "write"):
        report = convnet().plan(ctx, grad_req=req, data=(2, 3, 9, 7)).memory_report()
        assert report.arena_bytes > 0
    assert (held(device), pooled_bytes(device)) == (before, pooled)


def test_inference_and_training_share_the_arena(ctx: mx.Context) -> None:
    device = resolve(ctx)
    before = held(device)
    ex = convnet().simple_bind(ctx, data=(2, 3, 9, 7))
    ex.forward(is_train=False)
    ex.forward(is_train=True)
    ex.backward()
    mx.nd.waitall()
    training, inference = ex.memory_report(), ex.memory_report(is_train=False)
    assert inference.arena_bytes < training.arena_bytes and inference.gradient_bytes == 0
    assert held(device) - before == training.total_bytes + inference.random_bytes + inference.prepared_bytes


def test_given_arrays_that_start_anywhere_are_counted_as_copies(ctx: mx.Context) -> None:
    device = resolve(ctx)
    whole = mx.nd.zeros((4, 7), ctx=ctx)
    net = mx.sym.exp(mx.sym.var("x"))
    before = held(device)
    ex = net.bind(ctx, {"x": whole[1]}, grad_req="null")
    report = ex.memory_report()
    ex.forward()
    mx.nd.waitall()
    assert report.staging_bytes == 28
    assert held(device) - before == report.output_bytes + report.staging_bytes + report.arena_bytes


def test_zero_sized_arrays_take_one_byte(ctx: mx.Context) -> None:
    device = resolve(ctx)
    before = held(device)
    x = mx.nd.zeros((0, 3), ctx=ctx)
    ex = mx.sym.exp(mx.sym.var("x")).bind(ctx, {"x": x}, grad_req="null")
    ex.forward()
    assert ex.memory_report().output_bytes == 1
    assert held(device) - before == 1


def test_debug_str_ends_as_in_mxnet(ctx: mx.Context) -> None:
    ex = mlp().simple_bind(ctx, data=(3, 19))
    last = ex.debug_str().splitlines()[-1]
    assert re.fullmatch(r"Total \d+ MB allocated", last)


def test_executors_arrays_start_as_zeros(ctx: mx.Context) -> None:
    ex = mlp().simple_bind(ctx, data=(3, 19))
    for array in (*ex.arg_arrays, *ex.grad_arrays, *ex.outputs):
        assert not np.any(array.asnumpy())


def test_every_buffer_is_made_in_one_place() -> None:
    """Otherwise the count would miss some; probes are gone when they return, and memory that somebody else owns is not ours to count."""
    package = Path(mx.__file__).parent
    makers = {
        p.relative_to(package).as_posix()
        for p in package.rglob("*.py")
        if re.search(r"\bcl\.Buffer\(|cl_array|SVM\(", p.read_text("utf-8"))
    }
    assert makers <= {"runtime/buffer.py", "runtime/selftest.py", "runtime/host_memory.py"}
