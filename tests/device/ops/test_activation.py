"""Activation and LeakyReLU against numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from harness import check_op, is_twin

import clsym as mx
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


def kinds(device, every):
    """The element types to test a function in: where others of its kernel are in every one, those whose arithmetic differs."""
    if every:
        return ("float32", "float64", "float16")
    return ("float32",) if is_twin(device) else ("float32", "float64")


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
            dtypes=kinds(device, kind in ("relu", "softrelu")),
        )
    (y,) = run_op(device, "Activation", [SPECIAL], {"act_type": kind})
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(y, ACTIVATIONS[kind](SPECIAL), rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("kind", RECTIFIERS)
def test_rectifier(device, kind):
    for shape in ((3, 5), (7, 701)):
        x = data(*shape)
        want = RECTIFIERS[kind](x.astype(np.float64))
        check_op(device, "LeakyReLU", [x], {"act_type": kind}, [want], rtol=2e-6, atol=1e-6, dtypes=kinds(device, kind == "elu"))
    (y,) = run_op(device, "LeakyReLU", [SPECIAL], {"act_type": kind})
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(y, RECTIFIERS[kind](SPECIAL), rtol=1e-6, atol=1e-6)


# what MXNet 1.9.1 takes, then what broadcasts besides; the shape that numpy broadcasts from
SLOPES = {
    (3,): (1, 3, 1, 1), (1,): (1, 1, 1, 1), (1, 1): (1, 1, 1, 1), (2,): (2, 1, 1, 1), (2, 3): (2, 3, 1, 1), (2, 1): (2, 1, 1, 1),
    (1, 3): (1, 3, 1, 1), (1, 3, 1, 1): (1, 3, 1, 1), (1, 3, 1, 11): (1, 3, 1, 11), (2, 3, 7, 11): (2, 3, 7, 11),
    (2, 1, 7, 1): (2, 1, 7, 1), (1, 1, 1, 11): (1, 1, 1, 11),
    (3, 7): (1, 3, 7, 1), (3, 7, 11): (1, 3, 7, 11), (3, 1, 11): (1, 3, 1, 11), (1, 7, 11): (1, 1, 7, 11), (3, 1): (1, 3, 1, 1),
}  # fmt: skip


@pytest.mark.parametrize("slopes", SLOPES)
def test_prelu(device, slopes):
    x, gamma = data(2, 3, 7, 11), np.linspace(0.1, 0.6, math.prod(slopes)).reshape(slopes).astype(np.float32)
    aligned = SLOPES[slopes]
    want = np.where(x > 0, x, gamma.reshape(aligned) * x)
    head = np.random.default_rng(5).uniform(-1, 1, x.shape).astype(np.float32)
    axes = tuple(d for d, extent in enumerate(aligned) if extent == 1)
    grads = [
        np.where(x > 0, head, gamma.reshape(aligned).astype(np.float64) * head),
        np.where(x > 0, 0, x.astype(np.float64) * head).sum(axis=axes).reshape(slopes),
    ]
    check_op(
        device, "LeakyReLU", [x, gamma], {"act_type": "prelu"}, [want], rtol=1e-6, dtypes=["float32", "float64"], ograds=[head],
        expected_grads=grads,
    )  # fmt: skip


def test_prelu_shapes():
    op = find_op("LeakyReLU")
    p = op.parse({"act_type": "prelu"})
    assert op.infer_shape(p, [(2, 3, 4), None], [None])[0][1] == (3,)
    for slopes in ((4,), (6,), (3, 5), (2, 2, 4), (1, 3, 1, 4), (3, 2)):
        with pytest.raises(MXNetError, match="broadcast"):
            op.infer_shape(p, [(2, 3, 4), slopes], [None])
    with pytest.raises(MXNetError, match="floating-point"):
        find_op("Activation").infer_type(find_op("Activation").parse({"act_type": "relu"}), ["int32"], [None])


def test_prelu_in_blocked_neighbourhood(ctx):
    """Between convolutions in blocked layout, a slope that is not one a channel is used in NCHW."""
    for slopes in ((16,), (1, 16, 6, 1), (2, 16), (16, 6, 6)):
        x = mx.sym.Convolution(mx.sym.var("x"), num_filter=16, kernel=(3, 3), pad=(1, 1), name="a")
        net = mx.sym.Convolution(mx.sym.LeakyReLU(x, mx.sym.var("slopes"), act_type="prelu"), num_filter=8, kernel=(1, 1), name="b")
        results = []
        for train in (False, True):
            executor = net.simple_bind(ctx, x=(2, 4, 6, 6), slopes=slopes)
            for name, value in (("x", (2, 4, 6, 6)), ("slopes", slopes), ("a_weight", (16, 4, 3, 3)), ("b_weight", (8, 16, 1, 1))):
                executor.arg_dict[name][:] = np.random.default_rng(len(name)).uniform(-0.5, 0.5, value)
            results.append(executor.forward(is_train=train)[0].asnumpy())
        np.testing.assert_allclose(results[0], results[1], rtol=1e-5, atol=1e-6)
        assert np.abs(results[0]).max() > 0.1


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
