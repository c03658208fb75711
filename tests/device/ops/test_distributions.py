"""Random draws against their distributions: chi-square with fixed seeds, for fixed parameters and for tensors of them."""

from math import erf, exp, lgamma, log

import numpy as np
import pytest

import clsym as mx
from clsym.base import MXNetError
from clsym.runtime.launch import random_state, run_op

COUNT = 40000
CELLS = 20


def gamma_cdf(x, a):
    """The regularized incomplete gamma function by its series."""
    term = total = 1 / a
    for k in range(1, 400):
        term *= x / (a + k)
        total += term
    return total * exp(a * log(x) - x - lgamma(a)) if x > 0 else 0.0


def negative_binomial(k, p):
    return lambda x: exp(lgamma(x + k) - lgamma(x + 1) - lgamma(k) + k * log(p) + x * log(1 - p))


def poisson(lam):
    return lambda x: exp(x * log(lam) - lam - lgamma(x + 1))


CONTINUOUS = {
    "uniform": ([(-1, 3), (0, 1)], lambda x, low, high: min(max((x - low) / (high - low), 0), 1)),
    "normal": ([(2, 3), (0, 1)], lambda x, mu, sigma: 0.5 * (1 + erf((x - mu) / sigma / 2**0.5))),
    "exponential": ([(4,), (0.5,)], lambda x, lam: 1 - exp(-lam * max(x, 0))),
    "gamma": ([(2.5, 3), (0.4, 1)], lambda x, a, scale: gamma_cdf(x / scale, a)),
}
DISCRETE = {
    "poisson": ([(4,), (60,)], poisson),
    "negative_binomial": ([(3, 0.25), (1, 0.6)], negative_binomial),
    "generalized_negative_binomial": ([(3, 0.25), (8, 1.5)], lambda mu, alpha: negative_binomial(1 / alpha, 1 / (mu * alpha + 1))),
}
NAMES = {
    "uniform": ("low", "high"), "normal": ("loc", "scale"), "exponential": ("lam",), "gamma": ("alpha", "beta"), "poisson": ("lam",),
    "negative_binomial": ("k", "p"), "generalized_negative_binomial": ("mu", "alpha"),
}  # fmt: skip


def cells(key, parameters):
    """Upper edges of cells of about equal probability, and those probabilities."""
    if key in CONTINUOUS:
        grid = np.concatenate([[-np.inf], np.linspace(-12, 60, 3001), [np.inf]])
        below = np.array([0, *(CONTINUOUS[key][1](x, *parameters) for x in grid[1:-1]), 1])
    else:
        grid = np.concatenate([[-np.inf], np.arange(400) + 0.5, [np.inf]])
        below = np.concatenate([[0], np.cumsum([DISCRETE[key][1](*parameters)(x) for x in range(400)]), [1]])
    picked = [0]
    for i in range(1, len(grid)):
        if below[i] - below[picked[-1]] >= 1 / CELLS and 1 - below[i] >= 0.5 / CELLS:
            picked.append(i)
    picked.append(len(grid) - 1)
    return grid[picked], np.diff(below[picked])


def check(key, parameters, x):
    edges, shares = cells(key, parameters)
    counts = np.histogram(x.astype(np.float64), edges)[0]
    assert counts.sum() == x.size
    chi = ((counts - x.size * shares) ** 2 / (x.size * shares)).sum()
    freedom = len(shares) - 1
    assert freedom >= 2
    assert chi < freedom + 4 * np.sqrt(2 * freedom) + 4, f"{key}{parameters}: chi-square {chi:.1f} with {freedom} degrees of freedom"


@pytest.mark.parametrize("key", [*CONTINUOUS, *DISCRETE])
def test_chi_square(device, key):
    cases = (CONTINUOUS.get(key) or DISCRETE[key])[0]
    for i, parameters in enumerate(cases):
        random_state.seed(20 + i)
        params = dict(zip(NAMES[key], parameters, strict=True))
        check(key, parameters, run_op(device, f"_random_{key}", [], {**params, "shape": (COUNT,)})[0])
    random_state.seed(30)
    tensors = [np.array(values, np.float32) for values in zip(*cases, strict=True)]
    drawn = run_op(device, f"_sample_{key}", tensors, {"shape": (COUNT,)})[0]
    for parameters, x in zip(cases, drawn, strict=True):
        check(key, parameters, x)
    random_state.seed(40)
    like = run_op(device, f"_random_{key}_like", [np.zeros(COUNT, np.float32)], dict(zip(NAMES[key], cases[0], strict=True)))[0]
    check(key, cases[0], like)


def test_unique_zipfian(device):
    random_state.seed(8)
    first, tries = run_op(device, "_sample_unique_zipfian", [], {"range_max": 12, "shape": (COUNT, 1)})
    assert (first.dtype, tries.dtype) == (np.int64, np.int64)
    assert (tries == 1).all()
    shares = np.log((np.arange(12) + 2) / (np.arange(12) + 1)) / np.log(13)
    counts = np.bincount(first.ravel(), minlength=12)
    assert ((counts - COUNT * shares) ** 2 / (COUNT * shares)).sum() < 11 + 4 * np.sqrt(22) + 4
    random_state.seed(8)
    several, tries = run_op(device, "_sample_unique_zipfian", [], {"range_max": 12, "shape": (3, 12)})
    assert (np.sort(several, 1) == np.arange(12)).all()
    assert (tries >= 12).all()
    random_state.seed(8)
    again = run_op(device, "_sample_unique_zipfian", [], {"range_max": 12, "shape": (3, 5)})[0]
    assert np.array_equal(again, several[:, :5])
    net = mx.sym._internal._sample_unique_zipfian(range_max=12, shape=(3, 5))
    assert net.infer_shape()[1] == [(3, 5), (3,)]
    for bad, text in (((5,), "two dimensions"), ((1, 13), "range_max=12 has no more")):
        with pytest.raises(MXNetError, match=text):
            mx.nd._internal._sample_unique_zipfian(range_max=12, shape=bad)
