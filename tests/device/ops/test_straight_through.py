"""Operators whose gradient is not their derivative, the quadratic function, and MXNet's first operators on rows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from harness import check_op

import clsym as mx
from clsym.base import MXNetError
from clsym.runtime.launch import run_op

RNG = np.random.RandomState(0)
X = RNG.standard_normal((3, 7)).astype(np.float32) * 2
HEADS = [RNG.standard_normal((3, 7)).astype(np.float32)]


@pytest.mark.parametrize(("op", "want", "factor"), [
    ("_contrib_round_ste", np.trunc(X + np.copysign(0.5, X)), 1), ("_contrib_sign_ste", np.sign(X), 1),
    ("_contrib_gradientmultiplier", X, -1.5), ("cast_storage", X, 1), ("_scatter_plus_scalar", X - 1.5, 1),
    ("_scatter_minus_scalar", X + 1.5, 1),
])  # fmt: skip
def test_gradient_passes(device, op, want, factor):
    params = {"stype": "default"} if op == "cast_storage" else {"scalar": -1.5} if "scalar" in op or "multiplier" in op else {}
    check_op(device, op, [X], params, [want], ograds=HEADS, expected_grads=[HEADS[0] * factor])


def test_halves_are_rounded_away(device):
    x = np.array([-1.5, 0.5, 1.5, 2.5, -0.4, np.nan], np.float32)
    assert run_op(device, "_contrib_round_ste", [x])[0][:5].tolist() == [-2, 1, 2, 3, 0]
    assert run_op(device, "_contrib_sign_ste", [x])[0].tolist() == [-1, 1, 1, 1, -1, 0]


def test_quadratic(device):
    params = {"a": 1.5, "b": -2.0, "c": 0.25}
    check_op(device, "_contrib_quadratic", [X], params, [1.5 * X.astype(np.float64) ** 2 - 2.0 * X + 0.25], rtol=1e-5, atol=1e-5)
    whole = np.array([1, 2, 3, -4], np.int32)
    assert run_op(device, "_contrib_quadratic", [whole], {"a": 1.5, "b": 2.5, "c": 0.5})[0].tolist() == [4, 11, 21, 14]


def test_quotients(device):
    y = np.abs(X[::-1]) + 0.5
    check_op(device, "_scatter_elemwise_div", [X, y], {}, [X / y])


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (2, 9001)])
def test_elements_of_rows(device, shape):
    rows, length = shape
    x = RNG.standard_normal(shape).astype(np.float32)
    at = np.array([length - 1, -1, length, np.nan, 0.7][:rows], np.float32)
    inside = [k for k, v in enumerate(at) if -1 < v < length]
    want = np.zeros(shape, np.float32)
    want[inside, at[inside].astype(int)] = 1
    np.testing.assert_array_equal(run_op(device, "_onehot_encode", [at, x])[0], want)
    new = RNG.standard_normal(rows).astype(np.float32)
    want = np.where(want == 1, new[:, None], x)
    np.testing.assert_array_equal(run_op(device, "fill_element_0index", [x, new, at])[0], want)
    ctx = mx.cl(device.selector)
    array = mx.nd.array(x, ctx=ctx)
    mx.nd.fill_element_0index(array, mx.nd.array(new, ctx=ctx), mx.nd.array(at, ctx=ctx), out=array)
    np.testing.assert_array_equal(array.asnumpy(), want)
    with pytest.raises(MXNetError, match="mhs"):
        mx.nd.fill_element_0index(array, mx.nd.zeros(rows + 1, ctx), mx.nd.array(at, ctx=ctx))


def test_dense_spellings(device):
    ctx = mx.cl(device.selector)
    weight = mx.nd.array([[1, 2, 3], [4, 5, 6]], ctx=ctx)
    out = mx.nd.contrib.SparseEmbedding(mx.nd.array([0, 1, 5, -1], ctx=ctx), weight, input_dim=2, output_dim=3)
    assert out.asnumpy()[:, 0].tolist() == [1, 4, 4, 1]
    check_op(device, "_contrib_SparseEmbedding", [np.array([[1, 0], [1, 1]], np.float32), X], {"input_dim": 3, "output_dim": 7}, grad=[1])
    with pytest.raises(MXNetError, match="arrays are dense here"):
        mx.nd.cast_storage(weight, "csr")
    x = mx.nd.zeros((2, 2), ctx, "int32")
    assert mx.nd._internal._set_value(src=2.7, out=x) is x
    assert x.asnumpy().tolist() == [[2, 2], [2, 2]]
    with pytest.raises(MXNetError, match="out="):
        mx.nd._internal._set_value(3)
    constant = mx.sym._internal._set_value(src=3, name="constant") + mx.sym.var("x")
    assert [n["op"] for n in json.loads(constant.tojson())["nodes"]] == ["_set_value", "null", "elemwise_add"]
    assert constant.bind(ctx, {"x": mx.nd.ones((2,), ctx)}).forward()[0].asnumpy().tolist() == [4, 4]
