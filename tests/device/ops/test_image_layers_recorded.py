"""Layers of images against what MXNet 1.9.1 computed (tests/reference/record_image_layers.py)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from harness import check_op
from harness_case import Case

CASES = json.loads((Path(__file__).parents[2] / "reference" / "image_layers.json").read_text())
WHOLE_BATTERY = 2
"""Of each operator so many cases go through all checks of the harness, the others through one forward and backward."""


def values(shape, low, high):
    """Fixed numbers without ties, as the recorder makes them."""
    n = int(np.prod(shape))
    modulus, step = (101, 37) if n <= 101 else (10007, 7919)
    return (low + (high - low) * (np.arange(n) * step % modulus) / (modulus - 1)).reshape(shape).astype(np.float32)


@pytest.mark.parametrize("op", sorted({c["op"] for c in CASES}))
def test_layer(device, op):
    for k, case in enumerate(c for c in CASES if c["op"] == op):
        params = {n: tuple(v) if isinstance(v, list) else v for n, v in case["params"].items()}
        inputs = [values(s, *r) for s, r in zip(case["shapes"], case["ranges"], strict=True)]
        want = np.array(case["outputs"], np.float32).reshape(case["out_shape"])
        grads = [np.array(g, np.float32).reshape(s) for g, s in zip(case["grads"], case["shapes"], strict=True)]
        head = values(case["out_shape"], -1.0, 1.0)
        wanted = [i for i in range(len(grads)) if params.get("mode") != "like" or i == 0]
        if k < WHOLE_BATTERY:
            checks = {"ograds": [head], "expected_grads": [grads[i] for i in wanted], "rtol": 2e-5, "atol": 2e-5}
            check_op(device, op, inputs, params, [want], grad=wanted, **checks)
            continue
        reqs = ["write" if i in wanted else "null" for i in range(len(grads))]
        for optimize in (False, True):
            graph = Case(device, op, inputs, params, True, reqs, True, optimize=optimize)
            (out,) = graph.forward()
            np.testing.assert_allclose(out, want, rtol=2e-5, atol=2e-5, err_msg=f"{op} {params}")
            graph.backward([head])
            for i in wanted:
                np.testing.assert_allclose(graph.grad(i), grads[i], rtol=2e-5, atol=5e-5, err_msg=f"{op} {params} gradient {i}")
