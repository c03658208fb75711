"""Statements on arrays against what they do in MXNet 1.9.1 (tests/reference/record_ndarray.py)."""

import json
import sys
from pathlib import Path

import numpy as np

import clsym as mx
import clsym.ndarray as nd

REFERENCE = Path(__file__).parents[1] / "reference"
sys.path.insert(0, str(REFERENCE))

import record_array_methods  # noqa: E402
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


def alike(found, expected):
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(alike, found, expected))
    if isinstance(found, float) and isinstance(expected, float):
        return bool(np.isclose(found, expected, rtol=2e-6, atol=1e-6, equal_nan=True))
    return found == expected


def test_expressions(ctx):
    """Methods and functions of arrays (tests/reference/record_array_methods.py)."""
    wrong = []
    for expression, expected in json.loads((REFERENCE / "array_methods.json").read_text()):
        found = record_array_methods.answer(expression, mx, ctx)
        if isinstance(expected, str):
            good = isinstance(found, str) and ("AssertionError" not in expected or "AssertionError" in found)
        else:
            if found[0] == "str":
                found = ["str", found[1].replace(f"@{ctx}", "@cpu(0)")]
            good = alike(found, expected)
        if not good:
            wrong.append(f"{expression}: {found} instead of {expected}")
    assert not wrong, "\n".join(wrong)
