"""NDArray text against texts recorded from MXNet 1.9.1."""

import json
from pathlib import Path

import numpy as np
import pytest

from clsym.ndarray.printing import format_array

CASES = json.loads((Path(__file__).parents[1] / "reference" / "printing.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['dtype']}-{'x'.join(map(str, case['shape']))}")
def test_as_mxnet(case):
    array = np.frombuffer(bytes.fromhex(case["hex"]), np.dtype(case["dtype"]).newbyteorder("<")).reshape(case["shape"])
    assert format_array(array, case["context"]) == case["text"]


def test_seed_form():
    assert format_array(np.array([10, 21, 36], "float32"), "cpu(0)") == "\n[10. 21. 36.]\n<NDArray 3 @cpu(0)>"
    assert format_array(np.ones((1, 10, 2, 5)), "gpu(1)").endswith("\n<NDArray 1x10x2x5 @gpu(1)>")


def test_summary_of_long_arrays():
    assert format_array(np.arange(2000), "cpu(0)") == "\n[   0    1    2 ... 1997 1998 1999]\n<NDArray 2000 @cpu(0)>"


def test_scalars_carry_no_type():
    for scalar in (np.float32(5), np.array(5, "float32"), np.array([5], "float32")[0]):
        assert format_array(scalar, "cpu(0)") == "\n5.0\n<NDArray  @cpu(0)>"


def test_non_contiguous():
    array = np.arange(6).reshape(2, 3).T
    assert format_array(array, "cpu(0)") == "\n[[0 3]\n [1 4]\n [2 5]]\n<NDArray 3x2 @cpu(0)>"


def test_follows_print_options():
    with np.printoptions(precision=2, threshold=3, edgeitems=1):
        assert format_array(np.array([1.2345, 2, 3, 4]), "cpu(0)") == "\n[1.23 ... 4.  ]\n<NDArray 4 @cpu(0)>"
    with np.printoptions(legacy="1.13"):
        assert format_array(np.array([1.0, -1.0]), "cpu(0)") == "\n[ 1. -1.]\n<NDArray 2 @cpu(0)>"


def test_large_float32_and_float16_without_exponent():
    assert format_array(np.array([1234567, 2], "float32"), "cpu(0)").split("\n")[1] == "[1.234567e+06 2.000000e+00]"
    assert format_array(np.array([1234567, 2345678], "float32"), "cpu(0)").split("\n")[1] == "[1234567. 2345678.]"
    assert format_array(np.array([1500, 2000], "float16"), "cpu(0)").split("\n")[1] == "[1500. 2000.]"
