"""Pooling over blocked tensors: against the reference of the operator for NCHW, and against that operator where the rule is subtle."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check_op
from test_blocked_reorder import blocked, plain
from test_pooling import reference

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.runtime.launch import run_op

CASES = [  # shape, kernel, stride, pad
    ((2, 19, 13, 37), (3, 3), (2, 2), (1, 1)),
    ((1, 5, 9, 41), (3, 3), (1, 1), (1, 1)),
    ((1, 8, 12, 12), (2, 2), (2, 2), (0, 0)),
    ((2, 3, 20, 23), (9, 11), (2, 3), (1, 5)),
    ((1, 3, 10, 12), (1, 2), (3, 4), (0, 1)),
]


@pytest.fixture(autouse=True)
def on_cpus(request):
    if "device" in request.fixturenames and not request.getfixturevalue("device").traits.is_cpu:
        pytest.skip("blocked layouts are for CPUs")


def compare(device, x, params, b, seed=0):
    """Output and gradient of the blocked operator are those of the operator for NCHW."""
    (want,) = run_op(device, "Pooling", [x], params)
    head = np.random.RandomState(seed).uniform(-1, 1, want.shape).astype(np.float32)
    reads = [x, want] if params["pool_type"] == "max" else []
    (grad,) = run_op(device, "_backward_Pooling", [head, *reads], {**params, "data_shape": x.shape})
    (y,) = run_op(device, "_blocked_pooling", [blocked(x, b)], params)
    reads = [blocked(x, b), y] if reads else []
    (dx,) = run_op(device, "_backward_blocked_pooling", [blocked(head, b), *reads], {**params, "data_shape": blocked(x, b).shape})
    for got, other in ((y, want), (dx, grad)):
        np.testing.assert_allclose(plain(got, x.shape[1]), other, rtol=1e-5, atol=1e-6)
    assert not y.reshape(-1, b)[:, x.shape[1] :].any() or x.shape[1] >= b
    return y


@pytest.mark.parametrize("kind", ["max", "avg", "sum"])
def test_windows(device, kind):
    rng = np.random.RandomState(1)
    for i, (shape, kernel, stride, pad) in enumerate(CASES):
        b = (16, 8, 8, 16, 4)[i]
        # distinct values, so that no numeric gradient crosses a tie
        x = (rng.permutation(int(np.prod(shape))).reshape(shape) / 50 + 0.5).astype(np.float32)
        for convention in ("valid", "full", "same"):
            params = {"kernel": kernel, "stride": stride, "pool_type": kind, "pooling_convention": convention}
            if convention != "same":
                params["pad"] = pad
            want = reference(x, kernel, stride, pad, kind, convention)
            if i == 1:
                check_op(device, "_blocked_pooling", [blocked(x, b)], params, [blocked(want, b)], rtol=2e-6, grad=False)
            else:
                np.testing.assert_allclose(plain(run_op(device, "_blocked_pooling", [blocked(x, b)], params)[0], shape[1]), want, rtol=2e-6)
            compare(device, x, params, b)


@pytest.mark.parametrize("kind", ["max", "avg", "sum"])
def test_store_modes_and_gradient(device, kind):
    shape, kernel, stride, pad = CASES[0]
    x = (np.random.RandomState(2).permutation(int(np.prod(shape))).reshape(shape) / 500).astype(np.float32)
    params = {"kernel": kernel, "stride": stride, "pad": pad, "pool_type": kind, "count_include_pad": False}
    (want,) = run_op(device, "Pooling", [x], params)
    head = np.random.RandomState(3).uniform(-1, 1, want.shape).astype(np.float32)
    reads = [x, want] if kind == "max" else []
    (dx,) = run_op(device, "_backward_Pooling", [head, *reads], {**params, "data_shape": shape})
    heads = [blocked(head, 16)]
    check_op(
        device, "_blocked_pooling", [blocked(x, 16)], params, [blocked(want, 16)], ograds=heads, expected_grads=[blocked(dx, 16)]
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["max", "avg", "sum"])
def test_global(device, kind):
    x = np.random.RandomState(3).permutation(35 * 143).reshape(5, 7, 11, 13).astype(np.float32) / 100
    want = {"max": x.max, "avg": x.mean, "sum": x.sum}[kind]((2, 3), keepdims=True)
    params = {"global_pool": True, "pool_type": kind}
    check_op(device, "_blocked_pooling", [blocked(x, 8)], params, [blocked(want, 8)], grad=False, rtol=1e-5)
    head = np.random.RandomState(4).uniform(-1, 1, want.shape).astype(np.float32)
    scale = {"max": x == want, "avg": np.full(x.shape, 1 / 143), "sum": np.ones(x.shape)}[kind]
    check_op(
        device, "_blocked_pooling", [blocked(x, 8)], params, ograds=[blocked(head, 8)], expected_grads=[blocked(scale * head, 8)]
    )  # fmt: skip


def test_ties_and_nan(device):
    rng = np.random.RandomState(5)
    x = rng.randint(0, 3, (2, 9, 30, 33)).astype(np.float32)
    x[rng.uniform(size=x.shape) < 0.02] = np.nan
    for kernel, stride in (((3, 3), (2, 2)), ((2, 2), (1, 1))):
        y = compare(device, x, {"kernel": kernel, "stride": stride, "pad": (1, 1), "pool_type": "max"}, 8)
        assert np.isnan(y).any()
    compare(device, x, {"global_pool": True, "pool_type": "max"}, 8)


def test_bands(device):
    """Few maps, whose rows are shared out."""
    x = np.random.RandomState(6).randint(0, 9, (1, 16, 64, 70)).astype(np.float32)
    for kind in ("max", "avg"):
        compare(device, x, {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1), "pool_type": kind}, 16)


@pytest.mark.parametrize(
    ("params", "shape", "message"),
    [
        ({"kernel": (9, 9)}, (2, 1, 7, 8, 8), "exceeds input"),
        ({"kernel": (3, 3), "pool_type": "lp", "p_value": 2}, (2, 1, 7, 8, 8), "not supported in blocked"),
        ({"kernel": (3, 3), "layout": "NHWC"}, (2, 1, 7, 8, 8), "layout"),
        ({"kernel": (1, 1), "pad": (1, 0)}, (2, 1, 7, 8, 8), "lies in the padding"),
        ({"kernel": (3, 3)}, (2, 3, 7, 8), "must be blocked"),
    ],
)
def test_errors(params, shape, message):
    op = find_op("_blocked_pooling")
    with pytest.raises(MXNetError, match=message):
        op.infer_shape(op.parse(params), [shape], [None])


def test_partial_shapes():
    op = find_op("_blocked_pooling")
    p = op.parse({"global_pool": True})
    assert op.infer_shape(p, [(2, -1, -1, 8, 8)], [None]) == ([(2, -1, -1, 8, 8)], [(2, -1, 1, 1, 8)])
