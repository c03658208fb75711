"""Convolution of one to three dimensions, its gradients, groups, dilation, depthwise."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest
from harness import check_op

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.runtime.launch import run_op


@dataclass(frozen=True)
class Case:
    images: int
    channels: int
    size: tuple
    filters: int
    kernel: tuple
    stride: tuple
    dilate: tuple
    pad: tuple
    groups: int = 1

    @property
    def params(self):
        return {
            "kernel": self.kernel, "stride": self.stride, "dilate": self.dilate, "pad": self.pad,
            "num_filter": self.filters, "num_group": self.groups,
        }  # fmt: skip

    @property
    def output(self):
        return tuple(
            (x + 2 * p - d * (k - 1) - 1) // s + 1
            for x, p, d, k, s in zip(self.size, self.pad, self.dilate, self.kernel, self.stride, strict=True)
        )

    def arrays(self, dtype):
        x = np.random.uniform(-1, 1, (self.images, self.channels, *self.size))
        w = np.random.uniform(-1, 1, (self.filters, self.channels // self.groups, *self.kernel))
        b = np.random.uniform(-1, 1, self.filters)
        head = np.random.uniform(-1, 1, (self.images, self.filters, *self.output))
        return [a.astype(dtype) for a in (x, w, b, head)]


def reference(case, x, w, b, head):
    """Output and gradients of data, weight and bias: a sum over the window's elements, each a product of channels."""
    nd, per, out_per = len(case.size), case.channels // case.groups, case.filters // case.groups
    axes = [0, *range(2, nd + 2)]
    padded = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in case.pad)])
    y, dpadded, dw = np.zeros(head.shape), np.zeros(padded.shape), np.zeros(w.shape)
    for tap in itertools.product(*map(range, case.kernel)):
        window = tuple(
            slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, n, s in zip(tap, case.dilate, case.output, case.stride, strict=True)
        )
        for g in range(case.groups):
            ins, outs = slice(g * per, (g + 1) * per), slice(g * out_per, (g + 1) * out_per)
            part, filters = padded[(slice(None), ins, *window)], w[(outs, slice(None), *tap)]
            y[:, outs] += np.einsum("oc,nc...->no...", filters, part)
            dpadded[(slice(None), ins, *window)] += np.einsum("oc,no...->nc...", filters, head[:, outs])
            dw[(outs, slice(None), *tap)] = np.tensordot(head[:, outs], part, (axes, axes))
    y += b.reshape(1, -1, *(1,) * nd)
    crop = tuple(slice(p, p + n) for p, n in zip(case.pad, case.size, strict=True))
    return y, dpadded[(slice(None), slice(None), *crop)], dw, head.sum(tuple(axes))


CASES = {
    "3x3": Case(2, 3, (8, 9), 5, (3, 3), (1, 1), (1, 1), (1, 1)),
    "3x3 whole tiles": Case(1, 16, (14, 14), 40, (3, 3), (1, 1), (1, 1), (1, 1)),
    "3x3 stride 2, blocks of K": Case(2, 40, (9, 9), 80, (3, 3), (2, 2), (1, 1), (1, 1)),
    "odd strides, groups": Case(2, 4, (11, 13), 6, (3, 2), (2, 3), (1, 1), (1, 0), 2),
    "1x1": Case(3, 20, (7, 7), 70, (1, 1), (1, 1), (1, 1), (0, 0)),
    "1x1 stride 2": Case(2, 8, (15, 15), 30, (1, 1), (2, 2), (1, 1), (0, 0)),
    "7x7 stride 2": Case(2, 3, (33, 40), 17, (7, 7), (2, 2), (1, 1), (3, 3)),
    "dilation, groups": Case(2, 6, (12, 12), 9, (3, 3), (1, 1), (2, 3), (2, 1), 3),
    "padding beyond the window": Case(2, 3, (6, 6), 4, (2, 2), (1, 1), (1, 1), (3, 3)),
    "one dimension": Case(2, 5, (37,), 8, (4,), (1,), (1,), (2,)),
    "one dimension, long": Case(1, 5, (600,), 14, (3,), (2,), (2,), (0,)),
    "three dimensions": Case(2, 3, (5, 6, 7), 4, (2, 3, 3), (1, 2, 1), (1, 1, 1), (1, 0, 1)),
    "depthwise": Case(2, 6, (10, 11), 6, (3, 3), (1, 1), (1, 1), (1, 1), 6),
    "depthwise, 2 filters a channel, stride 2": Case(2, 6, (10, 19), 12, (3, 3), (2, 2), (1, 1), (1, 1), 6),
    "depthwise, one dimension": Case(2, 3, (9,), 9, (5,), (3,), (2,), (4,), 3),
    "depthwise, rows in pieces": Case(1, 2, (3, 3301), 2, (3, 3), (1, 1), (1, 1), (1, 1), 2),
    "wide, few columns left": Case(1, 24, (7, 14), 24, (3, 3), (1, 1), (1, 1), (1, 1)),
    "stride 4": Case(1, 3, (25, 70), 9, (5, 11), (4, 4), (1, 1), (2, 2)),
    "depthwise, three dimensions": Case(1, 4, (5, 5, 6), 4, (3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1), 4),
}


IN_EVERY_TYPE = ("3x3", "depthwise")


@pytest.mark.parametrize(
    ("case", "dtype"),
    [
        pytest.param(case, dtype, id=f"{name}-{dtype}")
        for name, case in CASES.items()
        for dtype in ("float32", "float64", "float16")
        if dtype == "float32" or name in IN_EVERY_TYPE
    ],
)
def test_values(device, case, dtype):
    if dtype == "float64" and not device.traits.fp64:
        pytest.skip("the device has no double")
    x, w, b, head = case.arrays(dtype)
    want = reference(case, *(a.astype(np.float64) for a in (x, w, b, head)))
    calls = [
        ("Convolution", [x, w, b], {}),
        ("_backward_Convolution_data", [head, w], {"shape": x.shape}),
        ("_backward_Convolution_weight", [head, x], {"shape": w.shape}),
        ("_backward_Convolution_bias", [head], {"shape": b.shape}),
    ]
    for (op, ins, more), value in zip(calls, want, strict=True):
        got = run_op(device, op, ins, {**case.params, **more})[0]
        assert got.shape == value.shape
        tolerance = {"float32": 5e-6, "float64": 1e-13, "float16": 2e-3}[dtype] * (1 + np.abs(value).max())
        assert np.abs(got - value).max() <= tolerance, op


@pytest.mark.parametrize("name", ["3x3", "depthwise"])
def test_as_an_operator(device, name):
    case = CASES[name]
    x, w, b, head = case.arrays("float64")
    y, dx, dw, db = reference(case, x, w, b, head)
    options = {"rtol": 1e-4, "atol": 1e-4}
    check_op(device, "Convolution", [x, w, b], case.params, [y], ograds=[head], expected_grads=[dx, dw, db], **options)
    if name == "3x3":
        check_op(device, "Convolution", [x, w, b], case.params, [y], **options)
    params = {**case.params, "no_bias": True}
    check_op(device, "Convolution", [x, w], params, [y - b.reshape(1, -1, *(1,) * len(case.size))], grad=False, **options)


def shapes(ins, outs=None, **params):
    op = find_op("Convolution")
    return op.infer_shape(op.parse({"num_filter": 6, "kernel": (3, 3), **params}), list(ins), [outs])


def test_shapes_follow_in_both_directions():
    assert shapes([(2, 4, 8, 8), None, None], num_group=2) == ([(2, 4, 8, 8), (6, 2, 3, 3), (6,)], [(2, 6, 6, 6)])
    assert shapes([(-1, 3, 8, -1), None, None]) == ([(-1, 3, 8, -1), (6, 3, 3, 3), (6,)], [(-1, 6, 6, -1)])
    assert shapes([(-1,) * 4, (6, 4, 3, 3), None], (2, 6, 5, 5)) == ([(2, 4, 7, 7), (6, 4, 3, 3), (6,)], [(2, 6, 5, 5)])


@pytest.mark.parametrize(
    ("params", "ins", "message"),
    [
        ({"num_group": 4}, [(1, 4, 8, 8)], "must divide num_filter"),
        ({"num_group": 3}, [(1, 4, 8, 8)], "must divide the 4 channels"),
        ({"kernel": (9, 3)}, [(1, 4, 8, 8)], "exceeds"),
        ({"stride": (0, 1)}, [(1, 4, 8, 8)], "stride"),
        ({"stride": (2,)}, [(1, 4, 8, 8)], "stride"),
        ({"kernel": (0, 3)}, [(1, 4, 8, 8)], "kernel"),
        ({"kernel": ()}, [(1, 4, 8, 8)], "kernel"),
        ({"pad": (-1, 0)}, [(1, 4, 8, 8)], "pad"),
        ({"num_filter": 0}, [(1, 4, 8, 8)], "num_filter"),
        ({}, [(1, 4, 8)], "dimensions"),
        ({}, [(1, 4, 8, 8), (6, 3, 3, 3)], "weight"),
        ({"layout": "NDHWC"}, [(1, 8, 8, 4)], "layout"),
    ],
)
def test_contradictions_are_named(params, ins, message):
    with pytest.raises(MXNetError, match=message):
        shapes([*ins, None, None][:3], **params)


def test_integers_are_refused():
    op = find_op("Convolution")
    with pytest.raises(MXNetError, match="floating-point types, not int8"):
        op.infer_type(op.parse({"num_filter": 6, "kernel": (3, 3)}), ["int8", None, None], [None])


@pytest.mark.parametrize(("width", "units", "name"), [(4, 1, "3x3 stride 2, blocks of K"), (8, 64, "7x7 stride 2")])
def test_register_tiles_of_other_cpus(device, monkeypatch, width, units, name):
    if not device.traits.is_cpu:
        pytest.skip("register tiles are for CPUs")
    monkeypatch.setattr(device, "traits", replace(device.traits, vector_width=width, compute_units=units, local_mem=32768))
    test_values(device, CASES[name], "float32")


def test_channels_last(device):
    case = CASES["odd strides, groups"]
    x, w, b, head = case.arrays("float64")
    y, dx, dw, db = reference(case, x, w, b, head)
    x, w, head, y, dx, dw = (np.moveaxis(a, 1, -1).astype(np.float32) for a in (x, w, head, y, dx, dw))
    options = {"ograds": [head], "expected_grads": [dx, dw, db], "rtol": 1e-5, "atol": 2e-5}
    check_op(device, "Convolution", [x, w, b.astype(np.float32)], {**case.params, "layout": "NHWC"}, [y], **options)


def test_channels_last_shapes():
    assert shapes([(2, 7, 8, 4), None, None], layout="NHWC", num_group=2) == ([(2, 7, 8, 4), (6, 3, 3, 2), (6,)], [(2, 5, 6, 6)])
    assert shapes([(-1,) * 4, (6, 3, 3, 4), None], (2, 5, 5, 6), layout="NHWC")[0][0] == (2, 7, 7, 4)
