"""The chapter on Symbol that clsym starts from, line by line, with its printed outputs."""

from __future__ import annotations

import numpy as np
import pytest

import clsym as mx


@pytest.fixture
def network() -> mx.sym.Symbol:
    data = mx.sym.Variable("data")
    conv = mx.sym.Convolution(data=data, num_filter=128, kernel=(3, 3), pad=(1, 1), name="conv1")
    bn = mx.sym.BatchNorm(data=conv, name="bn1")
    relu = mx.sym.Activation(data=bn, act_type="relu", name="relu1")
    pool = mx.sym.Pooling(data=relu, kernel=(2, 2), stride=(2, 2), pool_type="max", name="pool1")
    fc = mx.sym.FullyConnected(data=pool, num_hidden=2, name="fc1")
    return mx.sym.SoftmaxOutput(data=fc, name="softmax")


def test_arguments(network: mx.sym.Symbol) -> None:
    assert network.list_arguments() == [
        "data", "conv1_weight", "conv1_bias", "bn1_gamma", "bn1_beta", "fc1_weight", "fc1_bias", "softmax_label",
    ]  # fmt: skip


def test_long_form() -> None:
    assert mx.symbol.Variable("data").list_arguments() == mx.sym.Variable("data").list_arguments() == ["data"]


def test_infer_shape(network: mx.sym.Symbol) -> None:
    arg_shape, out_shape, aux_shape = network.infer_shape(data=(1, 3, 10, 10))
    assert arg_shape == [(1, 3, 10, 10), (128, 3, 3, 3), (128,), (128,), (128,), (2, 3200), (2,), (1,)]
    assert out_shape == [(1, 2)]
    assert aux_shape == [(128,), (128,)]


def test_cut_and_extend(network: mx.sym.Symbol) -> None:
    sym_mini = network.get_internals()["pool1_output"]
    assert sym_mini.list_arguments() == ["data", "conv1_weight", "conv1_bias", "bn1_gamma", "bn1_beta"]
    fc_new = mx.sym.FullyConnected(data=sym_mini, num_hidden=5, name="fc_new")
    sym_new = mx.sym.SoftmaxOutput(data=fc_new, name="softmax")
    assert sym_new.list_arguments() == [
        "data", "conv1_weight", "conv1_bias", "bn1_gamma", "bn1_beta", "fc_new_weight", "fc_new_bias", "softmax_label",
    ]  # fmt: skip


def test_arithmetic(capsys: pytest.CaptureFixture[str]) -> None:
    data_a, data_b, data_c = (mx.sym.Variable(n) for n in ("data_a", "data_b", "data_c"))
    s = data_c * (data_a + data_b)
    assert isinstance(s, mx.sym.Symbol)
    a, b, c = mx.nd.array([1, 2, 3]), mx.nd.array([4, 5, 6]), mx.nd.array([2, 3, 4])
    e = s.bind(mx.cpu(), {"data_a": a, "data_b": b, "data_c": c})
    assert isinstance(e, mx.executor.Executor)
    output = e.forward()
    capsys.readouterr()
    print(output[0])
    assert capsys.readouterr().out == "\n[10. 21. 36.]\n<NDArray 3 @cpu(0)>\n"
    print(c * (a + b))
    assert capsys.readouterr().out == "\n[10. 21. 36.]\n<NDArray 3 @cpu(0)>\n"


def test_memory_of_the_sum(ctx: mx.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """data_a + data_b is kept in the space of data_a, since nobody uses it again: literally, when the caller donates it."""
    data_a, data_b, data_c = (mx.sym.Variable(n) for n in ("data_a", "data_b", "data_c"))
    s = data_c * (data_a + data_b)
    values = {n: mx.nd.array(v, ctx=ctx) for n, v in (("data_a", [1, 2, 3]), ("data_b", [4, 5, 6]), ("data_c", [2, 3, 4]))}
    donated = s.bind(ctx, values, donate=["data_a"])
    plan = donated.plan()
    first = plan.steps[0].outs[0]
    assert plan.memory.storages[plan.memory.entry[first][0]].external == f"var:{s.list_arguments().index('data_a')}"
    assert plan.memory.arena_bytes == 0
    assert donated.forward()[0].asnumpy().tolist() == [10, 21, 36]
    assert values["data_a"].asnumpy().tolist() == [5, 7, 9]
    values["data_a"][:] = mx.nd.array([1, 2, 3])
    kept = s.bind(ctx, values)
    assert kept.plan().memory.arena_bytes == 0, "one kernel computes sum and product"
    assert kept.forward()[0].asnumpy().tolist() == [10, 21, 36]
    assert values["data_a"].asnumpy().tolist() == [1, 2, 3]
    monkeypatch.setenv("CLSYM_OPTIMIZE", "0")
    written = s.bind(ctx, values).plan()
    assert written.memory.inplace, "as written, the sum is kept for a moment"
    assert written.memory.arena_bytes == 0, "and lives where the product will"


def test_debugging(network: mx.sym.Symbol, ctx: mx.Context) -> None:
    e = network.simple_bind(ctx, data=(2, 3, 10, 10))
    for array in e.arg_dict.values():
        array[:] = np.random.uniform(-1, 1, array.shape)
    e.arg_dict["softmax_label"][:] = 0
    e.aux_dict["bn1_moving_var"][:] = 1
    e.forward()
    # any internal value by name, without binding again
    relu, bn = e.internals["relu1_output"].asnumpy(), e.internals["bn1_output"].asnumpy()
    assert relu.shape == (2, 128, 10, 10)
    assert np.array_equal(relu, np.maximum(bn, 0))
    # the same layer called imperatively
    again = mx.nd.Activation(e.internals["bn1_output"], act_type="relu").asnumpy()
    assert np.array_equal(relu, again)
    # step by step
    seen: list[str] = []
    e.set_monitor_callback(lambda name, value: seen.append(name))
    e.forward()
    assert seen == ["conv1_output", "bn1_output", "relu1_output", "pool1_output", "fc1_output", "softmax_output"]
    e.set_monitor_callback(None)
    # the first node that made a NaN
    assert e.find_nan() is None
    e.aux_dict["bn1_moving_var"][:] = -1
    assert "bn1" in e.find_nan()


def test_ndarray_twins(ctx: mx.Context) -> None:
    with ctx:
        data = mx.nd.arange(0, 28).reshape((1, 1, 4, 7))
        text = str(data)
        rows = [" ".join(f"{v:2d}." for v in range(r * 7, r * 7 + 7)) for r in range(4)]
        assert text.startswith("\n[[[[" + "]\n   [".join(rows) + "]]]]\n<NDArray 1x1x4x7 @")
        conv1 = mx.nd.Convolution(
            data=data, weight=mx.nd.ones((10, 1, 3, 3)), bias=mx.nd.zeros(10), num_filter=10, kernel=(3, 3), name="conv1"
        )
    assert conv1.shape == (1, 10, 2, 5)
    block = [[72, 81, 90, 99, 108], [135, 144, 153, 162, 171]]
    assert conv1.asnumpy().tolist() == [[block] * 10]
    assert str(conv1).count("[[ 72.  81.  90.  99. 108.]\n   [135. 144. 153. 162. 171.]]") == 10
