"""Gathers and scatters: take, Embedding, pick, batch_take, one_hot, gather_nd, scatter_nd, flat indices."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check_op
from harness_case import Case

import clsym as mx
from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.runtime.launch import run_op

RNG = np.random.RandomState(13)


def f(*values):
    return np.array(values, np.float32)


A = np.arange(1, 10, dtype=np.float32).reshape(3, 3)


@pytest.mark.parametrize(("mode", "picks"), [("clip", [0, 0, 2, 2, 0, 0]), ("wrap", [2, 0, 2, 2, 1, 0])])
def test_take_out_of_range(device, mode, picks):
    index = f(-1, 0, 2.7, 5, -5, -0.5)
    check_op(device, "take", [A, index], {"mode": mode}, [A[picks]], grad=[0], keep_dtype=[1])
    np.testing.assert_array_equal(run_op(device, "take", [A, f(np.nan, 3e10)])[0], A[[0, 2]])


def test_take_along_an_axis(device):
    x = RNG.randn(3, 5, 67).astype(np.float32)
    index = RNG.randint(0, 5, (2, 40)).astype(np.int32)
    check_op(device, "take", [x, index], {"axis": 1}, [x[:, index]], grad=[0])
    check_op(device, "take", [x, index], {"axis": -1}, [x[..., index]], grad=[0])


def test_take_gradient_adds_up(device):
    x = RNG.randn(50, 3).astype(np.float32)
    index = RNG.randint(0, 50, 999).astype(np.int64)
    head = RNG.randn(999, 3).astype(np.float32)
    want = np.zeros((50, 3))
    np.add.at(want, index, head.astype(np.float64))
    check_op(device, "take", [x, index], {}, [x[index]], grad=[0], ograds=[head], expected_grads=[want])


@pytest.mark.parametrize("n", [7, 3000, 200_003])
def test_take_gradient_adds_in_the_order_of_the_indices(device, n):
    """Many stretches of indices, several ranges of rows, and far more rows than indices: the bits are those of adding one by one."""
    x = np.zeros((n, 3), np.float32)
    index = np.minimum(RNG.zipf(1.3, 20_011) - 1, n - 1).astype(np.int32) if n < 10_000 else RNG.randint(0, n, 1001).astype(np.int32)
    head = RNG.randn(len(index), 3).astype(np.float32)
    want = np.zeros((n, 3), np.float32)
    np.add.at(want, index, head)
    case = Case(device, "take", [x, index], {}, True, ["write", "null"], True)
    for _ in range(3):
        case.forward()
        case.backward([head])
        np.testing.assert_array_equal(case.grad(0), want)


@pytest.mark.parametrize("kind", ["float32", "int32"])
def test_embedding(device, kind):
    weight = RNG.randn(4, 70).astype(np.float32)
    index = np.array([[0, -1, 3], [9, 2, 2]]).astype(kind)
    check_op(device, "Embedding", [index, weight], {"input_dim": 4, "output_dim": 70}, [weight[[[0, 0, 3], [3, 2, 2]]]], grad=[1],
             dtypes=("float32", "float16"), keep_dtype=[0])  # fmt: skip


def test_one_hot(device):
    n = np.nan
    got = run_op(device, "one_hot", [f(0, 2, -1, 3, 1.7, n)], {"depth": 3})[0]
    np.testing.assert_array_equal(got, [[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0]])
    got = run_op(device, "one_hot", [np.array([[0], [2]], np.int32)], {"depth": 3, "on_value": 5.7, "off_value": -1, "dtype": "int8"})[0]
    assert got.dtype == np.int8
    np.testing.assert_array_equal(got, [[[5, -1, -1]], [[-1, -1, 5]]])


def test_pick(device):
    check_op(device, "pick", [A, f(0, -1, 7.6)], {}, [f(1, 4, 9)], grad=[0], keep_dtype=[1])
    check_op(device, "pick", [A, f(0, -1, 7.6)], {"mode": "wrap"}, [f(1, 6, 8)], grad=[0], keep_dtype=[1])
    check_op(device, "pick", [A, f(0, -2, 4)], {"axis": 0, "keepdims": True}, [f(1, 2, 9)[None]], grad=[0], keep_dtype=[1])
    check_op(device, "choose_element_0index", [A, np.array([[0], [1], [2]], np.int32)], {"keepdims": True}, [f(1, 5, 9)[:, None]], grad=[0])
    x = RNG.randn(3, 7, 500).astype(np.float32)
    index = RNG.randint(0, 7, (3, 500)).astype(np.int32)
    check_op(device, "pick", [x, index], {"axis": 1}, [np.take_along_axis(x, index[:, None], 1)[:, 0]], grad=[0])


def test_batch_take(device):
    index = np.array([[-1], [5], [1]], np.int32)
    check_op(device, "batch_take", [A, index], {}, [f(1, 6, 8)[:, None]], grad=False)


def test_gather_nd(device):
    x = RNG.randn(3, 4, 5).astype(np.float32)
    index = np.array([[0, 1, -1, 0], [2, -1, 1, 2]])
    check_op(device, "gather_nd", [x, index.astype(np.int32)], {}, [x[index[0], index[1]]], grad=[0])
    check_op(device, "gather_nd", [x, np.array([[[0, 2]]], np.float32)], {}, [x[[[0, 2]]]], grad=[0], keep_dtype=[1])


def test_scatter_nd(device):
    index = np.array([[0, 1, 0], [1, 0, 1]], np.int32)  # the first and the last are equal: the last wins
    check_op(device, "scatter_nd", [f(1, 2, 3), index], {"shape": (2, 2)}, [np.array([[0, 3], [2, 0]])],
             ograds=[np.array([[1, 10], [100, 1000]])], expected_grads=[f(10, 100, 10)])  # fmt: skip
    rows = np.array([[1, 2], [3, 4]], np.float32)
    check_op(device, "scatter_nd", [rows, np.array([[1, 0]], np.int32)], {"shape": (3, 2)}, [np.array([[3, 4], [1, 2], [0, 0]])])
    got = run_op(device, "_scatter_set_nd", [np.full((2, 2), 7, np.float32), f(1, 2, 3), index], {"shape": (2, 2)})[0]
    np.testing.assert_array_equal(got, [[7, 3], [2, 7]])


def test_scatter_nd_many_equal(device):
    index = RNG.randint(0, 50, (1, 3000)).astype(np.int32)
    values = np.arange(3000, dtype=np.float32)
    want = np.zeros(50, np.float32)
    for k in range(3000):
        want[index[0, k]] = k
    np.testing.assert_array_equal(run_op(device, "scatter_nd", [values, index], {"shape": (50,)})[0], want)


def test_flat_indices(device):
    multi = np.array([[0, 1, 9], [2, 3, 9]], np.float32)
    for shape in ((3, 4), (-1, 4)):
        np.testing.assert_array_equal(run_op(device, "ravel_multi_index", [multi], {"shape": shape})[0], [2, 7, 45])
        np.testing.assert_array_equal(run_op(device, "unravel_index", [f(2, 7, 45)], {"shape": shape})[0], [[0, 1, 11], [2, 3, 1]])


def test_shapes_are_inferred():
    op = find_op("Embedding")
    p = op.parse({"input_dim": 5, "output_dim": 3})
    assert op.infer_shape(p, [(5, 6), None], [None]) == ([(5, 6), (5, 3)], [(5, 6, 3)])
    op = find_op("pick")
    assert op.infer_shape(op.parse({}), [(3, 4), None], [None]) == ([(3, 4), (3,)], [(3,)])


def test_errors():
    for name, params, shapes, match in (
        ("take", {"axis": 2}, [(2, 3), (1,)], "axis"),
        ("pick", {"axis": None}, [(2, 3), (2,)], "axis=None"),
        ("gather_nd", {}, [(3, 3), (3, 1)], "addresses 3"),
        ("gather_nd", {}, [(3, 3), (3,)], "2 dimensions"),
        ("Embedding", {"input_dim": 0, "output_dim": 3}, [(3,), None], "positive"),
        ("batch_take", {}, [(3, 4), (2,)], "3 rows"),
        ("one_hot", {"depth": -1}, [(3,)], "negative"),
        ("ravel_multi_index", {"shape": (2, 3)}, [(3, 4)], "dimension"),
    ):
        op = find_op(name)
        with pytest.raises(MXNetError, match=match):
            op.infer_shape(op.parse(params), list(shapes), [None])


def test_indices_out_of_range_are_refused(device):
    """Where the result is waited for, as in MXNet; afterwards all goes on."""
    ctx = mx.cl(device.selector)
    x = mx.nd.array([[1, 2, 3], [4, 5, 6]], ctx=ctx)

    def index(values, dtype="float32"):
        return mx.nd.array(values, ctx=ctx, dtype=dtype)

    for bad in ([0, 2], [-1, 0], [1.7], [float("nan")]):
        result = mx.nd.take(x, index(bad), mode="raise")
        with pytest.raises(MXNetError, match="take operator contains indices out of bound"):
            result.asnumpy()
    assert mx.nd.take(x, index([2, 0], "int32"), axis=1, mode="raise").asnumpy().tolist() == [[3, 1], [6, 4]]
    for bad, message in (
        ([[0, 2], [0, 0]], "index 2 is out of bounds for axis 0 with size 2"),
        ([[0, 1], [0, -4]], "index -4 is out of bounds for axis 1 with size 3"),
    ):
        for dtype in ("float32", "int64"):
            result = mx.nd.gather_nd(x, index(bad, dtype))
            with pytest.raises(IndexError, match=message):
                result.wait_to_read()
    assert mx.nd.gather_nd(x, index([[-1, 1], [-3, 2]])).asnumpy().tolist() == [4, 6]
    net = mx.sym.gather_nd(mx.sym.var("x"), mx.sym.var("i")) * 2
    executor = net.bind(ctx, {"x": x, "i": index([[5]])})
    out = executor.forward()[0]
    with pytest.raises(IndexError, match="index 5"):
        out.asnumpy()
    assert executor.forward(i=np.array([[1]], np.float32))[0].asnumpy().tolist() == [[8, 10, 12]]


def test_diagonals_beyond_the_matrix(device):
    x = np.ones((2, 3), np.float32)
    assert run_op(device, "diag", [x], {"k": 3})[0].shape == (0,)
    for k in (4, -3):
        with pytest.raises(MXNetError, match="does not exist"):
            run_op(device, "diag", [x], {"k": k})
