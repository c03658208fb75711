"""transpose, SwapAxis, reverse, depth_to_space, space_to_depth."""

import itertools

import numpy as np
import pytest
from harness import check_op

import clsym.ops  # noqa: F401
from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.graph.contract.spec import TensorSpec
from clsym.runtime.launch import run_op


def test_every_order(device):
    x = np.random.uniform(-1, 1, (3, 17, 9, 25)).astype(np.float32)
    for axes in itertools.permutations(range(4)):
        assert np.array_equal(run_op(device, "transpose", [x], {"axes": axes})[0], x.transpose(axes)), axes


@pytest.mark.parametrize("shape", [(1, 7), (8, 8), (67, 133), (5, 16, 33)])
@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "uint8", "int64", "bool"])
def test_tiles(device, shape, dtype):
    x = (np.random.uniform(0, 200, shape)).astype(dtype)
    assert np.array_equal(run_op(device, "transpose", [x], {})[0], x.T)


def test_add(device):
    for dtype in ("float32", "float16", "int32"):
        x = np.arange(23 * 19).reshape(23, 19).astype(dtype)
        assert np.array_equal(run_op(device, "transpose", [x], {}, reqs=["add"])[0], x.T)


def test_gradients(device):
    x = np.random.uniform(-1, 1, (2, 3, 5, 4)).astype(np.float32)
    check_op(device, "transpose", [x], {"axes": (2, 0, 3, 1)}, [x.transpose(2, 0, 3, 1)], dtypes=("float32", "float64", "float16"))
    check_op(device, "transpose", [x], {}, [x.T])
    check_op(device, "SwapAxis", [x], {"dim1": 1, "dim2": -1}, [x.swapaxes(1, -1)])
    check_op(device, "reverse", [x], {"axis": (1, 3)}, [np.flip(x, (1, 3))])


def test_blocks(device):
    x = np.random.uniform(-1, 1, (2, 8, 3, 5)).astype(np.float32)
    deep = x.reshape(2, 2, 2, 2, 3, 5).transpose(0, 3, 4, 1, 5, 2).reshape(2, 2, 6, 10)
    check_op(device, "depth_to_space", [x], {"block_size": 2}, [deep])
    y = np.random.uniform(-1, 1, (2, 2, 4, 6)).astype(np.float32)
    flat = y.reshape(2, 2, 2, 2, 3, 2).transpose(0, 3, 5, 1, 2, 4).reshape(2, 8, 2, 3)
    check_op(device, "space_to_depth", [y], {"block_size": 2}, [flat])


def test_views_and_errors():
    op = find_op("transpose")
    spec = TensorSpec((1, 5, 3))
    assert op.view(op.parse({"axes": (1, 0, 2)}), [spec], [TensorSpec((5, 1, 3))]) == {0: (0, 0)}
    assert op.view(op.parse({"axes": (0, 2, 1)}), [spec], [TensorSpec((1, 3, 5))]) == {}
    for axes in ((0, 0, 1), (0, 1), (0, 1, 3)):
        with pytest.raises(MXNetError):
            op.infer_shape(op.parse({"axes": axes}), [(2, 3, 4)], [None])


def test_backwards_shapes():
    op = find_op("transpose")
    assert op.infer_shape(op.parse({"axes": (2, 0, 1)}), [None], [(2, 12, 4)])[0] == [(12, 4, 2)]
    op = find_op("SwapAxis")
    assert op.infer_shape(op.parse({"dim1": 0, "dim2": 1}), [(-1, 3)], [(3, 7)]) == ([(7, 3)], [(3, 7)])
