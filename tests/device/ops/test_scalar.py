"""Operators of a tensor and a number: values, types and gradients as MXNet 1.9.1 has them."""

import numpy as np
import pytest
from harness import check_op, is_twin

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.runtime.launch import run_op

NAN, INF = np.nan, np.inf


def _mod(a, b):
    with np.errstate(all="ignore"):
        return np.where(b == 0, 0, np.mod(a, np.where(b == 0, 1, b)))


REFERENCE = {
    "plus": lambda x, s: x + s,
    "minus": lambda x, s: x - s,
    "rminus": lambda x, s: s - x,
    "mul": lambda x, s: x * s,
    "div": lambda x, s: x / s,
    "rdiv": lambda x, s: s / x,
    "mod": _mod,
    "rmod": lambda x, s: _mod(s, x),
    "power": lambda x, s: x**s,
    "rpower": lambda x, s: s**x,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "hypot": np.hypot,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "lesser": np.less,
    "lesser_equal": np.less_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
}
IN_EVERY_MODE = ("plus", "mul", "rpower")
"""Stored in every mode, and in float64 on every device; the others are functions of the same kernels."""
FLAT = [k for k in REFERENCE if "equal" in k or "logical" in k or k in ("greater", "lesser")]


@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_values_and_gradient(device, name):
    scalar = 1.75
    x = np.array([0.3, 0.6, 1.2, 1.6, 2.1, 2.4, 2.9, 1.3125, 0.9], np.float32).reshape(3, 3)
    if name in ("equal", "not_equal", "lesser_equal", "greater_equal"):
        x[0, 0] = scalar
    want = REFERENCE[name](x.astype(np.float64), np.float64(scalar)).astype(np.float64)
    check_op(device, f"_{name}_scalar", [x], {"scalar": scalar}, [want], grad=name not in FLAT, add=None if name in IN_EVERY_MODE else ())
    if device.traits.fp64 and (name in IN_EVERY_MODE or not is_twin(device)):
        np.testing.assert_allclose(
            run_op(device, f"_{name}_scalar", [x.astype(np.float64)], {"scalar": scalar})[0],
            REFERENCE[name](x.astype(np.float64), scalar),
            rtol=1e-12,
            atol=1e-15,
        )


def test_float16(device):
    x = np.array([1.5, 2, -3], np.float16)
    assert run_op(device, "_mul_scalar", [x], {"scalar": 1e5})[0].tolist() == [INF, INF, -INF]  # the number becomes float16 first
    check_op(device, "_power_scalar", [x[:2]], {"scalar": 2.0}, [x[:2] ** 2], dtypes=("float16",))


@pytest.mark.parametrize(
    ("dtype", "x", "name", "scalar", "want"),
    [
        ("int32", [0, 1, 2, -5], "plus", 1.5, [1, 2, 3, -4]),
        ("int32", [0, 1, 2, -5], "mul", 1.5, [0, 1, 2, -5]),
        ("int32", [0, 1, 2, -5], "div", -2, [0, 0, -1, 2]),
        ("int32", [1, 2, 3, -5], "rdiv", -2, [-2, -1, 0, 0]),
        ("int32", [1, 2, 7, -5], "mod", 300, [1, 2, 7, 295]),
        ("int32", [1, 2, 7, -5], "mod", -2, [-1, 0, -1, -1]),
        ("int32", [1, 2, 7, -5], "rmod", -2, [0, 0, 5, -2]),
        ("int32", [0, 1, 3, -5], "power", 300, [0, 1, -2147483648, -2147483648]),
        ("int32", [0, 1, 3, -5], "power", -2, [-2147483648, 1, 0, 0]),
        ("int32", [0, 2, 7, -5], "rpower", 300, [1, 90000, -2147483648, 0]),
        ("int32", [0, 1, 2, -5], "hypot", 1.5, [1, 1, 2, 5]),
        ("int32", [0, 1, 2, -5], "equal", 1.5, [0, 1, 0, 0]),
        ("int32", [0, 1, 2, -5], "maximum", 1.5, [1, 1, 2, 1]),
        ("int32", [5, -2147483648], "div", -1, [-5, -2147483648]),
        ("int32", [5, 0], "div", 0, [0, 0]),
        ("int32", [5, 0], "mod", 0, [0, 0]),
        ("int32", [0, 2], "rdiv", 5, [-(2**31), 2]),
        ("uint8", [0, 1, 2, 200], "plus", 300, [44, 45, 46, 244]),
        ("uint8", [0, 1, 2, 200], "minus", 1.5, [255, 0, 1, 199]),
        ("uint8", [0, 1, 2, 200], "rminus", 1.5, [1, 0, 255, 57]),
        ("uint8", [1, 2, 3, 200], "mod", 300, [1, 2, 3, 24]),
        ("uint8", [0, 1, 2, 200], "hypot", 300, [44, 44, 44, 204]),
        ("uint8", [0, 1, 2, 200], "greater", 300, [0, 0, 0, 1]),
        ("int64", [0, 1, 2, -5], "plus", 1.5, [1, 2, 3, -4]),
        ("int64", [0, 3], "rpower", 300, [1, 27000000]),
    ],
)
def test_integers(device, dtype, x, name, scalar, want):
    """The number takes the tensor's type first; no division traps."""
    got = run_op(device, f"_{name}_scalar", [np.array(x).astype(dtype)], {"scalar": scalar})[0]
    assert got.dtype.name == dtype
    assert got.tolist() == want


def test_result_types(device):
    flags = np.array([False, True])
    got = run_op(device, "_plus_scalar", [flags], {"scalar": 1.5})[0]
    assert (got.dtype.name, got.tolist()) == ("int64", [1, 2])
    if device.traits.fp64:
        for x in (flags, flags.astype(np.int32), flags.astype(np.uint8)):
            got = run_op(device, "_mul_scalar", [x], {"scalar": 1.5, "is_int": False})[0]
            assert (got.dtype.name, got.tolist()) == ("float64", [0.0, 1.5])


EDGE = [1, 2, -2, 0.5, -3, 0, NAN]
EDGES = {  # (name, scalar): (values, gradients)
    ("mod", 2): ([1, 0, 0, 0.5, 1, 0, NAN], [1] * 7),
    ("mod", -2): ([-1, 0, -0.0, -1.5, -1, 0, NAN], [1] * 7),
    ("mod", 0): ([0] * 7, [1] * 7),
    ("rmod", 2): ([0, 0, 0, 0, -1, 0, NAN], [-2, -1, 1, -4, 1, -INF, NAN]),
    ("rmod", -2): ([0, 0, -0.0, 0, -2, 0, NAN], [2, 1, -1, 4, 0, INF, NAN]),
    ("power", 0.5): ([1, 2**0.5, NAN, 0.5**0.5, NAN, 0, NAN], [0.5, 0.35355339, NAN, 0.70710678, NAN, INF, NAN]),
    ("power", 0): ([1] * 7, [0, 0, 0, 0, 0, NAN, NAN]),
    ("rpower", -2): ([-2, 4, 0.25, NAN, -0.125, 1, NAN], [NAN] * 7),
    ("rpower", 0): ([0, 0, INF, 0, INF, 1, NAN], [NAN, NAN, -INF, NAN, -INF, -INF, NAN]),
    ("maximum", 2): ([2, 2, 2, 2, 2, 2, NAN], [0, 1, 0, 0, 0, 0, 0]),
    ("minimum", 2): ([1, 2, -2, 0.5, -3, 0, NAN], [1, 1, 1, 1, 1, 1, 0]),
    ("hypot", 0): ([1, 2, 2, 0.5, 3, 0, NAN], [1, 1, -1, 1, -1, NAN, NAN]),
    ("rdiv", 2): ([2, 1, -1, 4, -2 / 3, INF, NAN], [-2, -0.5, -0.5, -8, -2 / 9, -INF, NAN]),
    ("div", 0): ([INF, INF, -INF, INF, -INF, NAN, NAN], [INF] * 7),
}


@pytest.mark.parametrize(("name", "scalar"), sorted(EDGES))
def test_edges(device, name, scalar):
    values, grads = EDGES[name, scalar]
    x = np.array(EDGE, np.float32)
    ones = np.ones_like(x)
    check_op(
        device, f"_{name}_scalar", [x], {"scalar": scalar}, [np.array(values)], grad=[0], ograds=[ones], expected_grads=[np.array(grads)],
        add=(),
    )  # fmt: skip


def test_clip(device):
    x = np.array([-2, -1, 0, 1, 2, NAN], np.float32)
    ones = np.ones_like(x)
    check_op(
        device, "clip", [x], {"a_min": -1, "a_max": 1}, [np.clip(x, -1, 1)], grad=[0], ograds=[ones], expected_grads=[[0, 1, 1, 1, 0, 1]]
    )
    assert run_op(device, "clip", [np.array([-2, 0, 1, 3], np.int32)], {"a_min": -1.5, "a_max": 2.7})[0].tolist() == [-1, 0, 1, 2]
    assert run_op(device, "clip", [np.array([2, 0, 1, 30], np.uint8)], {"a_min": -1.5, "a_max": 20.7})[0].tolist() == [2, 0, 1, 20]
    assert run_op(device, "clip", [x[:5]], {"a_min": 1, "a_max": -1})[0].tolist() == [1, 1, -1, -1, -1]
    assert run_op(device, "clip", [np.array([2, 300], np.int64)], {"a_min": -1e30, "a_max": 1e30})[0].tolist() == [2, 300]
    check_op(device, "clip", [np.random.randn(5, 3).astype(np.float32)], {"a_min": -5, "a_max": 0.7}, dtypes=("float32", "float64"))


def test_smooth_l1(device):
    x = np.array([-2, -1, -0.25, 0, 0.25, 1, 2, NAN], np.float32)
    ones = np.ones_like(x)
    want = [1.875, 0.875, 0.125, 0, 0.125, 0.875, 1.875, NAN]
    check_op(
        device, "smooth_l1", [x], {"scalar": 2}, [np.array(want)], grad=[0], ograds=[ones], expected_grads=[[-1, -1, -1, 0, 1, 1, 1, NAN]]
    )
    check_op(
        device,
        "smooth_l1",
        [np.array([-2, -1.25, 0, 0.3], np.float32)],
        {},
        [np.array([1.5, 0.75, 0, 0.045])],
        dtypes=("float32", "float16"),
    )
    assert run_op(device, "smooth_l1", [np.array([-2, 0, 1, 3], np.int32)], {"scalar": 1})[0].tolist() == [1, 0, 0, 2]
    assert run_op(device, "smooth_l1", [x[:3]], {"scalar": 0})[0].tolist() == [0, 0, 0]


def test_hard_sigmoid(device):
    x = np.array([-3, -2.5, 0, 2.5, 3, NAN], np.float32)
    ones = np.ones_like(x)
    check_op(
        device, "hard_sigmoid", [x], {}, [np.array([0, 0, 0.5, 1, 1, NAN])], grad=[0], ograds=[ones], expected_grads=[[0, 0, 0.2, 0, 0, 0]]
    )
    y = np.array([[-2, -0.6, -0.4], [0, 1.4, 1.6]], np.float32)  # on both sides of the bends at -0.5 and 1.5
    check_op(
        device,
        "hard_sigmoid",
        [y],
        {"alpha": 0.5, "beta": 0.25},
        [np.clip(0.5 * y + 0.25, 0, 1)],
        dtypes=("float32", "float64", "float16"),
    )
    op = find_op("hard_sigmoid")
    with pytest.raises(MXNetError, match="floating-point"):
        op.infer_type(op.parse({}), ["int32"], [None])
