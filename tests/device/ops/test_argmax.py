"""argmax, argmin, argmax_channel: ties, NaN, element types, strided rows."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check_op

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.runtime.launch import run_op

RNG = np.random.RandomState(5)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "int32"])
@pytest.mark.parametrize(("shape", "axis"), [((5, 7), 1), ((2, 2500), 1), ((2, 1300, 3), 1), ((70, 130), 0), ((5000,), None)])
def test_against_numpy(device, dtype, shape, axis):
    x = RNG.randint(-60, 60, shape).astype(dtype)
    if dtype[0] == "f":
        x.reshape(-1)[RNG.randint(0, x.size, 2)] = np.nan
    for name, f in (("argmax", np.argmax), ("argmin", np.argmin)):
        got = run_op(device, name, [x], {} if axis is None else {"axis": axis})[0]
        np.testing.assert_array_equal(got, np.atleast_1d(f(x, axis=axis)).astype(dtype), err_msg=name)


def test_shapes_and_ties(device):
    x = np.array([[1, 1, 0], [0, 2, 2]], np.float32)
    check_op(device, "argmax", [x], {"axis": 1, "keepdims": True}, [np.array([[0], [1]], np.float32)], grad=False)
    check_op(device, "argmin", [x], {"keepdims": True}, [np.array([[2]], np.float32)], grad=False)
    check_op(device, "argmax_channel", [x.reshape(1, 2, 3)], {}, [np.array([[0, 1, 1]], np.float32)], grad=False)
    np.testing.assert_array_equal(
        run_op(device, "argmax", [np.array([[np.nan, 1, np.nan], [-np.inf] * 3], np.float32)], {"axis": 1})[0], [0, 0]
    )


def test_bad_axis():
    op = find_op("argmax_channel")
    with pytest.raises(MXNetError, match="axis 1"):
        op.infer_shape(op.parse({}), [(4,)], [None])
    with pytest.raises(MXNetError, match="empty axis"):
        op.infer_shape(op.parse({}), [(4, 0)], [None])
