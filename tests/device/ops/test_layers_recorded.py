"""Odd cases of the layers against what MXNet 1.9.1 computed (tests/reference/record_layers.py)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from harness import check_op

from clsym.runtime.launch import run_op

CASES = json.loads((Path(__file__).parents[2] / "reference" / "layers.json").read_text())
LAYERS = [c for c in CASES if "outputs" in c]
UPDATES = [c for c in CASES if "after" in c]


def _arrays(lists):
    return [np.array(v, np.float32) for v in lists]


@pytest.mark.parametrize("op", sorted({c["op"] for c in LAYERS}))
def test_layer(device, op):
    for case in LAYERS:
        if case["op"] != op:
            continue
        params = {k: tuple(v) if isinstance(v, list) else v for k, v in case["params"].items()}
        inputs, aux = _arrays(case["inputs"]), case["aux"]
        given = [i.copy() for i in inputs]
        results = run_op(device, op, given, params)
        for got, want in zip(results, _arrays(case["inference"]), strict=False):
            np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5, err_msg=f"{op} {params} in inference")
        grads = _arrays(case["grads"])
        # Few elements a channel: head gradients less their mean and their projection are nearly nothing.
        terms = float(np.abs(case["heads"][0]).max()) if op.startswith("BatchNorm") else 0
        # a label has no gradient, nor a fixed gamma
        wanted = [i for i in range(len(grads)) if i == 0 or np.any(grads[i])]
        check_op(
            device, op, inputs, params, _arrays(case["outputs"]), train=True, rtol=2e-5, atol=2e-5, grad=wanted,
            ograds=_arrays(case["heads"]),
            expected_grads=[grads[i] for i in wanted], aux_after=_arrays(case["aux_after"]) if aux else None,
            grad_terms=terms,
        )  # fmt: skip


@pytest.mark.parametrize("op", sorted({c["op"] for c in UPDATES}))
def test_update(device, op):
    for case in UPDATES:
        if case["op"] != op:
            continue
        arrays = _arrays(case["inputs"])
        (weight,) = run_op(device, op, arrays, case["params"])
        for got, want in zip([weight, *arrays[2:]], _arrays(case["after"]), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6, err_msg=f"{op} {case['params']}")


@pytest.mark.parametrize("op", ["mp_sgd_update", "mp_sgd_mom_update"])
def test_mixed_precision_update(device, op):
    rng = np.random.RandomState(0)
    master, grad, mom = (rng.standard_normal(301).astype(np.float32) for _ in range(3))
    momentum = "mom" in op
    arrays = [master.astype(np.float16), grad.astype(np.float16), *([mom.copy()] if momentum else []), master.copy()]
    (weight,) = run_op(device, op, arrays, {"lr": 0.1, "wd": 0.01, **({"momentum": 0.9} if momentum else {})})
    step = -0.1 * (arrays[1].astype(np.float32) + 0.01 * master) + (0.9 * mom if momentum else 0)
    np.testing.assert_allclose(arrays[-1], master + step, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(weight, arrays[-1].astype(np.float16))


def test_update_crosses_blocks(device):
    rng = np.random.RandomState(0)
    w, g, m = (rng.standard_normal(5003).astype(np.float32) for _ in range(3))
    arrays = [w, g, m.copy()]
    (weight,) = run_op(device, "sgd_mom_update", arrays, {"lr": 0.1, "momentum": 0.9})
    np.testing.assert_allclose(arrays[2], 0.9 * m - 0.1 * g, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(weight, w + 0.9 * m - 0.1 * g, rtol=1e-5, atol=1e-6)
