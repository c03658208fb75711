"""Running sums, histograms, masks and rows by index: against MXNet 1.9.1 (tests/reference/record_scans.py), and where they are long."""

import json
from pathlib import Path

import numpy as np
import pytest
from harness import check_op

import clsym as mx
from clsym.base import MXNetError
from clsym.ndarray.invoke import invoke
from clsym.runtime.launch import run_op

CASES = json.loads((Path(__file__).parents[2] / "reference" / "scans.json").read_text())
OPS = ["_np_cumsum", "_histogram", "_contrib_boolean_mask", "_contrib_index_array", "_contrib_index_copy"]


@pytest.mark.parametrize("op", OPS)
def test_as_recorded(device, op):
    for case in (c for c in CASES if c["op"] == op):
        xs = [np.array(x).astype(t) for x, t in zip(case["inputs"], case["dtypes"], strict=True)]
        want = [np.array(y).astype(t) for y, t in zip(case["outputs"], case["types"], strict=True)]
        params = {k: tuple(v) if isinstance(v, list) else v for k, v in case["params"].items()}
        if op == "_contrib_boolean_mask":  # a graph's output, as long as the mask says, and an array
            ctx = mx.Context("cl", 0, device.selector)
            arrays = [mx.nd.array(x, ctx=ctx, dtype=x.dtype) for x in xs]
            np.testing.assert_array_equal(invoke(op, arrays).asnumpy(), want[0])
            for req in ("write", "add"):
                grad = mx.nd.ones(xs[0].shape, ctx=ctx)
                net = mx.sym.contrib.boolean_mask(mx.sym.var("x"), mx.sym.var("mask"))
                ex = net.bind(ctx, {"x": arrays[0], "mask": arrays[1]}, {"x": grad}, {"x": req, "mask": "null"})
                np.testing.assert_array_equal(ex.forward(is_train=True)[0].asnumpy(), want[0])
                ex.backward(mx.nd.array(case["head"], ctx=ctx).reshape(want[0].shape))
                np.testing.assert_allclose(grad.asnumpy(), np.array(case["grads"][0]) + (req == "add"), rtol=1e-6)
            continue
        floating = [i for i, x in enumerate(xs) if x.dtype.kind == "f" and not (op == "_contrib_index_copy" and i == 1)]
        more = {"grad": False}
        if "head" in case:
            grads = [np.array(case["grads"][i]) for i in floating]
            more = {"grad": floating, "ograds": [np.array(case["head"])], "expected_grads": grads}
        check_op(device, op, xs, params, want, keep_dtype=range(len(xs)), **more)
        for got, kind in zip(run_op(device, op, xs, params), case["types"], strict=True):
            assert got.dtype == kind


@pytest.mark.parametrize(("shape", "axis"), [((5000,), 0), ((2, 3001, 3), 1), ((3, 70, 130), -2), ((7, 2000), None)])
def test_long_sums(device, shape, axis):
    x = np.random.RandomState(1).randint(-9, 9, shape)
    for dtype in ("int32", "float32"):
        np.testing.assert_array_equal(run_op(device, "_np_cumsum", [x.astype(dtype)], {"axis": axis})[0], np.cumsum(x, axis))
    if axis == 0:
        check_op(device, "_np_cumsum", [x.astype(np.float32)], {"axis": axis}, [np.cumsum(x, axis)], dtypes=("float32",))
        half = run_op(device, "_np_cumsum", [np.ones(300, np.float16)], {})[0]
        np.testing.assert_array_equal(half, np.arange(1, 301, dtype=np.float16))
        assert run_op(device, "_np_cumsum", [np.array([True, False, True])], {})[0].tolist() == [1, 1, 2]


def test_many_are_counted(device):
    x = np.random.RandomState(2).normal(size=100003).astype(np.float32)
    edges = np.linspace(-3, 3, 1001).astype(np.float32)
    counts, same = run_op(device, "_histogram", [x, edges], {})
    np.testing.assert_array_equal(counts, np.histogram(x, edges)[0])
    np.testing.assert_array_equal(same, edges)
    counts, edges = run_op(device, "_histogram", [x], {"bin_cnt": 100, "range": (-2, 3)})
    np.testing.assert_array_equal(counts, np.histogram(x, edges)[0])
    assert run_op(device, "_histogram", [np.zeros(0, np.float32)], {"bin_cnt": 2, "range": (0, 1)})[0].tolist() == [0, 0]


def test_long_masks(device):
    rng = np.random.RandomState(3)
    x, mask = rng.uniform(-1, 1, (5001, 3)).astype(np.float16), rng.randint(0, 2, 5001).astype(np.uint8)
    rows, count = run_op(device, "_contrib_boolean_mask", [x, mask], {})
    assert count[0] == mask.sum()
    np.testing.assert_array_equal(rows[: count[0]], x[mask != 0])


def test_nothing_is_left(ctx):
    x = mx.nd.ones((3, 2), ctx=ctx)
    assert mx.nd.contrib.boolean_mask(x, mx.nd.zeros(3, ctx=ctx)).shape == (0, 2)
    assert mx.nd.contrib.boolean_mask(mx.nd.zeros((0, 2), ctx=ctx), mx.nd.zeros(0, ctx=ctx)).shape == (0, 2)


def test_indices_out_of_range_raise(ctx):
    x, new = mx.nd.zeros((5, 2), ctx=ctx), mx.nd.ones((2, 2), ctx=ctx)
    for index in ([0, 5], [-1, 2]):
        with pytest.raises(IndexError, match=r"operator _contrib_index_copy: index_copy: index (5|-1) .* not in 0\.\.5-1"):
            mx.nd.contrib.index_copy(x, mx.nd.array(index, ctx=ctx), new).asnumpy()
    net = mx.sym.contrib.index_copy(mx.sym.var("x"), mx.sym.var("i"), mx.sym.var("new"), name="it")
    ex = net.bind(ctx, {"x": x, "i": mx.nd.array([7, 0], ctx=ctx), "new": new})
    with pytest.raises(IndexError, match="node 'it'"):
        ex.forward()[0].asnumpy()


@pytest.mark.parametrize(
    ("op", "params", "shapes", "text"),
    [
        ("_np_cumsum", {"axis": 2}, [(2, 3)], "axis 2 exceeds"), ("_histogram", {"bin_cnt": 3}, [(4,)], "both or not at all"),
        ("_histogram", {"bin_cnt": 3, "range": (2, 0)}, [(4,)], "the lower one first"),
        ("_contrib_boolean_mask", {"axis": 1}, [(2, 3), (3,)], "axis=1 is not supported"),
        ("_contrib_boolean_mask", {}, [(2, 3), (3,)], "one number for each row"),
        ("_contrib_boolean_mask", {}, [(2, 3), (2, 1)], "one dimension"), ("_contrib_index_array", {"axes": (2,)}, [(2, 3)], "axis 2"),
        ("_contrib_index_copy", {}, [(5, 3), (2,), (3, 3)], "one index for each row"),
        ("_contrib_index_copy", {}, [(5, 3), (3,), (3, 2)], "may differ in their rows only"),
    ],
)  # fmt: skip
def test_refused(op, params, shapes, text):
    with pytest.raises(MXNetError, match=text):
        invoke(op, [mx.nd.zeros(s) for s in shapes], params)
