"""LayerNorm, InstanceNorm, GroupNorm, L2Normalization, LRN: values, statistics, gradients."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check_op

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.runtime.launch import run_op

RNG = np.random.RandomState(11)


def normalized(x, axes, eps):
    x = x.astype(np.float64)
    mean, std = x.mean(axes, keepdims=True), np.sqrt(x.var(axes, keepdims=True) + eps)
    return (x - mean) / std, mean, std


def data(*shape):
    return (RNG.randn(*shape) + 1).astype(np.float32)


@pytest.mark.parametrize(("shape", "axis"), [((3, 7), -1), ((2, 1100), 1), ((150, 67), -1), ((2, 7, 67), 1), ((5, 3, 4), 0)])
def test_layer_norm(device, shape, axis):
    x, gamma, beta = data(*shape), data(shape[axis]), data(shape[axis])
    h, mean, std = normalized(x, axis, 1e-5)
    b = [1] * len(shape)
    b[axis] = -1
    want = h * gamma.reshape(b) + beta.reshape(b)
    kinds = ("float32", "float16") if shape == (3, 7) else ("float32",)
    check_op(device, "LayerNorm", [x, gamma, beta], {"axis": axis}, [want], dtypes=kinds, rtol=2e-5, atol=1e-2 if len(kinds) > 1 else 2e-5)
    # the statistics are results without a gradient
    heads = [np.zeros(shape), np.ones(mean.shape), np.ones(mean.shape)]
    check_op(device, "LayerNorm", [x, gamma, beta], {"axis": axis, "output_mean_var": True}, [want, mean, std], atol=1e-4, rtol=1e-4,
             ograds=heads, expected_grads=[x * 0, gamma * 0, beta * 0])  # fmt: skip


def test_a_large_mean_keeps_its_digits(device):
    x = (RNG.randn(4, 600) + 3000).astype(np.float32)
    want = normalized(x, 1, 1e-5)[0]
    ones = np.ones(600, np.float32)
    np.testing.assert_allclose(run_op(device, "LayerNorm", [x, ones, ones * 0])[0], want, atol=2e-3)


@pytest.mark.parametrize(("shape", "groups"), [((2, 4, 5), 2), ((2, 6, 4, 37), 3), ((1, 3, 1100), 1)])
def test_group_norm(device, shape, groups):
    x, gamma, beta = data(*shape), data(groups), data(groups)
    h, mean, std = normalized(x.reshape(shape[0], groups, -1), 2, 1e-5)
    want = (h * gamma[:, None] + beta[:, None]).reshape(shape)
    check_op(device, "GroupNorm", [x, gamma, beta], {"num_groups": groups}, [want], atol=3e-5)
    out = run_op(device, "GroupNorm", [x, gamma, beta], {"num_groups": groups, "output_mean_var": True})
    np.testing.assert_allclose(out[1], mean[..., 0], atol=1e-5)
    np.testing.assert_allclose(out[2], std[..., 0], rtol=1e-5)


@pytest.mark.parametrize("shape", [(2, 3, 5), (2, 3, 19, 61)])
def test_instance_norm(device, shape):
    x, gamma, beta = data(*shape), data(shape[1]), data(shape[1])
    h = normalized(x.reshape(*shape[:2], -1), 2, 1e-3)[0]
    check_op(device, "InstanceNorm", [x, gamma, beta], {}, [(h * gamma[:, None] + beta[:, None]).reshape(shape)], atol=3e-5)


@pytest.mark.parametrize("mode", ["instance", "channel", "spatial"])
@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 5, 11, 67)])
def test_l2_normalization(device, mode, shape):
    x = data(*shape)
    axes = {"instance": tuple(range(1, len(shape))), "channel": (1,), "spatial": tuple(range(2, len(shape)))}[mode]
    kinds = ("float32", "float16") if len(shape) == 3 else ("float32",)
    want = x / np.sqrt((x.astype(np.float64) ** 2).sum(axes, keepdims=True) + 1e-10)
    check_op(device, "L2Normalization", [x], {"mode": mode}, [want], dtypes=kinds)


@pytest.mark.parametrize(("shape", "nsize"), [((1, 5, 2, 1), 3), ((2, 7, 9, 11), 5), ((1, 2, 3, 3), 9), ((1, 5, 2, 2), 4)])
def test_lrn(device, shape, nsize):
    x = data(*shape)
    reach = (nsize - 1) // 2  # of an even nsize as well: recorded from MXNet 1.9.1
    sums = np.stack([(x[:, max(0, c - reach) : c + reach + 1].astype(np.float64) ** 2).sum(1) for c in range(shape[1])], 1)
    want = x * (2 + 0.1 / nsize * sums) ** -0.75
    check_op(device, "LRN", [x], {"nsize": nsize, "alpha": 0.1}, [want], dtypes=("float32", "float16") if nsize == 3 else ("float32",))


def test_lrn_as_recorded(device):
    """MXNet 1.9.1, an even window."""
    x = np.arange(10, dtype=np.float32).reshape(1, 5, 2, 1)
    want = [0, 0.54433107, 1.0059468, 1.3587604, 1.5975364, 1.7433088, 1.8218147, 1.8549924, 2.5892894, 2.5949144]
    np.testing.assert_allclose(run_op(device, "LRN", [x], {"nsize": 4, "alpha": 0.1})[0].reshape(-1), want, rtol=1e-6)


def test_gamma_shapes_are_inferred():
    for name, params, shape, gamma in (
        ("LayerNorm", {}, (2, 3, 4, 5), (5,)),
        ("LayerNorm", {"axis": 1}, (2, 3, 4, 5), (3,)),
        ("InstanceNorm", {}, (2, 3, 4, 5), (3,)),
        ("GroupNorm", {"num_groups": 3}, (2, 3, 4, 5), (3,)),
    ):
        op = find_op(name)
        assert op.infer_shape(op.parse(params), [shape, None, None], [None])[0] == [shape, gamma, gamma]


def test_errors():
    for name, params, shape, match in (
        ("LayerNorm", {"axis": 3}, (2, 3, 4), "axis"),
        ("GroupNorm", {"num_groups": 2}, (2, 3, 4), "divisible"),
        ("GroupNorm", {"num_groups": 0}, (2, 3, 4), "positive"),
        ("InstanceNorm", {}, (2, 3), "3 dimensions"),
        ("L2Normalization", {"mode": "channel"}, (2, 3), "3 dimensions"),
        ("LRN", {"nsize": 3}, (2, 3, 4), "4 dimensions"),
        ("LRN", {"nsize": 0}, (2, 3, 4, 4), "positive"),
    ):
        op = find_op(name)
        p = op.parse(params)
        with pytest.raises(MXNetError, match=match):
            op.infer_shape(p, [shape, *[None] * (len(op.input_names(p)) - 1)], [None])
