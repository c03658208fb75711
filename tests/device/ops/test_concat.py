"""Concat, stack, tile, repeat."""

import numpy as np
import pytest
from harness import check_op

import clsym.ops  # noqa: F401
from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.runtime.launch import run_op


def arrays(*shapes):
    return [np.random.uniform(-1, 1, s).astype(np.float32) for s in shapes]


def test_concat(device):
    a, b, c = arrays((2, 3, 5), (2, 1, 5), (2, 4, 5))
    check_op(device, "Concat", [a, b, c], {}, [np.concatenate([a, b, c], 1)], dtypes=("float32", "float16", "float64"))
    a, b = arrays((2, 3), (4, 3))
    check_op(device, "Concat", [a, b], {"dim": -2}, [np.concatenate([a, b], 0)])
    check_op(device, "Concat", [a], {"dim": 0}, [a])
    a, b = arrays((7,), (4,))
    check_op(device, "_rnn_param_concat", [a, b], {"dim": 0}, [np.concatenate([a, b])])
    a, b = arrays((3, 1009), (3, 523))
    assert np.array_equal(run_op(device, "Concat", [a, b], {"dim": 1})[0], np.concatenate([a, b], 1))


def test_stack(device):
    a, b, c = arrays(*[(2, 3, 5)] * 3)
    for axis in (0, 1, -1):
        check_op(device, "stack", [a, b, c], {"axis": axis}, [np.stack([a, b, c], axis)])


def test_tile(device):
    (x,) = arrays((2, 3))
    for reps in ((2,), (3, 2), (2, 1, 2), (1, 1)):
        check_op(device, "tile", [x], {"reps": reps}, [np.tile(x, reps)])
    many = np.arange(2**5 * 3, dtype=np.float32).reshape(2, 2, 2, 2, 2, 3)  # more than eight dimensions to walk
    assert np.array_equal(run_op(device, "tile", [many], {"reps": (2,) * 6})[0], np.tile(many, (2,) * 6))


def test_repeat(device):
    (x,) = arrays((2, 3, 4))
    check_op(device, "repeat", [x], {"repeats": 3}, [np.repeat(x, 3)])
    check_op(device, "repeat", [x], {"repeats": 2, "axis": 1}, [np.repeat(x, 2, 1)])
    check_op(device, "repeat", [x], {"repeats": 2, "axis": -1}, [np.repeat(x, 2, 2)])


def test_concat_shapes():
    op = find_op("Concat")
    p = op.parse({"num_args": 2, "dim": 1})
    assert op.infer_shape(p, [(2, -1), (-1, 4)], [(2, 12)]) == ([(2, 8), (2, 4)], [(2, 12)])
    assert op.infer_shape(p, [(2, 3), None], [None]) == ([(2, 3), (2, -1)], [(2, -1)])
    for other in ((3, 3), (2, 3, 1)):
        with pytest.raises(MXNetError, match="input 1"):
            op.infer_shape(p, [(2, 3), other], [None])
    op = find_op("stack")
    assert op.infer_shape(op.parse({"num_args": 2}), [None, None], [(2, 5)]) == ([None, None], [(2, 5)])
