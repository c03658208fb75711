"""Statements on arrays against what they do in MXNet 1.9.1 (tests/reference/record_ndarray.py)."""

import json
import sys
from pathlib import Path

import numpy as np

import clsym.ndarray as nd

REFERENCE = Path(__file__).parents[1] / "reference"
sys.path.insert(0, str(REFERENCE))

from record_ndarray import answer  # noqa: E402


def same(found, expected):
    if found is None or expected is None:
        return found is expected
    (dtype, shape, values), (other, extents, numbers) = found, expected
    return dtype == other and shape == extents and np.allclose(values, numbers, rtol=1e-6, atol=0, equal_nan=True)


def test_statements(ctx):
    wrong = []
    for statement, expected in json.loads((REFERENCE / "ndarray.json").read_text()):
        found = answer(statement, nd, ctx)
        if isinstance(expected, str) or isinstance(found, str):
            # MXNetError, ValueError, IndexError, TypeError ...: MXNet has no rule which
            good = isinstance(expected, str) and isinstance(found, str)
            if expected == "ValueError" and statement.startswith("a["):  # assignment of a wrong-sized value
                good = found == "ValueError"
        else:
            changed = found[1].keys() == expected[1].keys() and all(same(found[1][k], v) for k, v in expected[1].items())
            good = changed and same(found[0], expected[0])
        if not good:
            wrong.append(f"{statement}: {found} instead of {expected}")
    assert not wrong, "\n".join(wrong)
