"""Linear algebra: against what MXNet 1.9.1 computed (recorded by tests/reference/record_linalg.py), and matrices of several blocks."""

import ast
from pathlib import Path

import numpy as np
import pytest
from harness import check_op

import clsym as mx
from clsym.base import MXNetError
from clsym.runtime.launch import run_op

RECORDED = np.load(Path(__file__).parents[2] / "reference" / "linalg.npz")
CASES = [ast.literal_eval(str(RECORDED[f"{i}_case"])) for i in range(sum(name.endswith("_case") for name in RECORDED.files))]

WIDE = ("_linalg_trsm", "_linalg_syevd")


OPS = [
    "_linalg_potrf", "_linalg_potri", "_linalg_trmm", "_linalg_trsm", "_linalg_syrk", "_linalg_gelqf", "_linalg_syevd", "_linalg_inverse",
    "_linalg_det", "_linalg_slogdet", "_linalg_sumlogdiag", "_linalg_extractdiag", "_linalg_makediag", "_linalg_extracttrian",
    "_linalg_maketrian", "_linalg_gemm", "_linalg_gemm2",
]  # fmt: skip


@pytest.mark.parametrize("op", OPS)
def test_as_recorded(device, op):
    for i, (name, inputs, outputs, params) in enumerate(CASES):
        if name == op:
            xs, grads = ([RECORDED[f"{i}_{kind}{j}"] for j in range(inputs)] for kind in "xg")
            ys, heads = ([RECORDED[f"{i}_{kind}{j}"] for j in range(outputs)] for kind in "yh")
            xs, heads = ([a.astype(np.float64) for a in arrays] for arrays in (xs, heads))
            dtypes = ("float32", "float64") if op in WIDE else ("float32",)
            check_op(device, op, xs, params, ys, dtypes=dtypes, ograds=heads, expected_grads=grads, rtol=1e-5, atol=1e-5, grad_terms=4)


def matrices(*shape):
    rng = np.random.RandomState(len(shape) + shape[-1])
    return rng.uniform(-1, 1, shape)


def close(got, want, eps):
    np.testing.assert_allclose(got, want, rtol=0, atol=eps * np.abs(want).max())


SIDES = [(2, 67), (1, 1, 130)]  # of several blocks


@pytest.mark.parametrize("side", SIDES)
def test_several_blocks(device, side):
    n = side[-1]
    a = matrices(*side, n).astype(np.float32)
    wide = a.astype(np.float64)
    positive = (a @ np.swapaxes(a, -1, -2) + n / 4 * np.eye(n)).astype(np.float32)
    steady = (a + 3 * np.sqrt(n) * np.eye(n)).astype(np.float32)
    factor = np.linalg.cholesky(positive.astype(np.float64))
    for lower in (True, False):
        want = factor if lower else np.swapaxes(factor, -1, -2)
        close(run_op(device, "_linalg_potrf", [positive], {"lower": lower})[0], want, 4e-6)
        inverse = np.linalg.inv(positive.astype(np.float64))
        close(run_op(device, "_linalg_potri", [want.astype(np.float32)], {"lower": lower})[0], inverse, 1e-5)
    b = matrices(*side[:-1], n, 5).astype(np.float32)
    for transpose, right, lower in np.ndindex(2, 2, 2):
        params = {"transpose": bool(transpose), "rightside": bool(right), "lower": bool(lower), "alpha": 2.0}
        op = (np.tril if lower else np.triu)(steady.astype(np.float64))
        op = np.swapaxes(op, -1, -2) if transpose else op
        given = np.swapaxes(b, -1, -2).copy() if right else b
        close(run_op(device, "_linalg_trmm", [steady, given], params)[0], 2 * (given @ op if right else op @ given), 4e-6)
        want = 2 * (given @ np.linalg.inv(op) if right else np.linalg.inv(op) @ given)
        close(run_op(device, "_linalg_trsm", [steady, given], params)[0], want, 4e-6)
    close(run_op(device, "_linalg_inverse", [steady], {})[0], np.linalg.inv(steady.astype(np.float64)), 1e-5)
    sign, log = run_op(device, "_linalg_slogdet", [a], {})[:2]
    want_sign, want_log = np.linalg.slogdet(wide)
    np.testing.assert_array_equal(sign, np.reshape(want_sign, sign.shape))
    np.testing.assert_allclose(log, np.reshape(want_log, log.shape), rtol=1e-4)
    rows = a[..., : n - n // 5, :].copy()
    q, lower = run_op(device, "_linalg_gelqf", [rows], {})
    close(lower @ q, rows, 1e-5)
    close(q @ np.swapaxes(q, -1, -2), np.broadcast_to(np.eye(q.shape[-2]), lower.shape), 1e-5)
    r = np.swapaxes(np.linalg.qr(np.swapaxes(rows.astype(np.float64), -1, -2))[1], -1, -2)
    close(lower, r, 1e-5)
    u, values = run_op(device, "_linalg_syevd", [a], {})
    symmetric = np.tril(wide) + np.swapaxes(np.tril(wide, -1), -1, -2)
    close(values, np.linalg.eigvalsh(symmetric), 1e-5)
    residual = (u @ symmetric - values[..., None] * u) / np.abs(values).max()
    np.testing.assert_allclose(residual, np.zeros(u.shape), atol=1e-5)
    close(u @ np.swapaxes(u, -1, -2), np.broadcast_to(np.eye(n), u.shape), 1e-5)


def test_gradients_over_several_blocks(device):
    """In float64 against differences, where every element of a matrix counts."""
    steady = matrices(67, 67) + 20 * np.eye(67)
    check_op(device, "_linalg_trsm", [np.tril(steady), matrices(67, 3)], {}, dtypes=("float32",))
    check_op(device, "_linalg_inverse", [steady], {}, dtypes=("float32",), grad_terms=1e-3)


def test_not_finite(device):
    assert np.isnan(run_op(device, "_linalg_syevd", [np.full((3, 3), np.nan, np.float32)], {})[0]).all()
    assert np.isnan(run_op(device, "_linalg_potrf", [np.full((3, 3), np.nan, np.float32)], {})[0][0, 0])
    assert np.isinf(run_op(device, "_linalg_trsm", [np.zeros((2, 2), np.float32), np.ones((2, 2), np.float32)], {})[0][0]).all()
    sign, log = run_op(device, "_linalg_slogdet", [np.ones((2, 2), np.float32)], {})[:2]
    assert (sign[0], log[0]) == (0, -np.inf)
    u, values = run_op(device, "_linalg_syevd", [np.zeros((3, 3), np.float32)], {})
    assert np.array_equal(u, np.eye(3))
    assert not values.any()


BAD = [
    ("potrf", np.diag([1.0, -1, 1]), "the matrix is not positive definite: its leading minor of order 2"),
    ("potrf", np.stack([np.eye(40), np.diag(np.arange(39, -1, -1.0))]), "matrix 1 of the batch .* leading minor of order 40"),
    ("potri", np.diag([1.0, 0]), "no Cholesky factor: element 2 of its diagonal is zero"),
    ("inverse", np.ones((2, 2)), "singular: pivot 2"),
]


@pytest.mark.parametrize(("op", "a", "text"), BAD)
def test_bad_matrices_raise_and_name_the_node(ctx, op, a, text):
    x = mx.nd.array(a, ctx=ctx)
    with pytest.raises(MXNetError, match=f"operator _linalg_{op}: {op}: .*{text}"):
        getattr(mx.nd.linalg, op)(x).asnumpy()
    net = getattr(mx.sym.linalg, op)(mx.sym.var("a"), name="it") * 2
    ex = net.simple_bind(ctx, a=a.shape)
    good = np.broadcast_to(np.eye(a.shape[-1], dtype=np.float32), a.shape)
    for train in (False, True):
        with pytest.raises(MXNetError, match=f"node 'it' \\(_linalg_{op}\\): {op}: .*{text}"):
            ex.forward(is_train=train, a=x)[0].asnumpy()
        np.testing.assert_array_equal(ex.forward(is_train=train, a=good)[0].asnumpy(), 2 * good)


@pytest.mark.parametrize(
    ("op", "shapes", "text"),
    [
        ("potrf", [(2, 3)], "square"), ("det", [(2, 3)], "square"), ("syevd", [(3, 2)], "square"), ("inverse", [(3,)], "2 dimensions"),
        ("gelqf", [(3, 2)], "more rows than columns"), ("trmm", [(3, 3), (2, 3)], "cannot be multiplied"),
        ("trsm", [(2, 3, 3), (3, 3, 3)], "may differ in their last two dimensions only"), ("extractdiag", [(2, 3)], "square"),
        ("maketrian", [(5,)], r"m \(m \+ 1\) / 2"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit(op, shapes, text):
    with pytest.raises(MXNetError, match=text):
        getattr(mx.sym.linalg, op)(*(mx.sym.var(f"x{i}") for i in range(len(shapes)))).infer_shape(*shapes)


def test_types_and_offsets_that_are_not():
    with pytest.raises(MXNetError, match="32-bit and 64-bit"):
        mx.nd.linalg.potrf(mx.nd.ones((2, 2), dtype="float16"))
    with pytest.raises(MXNetError, match="offset=3 lies outside"):
        mx.nd.linalg.extractdiag(mx.nd.ones((3, 3)), offset=3)
