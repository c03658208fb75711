"""Random draws: moments, determinism, the same stream under every grid."""

import numpy as np
import pytest

import clsym.ops  # noqa: F401
from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.runtime.launch import random_state, run_op

SHAPE = (157, 193)


def draw(device, name, params, arrays=(), seed=5, **keys):
    random_state.seed(seed)
    return run_op(device, name, list(arrays), params, **keys)


def check_moments(x, mean, variance, fourth=3.0):
    """Mean and variance within five standard errors (`fourth`: the kurtosis)."""
    x = x.astype(np.float64)
    n = x.size
    assert abs(x.mean() - mean) < 5 * np.sqrt(variance / n)
    assert abs(x.var() - variance) < 5 * variance * np.sqrt((fourth - 1) / n)


CASES = [
    ("uniform", {"low": -1, "high": 3}, 1.0, 16 / 12, 1.8),
    ("normal", {"loc": 2, "scale": 3}, 2.0, 9.0, 3.0),
    ("exponential", {"lam": 4}, 0.25, 1 / 16, 9.0),
    ("gamma", {"alpha": 2, "beta": 3}, 6.0, 18.0, 6.0),
    ("gamma", {"alpha": 0.3, "beta": 1}, 0.3, 0.3, 23.0),
    ("poisson", {"lam": 4}, 4.0, 4.0, 3.25),
    ("poisson", {"lam": 40}, 40.0, 40.0, 3.1),
    ("negative_binomial", {"k": 3, "p": 0.25}, 9.0, 36.0, 5.1),
    ("generalized_negative_binomial", {"mu": 3, "alpha": 0.25}, 3.0, 5.25, 4.7),
]


@pytest.mark.parametrize(("key", "params", "mean", "variance", "fourth"), CASES)
def test_moments(device, key, params, mean, variance, fourth):
    x = draw(device, f"_random_{key}", {**params, "shape": SHAPE})[0]
    assert x.dtype == np.float32
    check_moments(x, mean, variance, fourth)
    assert np.array_equal(x, draw(device, f"_random_{key}", {**params, "shape": SHAPE})[0])
    assert not np.array_equal(x, draw(device, f"_random_{key}", {**params, "shape": SHAPE}, seed=6)[0])
    assert not np.array_equal(x, draw(device, f"_random_{key}", {**params, "shape": SHAPE}, stream=1)[0])
    short = draw(device, f"_random_{key}", {**params, "shape": (5,)})[0]
    assert np.array_equal(short, x.ravel()[:5])


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_types(device, dtype):
    for key, params, mean, variance, fourth in CASES[:4] + CASES[5:6]:
        x = draw(device, f"_random_{key}", {**params, "shape": SHAPE, "dtype": dtype})[0]
        assert x.dtype == dtype
        check_moments(x, mean, variance, fourth)


def test_normal_distribution(device):
    from math import erf

    x = draw(device, "_random_normal", {"shape": (200003,)})[0]
    edges = np.linspace(-3, 3, 13)
    counts = np.histogram(x, edges)[0]
    expected = np.diff([0.5 * (1 + erf(e / 2**0.5)) for e in edges]) * x.size
    assert (((counts - expected) ** 2 / expected).sum()) < 40  # chi square of 12 cells
    assert abs(np.corrcoef(x[::2][:100001], x[1::2][:100001])[0, 1]) < 0.02


def test_integers(device):
    x = draw(device, "_random_randint", {"low": -3, "high": 4, "shape": SHAPE})[0]
    assert x.dtype == np.int32
    counts = np.bincount(x.ravel() + 3)
    assert len(counts) == 7
    assert (((counts - x.size / 7) ** 2 / (x.size / 7)).sum()) < 30
    wide = draw(device, "_random_randint", {"low": -(2**60), "high": 2**60, "shape": SHAPE, "dtype": "int64"})[0]
    check_moments(wide / 2.0**60, 0.0, 1 / 3, 1.8)


def test_like_and_sample(device):
    x = draw(device, "_random_normal_like", {"loc": 1}, [np.zeros((300, 7), np.float16)])[0]
    assert (x.shape, x.dtype) == ((300, 7), np.float16)
    mu, sigma = np.array([[0, 5]], np.float32), np.array([[1, 2]], np.float32)
    x = draw(device, "_sample_normal", {"shape": (100, 100)}, [mu, sigma])[0]
    assert x.shape == (1, 2, 100, 100)
    check_moments(x[0, 0], 0, 1)
    check_moments(x[0, 1], 5, 4)
    x = draw(device, "_sample_gamma", {"shape": 20000}, [np.array([2.0, 0.5]), np.array([3.0, 1.0])])[0]
    check_moments(x[0], 6, 18, 6)
    check_moments(x[1], 0.5, 0.5, 15)
    assert draw(device, "_sample_poisson", {"dtype": "float64"}, [mu])[0].dtype == np.float64


def test_multinomial(device):
    p = np.array([[0, 0.2, 0.8], [1, 0, 0]], np.float32)
    s, logs = draw(device, "_sample_multinomial", {"shape": 10000, "get_prob": True}, [p])
    assert s.dtype == np.int32
    assert (s[1] == 0).all()
    assert (s[0] > 0).all()
    assert abs((s[0] == 2).mean() - 0.8) < 0.02
    np.testing.assert_allclose(logs, np.log(np.take_along_axis(p, s, 1)), rtol=1e-6)
    grad = run_op(device, "_backward_sample_multinomial", [np.ones_like(logs), p, s])[0]
    np.testing.assert_allclose(grad[0, 1:], [(s[0] == 1).sum() / 0.2, (s[0] == 2).sum() / 0.8], rtol=1e-5)


def test_shuffle(device):
    x = np.arange(1001 * 3, dtype=np.float32).reshape(1001, 3)
    y = draw(device, "_shuffle", {}, [x])[0]
    assert np.array_equal(y[np.argsort(y[:, 0])], x)
    assert (y[:, 0] == x[:, 0]).mean() < 0.02
    assert abs(np.corrcoef(x[:, 0], y[:, 0])[0, 1]) < 0.15


def test_grid_does_not_matter(device):
    whole = draw(device, "_random_normal", {"shape": (30000,)})[0]  # many work-items
    assert np.array_equal(draw(device, "_random_normal", {"shape": (64,)})[0], whole[:64])  # one


def test_bad_parameters():
    for name, params in (
        ("_random_uniform", {"low": 5, "high": 1}), ("_random_normal", {"scale": -1}), ("_random_gamma", {"alpha": 0}),
        ("_random_poisson", {"lam": -1}), ("_random_exponential", {"lam": "nan"}), ("_random_randint", {"low": 5, "high": 5}),
    ):  # fmt: skip
        op = find_op(name)
        with pytest.raises(MXNetError):
            op.infer_shape(op.parse({**params, "shape": (3,)}), [], [None])
    with pytest.raises(MXNetError):
        find_op("_random_uniform").parse({"dtype": "int32"})
