"""slice, slice_axis, slice_like, Crop, SliceChannel, _split_v2 and the assignments."""

import numpy as np
import pytest
from harness import check_op

import clsym.ops  # noqa: F401
from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.graph.contract.spec import TensorSpec
from clsym.runtime.launch import run_op

X = np.random.RandomState(1).uniform(-1, 1, (2, 6, 5, 7)).astype(np.float32)


@pytest.mark.parametrize(
    ("index", "dtypes"),
    [
        ((slice(None), slice(1, 4), slice(-3, None)), ("float32", "float16", "float64")),
        ((slice(None), slice(None, None, -2), slice(3, 0, -1), slice(None, None, 3)), ("float32",)),
        ((slice(1, 2),), ("float32",)),
    ],
)
def test_slice(device, index, dtypes):
    begin, end, step = zip(*((s.start, s.stop, s.step) for s in index), strict=True)
    check_op(device, "slice", [X], {"begin": begin, "end": end, "step": step}, [X[index]], dtypes=dtypes)


def test_parts(device):
    check_op(device, "slice_axis", [X], {"axis": -1, "begin": 2, "end": -1}, [X[..., 2:-1]])
    check_op(device, "slice_like", [X, np.zeros((1, 2, 5, 3), np.float32)], {"axes": (1, 3)}, [X[:, :2, :, :3]], grad=[0])
    check_op(device, "Crop", [X], {"h_w": (3, 4), "offset": (1, 2)}, [X[:, :, 1:4, 2:6]])
    check_op(device, "Crop", [X, np.zeros((2, 1, 3, 4), np.float32)], {"center_crop": True}, [X[:, :, 1:4, 1:5]], grad=[0])


def test_long_rows(device):
    x = np.random.uniform(-1, 1, (3, 5003)).astype(np.float32)
    assert np.array_equal(run_op(device, "slice", [x], {"begin": (0, 1), "end": (3, 5002)})[0], x[:, 1:5002])
    assert np.array_equal(run_op(device, "slice", [x], {"begin": (None, None), "end": (None, None), "step": (-1, -3)})[0], x[::-1, ::-3])


def test_split(device):
    check_op(device, "SliceChannel", [X], {"num_outputs": 3}, np.split(X, 3, 1), dtypes=("float32", "float16"))
    check_op(device, "SliceChannel", [X], {"num_outputs": 5, "axis": 2, "squeeze_axis": True}, [X[:, :, i] for i in range(5)])
    check_op(device, "SliceChannel", [X], {"num_outputs": 2, "axis": 0}, np.split(X, 2, 0))
    check_op(device, "_split_v2", [X], {"indices": (0, 2, 3), "axis": 3}, np.split(X, (2, 3), 3))
    check_op(device, "_split_v2", [X], {"indices": (), "sections": 2, "axis": 1}, np.split(X, 2, 1))
    check_op(device, "_split_v2", [X], {"indices": (), "sections": 3, "axis": 1}, np.array_split(X, 3, 1))


def test_assignment(device):
    part = np.random.uniform(-1, 1, (2, 3, 5, 2)).astype(np.float32)
    keys = {"begin": (None, 1, None, 6), "end": (None, 4, None, 0), "step": (1, 1, 1, -4)}
    want = X.copy()
    want[:, 1:4, :, 6:0:-4] = part
    check_op(device, "_slice_assign", [X, part], keys, [want])
    want[:, 1:4, :, 6:0:-4] = 2.5
    check_op(device, "_slice_assign_scalar", [X], {"scalar": 2.5, **keys}, [want], dtypes=("float32", "float16", "float64"))
    for dtype in ("int32", "uint8", "bool", "int64"):
        got = run_op(device, "_slice_assign_scalar", [np.zeros(5, dtype)], {"scalar": 3, "begin": (1,), "end": (3,)})[0]
        assert np.array_equal(got, np.array([0, 3, 3, 0, 0]).astype(dtype))


def test_views():
    op = find_op("slice_axis")
    spec = TensorSpec((4, 3), "float64")
    assert op.view(op.parse({"axis": 0, "begin": 1, "end": 3}), [spec], [TensorSpec((2, 3), "float64")]) == {0: (0, 24)}
    assert op.view(op.parse({"axis": 1, "begin": 1, "end": 3}), [spec], [TensorSpec((4, 2), "float64")]) == {}
    op = find_op("SliceChannel")
    p = op.parse({"num_outputs": 3, "axis": 1})
    assert op.view(p, [TensorSpec((1, 6))], [TensorSpec((1, 2))] * 3) == {0: (0, 0), 1: (0, 8), 2: (0, 16)}


def test_shapes_from_outputs():
    op = find_op("SliceChannel")
    p = op.parse({"num_outputs": 3})
    assert op.infer_shape(p, [(-1, 12)], [(2, 4), None, None]) == ([(2, 12)], [(2, 4)] * 3)
    assert op.infer_shape(p, [(-1, -1)], [(2, 4), None, None]) == ([(2, 12)], [(2, 4)] * 3)
    with pytest.raises(MXNetError, match="equal parts"):
        op.infer_shape(p, [(2, 13)], [None] * 3)
    with pytest.raises(MXNetError):
        op.parse({"num_outputs": 0})
