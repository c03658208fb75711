"""Bilinear resizing and adaptive average pooling: what the recorded cases leave out (test_image_layers_recorded)."""

import numpy as np
import pytest
from harness import check_op

import clsym as mx
from clsym.base import MXNetError
from clsym.runtime.launch import run_op

RESIZE, ADAPTIVE = "_contrib_BilinearResize2D", "_contrib_AdaptiveAvgPooling2D"


def axis_weights(extent, out, align):
    """(out, extent): how much of every pixel goes into every output; places are float32, as in MXNet."""
    weights = np.zeros((out, extent))
    step = np.float32(0 if out == 1 else (extent - 1) / (out - 1) if align else extent / out)
    for i in range(out):
        at = np.float32(i) * step if align else max(np.float32(0), step * np.float32(i + 0.5) - np.float32(0.5))
        low = min(int(at), extent - 1)
        weights[i, low] += 1 - (at - low)
        weights[i, min(low + 1, extent - 1)] += at - low
    return weights


@pytest.mark.parametrize("align", [True, False])
@pytest.mark.parametrize(("shape", "size"), [((1, 2, 7, 5), (16, 33)), ((2, 1, 3, 1030), (2, 2100)), ((1, 1, 9, 8), (2, 3))])
def test_resize(device, shape, size, align):
    x = np.random.uniform(-1, 1, shape)
    down, across = (axis_weights(e, o, align) for e, o in zip(shape[2:], size, strict=True))
    params = {"height": size[0], "width": size[1], "align_corners": align}
    head = np.random.uniform(-1, 1, (*shape[:2], *size))
    grad = np.einsum("nchw,hi,wj->ncij", head, down, across)
    want = [np.einsum("ncij,hi,wj->nchw", x, down, across)]
    options = {"ograds": [head.astype(np.float32)], "expected_grads": [grad], "rtol": 2e-4, "atol": 2e-4}
    check_op(device, RESIZE, [x.astype(np.float32)], params, want, **options)


def test_other_types(device):
    x = np.random.uniform(-1, 1, (1, 2, 5, 7))
    down, across = axis_weights(5, 9, True), axis_weights(7, 4, True)
    want = np.einsum("ncij,hi,wj->nchw", x, down, across)
    dtypes = ["float16", "float64"] if device.traits.fp64 else ["float16"]
    check_op(device, RESIZE, [x], {"height": 9, "width": 4}, [want], dtypes=dtypes, rtol=1e-5, atol=1e-6)
    check_op(device, ADAPTIVE, [x], {"output_size": (3, 4)}, dtypes=dtypes)


def test_whole_cells_are_those_of_pooling(device):
    x = np.random.uniform(-1, 1, (2, 3, 6, 8)).astype(np.float32)
    want = x.reshape(2, 3, 2, 3, 4, 2).mean((3, 5))
    check_op(device, ADAPTIVE, [x], {"output_size": (2, 4)}, [want])


def test_no_image(device):
    assert run_op(device, RESIZE, [np.zeros((0, 2, 3, 3), np.float32)], {"height": 2, "width": 5})[0].shape == (0, 2, 2, 5)
    assert run_op(device, ADAPTIVE, [np.zeros((0, 2, 3, 3), np.float32)], {"output_size": 2})[0].shape == (0, 2, 2, 2)


def test_an_image_alike_has_no_gradient(ctx):
    net = mx.sym.contrib.BilinearResize2D(mx.sym.var("data"), mx.sym.var("like"), mode="like")
    ex = net.simple_bind(ctx, data=(1, 1, 2, 2), like=(1, 1, 3, 4))
    ex.grad_dict["like"][:] = 7
    assert ex.forward(is_train=True)[0].shape == (1, 1, 3, 4)
    ex.backward(mx.nd.ones((1, 1, 3, 4), ctx=ctx))
    assert not ex.grad_dict["like"].asnumpy().any()
    assert ex.grad_dict["data"].asnumpy().sum() == pytest.approx(12, rel=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda c, d: c.BilinearResize2D(d, scale_height=2.0), "needs both"),
        (lambda c, d: c.BilinearResize2D(d, mode="odd_scale"), "needs both"),
        (lambda c, d: c.BilinearResize2D(d, height=0, width=2), "height"),
        (lambda c, d: c.BilinearResize2D(d, scale_height=0.01, scale_width=1.0), "leaves nothing"),
        (lambda c, d: c.AdaptiveAvgPooling2D(d, output_size=(0, 2)), "at least 1"),
    ],
)
def test_contradictions_are_named(make, message):
    with pytest.raises(MXNetError, match=message):
        make(mx.sym.contrib, mx.sym.var("data")).infer_shape(data=(2, 3, 5, 6))
    with pytest.raises(MXNetError, match="4 dimensions"):
        mx.sym.contrib.AdaptiveAvgPooling2D(mx.sym.var("data")).infer_shape(data=(2, 3, 5))
