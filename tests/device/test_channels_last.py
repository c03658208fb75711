"""Graphs with their channels last: their values and gradients are those of the same graph with its channels first, with few transposes."""

import numpy as np
import pytest

import clsym as mx
from clsym.runtime.device import resolve


def net(last):
    """Convolutions, normalisation, a residual, a join, pooling of each kind, and a classifier behind them."""
    layout, axis = ("NHWC", 3) if last else ("NCHW", 1)
    x = mx.sym.Convolution(mx.sym.var("data"), name="c0", kernel=(3, 3), pad=(1, 1), num_filter=16, no_bias=True, layout=layout)
    x = mx.sym.Activation(mx.sym.BatchNorm(x, name="b0", axis=-1 if last else 1, fix_gamma=False), act_type="relu")
    y = mx.sym.Convolution(x, name="c1", kernel=(3, 3), pad=(1, 1), num_filter=16, layout=layout)
    x = mx.sym.Pooling(x + y, kernel=(2, 2), stride=(2, 2), pool_type="max", layout=layout)
    z = mx.sym.Pooling(x, kernel=(3, 3), pad=(1, 1), pool_type="avg", layout=layout)
    x = mx.sym.Concat(x, mx.sym.sigmoid(z), dim=axis)
    x = mx.sym.Deconvolution(x, name="d", kernel=(4, 4), stride=(2, 2), pad=(1, 1), num_filter=16, layout=layout)
    x = mx.sym.Pooling(x, global_pool=True, pool_type="avg", layout=layout)
    return mx.sym.FullyConnected(mx.sym.Flatten(x), name="f", num_hidden=5)


def run(ctx, last, values, head):
    shape = (2, 12, 10, 3) if last else (2, 3, 12, 10)
    ex = net(last).simple_bind(ctx, data=shape)
    for name, array in ex.arg_dict.items():
        value = values[name]
        array[:] = np.moveaxis(value, 1, -1) if last and value.ndim == 4 else value
    ex.aux_dict["b0_moving_var"][:] = 1
    out = ex.forward(is_train=True)[0].asnumpy()
    ex.backward(mx.nd.array(head, ctx=ctx))
    grads = {n: np.moveaxis(g.asnumpy(), -1, 1) if last and g.ndim == 4 else g.asnumpy() for n, g in ex.grad_dict.items()}
    return ex, out, ex.forward(is_train=False)[0].asnumpy(), grads


@pytest.fixture
def given():
    shapes, *_ = net(False).infer_shape(data=(2, 3, 12, 10))
    values = {n: np.random.uniform(-0.5, 0.5, s).astype(np.float32) for n, s in zip(net(False).list_arguments(), shapes, strict=True)}
    return values, np.random.uniform(-1, 1, (2, 5)).astype(np.float32)


def transposes(ex):
    """Launches of the inference plan that only move elements."""
    return sum(launch.call.source.startswith("shape/") for launches in ex._bound(False).launches for launch in launches)


@pytest.mark.parametrize("optimize", ["1", "0"])
def test_same_as_channels_first(ctx, given, optimize, monkeypatch):
    monkeypatch.setenv("CLSYM_OPTIMIZE", optimize)
    other, *want = run(ctx, False, *given)
    ex, *got = run(ctx, True, *given)
    for a, b in zip(got[:2], want[:2], strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)
    for name, b in want[2].items():
        np.testing.assert_allclose(got[2][name], b, rtol=1e-4, atol=1e-5 * max(1.0, np.abs(b).max()), err_msg=name)
    if optimize == "1":  # more than there: of the data, the one pixel of each map that is left, and weights that are not prepared ahead
        assert transposes(ex) <= transposes(other) + (2 if resolve(ctx).traits.is_cpu else 5)
