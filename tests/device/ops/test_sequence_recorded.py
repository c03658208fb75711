"""Layers over sequences against what MXNet 1.9.1 computed (tests/reference/record_sequence.py)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from harness import check_op


def stored():
    """The cases, with their arrays."""
    with np.load(Path(__file__).parents[2] / "reference" / "sequence.npz") as file:
        cases, values = json.loads(str(file["cases"])), file["values"]
    at = 0
    for case in cases:
        for group, shapes in case["shapes"].items():
            case[group] = []
            for shape in shapes:
                size = int(np.prod(shape))
                case[group].append(values[at : at + size].reshape(shape))
                at += size
    assert at == values.size
    return cases


CASES = stored()


@pytest.mark.parametrize("op", sorted({c["op"] for c in CASES}))
def test_recorded(device, op):
    for case in CASES:
        if case["op"] != op:
            continue
        # probabilities come from logarithms of the size of the loss, whose rounding is their relative error
        terms = float(case["out"][0].max()) / 8 if op == "CTCLoss" else 0
        check_op(
            device, op, case["in"], case["params"], case["out"], train=True, rtol=2e-5, atol=2e-5, grad=case["wanted"],
            ograds=case["head"], expected_grads=case["grad"], grad_terms=terms,
        )  # fmt: skip
