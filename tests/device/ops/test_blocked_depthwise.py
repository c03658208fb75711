"""Depthwise convolution over blocked tensors against sums over the taps of the window."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check_op
from test_blocked_reorder import blocked

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op


@pytest.fixture(autouse=True)
def on_cpus(request):
    if "device" in request.fixturenames and not request.getfixturevalue("device").traits.is_cpu:
        pytest.skip("blocked layouts are for CPUs")


def taps(x, kernel, stride, dilate, pad):
    """For each tap (i, j), the pixels of x, (N, C, OH, OW), that it meets, as a view of the padded x."""
    p = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (pad[0], pad[0]), (pad[1], pad[1])))
    out = [(e - d * (k - 1) - 1) // s + 1 for e, k, s, d in zip(p.shape[2:], kernel, stride, dilate, strict=True)]
    for i, j in np.ndindex(*kernel):
        h, w = i * dilate[0], j * dilate[1]
        yield i, j, p, p[:, :, h : h + (out[0] - 1) * stride[0] + 1 : stride[0], w : w + (out[1] - 1) * stride[1] + 1 : stride[1]]


def convolve(x, w, *window):
    return sum(v * w[None, :, 0, i, j, None, None].astype(np.float64) for i, j, _, v in taps(x, *window))


def gradients(x, w, dy, *window):
    pad, dw = window[-1], np.zeros(w.shape)
    total = None
    for i, j, p, v in taps(x, *window):
        dw[:, 0, i, j] = (v * dy).sum((0, 2, 3))
        total = np.zeros(p.shape) if total is None else total
        h, c = i * window[2][0], j * window[2][1]
        s = window[1]
        oh, ow = dy.shape[2:]
        total[:, :, h : h + (oh - 1) * s[0] + 1 : s[0], c : c + (ow - 1) * s[1] + 1 : s[1]] += dy * w[None, :, 0, i, j, None, None]
    height, width = x.shape[2:]
    return total[:, :, pad[0] : pad[0] + height, pad[1] : pad[1] + width], dw


def pack(w, b):
    c, _, kh, kw = w.shape
    return np.ascontiguousarray(blocked(w.reshape(1, c, kh, kw), b).reshape(-1, kh * kw, b))


CASES = [  # block, shape, kernel, stride, dilate, pad
    (16, (2, 21, 9, 23), (3, 3), (1, 1), (1, 1), (1, 1)),
    (8, (1, 16, 7, 7), (3, 3), (1, 1), (1, 1), (1, 1)),
    (8, (2, 5, 14, 15), (3, 3), (2, 2), (1, 1), (1, 1)),
    (16, (1, 19, 12, 31), (5, 5), (2, 2), (1, 1), (2, 2)),
    (4, (1, 6, 13, 30), (3, 3), (2, 1), (2, 9), (4, 12)),
    (8, (1, 3, 3, 2), (2, 2), (1, 3), (1, 1), (2, 3)),
    (16, (1, 3, 1, 40), (1, 7), (1, 4), (1, 3), (0, 1)),
    (8, (1, 3, 2, 70), (1, 3), (1, 2), (1, 23), (0, 1)),
]
NAMES = ("kernel", "stride", "dilate", "pad")


def values(shape, kernel, seed=5):
    rng = np.random.RandomState(seed)
    return rng.uniform(-1, 1, shape).astype(np.float32), rng.uniform(-1, 1, (shape[1], 1, *kernel)).astype(np.float32)


@pytest.mark.parametrize("case", CASES)
def test_convolution_and_gradients(device, case):
    b, shape, kernel, *window = case
    x, w = values(shape, kernel)
    bias = np.linspace(-1, 1, shape[1], dtype=np.float32)
    y = convolve(x, w, kernel, *window) + bias[None, :, None, None]
    dy = np.random.RandomState(6).uniform(-1, 1, y.shape).astype(np.float32)
    dx, dw = gradients(x, w, dy, kernel, *window)
    params = {**dict(zip(NAMES, (kernel, *window), strict=True)), "channels": shape[1]}
    # lanes beyond the last channel: the gradient there is that of the padding, which nobody asks for; zero heads keep it zero
    check_op(
        device,
        "_blocked_depthwise",
        [blocked(x, b), w, bias],
        params,
        [blocked(y, b)],
        ograds=[blocked(dy, b)],
        expected_grads=[blocked(dx, b), dw, dy.sum((0, 2, 3))],
        atol=1e-5,
    )


@pytest.mark.parametrize("act", [("none", 0, 0), ("relu", 0, 0), ("clip", -0.5, 0.75), ("leaky", 0.25, 0)])
def test_inference(device, act):
    """Packed weights and all that an epilogue may hold at once; and nothing of it but the activation."""
    b = 8
    _, shape, kernel, *window = CASES[0]
    x, w = values(shape, kernel)
    y = convolve(x, w, kernel, *window)
    residual = np.random.RandomState(7).uniform(-1, 1, y.shape).astype(np.float32)
    bias = np.zeros(24, np.float32)
    bias[:21] = np.linspace(-1, 1, 21)
    name, low, high = act
    ends = {
        "none": lambda v: v,
        "relu": lambda v: np.maximum(v, 0),
        "clip": lambda v: np.clip(v, low, high),
        "leaky": lambda v: np.where(v < 0, low * v, v),
    }
    params = {**dict(zip(NAMES, (kernel, *window), strict=True)), "channels": shape[1], "packed": True}
    params |= {"act_type": name, "act_low": low, "act_high": high}
    packed = pack(w, b)
    for with_bias, with_residual in ((False, False), (True, True)) if name == "relu" else ((True, True),):
        inputs = [blocked(x, b), packed, *([bias] if with_bias else []), *([blocked(residual, b)] if with_residual else [])]
        want = y + (bias[None, :21, None, None] if with_bias else 0) + (residual if with_residual else 0)
        given = {**params, "no_bias": not with_bias, "with_residual": with_residual}
        check_op(device, "_blocked_depthwise", inputs, given, [blocked(ends[name](want), b)], grad=False, atol=1e-5)


def test_pack(device):
    _, w = values((1, 21, 1, 1), (3, 2))
    check_op(device, "_pack_depthwise", [w], {"block": 8}, [pack(w, 8)], grad=False, rtol=0, atol=0)


def test_nan_passes_the_activations(device):
    x = np.full((1, 8, 1, 1), np.nan, np.float32)
    w = np.ones((8, 1, 1, 1), np.float32)
    for name in ("relu", "clip", "leaky"):
        params = {"kernel": (1, 1), "channels": 8, "no_bias": True, "act_type": name, "act_high": 1.0}
        check_op(device, "_blocked_depthwise", [blocked(x, 8), w], params, [blocked(x, 8)], grad=False)


def test_weight_gradient_of_many_pixels_and_large_windows(device):
    """Sums that are cut into parts, and windows whose sums do not fit the registers at once."""
    for shape, kernel, pad in (((3, 17, 40, 37), (3, 3), (1, 1)), ((1, 9, 20, 21), (7, 7), (3, 3))):
        x, w = values(shape, kernel)
        window = (kernel, (1, 1), (1, 1), pad)
        y = convolve(x, w, *window)
        dy = np.random.RandomState(8).uniform(-1, 1, y.shape).astype(np.float32)
        dx, dw = gradients(x, w, dy, *window)
        params = {"kernel": kernel, "pad": pad, "channels": shape[1], "no_bias": True}
        inputs, heads = [blocked(x, 8), w / 8], [blocked(dy, 8) / 8]
        check_op(
            device, "_blocked_depthwise", inputs, params, [blocked(y, 8) / 8], ograds=heads,
            expected_grads=[blocked(dx, 8) / 64, dw / 8], atol=1e-5,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("params", "shapes", "message"),
    [
        ({"kernel": (3, 3)}, [(1, 1, 2, 8, 8), None], "exceeds data"),
        ({"kernel": (3, 3), "stride": (0, 1)}, [(1, 1, 8, 8, 8), None], "at least 1"),
        ({"kernel": (20, 20)}, [(1, 1, 30, 30, 8), None], "taps"),
        ({"kernel": (3, 3)}, [(1, 2, 8, 8, 8), None], "different shapes"),
        ({"kernel": (3, 3)}, [(1, 1, 8, 8, 7), None], "blocks of 7"),
        ({"kernel": (3, 3)}, [(1, 1, 8, 8, 8), (5, 1, 3, 2)], "weight must be"),
        ({"kernel": (3, 3), "packed": True}, [(1, 1, 8, 8, 8), (5, 1, 3, 3)], "weight must be"),
        ({"kernel": (3, 3), "act_type": "clip", "act_low": 1.0, "act_high": 2.0}, [(1, 1, 8, 8, 8), None], "lanes beyond"),
        ({"kernel": (3, 3), "no_bias": False}, [(1, 1, 8, 8, 8), None, (6,)], "bias must be"),
    ],
)
def test_errors(params, shapes, message):
    op = find_op("_blocked_depthwise")
    with pytest.raises(MXNetError, match=message):
        op.infer_shape(op.parse({"channels": 5, "no_bias": True, **params}), shapes, [None])
