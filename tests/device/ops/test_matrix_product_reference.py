"""Matrix products and Convolution against what MXNet 1.9.1 computed (recorded by tests/reference/record_matrix_product.py)."""

import ast
from pathlib import Path

import numpy as np
import pytest
from harness import check_op

RECORDED = np.load(Path(__file__).parents[2] / "reference" / "matrix_product.npz")
COUNT = sum(name.endswith("_case") for name in RECORDED.files)


@pytest.mark.parametrize("i", range(COUNT))
def test_as_recorded(device, i):
    op, inputs, params = ast.literal_eval(str(RECORDED[f"{i}_case"]))
    xs, grads = ([RECORDED[f"{i}_{kind}{j}"] for j in range(inputs)] for kind in "xg")
    check_op(device, op, xs, params, [RECORDED[f"{i}_y"]], ograds=[RECORDED[f"{i}_h"]], expected_grads=grads, rtol=1e-5, atol=1e-5)
