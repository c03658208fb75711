"""Reshape, Flatten, expand_dims, squeeze, reshape_like: values, gradients, and shapes known backwards or in part."""

import numpy as np
import pytest
from harness import check_op

import clsym.ops  # noqa: F401
from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.graph.contract.spec import ShapeError, TensorSpec
from clsym.ops.shape.reshape import reshaped
from clsym.runtime.launch import run_op

X = np.random.RandomState(0).uniform(-1, 1, (2, 3, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "params", "shape"),
    [
        ("Reshape", {"shape": (0, -1)}, (2, 12)),
        ("Reshape", {"shape": (-1, 0), "reverse": True}, (6, 4)),
        ("Flatten", {}, (2, 12)),
        ("expand_dims", {"axis": 1}, (2, 1, 3, 4)),
    ],
)
def test_values_and_gradient(device, name, params, shape):
    check_op(device, name, [X], params, [X.reshape(shape)], dtypes=("float32", "float64", "float16"))


def test_squeeze_and_reshape_like(device):
    check_op(device, "squeeze", [X[:, :1]], {"axis": 1}, [X[:, 0]])
    check_op(device, "reshape_like", [X, np.zeros((4, 6), np.float32)], {}, [X.reshape(4, 6)], grad=[0])


def test_integers_and_add(device):
    for dtype in ("int32", "uint8", "bool", "int64", "int8"):
        x = np.arange(24).reshape(2, 3, 4).astype(dtype)
        assert np.array_equal(run_op(device, "Flatten", [x])[0], x.reshape(2, 12))
    assert np.array_equal(run_op(device, "Flatten", [X], reqs=["add"])[0], X.reshape(2, 12))


def infer(name, params, ins, outs):
    op = find_op(name)
    return op.infer_shape(op.parse(params), list(ins), list(outs))


@pytest.mark.parametrize(
    ("name", "params", "ins", "outs", "found"),
    [
        ("Reshape", {"shape": (-1, 12)}, [(-1, 3, 4)], [(2, 12)], ([(2, 3, 4)], [(-1, 12)])),
        ("Reshape", {"shape": (24,)}, [(-1, 3, 4)], [None], ([(2, 3, 4)], [(24,)])),
        ("Reshape", {"shape": (0, -1)}, [(-1, 3, 4)], [None], ([(-1, 3, 4)], [(-1, 12)])),
        ("Reshape", {"shape": (-1, 3)}, [(-1, 3, 4)], [None], ([(-1, 3, 4)], [(-1, 3)])),
        ("Reshape", {"shape": (-3, -2)}, [(-1, 3, 4)], [None], ([(-1, 3, 4)], [(-1, 4)])),
        ("Reshape", {"shape": (0, 0)}, [None], [None], ([None], [None])),
        ("Flatten", {}, [(-1, 3, 4)], [(2, 12)], ([(2, 3, 4)], [(2, 12)])),
        ("Flatten", {}, [(2, -1, 4)], [(2, 12)], ([(2, 3, 4)], [(2, -1)])),
        ("expand_dims", {"axis": 1}, [None], [(2, 1, 4)], ([(2, 4)], [(2, 1, 4)])),
        ("squeeze", {"axis": 1}, [(-1, 1, 3)], [(2, 3)], ([(2, 1, 3)], [(2, 3)])),
    ],
)
def test_partial_shapes(name, params, ins, outs, found):
    assert infer(name, params, ins, outs) == found


def test_contradictions():
    for shape in ((2, 3), (5, -1), (25,), (7, 0, -2)):
        with pytest.raises(ShapeError, match="reshape"):
            infer("Reshape", {"shape": shape}, [(2, 3, 4)], [None])
    with pytest.raises(MXNetError):
        infer("Reshape", {"shape": (-7,)}, [(2, 3)], [None])


def test_codes():
    assert reshaped((-4, -1, 2, -2), (4, 3)) == (2, 2, 3)
    assert reshaped((0, 0, -1), (2, 0, 3)) == (2, 0, 0)


def test_no_kernel_runs():
    op = find_op("Reshape")
    p = op.parse({"shape": (-1,)})
    assert op.view(p, [TensorSpec((2, 3))], [TensorSpec((6,))]) == {0: (0, 0)}
