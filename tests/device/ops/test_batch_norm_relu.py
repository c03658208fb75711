"""Batch normalisation with ReLU is the two operators one after the other."""

import numpy as np
import pytest
from harness import check_op

import clsym as mx

CASES = [((4, 3, 5, 2), {"fix_gamma": False}), ((3, 4, 2), {}), ((4, 2, 3), {"axis": -1, "fix_gamma": False, "use_global_stats": True})]


def arrays(shape, channels):
    x = np.random.uniform(-2, 2, shape).astype(np.float32)
    gamma, beta, mean = (np.random.uniform(-1, 1, channels).astype(np.float32) for _ in range(3))
    return [x, gamma + 2, beta, mean, np.random.uniform(0.5, 2, channels).astype(np.float32)]


@pytest.mark.parametrize(("shape", "params"), CASES)
def test_as_two_operators(device, shape, params):
    inputs = arrays(shape, shape[params.get("axis", 1)])
    axis = params.get("axis", 1) % len(shape)
    others = tuple(i for i in range(len(shape)) if i != axis)
    x, gamma, beta, mean, var = (a.astype(np.float64) for a in inputs)
    if not params.get("use_global_stats"):
        mean, var = x.mean(others), x.var(others)
    gamma = gamma if params.get("fix_gamma") is False else np.ones_like(gamma)
    wide = [1] * len(shape)
    wide[axis] = -1
    y = (x - mean.reshape(wide)) / np.sqrt(var.reshape(wide) + 0.001) * gamma.reshape(wide) + beta.reshape(wide)
    check_op(device, "_contrib_BatchNormWithReLU", inputs, params, [np.maximum(y, 0)], train=True, rtol=1e-4, atol=1e-5, grad_terms=1.0)


def test_behind_a_convolution(ctx):
    """In inference the convolution takes the normalisation over."""
    x = mx.sym.Convolution(mx.sym.var("data"), name="c", kernel=(3, 3), num_filter=16)
    states = [mx.sym.var(n) for n in ("gamma", "beta", "mean", "var")]
    results = []
    for fused in (True, False):
        params = {"fix_gamma": False, "name": "b"}
        y = mx.sym.contrib.BatchNormWithReLU(x, *states, **params) if fused else mx.sym.relu(mx.sym.BatchNorm(x, *states, **params))
        ex = y.simple_bind(ctx, data=(1, 16, 6, 7), grad_req="null")
        rng = np.random.RandomState(3)
        for array in (*ex.arg_dict.values(), *ex.aux_dict.values()):
            array[:] = rng.uniform(0.2, 1, array.shape) - (0.5 if array.ndim == 4 else 0)
        results.append(ex.forward()[0].asnumpy())
    np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-5)
    assert (results[0] == 0).any()
