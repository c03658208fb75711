"""dot, batch_dot, linalg_gemm, linalg_gemm2 and FullyConnected."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from harness import check_op

import clsym as mx
from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.runtime.launch import run_op

BOTH = list(itertools.product((False, True), repeat=2))
ONE = [(False, True), (True, False)]
"""Each way to store each factor once."""


def uniform(*shape):
    return np.random.uniform(-1, 1, shape)


def stored(rows, cols, transposed, lead=()):
    return uniform(*lead, cols, rows) if transposed else uniform(*lead, rows, cols)


def turn(x, transposed):
    return x.swapaxes(-1, -2) if transposed else x


# the thin paths (1, 3, 11 rows; few columns), whole and partial tiles, several blocks of K, several panels
SHAPES = [(1, 1, 1), (1, 7, 5), (3, 150, 17), (11, 40, 33), (150, 2, 70), (29, 50, 40), (40, 70, 650), (26, 33, 7)]


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32"])
def test_every_path_and_transposition(device, dtype):
    for (m, n, k), (ta, tb) in itertools.product(SHAPES, BOTH if dtype == "float32" else ONE):
        a, b = stored(m, k, ta), stored(k, n, tb)
        a, b = ((8 * a).astype(dtype), (8 * b).astype(dtype)) if dtype.startswith("int") else (a.astype(dtype), b.astype(dtype))
        wide = np.int64 if dtype.startswith("int") else np.float64
        want = turn(a.astype(wide), ta) @ turn(b.astype(wide), tb)
        params = {"transpose_a": ta, "transpose_b": tb}
        got = run_op(device, "dot", [a, b], params)[0]
        assert got.shape == want.shape
        assert got.dtype == dtype
        tolerance = {"float32": 2e-6, "float64": 1e-13, "float16": 1e-3}.get(dtype, 0) * (1 + np.abs(want).max())
        assert np.abs(got - want).max() <= tolerance, (m, n, k, ta, tb)
        assert np.array_equal(got, run_op(device, "dot", [a, b], params)[0])


@pytest.mark.parametrize(("ta", "tb"), BOTH)
def test_dot(device, ta, tb):
    a, b = stored(13, 5, ta), stored(5, 17, tb)
    dtypes = ("float32",) if ta or tb else ("float32", "float64", "float16")
    check_op(device, "dot", [a, b], {"transpose_a": ta, "transpose_b": tb}, [turn(a, ta) @ turn(b, tb)], dtypes=dtypes)


def test_dot_of_vectors_and_of_many_axes(device):
    x, y = uniform(7), uniform(7)
    check_op(device, "dot", [x, y], {}, [np.array([x @ y])], rtol=1e-4)
    a, v = uniform(4, 7), uniform(4)
    check_op(device, "dot", [a, x], {}, [a @ x], rtol=1e-4)
    check_op(device, "dot", [a, v], {"transpose_a": True}, [a.T @ v], rtol=1e-4)
    check_op(device, "dot", [x, a], {"transpose_b": True}, [a @ x], rtol=1e-4)
    p, q = uniform(2, 3, 4), uniform(4, 5, 2)
    check_op(device, "dot", [p, q], {}, [np.tensordot(p, q, 1)], rtol=1e-4)
    check_op(device, "dot", [p, q], {"transpose_a": True, "transpose_b": True}, [np.tensordot(p, q, ((0,), (2,)))], rtol=1e-4)


@pytest.mark.parametrize(("ta", "tb"), BOTH)
def test_batch_dot(device, ta, tb):
    a, b = stored(4, 5, ta, (2, 3)), stored(5, 6, tb, (2, 3))
    check_op(device, "batch_dot", [a, b], {"transpose_a": ta, "transpose_b": tb}, [turn(a, ta) @ turn(b, tb)])


def test_batch_of_tiled_products(device):
    a, b = uniform(5, 30, 20), uniform(5, 20, 40)
    check_op(device, "batch_dot", [a, b], {}, [a @ b], grad=False)


@pytest.mark.parametrize(("ta", "tb"), BOTH)
def test_linalg_gemm(device, ta, tb):
    a, b, c = stored(4, 5, ta, (2,)), stored(5, 6, tb, (2,)), uniform(2, 4, 6)
    params = {"transpose_a": ta, "transpose_b": tb, "alpha": 1.5}
    want = 1.5 * (turn(a, ta) @ turn(b, tb))
    check_op(device, "linalg_gemm2", [a, b], params, [want])
    check_op(
        device,
        "linalg_gemm",
        [a, b, c],
        {**params, "beta": -0.25},
        [want - 0.25 * c],
        dtypes=("float32", "float64") if ta and tb else ("float32",),
    )


def test_linalg_gemm_with_rows_along_another_axis(device):
    a, b = uniform(2, 3, 2, 4), uniform(2, 4, 2, 5)
    want = np.einsum("xibk,xkbj->xibj", a, b)
    check_op(device, "linalg_gemm2", [a, b], {"axis": 1}, [want])
    check_op(device, "linalg_gemm2", [a, b], {"axis": -3}, [want], grad=False)


@pytest.mark.parametrize("rows", [1, 5, 20])
def test_fully_connected(device, rows):
    x, w, b = uniform(rows, 3, 4), uniform(7, 12), uniform(7)
    want = x.reshape(rows, 12) @ w.T + b
    check_op(device, "FullyConnected", [x, w, b], {"num_hidden": 7}, [want], dtypes=("float32", "float16") if rows == 1 else ("float32",))
    check_op(device, "FullyConnected", [x, w], {"num_hidden": 7, "no_bias": True}, [want - b])


def test_fully_connected_on_the_last_axis(device):
    x, w, b = uniform(2, 3, 4), uniform(40, 4), uniform(40)
    check_op(device, "FullyConnected", [x, w, b], {"num_hidden": 40, "flatten": False}, [x @ w.T + b])
    x, w = uniform(4), uniform(5, 4)
    check_op(device, "FullyConnected", [x, w], {"num_hidden": 5, "flatten": False, "no_bias": True}, [w @ x])


def shapes(op, ins, params):
    op = find_op(op)
    return op.infer_shape(op.parse(params), list(ins), [None])


def test_shapes_follow_in_both_directions():
    assert shapes("FullyConnected", [(2, 3, 4), None, None], {"num_hidden": 5}) == ([(2, 3, 4), (5, 12), (5,)], [(2, 5)])
    assert shapes("FullyConnected", [(-1, 3), None, None], {"num_hidden": 5}) == ([(-1, 3), (5, 3), (5,)], [(-1, 5)])
    assert shapes("FullyConnected", [(2, -1), (5, 6)], {"num_hidden": 5, "no_bias": True}) == ([(2, 6), (5, 6)], [(2, 5)])
    assert shapes("dot", [(2, -1), (3, 4)], {}) == ([(2, 3), (3, 4)], [(2, 4)])


@pytest.mark.parametrize(
    ("op", "ins", "params", "message"),
    [
        ("dot", [(2, 3), (4, 5)], {}, "contracts"),
        ("dot", [(3,), (3,)], {"transpose_a": True}, "vectors"),
        ("batch_dot", [(3, 4), (4, 5)], {}, "at least 3"),
        ("batch_dot", [(2, 3, 4), (1, 4, 5)], {}, "leading"),
        ("batch_dot", [(2, 3, 4), (2, 5, 4)], {}, "transpose"),
        ("linalg_gemm2", [(3, 4), (5, 4)], {}, "inner extents"),
        ("linalg_gemm2", [(3, 4), (4, 4)], {"axis": -1}, "axis"),
        ("linalg_gemm", [(3, 4), (4, 5), (1, 5)], {}, "C must"),
        ("FullyConnected", [(2, 4), (5, 3)], {"num_hidden": 5, "no_bias": True}, "weight"),
        ("FullyConnected", [(2, 4), None], {"num_hidden": 0, "no_bias": True}, "num_hidden"),
    ],
)
def test_contradictions_are_named(op, ins, params, message):
    with pytest.raises(MXNetError, match=message):
        shapes(op, ins, params)


@pytest.mark.parametrize(("width", "units"), [(4, 3), (8, 1)])
def test_register_tiles_of_other_cpus(device, monkeypatch, width, units):
    if not device.traits.is_cpu:
        pytest.skip("register tiles are for CPUs")
    monkeypatch.setattr(device, "traits", replace(device.traits, vector_width=width, compute_units=units, local_mem=32768))
    for (m, n, k), (ta, tb) in itertools.product([(3, 150, 17), (29, 50, 40), (40, 70, 650)], BOTH):
        a, b = stored(m, k, ta).astype(np.float32), stored(k, n, tb).astype(np.float32)
        want = turn(a, ta).astype(np.float64) @ turn(b, tb)
        got = run_op(device, "dot", [a, b], {"transpose_a": ta, "transpose_b": tb})[0]
        assert np.abs(got - want).max() <= 2e-6 * (1 + np.abs(want).max()), (m, n, k, ta, tb)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_product_added_to_a_total(device, dtype):
    """As the gradient of a weight that is used several times: the sum takes the memory of the total, in any store mode."""
    for (m, n, k), (ta, tb) in itertools.product(
        [(3, 150, 17), (29, 50, 40), (60, 70, 650), (9, 33, 7)], BOTH if dtype == "float32" else ONE
    ):
        a, b, total = (x.astype(dtype) for x in (stored(m, k, ta), stored(k, n, tb), uniform(m, n)))
        params = {"shape": (m, n), "m": m, "n": n, "k": k, "transpose_a": ta, "transpose_b": tb, "with_total": True}
        want = turn(a.astype(np.float64), ta) @ turn(b.astype(np.float64), tb) + total
        tolerance = {"float32": 2e-6, "float64": 1e-13, "float16": 2e-3}[dtype] * (1 + np.abs(want).max())
        for req in ("write", "add"):
            got = run_op(device, "_matrix_product", [a, b, total], params, reqs=[req])[0]
            assert np.abs(got - want).max() <= tolerance, (m, n, k, ta, tb, req)


@pytest.mark.parametrize("req", ["write", "add"])
def test_gradients_of_a_weight_used_often(ctx, req):
    x, w = mx.sym.var("x"), mx.sym.var("w")
    h = x
    for _ in range(3):
        h = mx.sym.FullyConnected(h, w, num_hidden=20, no_bias=True)
    x0, w0 = uniform(40, 20).astype("f"), (uniform(20, 20) / 4).astype("f")
    args = {"x": mx.nd.array(x0, ctx), "w": mx.nd.array(w0, ctx)}
    grads = {name: mx.nd.ones(a.shape, ctx) for name, a in args.items()}
    executor = h.bind(ctx, args, grads, req)
    executor.forward(is_train=True)
    executor.backward(mx.nd.ones((40, 20), ctx))
    w64, g = w0.astype(np.float64), np.ones((40, 20))
    hs = [x0.astype(np.float64)]
    for _ in range(2):
        hs.append(hs[-1] @ w64.T)
    dw = np.zeros((20, 20))
    for data in reversed(hs):
        dw += g.T @ data
        g = g @ w64
    start = 1 if req == "add" else 0
    assert np.allclose(grads["w"].asnumpy(), dw + start, rtol=1e-4, atol=1e-4)
    assert np.allclose(grads["x"].asnumpy(), g + start, rtol=1e-4, atol=1e-4)
