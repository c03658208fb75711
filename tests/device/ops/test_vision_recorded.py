"""Operators that sample images against what MXNet 1.9.1 computed (tests/reference/record_vision.py)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from harness import check_op

CASES = json.loads((Path(__file__).parents[2] / "reference" / "vision.json").read_text())


@pytest.mark.parametrize("op", sorted({c["op"] for c in CASES}))
def test_recorded(device, op):
    for case in CASES:
        if case["op"] != op:
            continue
        params = {k: tuple(v) if isinstance(v, list) else v for k, v in case["params"].items()}
        inputs = [np.array(v, np.float32) for v in case["inputs"]]
        if "grads" not in case:
            check_op(device, op, inputs, params, [np.array(case["output"])], grad=False, rtol=2e-5, atol=2e-5)
            continue
        grads = [np.array(v, np.float32) for v in case["grads"]]
        wanted = [i for i in range(len(grads)) if i == 0 or np.any(grads[i])]  # boxes have none
        check_op(
            device, op, inputs, params, [np.array(case["output"])], rtol=2e-5, atol=2e-5, grad=wanted,
            ograds=[np.array(case["head"])], expected_grads=[grads[i] for i in wanted],
        )  # fmt: skip
