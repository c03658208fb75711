"""mx.nd.contrib and mx.sym.contrib: functions that are made of operators, and allclose."""

import math

import numpy as np
import pytest

import clsym as mx
from clsym.base import MXNetError

nd = mx.nd


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_what_is_not_a_number(ctx, dtype):
    values = np.array([np.nan, np.inf, -np.inf, 0, -0.0, 1, 6e4, -6e4] * 40, dtype)
    array = nd.array(values, ctx=ctx, dtype=dtype)
    for name in ("isnan", "isinf", "isfinite"):
        found = getattr(nd.contrib, name)(array)
        assert found.dtype is values.dtype.type
        np.testing.assert_array_equal(found.asnumpy(), getattr(np, name)(values))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "int64"])
def test_integers_are_finite(ctx, dtype):
    # MXNet 1.9.1 takes a 0 of uint8 for infinite, since it converts infinity to that type
    info = np.iinfo(dtype)
    array = nd.array(np.array([0, 1, info.min, info.max]), ctx=ctx, dtype=dtype)
    assert nd.contrib.isnan(array).asnumpy().tolist() == [0] * 4
    assert nd.contrib.isinf(array).asnumpy().tolist() == [0] * 4
    assert nd.contrib.isfinite(array).asnumpy().tolist() == [1] * 4


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "uint8", "int8", "int32", "int64"])
@pytest.mark.parametrize("n", [1, 7, 8, 100, 70001])
def test_allclose_finds_one_difference_anywhere(ctx, dtype, n):
    values = np.random.randint(1, 100, n).astype(dtype)
    a = nd.array(values, ctx=ctx, dtype=dtype)
    assert nd.contrib.allclose(a, a.copy()).asscalar() == 1
    for place in {0, n // 2, n - 1}:
        other = values.copy()
        other[place] += 1
        b = nd.array(other, ctx=ctx, dtype=dtype)
        assert nd.contrib.allclose(a, b).asscalar() == 0
        assert nd.contrib.allclose(a, b, atol=1).asscalar() == 1
        assert nd.contrib.allclose(a, b, rtol=1).asscalar() == 1


def test_allclose_of_views_and_of_nothing(ctx):
    array = nd.arange(12, ctx=ctx).reshape((4, 3))
    assert nd.contrib.allclose(array[1], nd.array([3, 4, 5], ctx=ctx)).asscalar() == 1
    assert nd.contrib.allclose(array[1], array[2]).asscalar() == 0
    result = nd.contrib.allclose(nd.zeros((0, 3), ctx=ctx), nd.zeros((0, 3), ctx=ctx))
    assert (result.shape, result.dtype, result.asscalar()) == ((), np.uint8, 1)


def test_allclose_refuses(ctx):
    with pytest.raises(MXNetError, match="one shape"):
        nd.contrib.allclose(nd.ones(3, ctx=ctx), nd.ones((1, 3), ctx=ctx))
    with pytest.raises(MXNetError, match="type"):
        nd.contrib.allclose(nd.ones(3, ctx=ctx), nd.ones(3, ctx=ctx, dtype="float64"))
    with pytest.raises(MXNetError, match="bool"):
        nd.contrib.allclose(nd.ones(3, ctx=ctx, dtype="bool"), nd.ones(3, ctx=ctx, dtype="bool"))


def test_allclose_in_a_graph(ctx):
    net = mx.sym.contrib.allclose(mx.sym.var("a"), mx.sym.var("b"), atol=0.5)
    assert net.infer_shape(a=(2, 3)) == ([(2, 3), (2, 3)], [()], [])
    executor = net.simple_bind(ctx, a=(2, 3), grad_req="null")
    assert executor.outputs[0].dtype is np.uint8
    executor.arg_dict["a"][:] = 1
    for value, expected in ((1.4, 1), (1.6, 0), (0.6, 1)):
        executor.arg_dict["b"][:] = value
        assert executor.forward()[0].asscalar() == expected


def expectation(classes, count, classes_in_all):
    return np.log((classes + 2.0) / (classes + 1.0)) / math.log(classes_in_all + 1) * count


def test_zipfian_draws(ctx):
    if not nd.array([1.0], ctx=ctx)._device.traits.fp64:
        pytest.skip("the device has no float64")
    true = nd.array([3, 1, 0], ctx=ctx)
    samples, of_true, of_samples = nd.contrib.rand_zipfian(true, 20000, 5, ctx)
    assert (samples.dtype, samples.shape, samples.context) == (np.int64, (20000,), ctx)
    found = samples.asnumpy()
    assert (found >= 0).all()
    assert (found < 5).all()
    np.testing.assert_allclose(of_true.asnumpy(), expectation(np.array([3, 1, 0]), 20000, 5), rtol=1e-12)
    np.testing.assert_allclose(of_samples.asnumpy(), expectation(found, 20000, 5), rtol=1e-12)
    counts = np.bincount(found, minlength=5)
    expected = expectation(np.arange(5), 20000, 5)
    assert (np.abs(counts - expected) < 6 * np.sqrt(expected)).all(), (counts, expected)
    with pytest.raises(MXNetError, match="true_classes must be an NDArray"):
        nd.contrib.rand_zipfian([3], 4, 5)


def test_zipfian_draws_in_a_graph(ctx):
    if not nd.array([1.0], ctx=ctx)._device.traits.fp64:
        pytest.skip("the device has no float64")
    net = mx.sym.Group(list(mx.sym.contrib.rand_zipfian(mx.sym.var("classes"), 1000, 50)))
    executor = net.bind(ctx, {"classes": nd.array([3, 7], ctx=ctx)}, grad_req="null")
    samples, of_true, of_samples = executor.forward()
    assert samples.dtype is np.int64
    assert ((samples.asnumpy() >= 0) & (samples.asnumpy() < 50)).all()
    np.testing.assert_allclose(of_true.asnumpy(), expectation(np.array([3, 7]), 1000, 50), rtol=1e-12)
    np.testing.assert_allclose(of_samples.asnumpy(), expectation(samples.asnumpy(), 1000, 50), rtol=1e-12)
