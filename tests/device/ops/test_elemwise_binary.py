"""Functions of two tensors of one shape, and add_n."""

import numpy as np
import pytest
from harness import check_op, is_twin

import clsym as mx
from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.ops.elementwise.binary_table import BINARY_TABLE
from clsym.runtime.launch import run_op

NAN, INF = np.nan, np.inf


def _mod(a, b):
    return np.where(b == 0, 0, np.mod(a, np.where(b == 0, 1, b)))


REFERENCE = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "mod": _mod, "power": np.power, "maximum": np.maximum,
    "minimum": np.minimum, "hypot": np.hypot, "equal": np.equal, "not_equal": np.not_equal, "greater": np.greater,
    "greater_equal": np.greater_equal, "lesser": np.less, "lesser_equal": np.less_equal, "logical_and": np.logical_and,
    "logical_or": np.logical_or, "logical_xor": np.logical_xor,
}  # fmt: skip
SAME = {row.stem: row.same for row in BINARY_TABLE}
FLAT = {row.stem for row in BINARY_TABLE if not row.slopes[0]}


@pytest.mark.parametrize("stem", sorted(REFERENCE))
def test_values_and_gradients(device, stem):
    a = np.random.uniform(0.3, 2.5, (3, 5)).astype(np.float32)
    b = np.random.uniform(0.5, 2.5, (3, 5)).astype(np.float32)
    if stem in FLAT:
        a, b = np.round(a * 2), np.round(b * 2)
    elif stem == "mod":
        a, b = np.floor(a) * 2 + 0.7, np.full_like(b, 1.9)  # away from the jumps
    want = REFERENCE[stem](a.astype(np.float64), b.astype(np.float64)).astype(np.float64)
    every = stem in ("add", "mul", "hypot")  # the others are functions of the same kernels
    kinds = ("float32", "float16") if every else ("float32",)
    check_op(device, SAME[stem], [a, b], {}, [want], dtypes=kinds, grad=stem not in FLAT, add=kinds if every else ())
    if device.traits.fp64 and (every or not is_twin(device)):
        np.testing.assert_allclose(run_op(device, SAME[stem], [a.astype(np.float64), b.astype(np.float64)])[0], want, rtol=1e-12)


A = [NAN, 1, NAN, 0, 0.0, -0.0, 5, -5, 5.5, -5.5]
B = [1, NAN, NAN, 0, -0.0, 1, 3, 3, -2, -2]
SPECIAL = {
    "div": [NAN, NAN, NAN, NAN, NAN, -0.0, 5 / 3, -5 / 3, -2.75, 2.75],
    "maximum": [NAN, NAN, NAN, 0, -0.0, 1, 5, 3, 5.5, -2],
    "minimum": [NAN, NAN, NAN, 0, -0.0, -0.0, 3, -5, -2, -5.5],
    "power": [NAN, 1, NAN, 1, 1, -0.0, 125, -125, 5.5**-2, 5.5**-2],
    "mod": [NAN, NAN, NAN, 0, 0, -0.0, 2, 1, -0.5, -1.5],
    "hypot": [NAN, NAN, NAN, 0, 0, 1, 34**0.5, 34**0.5, 34.25**0.5, 34.25**0.5],
    "equal": [0, 0, 0, 1, 1, 0, 0, 0, 0, 0],
    "not_equal": [1, 1, 1, 0, 0, 1, 1, 1, 1, 1],
    "greater": [0, 0, 0, 0, 0, 0, 1, 0, 1, 0],
    "lesser_equal": [0, 0, 0, 1, 1, 1, 0, 1, 0, 1],
    "logical_and": [1, 1, 1, 0, 0, 0, 1, 1, 1, 1],
    "logical_xor": [0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
}


@pytest.mark.parametrize("stem", sorted(SPECIAL))
def test_special_values(device, stem):
    got = run_op(device, SAME[stem], [np.array(A, np.float32), np.array(B, np.float32)])[0]
    want = np.array(SPECIAL[stem], np.float32)
    np.testing.assert_allclose(got, want, rtol=1e-6)
    zeros = want == 0
    assert np.array_equal(np.signbit(got[zeros]), np.signbit(want[zeros]))


@pytest.mark.parametrize(
    ("stem", "want"),
    [
        ("add", [4, 4, -4, 4, -10, 7]), ("div", [0, 1, -2, -2, 2, 0]), ("mod", [1, 0, 2, -2, -1, 0]), ("power", [1, 4, -343, 0, 0, 1]),
        ("hypot", [3, 2, 7, 7, 7, 7]), ("maximum", [3, 2, 3, 7, -3, 7]), ("equal", [0, 1, 0, 0, 0, 0]), ("logical_and", [1, 1, 1, 1, 1, 0]),
    ],
)  # fmt: skip
def test_integers(device, stem, want):
    a, b = np.array([1, 2, -7, 7, -7, 7]), np.array([3, 2, 3, -3, -3, 0])
    for dtype in (np.int32, np.int64):
        got = run_op(device, SAME[stem], [a.astype(dtype), b.astype(dtype)])[0]
        assert got.dtype == dtype
        assert got.tolist() == want
    if stem in ("add", "div"):
        small = run_op(device, SAME[stem], [np.array([1, 250, 7], np.uint8), np.array([3, 20, 9], np.uint8)])[0]
        assert small.tolist() == {"add": [4, 14, 16], "div": [0, 12, 0]}[stem]


X, Y = [1, 2, 2, 0, -3, NAN, 5.5], [2, 1, 2, 0, 2, 1, -2]
SLOPES = {
    "maximum": ([0, 1, 1, 1, 0, 0, 1], [1, 0, 0, 0, 1, 0, 0]),
    "minimum": ([1, 0, 1, 1, 1, 0, 0], [0, 1, 0, 0, 0, 0, 1]),
    "mod": ([1] * 7, [0, -2, -1, NAN, 2, NAN, 3]),
    "power": ([2, 1, 4, NAN, -6, 1, -0.012021036], [0, 1.3862944, 2.7725887, -INF, NAN, NAN, 0.056355305]),
    "hypot": (
        [0.4472136, 0.8944272, 0.70710677, NAN, -0.8320503, NAN, 0.93979347],
        [0.8944272, 0.4472136, 0.70710677, NAN, 0.5547002, NAN, -0.34174308],
    ),
    "div": ([0.5, 1, 0.5, INF, 0.5, 1, -0.5], [-0.25, -2, -0.5, NAN, 0.75, NAN, -1.375]),
}


@pytest.mark.parametrize("stem", sorted(SLOPES))
def test_gradients_at_edges(device, stem):
    x, y = np.array(X, np.float32), np.array(Y, np.float32)
    want = [np.array(s, np.float32) for s in SLOPES[stem]]
    check_op(device, SAME[stem], [x, y], {}, ograds=[np.ones_like(x)], expected_grads=want, add=())
    check_op(device, f"broadcast_{stem}", [x, y], {}, ograds=[np.ones_like(x)], expected_grads=want, add=())


@pytest.mark.parametrize("count", [1, 2, 4, 5, 9])
def test_add_n(device, count):
    xs = [np.random.randn(3, 7).astype(np.float32) for _ in range(count)]
    check_op(
        device,
        "add_n",
        xs,
        {},
        [sum(x.astype(np.float64) for x in xs)],
        dtypes=("float32", "float16") if count == 5 else ("float32",),
        rtol=1e-5,
    )
    same = [xs[0]] * count
    np.testing.assert_allclose(run_op(device, "add_n", same)[0], xs[0] * count, rtol=1e-6)


def test_many_elements(device):
    a, b = (np.random.randn(70001).astype(np.float32) for _ in range(2))
    assert np.array_equal(run_op(device, "elemwise_add", [a, b])[0], a + b)


def test_types_must_agree():
    op = find_op("elemwise_add")
    both = mx.sym.elemwise_add(mx.sym.var("a"), mx.sym.var("b"))
    with pytest.raises(MXNetError, match=r"argument 'rhs' \(b\): expected int32, got float32"):
        both.infer_type(a="int32", b="float32")
    with pytest.raises(MXNetError, match="bool"):
        op.infer_type(op.parse({}), ["bool", "bool"], [None])
    with pytest.raises(MXNetError, match=r"argument 'rhs' \(b\): expected \(1, 2\), got \(2,\)"):
        both.infer_shape(a=(1, 2), b=(2,))
