"""sort, argsort, topk: any axis and type, ties in order, NaN last, gradients."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check_op

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.runtime.launch import run_op

RNG = np.random.RandomState(17)
Y = np.array([[3, 1, 3, 2], [5, 1, 7, -np.inf], [0, 0, 0, 0]], np.float32)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "int32", "bool"])
@pytest.mark.parametrize(("shape", "axis"), [((3, 7), 1), ((2, 1000, 3), 1), ((1025,), 0)])
def test_sort_and_argsort(device, dtype, shape, axis):
    x = RNG.randint(-50, 50, shape).astype(dtype)
    up, down = np.argsort(x, axis, kind="stable"), np.argsort(-x.astype(np.float32), axis, kind="stable")
    np.testing.assert_array_equal(run_op(device, "argsort", [x], {"axis": axis, "dtype": "int32"})[0], up)
    np.testing.assert_array_equal(run_op(device, "argsort", [x], {"axis": axis, "is_ascend": False})[0], down.astype(np.float32))
    np.testing.assert_array_equal(run_op(device, "sort", [x], {"axis": axis})[0], np.sort(x, axis))


def awkward(shape, dtype):
    """Equal elements, zeros of both signs, and what is no number."""
    x = RNG.randint(-40, 40, shape).astype(dtype)
    if x.dtype.kind == "f":
        for value in (np.nan, -0.0, np.inf, -np.inf):
            x[RNG.uniform(size=shape) < 0.03] = value
    return x


def places(x, axis, descending):
    """The stable order with NaN above everything."""
    wide = x.astype(np.float64)
    nan = np.isnan(wide)
    keys = (np.where(nan, 0, wide), nan)
    return np.lexsort([-k.astype(np.float64) for k in keys] if descending else keys, axis)


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8", "int32"])
@pytest.mark.parametrize(("shape", "axis"), [((20, 311), 1), ((2, 400, 3), 1), ((70001,), 0)])
def test_long_rows(device, dtype, shape, axis):
    x = awkward(shape, dtype)
    for descending in (False, True):
        order = places(x, axis, descending)
        given = {"axis": axis, "is_ascend": not descending, "dtype": "int32"}
        np.testing.assert_array_equal(run_op(device, "argsort", [x], given)[0], order)
        for k in (1, 9, shape[axis] // 20, shape[axis] // 9):
            first = np.take(order, range(k), axis)
            values, found, _ = run_op(device, "topk", [x], {**given, "k": k, "ret_typ": "both"})
            np.testing.assert_array_equal(found, first)
            np.testing.assert_array_equal(values, np.take_along_axis(x, first, axis))
    mask = np.zeros_like(x)
    np.put_along_axis(mask, first, 1, axis)
    np.testing.assert_array_equal(run_op(device, "topk", [x], {**given, "k": k, "ret_typ": "mask"})[0], mask)


@pytest.mark.parametrize("step", [1, -1, 0])
def test_the_first_of_rows_that_are_sorted_already(device, step):
    x = step * np.arange(40000, dtype=np.float32)
    for k in (3, 1200):
        found = run_op(device, "topk", [x], {"k": k, "dtype": "int32"})[0]
        np.testing.assert_array_equal(found, np.argsort(-x, kind="stable")[:k])


def test_float64_and_int64(device):
    for dtype in ("int64", "float64") if device.traits.fp64 else ("int64",):
        x = RNG.randint(-(2**40), 2**40, (3, 100)).astype(dtype)
        np.testing.assert_array_equal(run_op(device, "sort", [x], {"is_ascend": False})[0], -np.sort(-x))
        x = awkward((3, 300), dtype) * np.array(2**33, dtype)
        np.testing.assert_array_equal(run_op(device, "argsort", [x], {"dtype": "int32"})[0], places(x, 1, False))


def test_topk(device):
    heads = {"ret_typ": "value", "k": 2}
    check_op(device, "topk", [np.array([[1, 3, 2], [2, 2, 1]], np.float32)], heads, [np.array([[3, 2], [2, 2]])],
             ograds=[np.array([[1, 10], [100, 1000]])], expected_grads=[np.array([[0, 1, 10], [100, 1000, 0]])])  # fmt: skip
    check_op(device, "topk", [Y], {"k": 2}, [np.array([[0, 2], [2, 0], [0, 1]])], grad=False)
    check_op(
        device,
        "topk",
        [Y],
        {"k": 2, "ret_typ": "mask", "is_ascend": True},
        [np.array([[0, 1, 0, 1], [0, 1, 0, 1], [1, 1, 0, 0]])],
        grad=False,
    )
    both = [np.array([[5, 1, 7, 2], [3, 1, 3, 0]]), np.array([[1, 0, 1, 0], [0, 1, 0, 2]])]
    check_op(device, "topk", [Y], {"k": 2, "axis": 0, "ret_typ": "both", "dtype": "int32"}, both, grad=False)
    check_op(device, "topk", [Y], {"k": 2, "axis": None}, [np.array([6, 4])], grad=False)
    got = run_op(device, "topk", [Y], {"k": 0, "ret_typ": "value"})[0]
    np.testing.assert_array_equal(got, -np.sort(-Y, 1))


def test_gradients(device):
    x = RNG.permutation(60).reshape(3, 4, 5).astype(np.float32)
    check_op(
        device,
        "sort",
        [x],
        {"axis": 1},
        [np.sort(x, 1)],
    )
    check_op(
        device,
        "sort",
        [x],
        {"axis": None, "is_ascend": False},
        [np.arange(60, dtype=np.float32)[::-1]],
    )
    long = RNG.permutation(500).reshape(2, 250).astype(np.float32)
    check_op(device, "topk", [long], {"k": 5, "ret_typ": "value"}, [-np.sort(-long, 1)[:, :5]])
    check_op(device, "topk", [x], {"axis": 1, "k": 3, "ret_typ": "both", "dtype": "uint8"},
             ograds=[np.ones((3, 3, 5)), np.zeros((3, 3, 5))], expected_grads=[(x > x.min(1, keepdims=True)) * 1.0])  # fmt: skip


def test_nan_is_largest(device):
    x = np.array([[np.nan, 1, 5, -np.inf]], np.float32)
    np.testing.assert_array_equal(run_op(device, "argsort", [x])[0], [[3, 1, 2, 0]])
    np.testing.assert_array_equal(run_op(device, "topk", [x], {"k": 2})[0], [[0, 2]])


def test_names_and_errors():
    op = find_op("topk")
    for kind, names, visible, counted in (("both", 2, 2, 2), ("value", 2, 1, 2), ("mask", 1, 1, 1), ("indices", 1, 1, 1)):
        p = op.parse({"ret_typ": kind})
        assert op.num_visible(p) == visible and op.json_outputs(p) == counted and len(op.output_names(p)) >= names
    with pytest.raises(MXNetError, match="k="):
        op.infer_shape(op.parse({"k": 9}), [(3, 4)], [None])
    with pytest.raises(MXNetError, match="axis"):
        op.infer_shape(op.parse({"axis": 2}), [(3, 4)], [None, None])
