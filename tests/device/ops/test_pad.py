"""Pad, diag, UpSampling."""

import numpy as np
import pytest
from harness import check_op

import clsym.ops  # noqa: F401

X = np.random.RandomState(2).uniform(-1, 1, (2, 3, 4, 5)).astype(np.float32)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect"])
def test_pad(device, mode):
    more = {"constant_values": 1.5} if mode == "constant" else {}
    pairs = ((0, 0), (0, 0), (2, 1), (3, 4))
    params = {"mode": mode, "pad_width": tuple(w for p in pairs for w in p), "constant_value": 1.5}
    check_op(device, "Pad", [X], params, [np.pad(X, pairs, mode=mode, **more)], dtypes=("float32", "float16", "float64"))
    x5 = X.reshape(2, 3, 2, 2, 5)
    pairs = ((0, 0), (0, 0), (1, 1), (0, 1), (2, 0))
    params["pad_width"] = tuple(w for p in pairs for w in p)
    check_op(device, "Pad", [x5], params, [np.pad(x5, pairs, mode=mode, **more)])


def test_diag(device):
    for k in (0, 1, -2):
        check_op(device, "diag", [X[0, 0]], {"k": k}, [np.diag(X[0, 0], k)])
        check_op(device, "diag", [X[0, 0, 0]], {"k": k}, [np.diag(X[0, 0, 0], k)])
    check_op(device, "diag", [X], {"axis1": 3, "axis2": 1, "k": 1}, [np.diagonal(X, 1, 3, 1)])


def test_nearest(device):
    small = np.random.uniform(-1, 1, (2, 1, 2, 5)).astype(np.float32)
    up = X.repeat(2, 2).repeat(2, 3)
    check_op(device, "UpSampling", [X], {"scale": 2, "sample_type": "nearest"}, [up])
    square = np.random.uniform(-1, 1, (2, 1, 2, 2)).astype(np.float32)
    big = np.random.uniform(-1, 1, (2, 1, 4, 4)).astype(np.float32)
    joined = np.concatenate([big.repeat(2, 2).repeat(2, 3), square.repeat(4, 2).repeat(4, 3)], 1)
    check_op(device, "UpSampling", [big, square], {"scale": 2, "sample_type": "nearest"}, [joined])
    params = {"scale": 2, "sample_type": "nearest", "multi_input_mode": "sum"}
    check_op(device, "UpSampling", [big, square], params, [joined[:, :1] + joined[:, 1:]])
    check_op(device, "UpSampling", [small], {"scale": 1, "sample_type": "nearest"}, [small])


@pytest.mark.parametrize("scale", [2, 3])
def test_bilinear(device, scale):
    extent, pad = 2 * scale - scale % 2, scale // 2
    w = np.random.uniform(-1, 1, (3, 1, extent, extent)).astype(np.float32)
    n, c, h, width = X.shape
    full = np.zeros((n, c, scale * (h - 1) + extent, scale * (width - 1) + extent))
    for j in range(h):
        for i in range(width):
            full[:, :, scale * j : scale * j + extent, scale * i : scale * i + extent] += X[:, :, j, i, None, None] * w[None, :, 0]
    want = full[:, :, pad : pad + scale * h, pad : pad + scale * width]
    check_op(device, "UpSampling", [X, w], {"scale": scale, "sample_type": "bilinear", "num_filter": 3, "num_args": 2}, [want])
