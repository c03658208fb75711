"""Metrics, initializers, callbacks and the monitor, as MXNet's, and without waiting for the device."""

from __future__ import annotations

import json
import logging
import pickle
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import clsym as mx
from clsym.ndarray import NDArray

REFERENCE = Path(__file__).parents[1] / "reference"
sys.path.insert(0, str(REFERENCE))
RECORDED = json.loads((REFERENCE / "metric.json").read_text())


def batches(kind):
    """As in record_metric.py, which needs MXNet to be imported."""
    space: dict = {"np": np}
    source = (REFERENCE / "record_metric.py").read_text()
    exec(source[source.index("def batches") : source.index("def run")], space)
    return space["batches"](kind)


@pytest.mark.parametrize(("name", "params", "kind", "expected"), RECORDED["metrics"])
def test_values_are_those_of_mxnet(ctx: mx.Context, name, params, kind, expected) -> None:
    metric = mx.metric.create(name, **params)
    found = []
    for i, (label, pred) in enumerate(batches(kind)):
        metric.update([mx.nd.array(label, ctx=ctx)], [mx.nd.array(pred, ctx=ctx)])
        found.append([metric.get()[1], metric.get_global()[1]])
        if i == 0:
            metric.reset_local()
    np.testing.assert_allclose(np.array(found, "d"), np.array(expected), rtol=1e-6)
    # and the same where nobody asks in between
    metric.reset()
    for i, (label, pred) in enumerate(batches(kind)):
        metric.update([mx.nd.array(label, ctx=ctx)], [mx.nd.array(pred, ctx=ctx)])
        if i == 0:
            metric.reset_local()
    again = pickle.loads(pickle.dumps(metric))
    np.testing.assert_allclose([again.get()[1], again.get_global()[1]], expected[-1], rtol=1e-6)


@pytest.mark.parametrize("name", ["acc", "ce", "perplexity", "mse", "f1", "loss", "pcc", "pearsonr"])
def test_an_update_does_not_wait(monkeypatch: pytest.MonkeyPatch, name) -> None:
    metric = mx.metric.create(name, **({"ignore_label": 0} if name == "perplexity" else {}))
    label = mx.nd.array([0, 1, 1])
    pred = mx.nd.array([0.2, 0.4, 0.6]) if name in ("mse", "pearsonr") else mx.nd.array([[0.2, 0.8]] * 3)
    with monkeypatch.context() as patch:
        patch.setattr(NDArray, "_download", lambda self: pytest.fail("waits"))
        patch.setattr(NDArray, "wait_to_read", lambda self: pytest.fail("waits"))
        metric.update([label], [pred])
        metric.reset_local()
        metric.update([label], [pred])
        label[:], pred[:] = 0, 0  # the next batch in the same arrays
    assert metric.num_inst == (1 if name in ("mse", "f1", "pcc", "pearsonr") else 6 if name == "loss" else 2 if name == "perplexity" else 3)
    assert np.isfinite(metric.get_global()[1]) or name == "pcc"
    with pytest.raises((ValueError, AssertionError)):
        metric.update([label, label], [pred]) if name != "loss" else metric.update(None, [3])


def test_hits_of_ties_and_nan(ctx: mx.Context) -> None:
    nan = float("nan")
    scores = [[nan, 1, 2], [1, nan, 2], [nan, nan, nan], [2, 2, 1], [2, 2, 1], [0, 1, 2], [0, 1, 2]]
    for label, expected in (([0, 1, 0, 0, 1, 2, 7], 5), ([1, 2, 1, 1, 0, -1, 0], 1)):
        metric = mx.metric.Accuracy()
        metric.update([mx.nd.array(label, ctx=ctx, dtype="int32")], [mx.nd.array(scores, ctx=ctx)])
        assert metric.sum_metric == expected
    columns = mx.nd.array(np.random.RandomState(0).rand(3, 70, 5), ctx=ctx)
    right = columns.asnumpy().argmax(1)
    right[0, :2] += 1
    metric.reset()
    metric.update([mx.nd.array(right, ctx=ctx)], [columns])
    assert metric.get() == ("accuracy", 13 / 15)


def test_a_label_that_is_no_class(ctx: mx.Context) -> None:
    metric = mx.metric.CrossEntropy()
    metric.update([mx.nd.array([0, 7], ctx=ctx)], [mx.nd.ones((2, 2), ctx=ctx)])
    with pytest.raises(IndexError, match="index 7 is out of bounds"):
        metric.get()


def test_a_refused_batch_leaves_the_others() -> None:
    metric = mx.metric.F1()
    for label in ([0, 1, 2], [0, 1, 1]):
        metric.update([mx.nd.array(label)], [mx.nd.array([[1, 0], [0, 1], [0, 1]])])
    with pytest.raises(ValueError, match="binary"):
        metric.get()
    assert metric.get() == ("f1", 1.0)


def test_initializers_as_mxnet() -> None:
    for rand_type, shape in (("uniform", (3, 5)), ("normal", (5, 3)), ("uniform", (2, 3, 2))):
        a = mx.nd.zeros(shape)
        mx.init.Orthogonal(2, rand_type)(mx.init.InitDesc("w_weight"), a)
        wide = a.asnumpy().reshape(shape[0], -1)
        square = wide @ wide.T if len(wide) < wide.shape[1] else wide.T @ wide
        np.testing.assert_allclose(square, 4 * np.eye(len(square)), atol=1e-5)
    a = mx.nd.zeros(len(RECORDED["fused"]))
    own = mx.init.FusedRNN(None, 3, 1, "lstm", True, 5.0).dumps()
    mx.init.Constant(2)(mx.init.InitDesc("p", {"__init__": own}, mx.init.Constant(2)), a)
    assert a.asnumpy().tolist() == RECORDED["fused"]
    with pytest.raises(mx.MXNetError, match="FusedRNN"):
        mx.init.FusedRNN(mx.init.One(), 3, 1, "gru")._init_weight(mx.init.InitDesc("p"), mx.nd.zeros(40))


@pytest.mark.parametrize(
    ("fill", "spread"),
    [
        (mx.init.Uniform(0.2), 0.2 / 3**0.5), (mx.init.Normal(0.3), 0.3), (mx.init.Xavier(), (3 / 360) ** 0.5 / 3**0.5),
        (mx.init.Xavier("gaussian", "in", 2), (2 / 144) ** 0.5), (mx.init.MSRAPrelu("out", 0), (2 / 576) ** 0.5),
    ],
)  # fmt: skip
def test_distributions(fill, spread) -> None:
    mx.random.seed(3)
    a = mx.nd.empty((64, 16, 3, 3))
    fill(mx.init.InitDesc("conv_weight"), a)
    values = a.asnumpy()
    assert abs(values.mean()) < 0.03 * spread and values.std() == pytest.approx(spread, rel=0.03)
    assert mx.init.create(fill.dumps()) == fill


def test_names_choose_what_fills() -> None:
    net = mx.sym.BatchNorm(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=2, name="fc"), fix_gamma=False, name="bn")
    shapes = dict(zip(net.list_auxiliary_states(), net.infer_shape(data=(3, 4))[2], strict=True))
    for name, expected in (("bn_moving_mean", 0), ("bn_moving_var", 1)):
        a = mx.nd.full(shapes[name], 7)
        mx.init.Normal()(mx.init.InitDesc(name, net.attr_dict().get(name)), a)
        assert a.asnumpy().tolist() == [expected] * 2
    with pytest.raises(ValueError, match="Unknown initialization pattern for w"):
        mx.init.Zero()(mx.init.InitDesc("w"), mx.nd.ones(2))
    with pytest.warns(DeprecationWarning, match="deprecated"):
        mx.init.Zero()("w_weight", mx.nd.ones(2))


def test_speedometer(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    caplog.set_level(logging.INFO)
    for auto_reset in (True, False):
        metric, speed = mx.metric.MSE(), mx.callback.Speedometer(10, 3, auto_reset)
        for batch in range(7):
            now[0] += 0.5
            metric.sum_metric += batch
            metric.num_inst += 1
            speed(mx.model.BatchEndParam(0, batch, metric, None))
    assert caplog.messages == [
        "Epoch[0] Batch [0-3]\tSpeed: 20.00 samples/sec\tmse=1.500000",
        "Epoch[0] Batch [3-6]\tSpeed: 20.00 samples/sec\tmse=5.000000",
        "Epoch[0] Batch [0-3]\tSpeed: 20.00 samples/sec\tmse=1.500000",
        "Epoch[0] Batch [0-6]\tSpeed: 20.00 samples/sec\tmse=3.000000",
    ]


def test_live_curve(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "curve.svg"
    curve = mx.callback.LiveCurve(str(path), frequent=2)
    metric = mx.metric.Loss()
    for batch in range(4):
        metric.update(None, [mx.nd.array([batch])])
        curve(mx.model.BatchEndParam(0, batch, metric, None))
    assert curve.points == {"loss": [(2, 0.5), (4, 1.5)]}
    assert "<svg" in path.read_text() and [p.name for p in tmp_path.iterdir()] == ["curve.svg"]
    with pytest.raises(mx.MXNetError, match=r"\.png"):
        mx.callback.LiveCurve("x.txt")


def test_monitor(caplog: pytest.LogCaptureFixture) -> None:
    ex = mx.sym.log(mx.sym.negative(mx.sym.var("x"), name="minus"), name="log").bind(mx.cpu(), {"x": mx.nd.array([3, 4])})
    monitor = mx.mon.Monitor(2, pattern="minus|x", sort=True)
    monitor.install(ex)
    monitor.tic()
    ex.forward()
    assert [(step, name) for step, name, _ in monitor.toc()] == [(1, "minus_output"), (1, "x")]
    assert "'log_output' holds NaN; the first NaN was in 'log_output'" in caplog.text
    monitor.tic()
    ex.forward()
    assert monitor.toc() == []
