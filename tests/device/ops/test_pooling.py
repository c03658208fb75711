"""Pooling against a reference that loops over windows."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check_op

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.runtime.launch import run_op


def reference(x, kernel, stride, pad, kind, convention="valid", count_include_pad=True, p=2):
    """Outputs only; gradients are checked numerically."""
    extents = x.shape[2:]
    if convention == "same":
        out = [-(-e // s) for e, s in zip(extents, stride, strict=True)]
        pad = [0] * len(kernel)
    else:
        room = [e + 2 * q - k for e, q, k in zip(extents, pad, kernel, strict=True)]
        out = [(-(-r // s) if convention == "full" else r // s) + 1 for r, s in zip(room, stride, strict=True)]
    y = np.zeros((*x.shape[:2], *out))
    for o in np.ndindex(*out):
        start = [i * s - q for i, s, q in zip(o, stride, pad, strict=True)]
        clip = [(max(a, 0), min(a + k, e)) for a, k, e in zip(start, kernel, extents, strict=True)]
        w = x[(..., *(slice(a, b) for a, b in clip))].reshape(*x.shape[:2], -1).astype(np.float64)
        if count_include_pad:
            count = np.prod([min(a + k, e + q) - a for a, k, e, q in zip(start, kernel, extents, pad, strict=True)])
        else:
            count = w.shape[2]
        value = {
            "max": lambda w: w.max(2),
            "sum": lambda w: w.sum(2),
            "avg": lambda w, n=count: w.sum(2) / n,
            "lp": lambda w: (w**p).sum(2) ** (1 / p),
        }[kind](w)
        y[(..., *o)] = value
    return y


SHAPES = [
    ((2, 3, 13, 37), (3, 3), (2, 2), (1, 1)),
    ((1, 5, 9, 41), (3, 3), (1, 1), (1, 1)),
    ((2, 2, 22), (3,), (3,), (1,)),
    ((1, 2, 6, 7, 19), (2, 3, 3), (1, 2, 2), (0, 1, 1)),
]


# every stride and window with a maximum, which has loops of its own for them, and with one of the sums
@pytest.mark.parametrize(("kind", "cases"), [("max", (0, 1, 2, 3)), ("avg", (0, 2, 3)), ("sum", (1, 3)), ("lp", (0, 2, 3))])
def test_windows(device, kind, cases):
    rng = np.random.RandomState(1)
    for shape, kernel, stride, pad in (SHAPES[c] for c in cases):
        # distinct values, so that no numeric gradient crosses a tie
        x = (rng.permutation(int(np.prod(shape))).reshape(shape) / 50 + 0.5).astype(np.float32)
        for convention in ("valid", "full", "same"):
            params = {"kernel": kernel, "stride": stride, "pool_type": kind, "pooling_convention": convention}
            if convention != "same":
                params["pad"] = pad
            if kind == "lp":
                params["p_value"] = 2
            want = reference(x, kernel, stride, pad, kind, convention)
            check_op(device, "Pooling", [x], params, [want], rtol=2e-6, grad=convention == "full")


# MXNet 1.9.1's outputs and gradients of [1, -2, 3, 0.5, 4, -1, 2], the head gradients being 1, 2, 3 ...
RECORDED_SAME = {
    (3, 2, "max"): ([3, 4, 4, 2], [0, 0, 1, 0, 5, 0, 4]),
    (3, 2, "avg"): ([2 / 3, 2.5, 5 / 3, 2], [1 / 3, 1 / 3, 1, 2 / 3, 5 / 3, 1, 5]),
    (2, 3, "sum"): ([-1, 4.5, 2], [1, 1, 0, 2, 2, 0, 3]),
    (4, 1, "max"): ([3, 4, 4, 4, 4, 2, 2], [0, 0, 1, 0, 14, 0, 13]),
}


@pytest.mark.parametrize("case", RECORDED_SAME)
def test_same_starts_at_multiples_of_the_stride(device, case):
    kernel, stride, kind = case
    x = np.array([[[1, -2, 3, 0.5, 4, -1, 2]]], np.float32)
    want, grad = RECORDED_SAME[case]
    heads = np.arange(1, len(want) + 1, dtype=np.float32).reshape(1, 1, -1)
    params = {"kernel": (kernel,), "stride": (stride,), "pad": (0, 0, 0), "pool_type": kind, "pooling_convention": "same"}
    check_op(
        device, "Pooling", [x], params, [np.array(want).reshape(1, 1, -1)], rtol=1e-6, ograds=[heads],
        expected_grads=[np.array(grad).reshape(x.shape)],
    )  # fmt: skip


def test_numbers_of_items():
    """Stride and pad may have more items than there are spatial dimensions, as in MXNet; never fewer, and the kernel exactly as many."""
    op = find_op("Pooling")

    def out(shape, **params):
        return op.infer_shape(op.parse(params), [shape], [None])[1][0]

    assert out((1, 2, 9), kernel=(2,), stride=(3, 2), pad=(1, 0)) == (1, 2, 4)
    assert out((1, 2, 9, 8), kernel=(2, 2), stride=(3, 2, 5), pad=(1, 0, 7)) == (1, 2, 4, 4)
    for wrong in ({"kernel": (2, 2)}, {"kernel": (2,), "stride": (-1,)}):
        with pytest.raises(MXNetError):
            out((1, 2, 9), **wrong)
    for wrong in ({"stride": (2,)}, {"pad": (1,)}):
        with pytest.raises(MXNetError, match="spatial dimensions"):
            out((1, 2, 9, 8), kernel=(2, 2), **wrong)
    with pytest.raises(MXNetError, match="leave pad out"):
        out((1, 2, 9), kernel=(2,), pad=(1,), pooling_convention="same")


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_types(device, dtype):
    shape, kernel, stride, pad = SHAPES[0]
    x = (np.random.RandomState(2).permutation(int(np.prod(shape))).reshape(shape) / 64).astype(np.float32)
    for kind in ("max", "avg") if dtype == "float16" else ("max",):  # gradients in float64 are compared for every kind
        params = {"kernel": kernel, "stride": stride, "pad": pad, "pool_type": kind}
        check_op(
            device,
            "Pooling",
            [x],
            params,
            [reference(x, kernel, stride, pad, kind)],
            dtypes=[dtype],
            rtol=1e-3 if dtype == "float16" else 1e-9,
        )


@pytest.mark.parametrize("kind", ["max", "avg"])
def test_global(device, kind):
    x = np.random.RandomState(3).permutation(35 * 143).reshape(5, 7, 11, 13).astype(np.float32) / 100
    want = x.max((2, 3), keepdims=True) if kind == "max" else x.mean((2, 3), keepdims=True)
    check_op(device, "Pooling", [x], {"kernel": (2, 2), "stride": (2, 2), "global_pool": True, "pool_type": kind}, [want])


def test_nan_is_kept(device):
    x = np.array([[[[1, np.nan, 3, 4], [4, 5, 6, 7], [7, 8, 9, 1]]]], np.float32)
    (y,) = run_op(device, "Pooling", [x], {"kernel": (2, 2)})
    np.testing.assert_array_equal(y, [[[[np.nan, np.nan, 7], [8, 9, 9]]]])
    (d,) = run_op(device, "_backward_Pooling", [np.ones_like(y), x, y], {"kernel": (2, 2), "data_shape": x.shape})
    np.testing.assert_array_equal(d, [[[[0, 2, 0, 0], [0, 0, 0, 1], [0, 1, 2, 0]]]])
    (y,) = run_op(device, "Pooling", [x], {"global_pool": True})
    assert np.isnan(y).all()


@pytest.mark.parametrize(
    ("params", "shape", "message"),
    [
        ({"kernel": (9, 9)}, (2, 3, 7, 8), "exceeds input"),
        ({"kernel": (0, 3)}, (2, 3, 7, 8), "at least 1"),
        ({"kernel": (3, 3), "stride": (0, 1)}, (2, 3, 7, 8), "at least 1"),
        ({"kernel": (3, 3), "pad": (-1, 1)}, (2, 3, 7, 8), "at least 0"),
        ({"kernel": (3,)}, (2, 3, 7, 8), "spatial dimensions"),
        ({}, (2, 3, 7, 8), "kernel is required"),
        ({"kernel": (3, 3), "layout": "NWC"}, (2, 3, 7, 8), "layout"),
        ({"kernel": (3, 3), "pool_type": "lp"}, (2, 3, 7, 8), "p_value"),
        ({"kernel": (3, 3)}, (7, 8), "dimensions"),
    ],
)
def test_errors(params, shape, message):
    op = find_op("Pooling")
    with pytest.raises(MXNetError, match=message):
        op.infer_shape(op.parse(params), [shape], [None])


def test_partial_shapes():
    op = find_op("Pooling")
    p = op.parse({"kernel": (3, 3)})
    assert op.infer_shape(p, [(2, -1, -1, 8)], [None]) == ([(2, -1, -1, 8)], [(2, -1, -1, 6)])
    assert op.infer_shape(p, [None], [(2, 5, 4, 4)]) == ([None], [(2, 5, 4, 4)])
    with pytest.raises(MXNetError, match="floating-point"):
        op.infer_type(p, ["int32"], [None])


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 3), (1030, 500)])
def test_long_rows(device, kernel, stride):
    x = np.random.RandomState(4).uniform(0.1, 1, (2, 3, 4099)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), kernel, axis=2)[:, :, ::stride]
    for kind, want in (("max", windows.max(3)), ("avg", windows.mean(3))):
        got = run_op(device, "Pooling", [x], {"kernel": (kernel,), "stride": (stride,), "pool_type": kind})[0]
        np.testing.assert_allclose(got, want, rtol=1e-5)


def first_maximum(x, g, k, s, q, y):
    """The gradient of a maximum over windows of k x k: all of it to the first pixel that equals it."""
    high, wide = x.shape[2:]
    out_high, out_wide = y.shape[2:]
    padded = np.zeros((*x.shape[:2], (out_high - 1) * s + q + k + high, (out_wide - 1) * s + q + k + wide), x.dtype)
    inside = (..., slice(q, q + high), slice(q, q + wide))
    padded[inside] = x
    real, dx, given = np.zeros(padded.shape, bool), np.zeros_like(padded), np.zeros(y.shape, bool)
    real[inside] = True
    for a, b in np.ndindex(k, k):
        at = (..., slice(a, a + (out_high - 1) * s + 1, s), slice(b, b + (out_wide - 1) * s + 1, s))
        here = real[at] & ~given & np.where(np.isnan(y), np.isnan(padded[at]), padded[at] == y)
        dx[at] += np.where(here, g, 0)
        given |= here
    assert given.all()
    return dx[inside]


@pytest.mark.parametrize(("k", "s", "q"), [(3, 2, 1), (2, 2, 0), (3, 1, 1), (2, 1, 0)])
def test_gradient_in_tiles(device, k, s, q):
    rng = np.random.RandomState(3)
    for shape in ((4, 5, 9, 32), (5, 5, 8, 53)):
        x = rng.randint(0, 4, shape).astype(np.float32)
        x[1, 2, 3, ::7] = np.nan
        x[2, 1] = -1
        x[2, 1, 4, 3::2] = np.inf
        for dtype, convention in (("float32", "valid"), ("float64", "full")):
            params = {"kernel": (k, k), "stride": (s, s), "pad": (q, q), "pool_type": "max", "pooling_convention": convention}
            data = x.astype(dtype)
            y = run_op(device, "Pooling", [data], params)[0]
            g = rng.randint(1, 9, y.shape).astype(dtype)
            for req in ("write", "add") if dtype == "float32" else ("write",):
                dx = run_op(device, "_backward_Pooling", [g, data, y], {**params, "data_shape": shape}, reqs=[req])[0]
                assert np.array_equal(dx, first_maximum(data, g, k, s, q, y)), (shape, dtype, req)
