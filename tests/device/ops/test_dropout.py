"""Dropout: statistics, the mask that the backward pass computes again, axes."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check_op

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.runtime.launch import random_state, run_op


@pytest.mark.parametrize(
    ("shape", "axes"), [((101, 97), ()), ((7, 5, 90), (1,)), ((6, 500), (0,)), ((3, 4, 5, 60), (1, 3)), ((63,), ()), ((1,), ())]
)
def test_mask(device, shape, axes):
    x = np.random.RandomState(0).uniform(1, 2, shape).astype(np.float32)
    y, state = run_op(device, "Dropout", [x], {"p": 0.3, "axes": axes}, train=True, stream=3)
    ratio = y / x
    assert np.all((ratio == 0) | np.isclose(ratio, 1 / 0.7))
    if x.size > 5000 and not axes:
        assert abs((ratio > 0).mean() - 0.7) < 0.02
    for axis in axes:
        assert np.ptp(ratio, axis=axis).max() < 1e-6
    g = np.full_like(x, 2)
    (d,) = run_op(device, "_backward_Dropout", [g, state], {"p": 0.3, "axes": axes})
    np.testing.assert_allclose(d, 2 * ratio, rtol=1e-6)


def test_draws_differ_and_repeat(device):
    x = np.ones(1000, np.float32)
    random_state.seed(5)
    first, second = (run_op(device, "Dropout", [x], {}, train=True)[0] for _ in range(2))
    other = run_op(device, "Dropout", [x], {}, train=True, stream=1)[0]
    random_state.seed(5)
    again = run_op(device, "Dropout", [x], {}, train=True)[0]
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)
    assert not np.array_equal(second, other)


def test_modes(device):
    x = np.random.RandomState(0).uniform(1, 2, (33, 65)).astype(np.float32)
    check_op(device, "Dropout", [x], {"p": 0.4}, [x], dtypes=["float32", "float64", "float16"], grad=False)
    check_op(device, "Dropout", [x], {"p": 0.4}, train=True, dtypes=["float32", "float64", "float16"])
    always = run_op(device, "Dropout", [x], {"p": 0.4, "mode": "always"})[0]
    assert 0.5 < (always > 0).mean() < 0.7
    for p, want in ((0.0, x), (1.0, 0 * x)):
        np.testing.assert_array_equal(run_op(device, "Dropout", [x], {"p": p}, train=True)[0], want)


def test_errors():
    op = find_op("Dropout")
    for params, message in (({"p": 1.5}, "p=1.5"), ({"p": -0.1}, "p=-0.1"), ({"axes": (2,)}, "axes"), ({"axes": (-1,)}, "axes")):
        with pytest.raises(MXNetError, match=message):
            op.infer_shape(op.parse(params), [(2, 3)], [None, None])
    assert (op.num_visible(op.parse({})), op.json_outputs(op.parse({}))) == (1, 2)
