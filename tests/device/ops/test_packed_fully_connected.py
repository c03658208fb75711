"""FullyConnected over a packed weight: the same values as from the weight itself, and the activations behind it."""

import numpy as np
import pytest

from clsym.base import MXNetError
from clsym.ops.matrix.packed_fully_connected import panel_width, worth_packing
from clsym.runtime.launch import run_op

ACTS = {
    "none": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "clip": lambda x: np.clip(x, -0.5, 0.25),
}


@pytest.fixture
def cpu(device):
    if not device.traits.is_cpu:
        pytest.skip("kernels for CPUs")
    return device


def uniform(*shape):
    return np.random.uniform(-1, 1, shape).astype(np.float32)


def run(device, data, weight, bias=None, act="none", flatten=True):
    panel = panel_width(device.traits)
    packed = run_op(device, "_pack_fully_connected", [weight], {"panel": panel})[0]
    assert packed.shape == (-(-len(weight) // panel), weight.shape[1], panel)
    beyond = packed.transpose(0, 2, 1).reshape(-1, weight.shape[1])
    assert np.array_equal(beyond[: len(weight)], weight)
    assert not beyond[len(weight) :].any()
    params = {"num_hidden": len(weight), "no_bias": bias is None, "act_type": act, "flatten": flatten}
    params |= {"act_low": -0.5, "act_high": 0.25}
    results = []
    for width, matrix in ((panel, packed), (0, weight)):  # and over the weight as it is
        inputs = [data, matrix] if bias is None else [data, matrix, bias]
        got = [run_op(device, "_packed_fully_connected", inputs, {**params, "panel": width})[0] for _ in range(2)]
        assert got[0].tobytes() == got[1].tobytes()
        results.append(got[0])
    np.testing.assert_allclose(*results, rtol=0, atol=4e-6 * (1 + np.nanmax(np.abs(results[0]))))
    return results[0]


# rows: a partial tile of four and of eight, several tiles; hidden: less than a vector, whole and partial panels; depth: in several blocks
@pytest.mark.parametrize("rows", [1, 3, 7, 16, 45, 150])
def test_products(cpu, rows):
    for hidden, depth in ((1, 5), (48, 40), (150, 33), (37, 1500)):
        x, w, b = uniform(rows, depth), uniform(hidden, depth), uniform(hidden)
        want = x.astype(np.float64) @ w.T.astype(np.float64)
        scale = 2e-6 * (1 + np.abs(want).max())
        assert np.abs(run(cpu, x, w) - want).max() <= scale, (hidden, depth)
        assert np.abs(run(cpu, x, w, b) - (want + b)).max() <= scale, (hidden, depth)


@pytest.mark.parametrize("act", ACTS)
def test_activations(cpu, act):
    for rows, depth in ((1, 300), (3, 20), (20, 1300)):
        x, w, b = uniform(rows, depth), uniform(70, depth) / 8, uniform(70)
        want = ACTS[act](x.astype(np.float64) @ w.T.astype(np.float64) + b)
        assert np.abs(run(cpu, x, w, b, act) - want).max() <= 4e-6
    x[1, 2] = np.nan
    assert np.isnan(run(cpu, x, w, b, act)[1]).all()


def test_flatten(cpu):
    x, b = uniform(4, 3, 5), uniform(9)
    w, v = uniform(9, 15), uniform(9, 5)
    assert np.allclose(run(cpu, x, w, b), x.reshape(4, 15) @ w.T + b, atol=1e-5)
    assert np.allclose(run(cpu, x, v, b, flatten=False), x @ v.T + b, atol=1e-5)


def test_refusals(cpu):
    panel = panel_width(cpu.traits)
    x, w = uniform(4, 6), uniform(9, 6)
    with pytest.raises(MXNetError, match="panels of"):
        run_op(cpu, "_pack_fully_connected", [w], {"panel": panel + 1})
    with pytest.raises(MXNetError, match="float32"):
        run_op(cpu, "_pack_fully_connected", [w.astype(np.float64)], {"panel": panel})
    with pytest.raises(MXNetError, match="num_hidden, depth"):
        run_op(cpu, "_pack_fully_connected", [uniform(3)], {"panel": panel})
    packed = run_op(cpu, "_pack_fully_connected", [w], {"panel": panel})[0]
    with pytest.raises(MXNetError, match="cannot add"):
        run_op(
            cpu, "_packed_fully_connected", [x, packed], {"num_hidden": 9, "no_bias": True, "panel": panel, "act_type": "relu"},
            reqs=["add"],
        )  # fmt: skip


def test_worth_packing(cpu):
    assert worth_packing(8, 1000, 2048, cpu.traits)
    assert not worth_packing(1, 1000, 2048, cpu.traits)
