"""`mx.test_utils`: right results pass, and each kind of error is found."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest

import clsym as mx
from clsym.test_utils import (
    almost_equal,
    assert_almost_equal,
    assert_almost_equal_ignore_nan,
    assert_almost_equal_with_err,
    check_consistency,
    check_numeric_gradient,
    check_speed,
    check_symbolic_backward,
    check_symbolic_forward,
    chi_square_check,
    collapse_sum_like,
    default_context,
    environment,
    get_tols,
    np_reduce,
    rand_ndarray,
    rand_shape_nd,
    random_arrays,
    retry,
    same_array,
    same_symbol_structure,
    set_default_context,
    simple_forward,
    verify_generator,
)

A, B = mx.sym.Variable("a"), mx.sym.Variable("b")


@pytest.fixture
def here(ctx):
    with ctx:
        yield ctx


@pytest.mark.usefixtures("here")
def test_numeric_gradient_finds_wrong_gradients():
    location = {"a": np.random.rand(2, 3) + 0.5, "b": np.random.rand(2, 3) + 0.5}
    check_numeric_gradient(A * B + A, location)
    check_numeric_gradient(A * B, list(location.values()), dtype=np.float64)
    check_numeric_gradient(A * B, location, grad_nodes={"a": "add", "b": "null"})
    with pytest.raises(AssertionError, match=r"NUMERICAL_a=.*BACKWARD_a=0\.00000000"):
        check_numeric_gradient(mx.sym.BlockGrad(A) * B, location)
    with pytest.raises(AssertionError, match="BACKWARD_b"):  # 0.1% off
        check_numeric_gradient(A * (B + mx.sym.BlockGrad(B * 0.02)), location, atol=1e-4)
    with pytest.raises(ValueError, match="do not match"):
        check_numeric_gradient(A * B, {"a": np.ones(2), "c": np.ones(2)})
    with pytest.raises(ValueError, match="grad_nodes"):
        check_numeric_gradient(A * B, location, grad_nodes="a")


@pytest.mark.usefixtures("here")
def test_numeric_gradient_with_states():
    net = mx.sym.BatchNorm(A, fix_gamma=False, name="bn")
    location = [np.random.rand(4, 2), np.random.rand(2) + 1, np.random.rand(2)]
    check_numeric_gradient(net, location, [np.zeros(2), np.ones(2)], rtol=0.05, atol=0.05, numeric_eps=1e-2)
    with pytest.raises(ValueError, match="aux_states"):
        check_numeric_gradient(net, location, {"bn_moving_mean": np.zeros(2)})


@pytest.mark.usefixtures("here")
def test_forward_and_backward():
    x, y = random_arrays((2, 3), (2, 3))
    pair = mx.sym.Group([A * B, A + B])
    names = pair.list_outputs()
    check_symbolic_forward(pair, [x, y], [x * y, x + y])
    check_symbolic_forward(pair, {"a": x, "b": y}, dict(zip(names, (x * y, x + y), strict=True)))
    with pytest.raises(AssertionError, match=f"FORWARD_{names[1]}"):
        check_symbolic_forward(pair, [x, y], [x * y, x - y])
    heads = [np.full((2, 3), 2, np.float32), np.ones((2, 3), np.float32)]
    for req in ("write", "add", {"a": "write", "b": "add"}, ["add", "write"]):
        grads = check_symbolic_backward(pair, [x, y], heads, [2 * y + 1, 2 * x + 1], grad_req=req)
    assert sorted(grads) == ["a", "b"]
    check_symbolic_backward(pair, [x, y], dict(zip(names, heads, strict=True)), {"a": 2 * y + 1}, grad_req={"a": "write", "b": "null"})
    with pytest.raises(AssertionError, match="BACKWARD_b"):
        check_symbolic_backward(pair, [x, y], heads, [2 * y + 1, 2 * x + 1.01])
    assert same_symbol_structure(A * B, mx.sym.Variable("x") * mx.sym.Variable("y")) and not same_symbol_structure(A * B, A + B)
    np.testing.assert_array_equal(simple_forward(A + B, a=x, b=y), x + y)


def test_consistency_over_types_and_devices(ctx):
    shapes = {"a": (2, 3), "b": (2, 3)}
    sides = [
        {"ctx": c, **shapes, "type_dict": dict.fromkeys("ab", t)} for c in (ctx, mx.cpu()) for t in (np.float64, np.float32, np.float16)
    ]
    truth = check_consistency(mx.sym.exp(A) * B, sides)
    assert truth["a"].dtype == np.float64
    wrong = [mx.sym.exp(A) * B, mx.sym.broadcast_mul(mx.sym.exp(A), B * 1.01)]
    renamed = [s if s.name == "out" else mx.sym.identity(s, name="out") for s in wrong]
    with pytest.raises(AssertionError):
        check_consistency(renamed, sides[:2], scale=0.5)
    with pytest.raises(AssertionError, match="at least two"):
        check_consistency(A * B, sides[:1])


def test_speed(ctx):
    assert 0 < check_speed(A * B, ctx=ctx, N=2, a=(2, 2), b=(2, 2)) < 10
    with pytest.raises(ValueError, match="typ"):
        check_speed(A * B, ctx=ctx, typ="backward", a=(2, 2), b=(2, 2))


def test_tolerances_by_type():
    single, double, half = (np.ones(2, t) for t in ("float32", "float64", "float16"))
    assert get_tols(single, double, None, None) == (1e-4, 1e-3)
    assert get_tols(single, half, 1e-3, None) == (1e-3, 1e-1)
    assert get_tols(single, 3.0, {np.dtype("float32"): 4}, None) == (4, 1e-3)
    assert almost_equal(single, single + np.float32(1e-3)) and not almost_equal(single, single + np.float32(2e-3))
    assert not almost_equal(np.array([1]), np.array([2])) and almost_equal(half, half + np.float16(0.1))


def test_message_of_a_failed_comparison(capsys):
    a, b = np.array([[1.0, 2], [3, np.nan]]), np.array([[1.0, 2], [3.5, np.nan]])
    with pytest.raises(AssertionError, match=re.escape("(1, 0), x=3.00000000, y=3.50000000")):
        assert_almost_equal(a, b, names=("x", "y"), equal_nan=True)
    assert "Maximum errors for vector of size 4" in capsys.readouterr().out
    with pytest.raises(AssertionError, match="mismatch 50"):
        assert_almost_equal(a, b)
    assert_almost_equal_ignore_nan(a, np.where(np.isnan(a), 7, a))
    assert_almost_equal_with_err(a, b, etol=0.3, equal_nan=True)
    with pytest.raises(AssertionError):
        assert_almost_equal_with_err(a, b, etol=0.2, equal_nan=True)
    with pytest.raises(AssertionError, match="are not equal"):
        assert_almost_equal(np.ones((2, 3)), np.ones(3), use_broadcast=False)
    with pytest.raises(AssertionError):
        assert_almost_equal(np.array([np.inf]), np.array([-np.inf]))


def test_random_data_and_reductions(ctx):
    assert all(0 <= d <= 3 for d in rand_shape_nd(20, 3, allow_zero_size=True)) and min(rand_shape_nd(50, 2)) == 1
    array = rand_ndarray((2, 3), dtype="float64", ctx=ctx)
    assert array.dtype == np.float64 and array.context == ctx
    with pytest.raises(mx.MXNetError, match="dense"):
        rand_ndarray((2, 3), "csr")
    assert same_array(array, array.reshape((6,)).reshape((2, 3))) and not same_array(array, array.copy())
    assert collapse_sum_like(np.ones((4, 2, 3)), (2, 1)).tolist() == [[12.0], [12.0]]
    assert np_reduce(np.ones((2, 3, 4)), (0, -1), True, np.sum).shape == (1, 3, 1)


def test_generators(ctx):
    def draw(n):
        return mx.nd.random.uniform(shape=n, ctx=ctx)

    verify_generator(draw, [(i / 8, (i + 1) / 8) for i in range(8)], [1 / 8] * 8, nsamples=20000)
    with pytest.raises(AssertionError, match="Chi-square"):
        verify_generator(draw, [(0, 0.5), (0.5, 1)], [0.4, 0.6], nsamples=20000)
    # tabled: the 95% points of 1, 2, 5 and 10 degrees of freedom
    for freedom, point in ((1, 3.841459), (2, 5.991465), (5, 11.070498), (10, 18.307038)):
        buckets = list(range(freedom + 1))
        counts = np.full(freedom + 1, 10000.0)
        counts[0] += np.sqrt(point * 10000 / 2)
        counts[1] -= np.sqrt(point * 10000 / 2)
        values = np.repeat(buckets, np.round(counts).astype(int))
        p, _, _ = chi_square_check(lambda n, v=values: v, buckets, [1 / (freedom + 1)] * (freedom + 1), nsamples=values.size)
        assert abs(p - 0.05) < 2e-3


def test_surroundings():
    before = default_context()
    set_default_context(mx.cpu(3))
    assert mx.current_context() == mx.Context.default_ctx == default_context() == mx.cpu(3)
    set_default_context(before)
    with environment({"CLSYM_EXAMPLE": "1", "HOME": None}):
        assert os.environ["CLSYM_EXAMPLE"] == "1" and "HOME" not in os.environ
    assert "CLSYM_EXAMPLE" not in os.environ and "HOME" in os.environ
    calls = []

    @retry(3)
    def unlucky():
        calls.append(1)
        assert len(calls) == 3

    unlucky()
    assert len(calls) == 3
