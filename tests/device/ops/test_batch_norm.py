"""Batch normalisation against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check_op

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.runtime.launch import run_op

SHAPES = [((4, 3, 5), 1), ((2, 3, 67, 83), 1), ((7, 17), 1), ((5, 4, 19), -1), ((3, 4, 5), 0), ((2600, 9), 1)]
PARAMS = {"eps": 0.01, "momentum": 0.75}


def make(shape, axis, seed=0):
    rng = np.random.RandomState(seed)
    c = shape[axis]
    x = rng.standard_normal(shape).astype(np.float32) * 2 + 1
    gamma, beta, mean, var = (rng.uniform(0.5, 1.5, c).astype(np.float32) for _ in range(4))
    return [x, gamma, beta, mean, var]


def reference(arrays, axis, batch, fix_gamma):
    x, gamma, beta, mean, var = (a.astype(np.float64) for a in arrays)
    axis %= x.ndim
    others = tuple(d for d in range(x.ndim) if d != axis)
    shape = [1] * x.ndim
    shape[axis] = -1
    moved = [mean, var]
    if batch:
        moved = [0.75 * mean + 0.25 * x.mean(others), 0.75 * var + 0.25 * x.var(others)]
        mean, var = x.mean(others), x.var(others)
    gamma = np.ones_like(gamma) if fix_gamma else gamma
    scale = gamma / np.sqrt(var + 0.01)
    y = (x - mean.reshape(shape)) * scale.reshape(shape) + beta.reshape(shape)
    return y, mean, 1 / np.sqrt(var + 0.01), moved


@pytest.mark.parametrize("fix_gamma", [True, False])
def test_training(device, fix_gamma):
    for shape, axis in SHAPES:
        arrays = make(shape, axis)
        y, _, _, moved = reference(arrays, axis, True, fix_gamma)
        params = {**PARAMS, "axis": axis, "fix_gamma": fix_gamma}
        grad = [0, 2] if fix_gamma else [0, 1, 2]
        check_op(device, "BatchNorm", arrays, params, [y], train=True, aux_after=moved, rtol=1e-4, atol=1e-4, grad=grad)


@pytest.mark.parametrize("name", ["BatchNorm_v1", "_contrib_SyncBatchNorm"])
def test_other_names_for_it(device, name):
    arrays = make((4, 3, 5), 1)
    y, _, _, moved = reference(arrays, 1, True, False)
    params = {**PARAMS, "fix_gamma": False, **({"key": "bn"} if "Sync" in name else {})}
    check_op(device, name, arrays, params, [y], train=True, aux_after=moved, rtol=1e-5, atol=2e-5)


def test_inference_and_global_statistics(device):
    for shape, axis in SHAPES:
        arrays = make(shape, axis)
        y, mean, inverse, _ = reference(arrays, axis, False, False)
        params = {**PARAMS, "axis": axis, "fix_gamma": False}
        check_op(device, "BatchNorm", arrays, params, [y], rtol=1e-5, atol=2e-5, grad=False)
        params |= {"use_global_stats": True, "output_mean_var": True}
        check_op(
            device, "BatchNorm", arrays, params, [y, mean, inverse], train=True, aux_after=arrays[3:], rtol=1e-5, atol=2e-5, grad=False
        )
    params.pop("output_mean_var")
    arrays = make((4, 3, 5), 1)
    check_op(device, "BatchNorm", arrays, {**params, "axis": 1}, train=True, grad=[0, 1, 2])


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_types(device, dtype):
    arrays = make((4, 3, 5, 6), 1)
    keep = (1, 2, 3, 4) if dtype == "float16" else ()
    y, _, _, moved = reference(arrays, 1, True, False)
    tolerance = 1e-2 if dtype == "float16" else 1e-9
    check_op(
        device, "BatchNorm", arrays, {**PARAMS, "fix_gamma": False}, [y], train=True, dtypes=[dtype], keep_dtype=keep, aux_after=moved,
        rtol=tolerance, atol=tolerance, grad=[0],
    )  # fmt: skip


def test_variance_far_from_zero(device):
    rng = np.random.RandomState(0)
    x = (rng.standard_normal((4, 2, 50, 50)) + 1e4).astype(np.float32)
    ones = [np.ones(2, np.float32) for _ in range(4)]
    y = run_op(device, "BatchNorm", [x, *ones], {"eps": 1e-5}, train=True)[0]
    np.testing.assert_allclose(y.std((0, 2, 3)), 1, rtol=1e-3)


def test_shapes_and_types():
    op = find_op("BatchNorm")
    p = op.parse({"axis": -1})
    ins, outs = op.infer_shape(p, [(2, 3, 5), None, None, None, None], [None] * 3)
    assert ins[1:] == [(5,)] * 4
    assert outs == [(2, 3, 5), (5,), (5,)]
    assert op.infer_type(p, ["float16", *[None] * 4], [None] * 3) == (["float16", *["float32"] * 4], ["float16", "float32", "float32"])
    for axis in (3, -4):
        with pytest.raises(MXNetError, match="out of range"):
            op.infer_shape(op.parse({"axis": axis}), [(2, 3, 5), None, None, None, None], [None] * 3)
    with pytest.raises(MXNetError, match="gamma"):
        op.infer_shape(p, [(2, 3, 5), (4,), None, None, None], [None] * 3)
    assert (op.num_visible(p), op.json_outputs(p)) == (1, 3)
