"""Conversion of element types, selection, and the operators that pass their input on; results recorded from MXNet 1.9.1."""

import numpy as np
import pytest
from harness import check_op

import clsym as mx
from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.runtime.launch import run_op

NAN, INF = np.nan, np.inf
FLOATS = [-1.9, -0.5, 0.0, 0.5, 1.9, 127.9, 128, 200, 255.5, 256, 300, -129, 70000, NAN, INF, -INF, 3e9, -3e9, 1e19]
LOW32, LOW64 = -(2**31), -(2**63)
FROM_FLOAT = {
    "uint8": [255, 0, 0, 0, 1, 127, 128, 200, 255, 0, 44, 127, 112, 0, 0, 0, 0, 0, 0],
    "int8": [-1, 0, 0, 0, 1, 127, -128, -56, -1, 0, 44, 127, 112, 0, 0, 0, 0, 0, 0],
    "int32": [-1, 0, 0, 0, 1, 127, 128, 200, 255, 256, 300, -129, 70000, LOW32, LOW32, LOW32, LOW32, LOW32, LOW32],
    "int64": [-1, 0, 0, 0, 1, 127, 128, 200, 255, 256, 300, -129, 70000, LOW64, LOW64, LOW64, 3000000000, -3000000000, LOW64],
    "bool": [True, True, False, *[True] * 16],
}


@pytest.mark.parametrize("dtype", sorted(FROM_FLOAT))
def test_from_floats(device, dtype):
    x = np.array(FLOATS, np.float32)
    got = run_op(device, "Cast", [x], {"dtype": dtype})[0]
    assert got.dtype.name == dtype
    assert got.tolist() == FROM_FLOAT[dtype]
    if device.traits.fp64:
        assert run_op(device, "Cast", [x.astype(np.float64)], {"dtype": dtype})[0].tolist() == FROM_FLOAT[dtype]


def test_between_types(device):
    kinds = ["float16", "float32", "float64", "uint8", "int8", "int32", "int64", "bool"]
    if not device.traits.fp64:
        kinds.remove("float64")
    values = np.array([0, 1, 2, 127, 0, 5, 100])
    for source in kinds:
        for target in kinds if source in ("float16", "int32", "bool") else ("int64", "float32"):
            got = run_op(device, "Cast", [values.astype(source)], {"dtype": target})[0]
            assert got.tolist() == values.astype(source).astype(target).tolist(), (source, target)


def test_wide_integers(device):
    x = np.array([-1, 127, 128, 256, 300, -129, 2**31 - 1, -(2**31), 2**24 + 1], np.int64)
    for target in ("uint8", "int8", "int32", "float32", "bool"):
        assert run_op(device, "Cast", [x], {"dtype": target})[0].tolist() == x.astype(target).tolist()
    assert run_op(device, "Cast", [x], {"dtype": "float16"})[0].tolist() == [-1, 127, 128, 256, 300, -129, INF, -INF, INF]


def test_gradient(device):
    x = np.random.randn(3, 4).astype(np.float32)
    check_op(
        device, "Cast", [x], {"dtype": "float16"}, [x.astype(np.float16)], rtol=1e-3, ograds=[x], expected_grads=[x.astype(np.float16)]
    )
    # differences would see float32's steps
    check_op(device, "Cast", [x], {"dtype": "float32"}, [x], ograds=[x], expected_grads=[x], dtypes=("float32", "float64"))
    half = x.astype(np.float16)
    check_op(device, "amp_cast", [x], {"dtype": "float16"}, [half], rtol=1e-3, ograds=[half], expected_grads=[half.astype(np.float32)])
    for kept in (np.int32, np.float64):
        assert run_op(device, "amp_cast", [np.array([3], kept)], {"dtype": "float16"})[0].dtype == kept


@pytest.mark.parametrize("name", ["_copy", "identity", "_copyto"])
def test_identity(device, name):
    x = np.random.randn(3, 4).astype(np.float32)
    check_op(device, name, [x], {}, [x], dtypes=("float32", "float16"))
    assert run_op(device, name, [np.array([True, False])])[0].tolist() == [True, False]


def test_blocked_and_like(device):
    x, y = np.random.randn(3, 4).astype(np.float32), np.random.randn(3, 4).astype(np.float32)
    check_op(device, "BlockGrad", [x], {}, [x], grad=False)
    check_op(device, "_identity_with_attr_like_rhs", [x, y], {}, [x], grad=[0])
    for dtype in ("float32", "float16", "int32", "uint8", "int64", "bool"):
        assert run_op(device, "zeros_like", [y.astype(dtype)])[0].tolist() == np.zeros_like(y).tolist()
        assert run_op(device, "ones_like", [y.astype(dtype)])[0].tolist() == np.ones_like(y).tolist()


@pytest.mark.parametrize(
    ("params", "want"),
    [
        ({"grad_scale": 3}, 3),
        ({"grad_scale": 3, "normalization": "batch"}, 1.5),
        ({"grad_scale": 3, "normalization": "valid", "valid_thresh": 1}, 1),
        ({"grad_scale": 3, "normalization": "valid", "valid_thresh": 10}, 3),
    ],
)
def test_losses(device, params, want):
    x = np.array([[-2, 0, 2], [1, 2, 3]], np.float32)
    head = np.full_like(x, 7)
    for dtypes in (("float32",), ("float16",)):
        check_op(device, "MakeLoss", [x], params, [x], grad=[0], ograds=[head], expected_grads=[np.full_like(x, want)], dtypes=dtypes)
    check_op(device, "make_loss", [x], {}, [x], grad=[0], ograds=[head], expected_grads=[np.ones_like(x)])


@pytest.mark.parametrize(("shape", "count"), [((6,), 1), ((2, 3, 4), 6), ((1, 3, 4, 3), 12)])
def test_loss_of_a_batch_counts_rows(device, shape, count):
    x = np.ones(shape, np.float32)
    check_op(device, "MakeLoss", [x], {"normalization": "batch"}, [x], grad=[0], ograds=[x], expected_grads=[x / count])


def test_where(device):
    c = np.array([[0, 1, NAN], [2, 0, -0.0]], np.float32)
    x, y = np.random.randn(2, 3).astype(np.float32), np.random.randn(2, 3).astype(np.float32)
    check_op(device, "where", [c, x, y], {}, [np.where(c != 0, x, y)], grad=[1, 2])
    check_op(device, "where", [np.array([0, 1], np.int32), x, y], {}, [np.stack([y[0], x[1]])], grad=[1, 2], dtypes=("float32", "float16"))
    big = np.random.randn(300, 41).astype(np.float32)
    rows = np.random.rand(300) < 0.5
    assert np.array_equal(run_op(device, "where", [rows, big, -big])[0], np.where(rows[:, None], big, -big))
    longs = run_op(device, "where", [np.array([0, 1], np.int32), np.array([1, 2**40]), np.array([2**41, 4])])[0]
    assert longs.tolist() == [2**41, 2**40]


def test_where_errors():
    op = find_op("where")
    p = op.parse({})
    with pytest.raises(MXNetError, match="condition of shape"):
        op.infer_shape(p, [(1, 2), (2,), (2,)], [None])
    with pytest.raises(MXNetError, match=r"argument 'y' \(y\): expected float32, got float64"):
        mx.sym.where(mx.sym.var("c"), mx.sym.var("x"), mx.sym.var("y")).infer_type(x="float32", y="float64")
