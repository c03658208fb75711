"""Activation and LeakyReLU against numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from harness import check_op

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.runtime.launch import run_op

SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 90, -90], np.float32)
ERF = np.vectorize(math.erf)

ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "softrelu": lambda x: np.logaddexp(0, x),
    "softsign": lambda x: x / (1 + np.abs(x)),
}
RECTIFIERS = {
    "leaky": lambda x: np.where(x > 0, x, 0.25 * x),
    "elu": lambda x: np.where(x > 0, x, 0.25 * np.expm1(x)),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    "gelu": lambda x: 0.5 * x * (1 + ERF(x / math.sqrt(2))),
}


def data(*shape):
    x = np.random.RandomState(0).uniform(-4, 4, shape).astype(np.float32)
    return np.where(np.abs(x) < 0.05, np.float32(0.1), x)


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_activation(device, kind):
    for shape in ((3, 5), (7, 701)):
        x = data(*shape)
        check_op(
            device,
            "Activation",
            [x],
            {"act_type": kind},
            [ACTIVATIONS[kind](x.astype(np.float64))],
            rtol=2e-6,
            dtypes=["float32", "float64", "float16"],
        )
    (y,) = run_op(device, "Activation", [SPECIAL], {"act_type": kind})
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(y, ACTIVATIONS[kind](SPECIAL), rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("kind", RECTIFIERS)
def test_rectifier(device, kind):
    for shape in ((3, 5), (7, 701)):
        x = data(*shape)
        want = RECTIFIERS[kind](x.astype(np.float64))
        check_op(device, "LeakyReLU", [x], {"act_type": kind}, [want], rtol=2e-6, atol=1e-6, dtypes=["float32", "float64", "float16"])
    (y,) = run_op(device, "LeakyReLU", [SPECIAL], {"act_type": kind})
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(y, RECTIFIERS[kind](SPECIAL), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("slopes", [(3,), (1,), (1, 3, 1, 1)])
def test_prelu(device, slopes):
    x, gamma = data(2, 3, 7, 11), np.linspace(0.1, 0.6, math.prod(slopes)).reshape(slopes).astype(np.float32)
    want = np.where(x > 0, x, gamma.reshape(1, -1, 1, 1) * x)
    check_op(device, "LeakyReLU", [x, gamma], {"act_type": "prelu"}, [want], rtol=1e-6, dtypes=["float32", "float64"])


def test_prelu_shapes():
    op = find_op("LeakyReLU")
    p = op.parse({"act_type": "prelu"})
    assert op.infer_shape(p, [(2, 3, 4), None], [None])[0][1] == (3,)
    with pytest.raises(MXNetError, match="gamma"):
        op.infer_shape(p, [(2, 3, 4), (2,)], [None])
    with pytest.raises(MXNetError, match="floating-point"):
        find_op("Activation").infer_type(find_op("Activation").parse({"act_type": "relu"}), ["int32"], [None])


def test_rrelu(device):
    x = np.full((50, 40), -1, np.float32)
    params = {"act_type": "rrelu", "lower_bound": 0.2, "upper_bound": 0.6}
    check_op(device, "LeakyReLU", [x], params, [0.4 * x, np.full_like(x, 0.4)], grad=False)
    y, slope = run_op(device, "LeakyReLU", [x], params, train=True)
    np.testing.assert_array_equal(y, -slope)
    assert slope.min() >= 0.2
    assert slope.max() < 0.6
    assert abs(slope.mean() - 0.4) < 0.01
    assert len(np.unique(slope)) > 1900
    check_op(device, "LeakyReLU", [x], params, grad=[0], train=True, ograds=[np.ones_like(x), np.ones_like(x)], expected_grads=[None])
