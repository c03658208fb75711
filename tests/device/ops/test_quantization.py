"""8-bit integers against what MXNet 1.9.1 made of the same numbers (tests/reference/record_quantization.py)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import clsym as mx
from clsym.base import MXNetError
from clsym.runtime.launch import run_op

CASES = json.loads((Path(__file__).parents[2] / "reference" / "quantization.json").read_text())


@pytest.mark.parametrize("op", sorted({c["op"] for c in CASES}))
def test_recorded(device, op):
    for case in (c for c in CASES if c["op"] == op):
        arrays = [np.array(a, t) for a, t in zip(case["inputs"], case["dtypes"], strict=True)]
        outs = run_op(device, op, arrays, case["params"])
        for out, (dtype, values) in zip(outs, case["outputs"], strict=True):
            assert out.dtype.name == dtype
            np.testing.assert_allclose(out, values, rtol=2e-7, err_msg=f"{case}")


@pytest.mark.parametrize("calibrated", [False, True])
def test_asymmetric(device, calibrated):
    """MXNet crashes on a CPU; its documented formula."""
    x = np.random.RandomState(0).uniform(-3, 5, 5003).astype(np.float32)
    low, high = (-1.0, 2.0) if calibrated else (x.min(), x.max())
    out, scale, shift = run_op(
        device, "_contrib_quantize_asym", [x], {"min_calib_range": low, "max_calib_range": high} if calibrated else {}
    )
    np.testing.assert_allclose([scale[0], shift[0]], [255 / (high - low), 255 - high * 255 / (high - low)], rtol=1e-6)
    want = x.astype(np.float64) * scale + shift + 0.5
    clear = np.abs(want - np.round(want)) > 1e-4  # elsewhere the last bit of a product decides
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(out[clear], np.clip(want[clear], 0, 255).astype(np.uint8))


def test_there_and_back_in_a_graph(device):
    ctx = mx.cl(device.selector)
    x = mx.sym.var("x")
    small = mx.sym.contrib.quantize_v2(x)
    net = mx.sym.contrib.dequantize(small[0], small[1], small[2])
    given = np.random.RandomState(0).uniform(-1, 1, (7, 11)).astype(np.float32)
    grad = mx.nd.ones((7, 11), ctx)
    executor = net.bind(ctx, {"x": mx.nd.array(given, ctx=ctx)}, {"x": grad})
    np.testing.assert_allclose(executor.forward(is_train=True)[0].asnumpy(), given, atol=0.0041)
    executor.backward(mx.nd.ones((7, 11), ctx))
    assert not grad.asnumpy().any()
    assert small.list_outputs() == [f"{small.name}_output{k}" for k in range(3)]
    with pytest.raises(MXNetError, match="float32, int8 or uint8, got float64"):
        mx.nd.contrib.quantize_v2(mx.nd.ones(1, ctx, "float64"))
    with pytest.raises(MXNetError, match="min_range"):
        mx.nd.contrib.quantize(mx.nd.ones(1, ctx), mx.nd.ones(2, ctx), mx.nd.ones(1, ctx))
