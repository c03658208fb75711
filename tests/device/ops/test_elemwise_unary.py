"""Element-wise functions of one tensor against numpy; integers and special values as MXNet 1.9.1 has them."""

import math

import numpy as np
import pytest
from harness import check_op, is_twin

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.ops.elementwise.unary_table import TABLE
from clsym.runtime.launch import run_op

_erf = np.vectorize(math.erf, otypes=[np.float64])
_gamma = np.vectorize(math.gamma, otypes=[np.float64])
_lgamma = np.vectorize(math.lgamma, otypes=[np.float64])


def _erfinv(y):
    x = np.zeros_like(y)
    for _ in range(60):
        x = x - (_erf(x) - y) / (2 / math.sqrt(math.pi) * np.exp(-x * x))
    return x


# name: (reference, low, high)
REFERENCE = {
    "relu": (lambda x: np.maximum(x, 0), -2, 2),
    "abs": (np.abs, -2, 2),
    "sign": (np.sign, -2, 2),
    "negative": (np.negative, -2, 2),
    "square": (np.square, -2, 2),
    "logical_not": (lambda x: (x == 0).astype(x.dtype), -2, 2),
    "round": (lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5), -3, 3),
    "rint": (np.rint, -3, 3),
    "ceil": (np.ceil, -3, 3),
    "floor": (np.floor, -3, 3),
    "trunc": (np.trunc, -3, 3),
    "fix": (np.trunc, -3, 3),
    "sqrt": (np.sqrt, 0.2, 4),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 0.2, 4),
    "cbrt": (np.cbrt, 0.2, 4),
    "rcbrt": (lambda x: 1 / np.cbrt(x), -4, -0.3),
    "reciprocal": (np.reciprocal, 0.3, 3),
    "exp": (np.exp, -3, 3),
    "expm1": (np.expm1, -2, 2),
    "log": (np.log, 0.2, 5),
    "log10": (np.log10, 0.2, 5),
    "log2": (np.log2, 0.2, 5),
    "log1p": (np.log1p, -0.7, 4),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), -6, 6),
    "softsign": (lambda x: x / (1 + np.abs(x)), -3, 3),
    "sinh": (np.sinh, -3, 3),
    "cosh": (np.cosh, -3, 3),
    "tanh": (np.tanh, -3, 3),
    "arcsinh": (np.arcsinh, -3, 3),
    "arccosh": (np.arccosh, 1.3, 5),
    "arctanh": (np.arctanh, -0.8, 0.8),
    "sin": (np.sin, -7, 7),
    "cos": (np.cos, -7, 7),
    "tan": (np.tan, -1.2, 1.2),
    "arcsin": (np.arcsin, -0.9, 0.9),
    "arccos": (np.arccos, -0.9, 0.9),
    "arctan": (np.arctan, -3, 3),
    "degrees": (np.degrees, -3, 3),
    "radians": (np.radians, -90, 90),
    "gamma": (_gamma, 0.5, 4),
    "gammaln": (_lgamma, 0.5, 4),
    "erf": (_erf, -2.5, 2.5),
    "erfinv": (_erfinv, -0.9, 0.9),
}
IN_EVERY_MODE = ("relu", "exp", "erf")
"""Stored in every type and mode on every device; the others are functions of the same kernels."""
STEPS = {"sign", "logical_not", "round", "rint", "ceil", "floor", "trunc", "fix"}


def test_every_row_has_a_reference():
    assert set(REFERENCE) == {row.name for row in TABLE}
    assert {row.name for row in TABLE if row.derivative is None} == STEPS


@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_values_and_gradient(device, name):
    reference, low, high = REFERENCE[name]
    x = np.random.uniform(low, high, (3, 7)).astype(np.float16).astype(np.float32)  # the same value in each type
    if name in ("relu", "abs"):
        x = np.where(np.abs(x) < 0.05, 0.5, x)
    want = reference(x.astype(np.float64))
    kinds = ("float32", "float16") if name in IN_EVERY_MODE else ("float32",)
    check_op(
        device,
        name,
        [x],
        {},
        [want],
        rtol=1e-5,
        atol=1e-6,
        dtypes=kinds,
        grad=name not in STEPS,
        add=kinds if name in IN_EVERY_MODE else (),
    )
    if device.traits.fp64 and (name in IN_EVERY_MODE or not is_twin(device)):
        got = run_op(device, name, [x.astype(np.float64)])[0]
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["relu", "exp", "sin", "tanh"])
def test_many_elements(device, name):
    """More than one work-item's share, and sizes that fill no vector."""
    reference = REFERENCE[name][0]
    x = np.random.uniform(-4, 4, 9001).astype(np.float32)
    np.testing.assert_allclose(run_op(device, name, [x])[0], reference(x.astype(np.float64)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_huge_angles(device, name):
    x = np.random.uniform(-10, 10, 3000).astype(np.float32)
    x[[5, 2500]] = 3e7, -1e20
    np.testing.assert_allclose(run_op(device, name, [x])[0], REFERENCE[name][0](x.astype(np.float64)), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(
    ("name", "x", "want"),
    [
        ("round", [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], [-3, -2, -1, 1, 2, 3]),
        ("rint", [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], [-3, -2, -1, 0, 1, 2]),
        ("relu", [-1, 0, np.nan, np.inf, -np.inf], [0, 0, np.nan, np.inf, 0]),
        ("sign", [-1, np.nan, 0, np.inf], [-1, 0, 0, 1]),
        ("logical_not", [0, np.nan, -0.0, 2], [1, 0, 1, 0]),
        ("sqrt", [-1, 0, np.inf, np.nan], [np.nan, 0, np.inf, np.nan]),
        ("rsqrt", [-1, 0, np.inf], [np.nan, np.inf, 0]),
        ("log", [-1, 0, np.inf, np.nan], [np.nan, -np.inf, np.inf, np.nan]),
        ("sigmoid", [-np.inf, np.inf, -200, 200, np.nan], [0, 1, 0, 1, np.nan]),
        ("tanh", [-np.inf, np.inf, -200, 200, np.nan], [-1, 1, -1, 1, np.nan]),
        ("softsign", [-1, 2, np.nan], [-0.5, 2 / 3, np.nan]),
        ("arccosh", [0.5, 1, 2], [np.nan, 0, 1.3169579]),
        ("arctanh", [-1, 1, 2], [-np.inf, np.inf, np.nan]),
        ("erfinv", [-1, 1, 2, 0], [-np.inf, np.inf, np.nan, 0]),
        ("gamma", [0, 5, 1], [np.inf, 24, 1]),
        ("gammaln", [-1, 0, 1], [np.inf, np.inf, 0]),
    ],
)
def test_special_values(device, name, x, want):
    got = run_op(device, name, [np.array(x, np.float32)])[0]
    np.testing.assert_allclose(got, np.array(want, np.float32), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("abs", [3, 0, 1, 2, 100]),
        ("sign", [-1, 0, 1, 1, 1]),
        ("square", [9, 0, 1, 4, 10000]),
        ("relu", [0, 0, 1, 2, 100]),
        ("negative", [3, 0, -1, -2, -100]),
        ("logical_not", [0, 1, 0, 0, 0]),
        ("round", [-3, 0, 1, 2, 100]),
        ("sqrt", [-2147483648, 0, 1, 1, 10]),
        ("exp", [0, 1, 2, 7, -2147483648]),
        ("reciprocal", [0, -2147483648, 1, 0, 0]),
        ("cbrt", [-1, 0, 1, 1, 4]),
        ("log", [-2147483648, -2147483648, 0, 0, 4]),
        ("degrees", [-171, 0, 57, 114, 5729]),
        ("gammaln", [-2147483648, -2147483648, 0, 0, 359]),
        ("sigmoid", [0, 0, 0, 0, 1]),
    ],
)
def test_integers(device, name, want):
    """Integers are computed in float32 and truncated; what overflows is the smallest integer. `gammaln(-3)` is infinite."""
    x = np.array([-3, 0, 1, 2, 100])
    got = run_op(device, name, [x.astype(np.int32)])[0]
    assert got.dtype == np.int32
    assert got.tolist() == want
    small = run_op(device, name, [x[1:].astype(np.uint8)])[0]
    assert small.tolist() == np.array(want[1:]).astype(np.uint8).tolist()
    wide = run_op(device, name, [x[1:].astype(np.int64)])[0].tolist()
    assert wide == [-(2**63) if w == -(2**31) else w for w in want[1:]]


@pytest.mark.parametrize(
    ("name", "x", "want"),
    [
        ("relu", [-1, 0, 1, np.nan], [0, 0, 1, np.nan]),
        ("abs", [-3, -0.0, 0, 2.5, np.nan], [-1, 0, 0, 1, 0]),
        ("sqrt", [-1, 0, 0.25], [np.nan, np.inf, 1]),
        ("log", [-1, 0, 0.5], [-1, np.inf, 2]),
        ("reciprocal", [0, 2], [-np.inf, -0.25]),
        ("cbrt", [-1, 0], [1 / 3, np.inf]),
        ("rcbrt", [-1, 1], [-1 / 3, -1 / 3]),
        ("arcsin", [-1, 0], [np.inf, 1]),
        ("gamma", [0.5, 2], [-3.480231, 0.42278433]),
        ("gammaln", [0.5, 2], [-1.9635100, 0.42278433]),
    ],
)
def test_gradients_at_edges(device, name, x, want):
    x = np.array(x, np.float32)
    check_op(device, name, [x], {}, grad=[0], ograds=[np.ones_like(x)], expected_grads=[np.array(want, np.float32)], add=())


def test_bool_is_refused():
    with pytest.raises(MXNetError, match="does not support bool"):
        find_op("exp").infer_type(find_op("exp").parse({}), ["bool"], [None])
