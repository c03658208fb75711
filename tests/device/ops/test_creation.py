"""Tensors without inputs, and those that depend on a shape only."""

import numpy as np
import pytest
from harness import check_op

import clsym.ops  # noqa: F401
from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.runtime.launch import run_op

DTYPES = ("float32", "float16", "float64", "int32", "uint8", "int8", "int64", "bool")


def same(got, want):
    assert got.dtype == want.dtype
    assert np.array_equal(got, want)


@pytest.mark.parametrize("dtype", DTYPES)
def test_constants(device, dtype):
    same(run_op(device, "_zeros", [], {"shape": (3, 5), "dtype": dtype})[0], np.zeros((3, 5), dtype))
    same(run_op(device, "_ones", [], {"shape": (4999,), "dtype": dtype})[0], np.ones(4999, dtype))
    same(run_op(device, "_full", [], {"shape": (2, 3), "value": 1.75, "dtype": dtype})[0], np.full((2, 3), 1.75).astype(dtype))
    if dtype != "bool":
        same(run_op(device, "_eye", [], {"N": 3, "M": 5, "k": 2, "dtype": dtype})[0], np.eye(3, 5, 2, dtype=dtype))
        same(run_op(device, "_eye", [], {"N": 3, "k": -1, "dtype": dtype})[0], np.eye(3, k=-1, dtype=dtype))
        same(
            run_op(device, "_arange", [], {"start": 2, "stop": 11, "step": 3, "repeat": 2, "dtype": dtype})[0],
            np.arange(2, 11, 3).repeat(2).astype(dtype),
        )


def test_add(device):
    same(run_op(device, "_full", [], {"shape": (3,), "value": 0.5}, reqs=["add"])[0], np.full(3, 0.5, np.float32))
    same(run_op(device, "_eye", [], {"N": 2}, reqs=["add"])[0], np.eye(2, dtype=np.float32))


def test_progressions(device):
    want = np.float32(0.3) + np.arange(6997, dtype=np.float32) * np.float32(0.1)  # two roundings, as MXNet
    same(run_op(device, "_arange", [], {"start": 0.3, "stop": 700, "step": 0.1})[0], want)
    same(run_op(device, "_linspace", [], {"start": -1, "stop": 1, "num": 7})[0], np.linspace(-1, 1, 7, dtype=np.float32))
    same(run_op(device, "_linspace", [], {"start": 3, "stop": 1, "num": 1})[0], np.array([3], np.float32))


def test_not_finite(device):
    got = run_op(device, "_full", [], {"shape": (2,), "value": "nan"})[0]
    assert np.isnan(got).all()
    same(run_op(device, "_full", [], {"shape": (2,), "value": "-inf", "dtype": "float16"})[0], np.full(2, -np.inf, np.float16))


def test_of_a_shape(device):
    x = np.zeros((2, 3, 5), np.float32)
    same(run_op(device, "shape_array", [x])[0], np.array([2, 3, 5]))
    same(run_op(device, "size_array", [x])[0], np.array([30]))
    check_op(device, "_contrib_arange_like", [x], {"axis": 2, "step": 2}, [np.arange(5, dtype=np.float32) * 2], grad=False)


def test_shapes_from_consumers():
    op = find_op("_zeros")
    assert op.infer_shape(op.parse({"shape": (0, 1024)}), [], [None]) == ([], [(-1, 1024)])
    assert op.infer_shape(op.parse({}), [], [(2, 3)]) == ([], [(2, 3)])
    op = find_op("_arange")
    assert op.infer_shape(op.parse({"start": 0, "infer_range": True}), [], [(6,)]) == ([], [(6,)])
    assert op.infer_shape(op.parse({"start": 1, "stop": "None"}), [], [None]) == ([], [(1,)])
    for params in ({"start": 0}, {"start": 3, "stop": 1}, {"start": 0, "stop": 1, "step": 0}, {"start": 0, "stop": "inf"}):
        with pytest.raises(MXNetError):
            op.infer_shape(op.parse(params), [], [None])
    op = find_op("_zeros_without_dtype")
    assert op.infer_type(op.parse({"dtype": "-1"}), [], ["float64"]) == ([], ["float64"])
