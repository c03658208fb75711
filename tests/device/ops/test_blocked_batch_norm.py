"""Batch normalisation in blocked layout against numpy: whole blocks and cut ones, with what may follow, in both directions."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check_op

from clsym.base import MXNetError
from clsym.graph.contract.facets import Recomputable
from clsym.graph.contract.op import Node
from clsym.graph.contract.registry import facet, find_op
from clsym.runtime.launch import run_op

EPS, MOMENTUM = 0.01, 0.75
# a work-item a block, and blocks cut into pieces; channels that do not fill the last block; odd maps; more than 512 positions
CASES = [(2, 17, 5, 7, 16), (3, 5, 31, 29, 16)]
NARROW = [(3, 20, 3, 1, 8), (3, 6, 47, 23, 4)]


@pytest.fixture(autouse=True)
def on_cpus(device):
    if not device.traits.is_cpu:
        pytest.skip("blocked layouts are for CPUs")


def to_blocked(x, block):
    n, channels, height, width = x.shape
    blocks = -(-channels // block)
    padded = np.zeros((n, blocks * block, height, width), x.dtype)
    padded[:, :channels] = x
    return np.ascontiguousarray(padded.reshape(n, blocks, block, height, width).transpose(0, 1, 3, 4, 2))


def make(case, residual, seed=0):
    n, channels, height, width, block = case
    rng = np.random.RandomState(seed)
    x = rng.standard_normal((n, channels, height, width)).astype(np.float32) * 2 + 1
    gamma, beta, mean, var = (rng.uniform(0.5, 1.5, channels).astype(np.float32) for _ in range(4))
    tensors = [x, gamma, beta - 1, *([rng.standard_normal(x.shape).astype(np.float32)] if residual else []), mean, var]
    params = {"eps": EPS, "momentum": MOMENTUM, "channels": channels, "with_residual": bool(residual)}
    return tensors, [to_blocked(a, block) if a.ndim == 4 else a for a in tensors], params


def reference(tensors, ograd, batch, fix_gamma, act):
    """Output, statistics, moved statistics, and the gradients of data, gamma, beta and residual."""
    x, gamma, beta, *residual, mean, var = (a.astype(np.float64) for a in tensors)
    axes, wide = (0, 2, 3), (slice(None), None, None)
    moved = [mean, var]
    if batch:
        mean, var = x.mean(axes), x.var(axes)
        moved = [MOMENTUM * m + (1 - MOMENTUM) * b for m, b in zip(moved, (mean, var), strict=True)]
    inverse = 1 / np.sqrt(var + EPS)
    gamma = np.ones_like(gamma) if fix_gamma else gamma
    hat = (x - mean[wide]) * inverse[wide]
    y = hat * gamma[wide] + beta[wide] + (residual[0] if residual else 0)
    g = np.where(y > 0, ograd, 0) if act == "relu" else ograd.astype(np.float64)
    y = np.maximum(y, 0) if act == "relu" else y
    dgamma, dbeta = (g * hat).sum(axes), g.sum(axes)
    count = x.size // x.shape[1]
    inner = g - (dbeta[wide] + hat * dgamma[wide]) / count if batch else g
    grads = [inner * (gamma * inverse)[wide], dgamma, dbeta, *([g] if residual else [])]
    return y, mean, var, moved, grads


@pytest.mark.parametrize(
    ("act", "residual", "fix_gamma", "cases"),
    [("none", 0, True, CASES), ("none", 1, False, CASES), ("relu", 0, False, CASES), ("relu", 1, False, CASES)],
)
def test_training(device, act, residual, fix_gamma, cases):
    for case in cases:
        tensors, inputs, params = make(case, residual)
        ograd = np.random.RandomState(1).standard_normal(tensors[0].shape).astype(np.float32)
        y, _, _, moved, grads = reference(tensors, ograd, True, fix_gamma, act)
        block = case[-1]
        wanted = [0, 2, 3][: 2 + residual] if fix_gamma else [0, 1, 2, 3][: 3 + residual]
        check_op(
            device, "_blocked_batch_norm", inputs, {**params, "fix_gamma": fix_gamma, "act_type": act}, [to_blocked(y, block)], train=True,
            aux_after=moved, rtol=2e-5, atol=2e-5, grad=wanted, ograds=[to_blocked(ograd, block)],
            expected_grads=[to_blocked(g, block) if g.ndim == 4 else g for g in (grads[i] for i in wanted)],
        )  # fmt: skip


@pytest.mark.parametrize("case", NARROW)
def test_narrow_blocks(device, case):
    tensors, inputs, params = make(case, 1)
    ograd = np.random.RandomState(1).standard_normal(tensors[0].shape).astype(np.float32)
    y, _, _, moved, grads = reference(tensors, ograd, True, False, "relu")
    params |= {"fix_gamma": False, "act_type": "relu"}
    out, mean, spread = run_op(device, "_blocked_batch_norm", inputs, params, train=True)
    np.testing.assert_allclose(out, to_blocked(y, case[-1]), rtol=2e-5, atol=2e-5)
    for got, want in zip(inputs[-2:], moved, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5)
    backward = {k: v for k, v in params.items() if k != "momentum"}
    given = [to_blocked(ograd, case[-1]), *inputs[:3], mean, spread, out]
    for got, want in zip(run_op(device, "_backward_blocked_batch_norm", given, backward), grads, strict=True):
        np.testing.assert_allclose(got, to_blocked(want, case[-1]) if want.ndim == 4 else want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("act", "residual"), [("none", 0), ("relu", 1)])
def test_given_statistics(device, act, residual):
    for case in CASES:
        tensors, inputs, params = make(case, residual)
        ograd = np.random.RandomState(1).standard_normal(tensors[0].shape).astype(np.float32)
        y, _, _, _, grads = reference(tensors, ograd, False, False, act)
        block, wanted = case[-1], list(range(3 + residual))
        params |= {"fix_gamma": False, "act_type": act}
        check_op(device, "_blocked_batch_norm", inputs, params, [to_blocked(y, block)], grad=False, atol=2e-5)
        check_op(
            device, "_blocked_batch_norm", inputs, {**params, "use_global_stats": True}, [to_blocked(y, block)], train=True,
            aux_after=tensors[-2:], atol=2e-5, grad=wanted, ograds=[to_blocked(ograd, block)],
            expected_grads=[to_blocked(g, block) if g.ndim == 4 else g for g in grads],
        )  # fmt: skip


@pytest.mark.parametrize("inverse", [True, False])
def test_statistics_and_computing_again(device, inverse):
    """The hidden outputs, alone too, and the output again from them, bit for bit."""
    for case in CASES:
        for given in (False, True):
            tensors, inputs, params = make(case, 1)
            params |= {"fix_gamma": False, "act_type": "relu", "inverse": inverse, "use_global_stats": given}
            _, mean, var, _, _ = reference(tensors, tensors[0], not given, False, "relu")
            y, mean_out, spread = run_op(device, "_blocked_batch_norm", inputs, params, train=True)
            np.testing.assert_allclose(mean_out, mean, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(spread, 1 / np.sqrt(var + EPS) if inverse else var, rtol=1e-5)
            _, inputs, _ = make(case, 1)
            alone = run_op(device, "_blocked_batch_norm", inputs, params, train=True, reqs=["null", "write", "write"])
            np.testing.assert_allclose(alone[1], mean, rtol=1e-5, atol=1e-6)
            op = find_op("_blocked_batch_norm")
            p = op.parse(params)
            node = Node(op, "bn", p, {}, [Node(None, n).out(0) for n in op.input_names(p)])
            other = facet(op, Recomputable).again(node, True)
            if given:
                assert other is node
                continue
            _, inputs, _ = make(case, 1)
            values = dict(zip([(e.node.serial, e.index) for e in node.inputs], inputs, strict=True))
            values |= {(node.serial, 1): mean_out, (node.serial, 2): spread}
            again_params = {k: getattr(other.params, k) for k in other.op.params}
            again = run_op(device, other.op.name, [values[(e.node.serial, e.index)] for e in other.inputs], again_params)
            assert np.array_equal(again[0].view(np.uint32), y.view(np.uint32))


def test_gradient_of_other_statistics(device):
    """With the variance itself in place of its inverse root the gradients are the same."""
    for case in CASES:
        tensors, inputs, params = make(case, 0)
        ograd = to_blocked(np.random.RandomState(1).standard_normal(tensors[0].shape).astype(np.float32), case[-1])
        params |= {"fix_gamma": False, "act_type": "relu"}
        backward = {k: v for k, v in params.items() if k != "momentum"}
        found = []
        for inverse in (True, False):
            _, fresh, _ = make(case, 0)
            _, mean, spread = run_op(device, "_blocked_batch_norm", fresh, {**params, "inverse": inverse}, train=True)
            args = [ograd, *inputs[:3], mean, spread]
            found.append(run_op(device, "_backward_blocked_batch_norm", args, {**backward, "inverse": inverse}))
        for a, b in zip(*found, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_accuracy_far_from_zero(device):
    """A mean of 10,000 deviations, and one that the first image does not tell: as good as two passes."""
    rng = np.random.RandomState(0)
    x = rng.standard_normal((8, 16, 31, 29)) + 1e4
    first = x.copy()
    first[:2] = 0
    for data in (x.astype(np.float32), first.astype(np.float32)):
        ones = [np.ones(16, np.float32) for _ in range(4)]
        params = {"channels": 16, "inverse": False}
        _, mean, var = run_op(device, "_blocked_batch_norm", [to_blocked(data, 16), *ones], params, train=True)
        np.testing.assert_allclose(mean, data.mean((0, 2, 3), dtype=np.float64), rtol=2e-7)
        np.testing.assert_allclose(var, data.var((0, 2, 3), dtype=np.float64), rtol=1e-5)


def test_constant_channels_and_nan(device):
    x = np.full((3, 16, 13, 5), 0.1, np.float32)
    x[1, 3, 2, 2] = np.nan
    ones = [np.ones(16, np.float32) for _ in range(4)]
    y, _, var = run_op(device, "_blocked_batch_norm", [to_blocked(x, 16), *ones], {"channels": 16, "inverse": False}, train=True)
    y = y.transpose(0, 1, 4, 2, 3).reshape(x.shape)
    assert np.isnan(y[:, 3]).all()
    kept = [c for c in range(16) if c != 3]
    np.testing.assert_allclose(y[:, kept], 1, atol=1e-5)
    assert (var[kept] >= 0).all()


def test_shapes_and_errors():
    op = find_op("_blocked_batch_norm")
    p = op.parse({"channels": 20, "with_residual": True})
    assert op.input_names(p) == ("data", "gamma", "beta", "residual", "moving_mean", "moving_var")
    shape = (2, 2, 3, 5, 16)
    ins, outs = op.infer_shape(p, [None, None, None, shape, None, None], [None] * 3)
    assert ins == [shape, (20,), (20,), shape, (20,), (20,)]
    assert outs == [shape, (20,), (20,)]
    assert (op.num_visible(p), op.mutates(p, True), op.mutates(p, False)) == (1, (4, 5), ())
    for at, wrong, match in ((0, (2, 1, 3, 5, 16), "do not hold"), (0, (2, 20, 3, 5), "blocked"), (3, (2, 2, 3, 4, 16), "residual"),
                             (1, (32,), "gamma"), (4, (16,), "moving_mean")):  # fmt: skip
        with pytest.raises(MXNetError, match=match):
            op.infer_shape(p, [wrong if i == at else shape if i == 0 else None for i in range(6)], [None] * 3)
    with pytest.raises(MXNetError, match="float32"):
        op.infer_type(p, ["float16", *[None] * 5], [None] * 3)
    for wrong in ({}, {"channels": 0}, {"channels": 4, "act_type": "tanh"}):
        with pytest.raises(MXNetError):
            op.parse(wrong)
