"""Transposed convolution: values and gradients by those of the convolution that it transposes, inference, layouts."""

import numpy as np
import pytest
from harness import check_op
from test_convolution import Case, reference

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.runtime.launch import run_op

# the convolution that is transposed: its output is the deconvolution's data
CASES = {
    "4x4 stride 2, whole blocks": (Case(2, 32, (12, 14), 16, (4, 4), (2, 2), (1, 1), (1, 1)), {}),
    "stride 1": (Case(1, 16, (9, 8), 32, (3, 3), (1, 1), (1, 1), (1, 1)), {}),
    "odd, groups, adj": (Case(2, 6, (12, 14), 4, (3, 2), (2, 3), (1, 2), (1, 0), 2), {}),
    "bilinear": (Case(2, 5, (12, 14), 5, (4, 4), (2, 2), (1, 1), (1, 1), 5), {}),
    "bilinear, whole blocks": (Case(2, 16, (9, 13), 16, (5, 4), (3, 2), (1, 1), (1, 2), 16), {"no_bias": True}),
    "bilinear, large": (Case(1, 2, (24, 20), 2, (9, 8), (4, 4), (1, 1), (2, 2), 2), {}),
    "few channels": (Case(2, 6, (12, 14), 34, (4, 4), (2, 2), (1, 1), (1, 1), 2), {}),
    "one pixel": (Case(3, 20, (4, 5), 7, (4, 5), (1, 1), (1, 1), (0, 0)), {}),
    "stride beyond the window": (Case(1, 3, (9, 10), 4, (2, 2), (3, 4), (1, 1), (0, 0)), {}),
    "target": (Case(1, 3, (9, 10), 4, (4, 3), (2, 2), (1, 1), (1, 1)), {"target_shape": (9, 10)}),
    "one dimension": (Case(2, 3, (19,), 8, (5,), (2,), (2,), (3,)), {}),
    "three dimensions": (Case(1, 4, (5, 6, 7), 3, (2, 3, 3), (1, 2, 2), (1, 1, 1), (1, 0, 1)), {}),
}


def deconvolution(case, **more):
    """Parameters of the operator that transposes the convolution."""
    window = [d * (k - 1) + 1 for d, k in zip(case.dilate, case.kernel, strict=True)]
    adj = tuple(x - (s * (y - 1) + w - 2 * p) for x, s, y, w, p in zip(case.size, case.stride, case.output, window, case.pad, strict=True))
    given = {"pad": case.pad, "adj": adj} if "target_shape" not in more else {}
    return {
        "kernel": case.kernel, "stride": case.stride, "dilate": case.dilate, "num_filter": case.channels, "num_group": case.groups,
        "no_bias": False, **given, **more,
    }  # fmt: skip


def arrays(case):
    """Data, weight, bias and head gradient of the deconvolution; what it gives and its gradients."""
    x, w, _, head = case.arrays("float64")
    bias = np.random.uniform(-1, 1, case.channels)
    conv, out, dw, _ = reference(case, x, w, np.zeros(case.filters), head)
    axes = (0, *range(2, x.ndim))
    return (head, w, bias, x), (out + bias.reshape(-1, *(1,) * len(case.size)), conv, dw, x.sum(axes))


@pytest.mark.parametrize("name", CASES)
def test_values(device, name):
    case, more = CASES[name]
    (data, w, bias, head), (out, *grads) = arrays(case)
    params = deconvolution(case, **more)
    narrow = [a.astype(np.float32) for a in (data, w, bias)]
    if params["no_bias"]:
        narrow, out, grads = narrow[:2], out - bias.reshape(-1, *(1,) * len(case.size)), grads[:2]
    options = {"ograds": [head.astype(np.float32)], "expected_grads": grads, "rtol": 1e-5, "atol": 2e-5}
    check_op(device, "Deconvolution", narrow, params, [out], **options)


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_other_types(device, dtype):
    if dtype == "float64" and not device.traits.fp64:
        pytest.skip("the device has no double")
    for name in ("odd, groups, adj", "bilinear"):
        case, more = CASES[name]
        (data, w, bias, _), (out, *_) = arrays(case)
        got = run_op(device, "Deconvolution", [a.astype(dtype) for a in (data, w, bias)], deconvolution(case, **more))[0]
        assert got.dtype == dtype
        np.testing.assert_allclose(
            got, out, rtol={"float64": 1e-12, "float16": 4e-3}[dtype], atol={"float64": 1e-12, "float16": 8e-3}[dtype]
        )


def test_channels_last(device):
    case, _ = CASES["odd, groups, adj"]
    (data, w, bias, head), (out, ddata, dw, dbias) = arrays(case)
    last = [np.moveaxis(a, 1, -1).astype(np.float32) for a in (data, w, head, out, ddata, dw)]
    params = deconvolution(case, layout="NHWC")
    options = {"ograds": [last[2]], "expected_grads": [last[4], last[5], dbias], "rtol": 1e-5, "atol": 2e-5}
    check_op(device, "Deconvolution", [last[0], last[1], bias.astype(np.float32)], params, [last[3]], **options)


def test_no_image(device):
    out = run_op(
        device,
        "Deconvolution",
        [np.zeros((0, 2, 3, 3), np.float32), np.ones((2, 4, 3, 3), np.float32)],
        {"kernel": (3, 3), "num_filter": 4},
    )
    assert out[0].shape == (0, 4, 5, 5)


def shapes(ins, outs=None, **params):
    op = find_op("Deconvolution")
    return op.infer_shape(op.parse({"num_filter": 6, "kernel": (3, 3), **params}), list(ins), [outs])


def test_shapes_follow():
    assert shapes([(2, 4, 5, 6), None], num_group=2) == ([(2, 4, 5, 6), (4, 3, 3, 3)], [(2, 6, 7, 8)])
    assert shapes([(-1, 4, -1, 6), None]) == ([(-1, 4, -1, 6), (4, 6, 3, 3)], [(-1, 6, -1, 8)])
    assert shapes([(-1, -1, 5, 6), (4, 6, 3, 3)], (2, -1, -1, -1)) == ([(2, 4, 5, 6), (4, 6, 3, 3)], [(2, 6, 7, 8)])
    assert shapes([(2, 4, 5, 6), None, None], no_bias=False) == ([(2, 4, 5, 6), (4, 6, 3, 3), (6,)], [(2, 6, 7, 8)])
    assert shapes([(2, 4, 5, 6), None], stride=(2, 2), target_shape=(10, 12), adj=(1, 1))[1] == [(2, 6, 10, 12)]
    assert shapes([(2, 5, 6, 4), None], layout="NHWC") == ([(2, 5, 6, 4), (4, 3, 3, 6)], [(2, 7, 8, 6)])
    assert shapes([None, (4, 6, 3, 3)]) == ([None, (4, 6, 3, 3)], [None])


@pytest.mark.parametrize(
    ("params", "ins", "message"),
    [
        ({"num_group": 4}, [(1, 4, 8, 8)], "must divide num_filter"),
        ({"num_group": 3}, [(1, 4, 8, 8)], "must divide the channels"),
        ({"adj": (1, 0)}, [(1, 4, 8, 8)], "adj must be smaller than the stride"),
        ({"adj": (1,)}, [(1, 4, 8, 8)], "adj"),
        ({"target_shape": (30, 30)}, [(1, 4, 8, 8)], "too large"),
        ({"target_shape": (9, 0), "stride": (2, 2)}, [(1, 4, 8, 8)], "positive"),
        ({"pad": (9, 9)}, [(1, 4, 8, 8)], "leaves nothing"),
        ({"stride": (0, 1)}, [(1, 4, 8, 8)], "stride"),
        ({"kernel": (1, 1, 1, 1)}, [(1, 4, 8, 8)], "kernel"),
        ({"layout": "NCW"}, [(1, 4, 8, 8)], "layout"),
        ({}, [(1, 4, 8)], "dimensions"),
        ({}, [(1, 4, 8, 8), (4, 5, 3, 3)], "weight"),
    ],
)
def test_contradictions_are_named(params, ins, message):
    with pytest.raises(MXNetError, match=message):
        shapes([*ins, None][:2], **params)


def test_integers_are_refused():
    op = find_op("Deconvolution")
    with pytest.raises(MXNetError, match="floating-point types, not int32"):
        op.infer_type(op.parse({"num_filter": 6, "kernel": (3, 3)}), ["int32", None], [None])
