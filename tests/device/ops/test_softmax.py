"""Softmax and kin along any axis: values, masks, temperature, element types, NaN and infinities, gradients."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check_op

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.runtime.launch import run_op

RNG = np.random.RandomState(7)
SHAPES = [((3, 5), -1), ((3, 1300), 1), ((2, 37, 70), 1), ((70,), 0)]


def softmax(x, axis, temperature=1.0):
    x = x.astype(np.float64) / temperature
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_values_and_gradients(device, shape, axis):
    x = (2 * RNG.randn(*shape)).astype(np.float32)
    kinds = ("float32", "float16") if shape[-1] == 70 else ("float32",)
    check_op(device, "softmax", [x], {"axis": axis}, [softmax(x, axis)], dtypes=kinds)
    check_op(device, "log_softmax", [x], {"axis": axis}, [np.log(softmax(x, axis))], dtypes=kinds, atol=2e-5)
    check_op(device, "softmin", [x], {"axis": axis, "temperature": 2.0}, [softmax(-x, axis, 2.0)])


def test_float64(device):
    if not device.traits.fp64:
        pytest.skip("the device has no float64")
    x = RNG.randn(3, 41)
    np.testing.assert_allclose(run_op(device, "softmax", [x])[0], softmax(x, -1), rtol=1e-13)


def test_result_of_another_type(device):
    x = RNG.randn(2, 9).astype(np.float16)
    got = run_op(device, "softmax", [x], {"dtype": "float32"})[0]
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, softmax(x, -1), rtol=1e-6)
    check_op(device, "log_softmax", [x.astype(np.float32)], {"dtype": "float16"}, [np.log(softmax(x, -1))], atol=1e-2, rtol=1e-2,
             ograds=[np.ones((2, 9))], expected_grads=[None])  # fmt: skip


def test_length(device):
    x = RNG.randn(2, 4, 3).astype(np.float32)
    for axis, length in ((2, [[0, 1, 2, 3], [3, 3, 9, 1]]), (1, [[1, 2, 4], [0, 3, 1]])):
        length = np.array(length, np.int32)
        live = np.arange(x.shape[axis]).reshape((-1, 1) if axis == 1 else (1, -1)) < np.expand_dims(length, axis)
        e = np.exp(x) * live
        with np.errstate(invalid="ignore"):
            want = np.where(live, e / e.sum(axis, keepdims=True), 0)
        check_op(device, "softmax", [x, length], {"axis": axis, "use_length": True}, [want], grad=[0])


def test_nan_and_infinities(device):
    """As MXNet 1.9.1 gives them for float64; its float32 path on CPUs returns zeros beside the NaN."""
    n, i = np.nan, np.inf
    x = np.array([[1, n, 2], [n, 1, 2], [i, 1, 2], [-i, -i, -i], [-i, 1, 2], [i, i, 0]], np.float32)
    for x_, axis in ((x, 1), (x.T, 0)):
        soft = run_op(device, "softmax", [x_], {"axis": axis})[0]
        logs = run_op(device, "log_softmax", [x_], {"axis": axis})[0]
        small = run_op(device, "softmin", [x_], {"axis": axis})[0]
        soft, logs, small = (a if axis == 1 else a.T for a in (soft, logs, small))
        assert np.isnan(soft[[0, 1, 2, 3, 5]]).all() and np.isnan(logs[[0, 1, 2, 3, 5]]).all() and np.isnan(small[[0, 1, 3, 4]]).all()
        np.testing.assert_allclose(soft[4], [0, 0.26894142, 0.73105858], rtol=1e-6)
        np.testing.assert_allclose(logs[4], [-i, -1.31326169, -0.31326169], rtol=1e-6)
        np.testing.assert_allclose(small[[2, 5]], [[0, 0.73105858, 0.26894142], [0, 0, 1]], rtol=1e-6)


@pytest.mark.parametrize("shape", [(3, 9001, 1), (2, 300, 37)])
def test_long_rows(device, shape):
    """Taken in chunks: the largest element in the first, or in the last; chunks of nothing but -inf; a NaN or an infinity late."""
    rising = np.linspace(-40, 40, shape[1], dtype=np.float32).reshape(1, -1, 1) + RNG.randn(*shape).astype(np.float32)
    masked = rising.copy()
    masked[:, :-9] = -np.inf
    for x in (rising, rising[:, ::-1].copy(), masked):
        with np.errstate(divide="ignore"):
            want = softmax(x.astype(np.float64), 1)
            logs = np.log(want)
        np.testing.assert_allclose(run_op(device, "softmax", [x], {"axis": 1})[0], want, rtol=1e-5, atol=1e-37)
        np.testing.assert_allclose(run_op(device, "log_softmax", [x], {"axis": 1})[0], logs, rtol=1e-5, atol=1e-5)
        half = run_op(device, "softmin", [-x], {"axis": 1, "dtype": "float16"})[0]
        np.testing.assert_allclose(half, want, rtol=2e-3, atol=1e-7)
    for bad in (np.nan, np.inf):
        x = rising.copy()
        x[0, -2] = bad
        for op in ("softmax", "log_softmax"):
            got = run_op(device, op, [x], {"axis": 1})[0]
            assert np.isnan(got[0]).all() and not np.isnan(got[1:]).any()
    assert np.isnan(run_op(device, "softmax", [np.full(shape, -np.inf, np.float32)], {"axis": 1})[0]).all()


def test_activation_modes(device):
    x = RNG.randn(2, 3, 4).astype(np.float32)
    check_op(device, "SoftmaxActivation", [x], {}, [softmax(x, -1)])
    check_op(device, "SoftmaxActivation", [x], {"mode": "channel"}, [softmax(x, 1)])


def test_cross_entropy(device):
    x = RNG.randn(5, 7).astype(np.float32)
    label = np.array([0, 6, 2.7, 3, 9], np.float32)
    classes = np.array([0, 6, 2, 3, 6])
    p = softmax(x, 1)
    check_op(device, "softmax_cross_entropy", [x, label], {}, [-np.log(p[np.arange(5), classes]).sum().reshape(1)], grad=[0],
             ograds=[np.array([2.0])], expected_grads=[2 * (p - np.eye(7)[classes])])  # fmt: skip


def test_errors():
    for name, params, shape in (("softmax", {"axis": 3}, (2, 3)), ("SoftmaxActivation", {"mode": "channel"}, (2, 3))):
        op = find_op(name)
        with pytest.raises(MXNetError, match=r"dimension"):
            op.infer_shape(op.parse(params), [shape], [None])
    op = find_op("softmax")
    with pytest.raises(MXNetError, match="floating-point"):
        op.infer_type(op.parse({}), ["int32"], [None])
