"""SequenceMask, SequenceLast, SequenceReverse: both axes, lengths of every type and beyond the sequence, views, gradients."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check_op

import clsym as mx
from clsym.base import MXNetError
from clsym.runtime.launch import run_op

RNG = np.random.RandomState(3)


def reference(op, x, lengths, axis=0, value=0.0):
    x = np.moveaxis(x, axis, 0)
    steps = len(x)
    ends = [min(max(int(v), 0), steps) for v in lengths]
    if op == "SequenceLast":
        return np.stack([x[max(e, 1) - 1, n] for n, e in enumerate(ends)])
    out = x.copy()
    for n, e in enumerate(ends):
        if op == "SequenceMask":
            out[e:, n] = value
        else:
            out[:e, n] = x[:e, n][::-1]
    return np.moveaxis(out, 0, axis)


OPS = [("SequenceMask", 0), ("SequenceMask", 1), ("SequenceLast", 0), ("SequenceLast", 1), ("SequenceReverse", 0)]


@pytest.mark.parametrize(("op", "axis"), OPS)
def test_by_length(device, op, axis):
    for shape in ((5, 3, 7), (1, 1), (4, 5, 2, 3)):
        x = RNG.uniform(-1, 1, shape).astype(np.float32)
        lengths = np.array([2.9, 99, 0, -1, 1][: shape[1 - axis]], np.float32)
        params = {"use_sequence_length": True, **({"axis": 1} if axis else {})}
        if op == "SequenceMask":
            params["value"] = -0.5
        kinds = ("float32", "float16") if shape == (1, 1) else ("float32",)
        want = reference(op, x, lengths, axis, -0.5)
        check_op(device, op, [x, lengths], params, [want], grad=[0], keep_dtype=[1], dtypes=kinds)


@pytest.mark.parametrize("op", ["SequenceMask", "SequenceLast", "SequenceReverse"])
def test_without_lengths(device, op):
    x = RNG.uniform(-1, 1, (4, 3, 2)).astype(np.float32)
    check_op(device, op, [x], {}, [reference(op, x, [4, 4, 4])])
    if op != "SequenceReverse":
        check_op(device, op, [x], {"axis": 1}, [reference(op, x, [3] * 4, 1)])


def test_types(device):
    for dtype in ("int64", "uint8"):
        x = RNG.randint(0, 100, (6, 4)).astype(dtype)
        lengths = np.array([3, 6, 1, 2], dtype)
        for op, _ in OPS[::2]:
            got = run_op(device, op, [x, lengths], {"use_sequence_length": True})[0]
            assert got.dtype == x.dtype
            np.testing.assert_array_equal(got, reference(op, x, lengths))


def test_long_rows(device):
    x = RNG.uniform(-1, 1, (3, 2, 9001)).astype(np.float32)
    lengths = np.array([2, 1], np.int32)
    for op, _ in OPS[::2]:
        np.testing.assert_array_equal(run_op(device, op, [x, lengths], {"use_sequence_length": True})[0], reference(op, x, lengths))


def test_errors():
    x = mx.nd.ones((3, 2))
    for op in ("SequenceMask", "SequenceLast", "SequenceReverse"):
        function = getattr(mx.nd, op)
        with pytest.raises(MXNetError, match="at least 2 dimensions"):
            function(mx.nd.ones(3))
        with pytest.raises(MXNetError, match="axis=2"):
            function(x, axis=2)
        with pytest.raises(MXNetError, match="sequence_length"):
            function(x, mx.nd.ones(3), use_sequence_length=True)
        with pytest.raises(MXNetError, match="numbers"):
            function(x.astype("bool"))
    with pytest.raises(MXNetError, match="axis=1"):
        mx.nd.SequenceReverse(x, axis=1)
