"""allclose as an operator of a graph; its semantics are in test_ndarray_contrib."""

import numpy as np
import pytest
from harness import check_op


@pytest.mark.parametrize("size", [0, 1, 7919])
def test_one_element_decides(device, size):
    a = np.random.uniform(1, 2, size).astype(np.float16).astype(np.float32)  # the same value in each type
    b = a.copy()
    for want in (1, 0):
        check_op(device, "_contrib_allclose", [a, b], {}, [np.array(want, np.uint8)], grad=False, dtypes=("float32", "float64", "float16"))
        if not size:
            return
        b[-1] += 0.25
