"""Reductions over axes: values, element types, NaN, accuracy, gradients."""

from __future__ import annotations

import numpy as np
import pytest
from harness import Case, check_op

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.ops.shared.rows import reduced_axes
from clsym.runtime.launch import run_op

FUNCTIONS = {"sum": np.sum, "mean": np.mean, "prod": np.prod, "max": np.max, "min": np.min, "nansum": np.nansum, "nanprod": np.nanprod}
RNG = np.random.RandomState(3)


def reference(f, x, axis, keepdims=False):
    return np.asarray(f(x.astype(np.float64) if x.dtype.kind == "f" else x, axis=axis, keepdims=keepdims)).reshape(
        np.sum(x, axis=axis, keepdims=keepdims).shape or (1,)
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_small(device, name):
    """In float16 what begins and ends differently there; gradients over inner and outer axes where those are kernels of their own."""
    x = RNG.uniform(0.7, 1.4, (2, 3, 5)).astype(np.float32)
    kinds = ("float32", "float16") if name in ("sum", "mean", "max", "min") else ("float32",)
    for axis in (None, 1, (0, 2), -1):
        params = {} if axis is None else {"axis": axis}
        grad = axis == (0, 2) or (axis == 1 and name in ("sum", "max"))
        check_op(device, name, [x], params, [reference(FUNCTIONS[name], x, axis)], dtypes=kinds, grad=grad)


def test_keepdims_and_exclude(device):
    x = RNG.uniform(-1, 1, (2, 3, 5)).astype(np.float32)
    check_op(device, "sum", [x], {"axis": 1, "exclude": True}, [x.sum((0, 2))])
    check_op(device, "sum", [x], {"axis": (-1, 0), "keepdims": True}, [x.sum((0, 2), keepdims=True)])
    check_op(device, "mean", [x], {"keepdims": True}, [x.mean(keepdims=True)])
    check_op(device, "sum_axis", [x], {"axis": (), "exclude": True}, [x.sum().reshape(1)], grad=False)


@pytest.mark.parametrize(("shape", "axis"), [((7, 1300), 0), ((7, 1300), 1), ((1300, 7), 0), ((3, 1, 5, 2, 300), (1, 2)), ((70001,), None)])
def test_across_chunks(device, shape, axis):
    x = RNG.uniform(-1, 1, shape).astype(np.float32)
    params = {} if axis is None else {"axis": axis}
    for name, f in (("sum", np.sum), ("max", np.max), ("mean", np.mean)):
        np.testing.assert_allclose(run_op(device, name, [x], params)[0], reference(f, x, axis), rtol=2e-6, atol=2e-5)


def test_alternating_axes(device):
    x = RNG.uniform(-1, 1, (2, 3, 2, 3, 2, 3)).astype(np.float32)
    check_op(device, "sum", [x], {"axis": (0, 2, 4)}, [x.sum((0, 2, 4))], atol=1e-5)
    check_op(device, "max", [x], {"axis": (1, 3, 5)}, [x.max((1, 3, 5))])


def test_a_million_equal_terms(device):
    x = np.full(1_000_003, 0.1, np.float32)
    exact = float(x[0]) * x.size
    assert abs(run_op(device, "sum", [x])[0][0] / exact - 1) < 5e-7
    for axis, shape in ((0, (62500, 16)), (1, (16, 62500))):
        got = run_op(device, "sum", [x[:1_000_000].reshape(shape)], {"axis": axis})[0]
        np.testing.assert_allclose(got, np.full(16, float(x[0]) * 62500), rtol=5e-7)


def test_infinities_do_not_become_nan(device):
    x = np.zeros((2, 3000), np.float32)
    x[0, 5], x[1, 1700] = np.inf, -np.inf
    np.testing.assert_array_equal(run_op(device, "sum", [x], {"axis": 1})[0], [np.inf, -np.inf])
    np.testing.assert_array_equal(run_op(device, "sum", [x.T], {"axis": 0})[0], [np.inf, -np.inf])
    np.testing.assert_array_equal(run_op(device, "max", [np.full((2, 9), -np.inf, np.float32)], {"axis": 1})[0], [-np.inf] * 2)


@pytest.mark.parametrize("repeat", [1, 9])
def test_nan(device, repeat):
    n = np.nan
    x = np.tile(np.array([[n, 1, 2], [3, n, -1], [n, n, n]], np.float32), (1, repeat))
    for name in ("sum", "mean", "prod", "max", "min", "norm"):
        assert np.isnan(run_op(device, name, [x], {"axis": 1})[0]).all(), name
    np.testing.assert_array_equal(run_op(device, "nansum", [x], {"axis": 1})[0], np.array([3, 2, 0]) * repeat)
    np.testing.assert_array_equal(run_op(device, "nanprod", [x], {"axis": 1})[0], np.array([2.0, -3, 1]) ** repeat)


@pytest.mark.parametrize("dtype", ["int32", "int8", "uint8", "int64", "bool"])
def test_integers(device, dtype):
    x = np.array([[1, 2, 3], [20, 30, 41]]).astype(dtype)
    for name in ("sum", "prod", "max", "min"):
        want = getattr(np, name)(x, axis=1)
        if dtype != "bool":
            want = want.astype(dtype)  # wraps around
        got = run_op(device, name, [x], {"axis": 1})[0]
        assert got.dtype == x.dtype
        np.testing.assert_array_equal(got, want.astype(dtype), err_msg=f"{name} {dtype}")
    if dtype != "bool":
        np.testing.assert_array_equal(run_op(device, "mean", [x], {"axis": 1})[0], [2, 30])  # truncated, as in MXNet


def test_ties_all_get_the_gradient(device):
    x = np.array([[1, 2, 2], [3, 3, 3]], np.float32)
    heads = [np.array([2, 3], np.float32)]
    check_op(device, "max", [x], {"axis": 1}, ograds=heads, expected_grads=[np.array([[0, 2, 2], [3, 3, 3]])])
    check_op(device, "min_axis", [x], {"axis": 1}, ograds=heads, expected_grads=[np.array([[2, 0, 0], [3, 3, 3]])])


def test_gradients_at_odd_values(device):
    """As MXNet 1.9.1 gives them."""
    n = np.nan
    x = np.array([[0, 2, 3], [n, 1, n], [0, 0, 1]], np.float32)
    ones = np.ones(3, np.float32)
    for name, want in (
        ("prod", [[n, 0, 0], [n, n, n], [n, n, 0]]),
        ("nanprod", [[n, 0, 0], [0, 1, 0], [n, n, 0]]),
        ("nansum", [[1, 1, 1], [0, 1, 0], [1, 1, 1]]),
    ):
        case = Case(device, name, [x], {"axis": 1}, True, ["write"], True)
        case.forward()
        case.backward([ones])
        np.testing.assert_array_equal(case.grad(0), want, err_msg=name)


def test_norm(device):
    x = RNG.uniform(-2, 2, (4, 3, 5)).astype(np.float32)
    for axis in (None, 1, (0, 2)):
        params = {} if axis is None else {"axis": axis}
        check_op(device, "norm", [x], params, [np.sqrt(reference(np.sum, x**2, axis))], dtypes=("float32", "float16"))
        check_op(device, "norm", [x], {"ord": 1, **params}, [reference(np.sum, abs(x), axis)], grad=axis != 1)
    check_op(device, "norm", [x], {"keepdims": True}, [np.sqrt((x**2).sum(keepdims=True))], grad=False)
    got = run_op(device, "norm", [x.astype(np.float16)], {"out_dtype": "float32", "axis": 2})[0]
    assert got.dtype == np.float32
    check_op(device, "norm", [np.array([[1, -2, 0], [0, 0, 0]], np.float32)], {"ord": 1, "axis": 1},
             ograds=[np.array([1, 2], np.float32)], expected_grads=[np.array([[1, -1, 0], [0, 0, 0]])])  # fmt: skip


def test_square_sum_and_moments(device):
    x = (RNG.uniform(-1, 1, (3, 4, 5)) + 2).astype(np.float32)
    check_op(device, "_square_sum", [x], {"axis": 1}, [(x**2).sum(1)])
    check_op(device, "moments", [x], {"axes": (0, 2)}, [x.mean((0, 2)), x.var((0, 2))], dtypes=("float32", "float16"))


def test_empty_axis(device):
    for dtype in ("float32", "int32"):
        x = np.zeros((3, 0), dtype)
        np.testing.assert_array_equal(run_op(device, "sum", [x], {"axis": 1})[0], [0] * 3)
        np.testing.assert_array_equal(run_op(device, "prod", [x], {"axis": 1})[0], [1] * 3)
        np.testing.assert_array_equal(run_op(device, "mean", [x], {"axis": 1})[0], [np.nan if dtype == "float32" else 0] * 3)


def test_bad_axes():
    for axis in ((0, 0), (3,), (-4,)):
        with pytest.raises(MXNetError, match=r"axis|axes"):
            reduced_axes(axis, 3)
    op = find_op("norm")
    with pytest.raises(MXNetError, match="ord"):
        op.infer_shape(op.parse({"ord": 3}), [(2, 2)], [None])
