"""The parameters that a batch normalisation is folded into, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check_op

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.runtime.launch import run_op

DTYPES = ("float32", "float64", "float16")


def statistics(channels, seed=0):
    rng = np.random.RandomState(seed)
    gamma, beta, mean, var = (rng.uniform(0.5, 1.5, channels).astype(np.float32) for _ in range(4))
    return [gamma, beta - 1, mean - 1, var]


@pytest.mark.parametrize("fix_gamma", [True, False])
def test_scale_and_shift(device, fix_gamma):
    for channels in (1, 17, 1500):
        gamma, beta, mean, var = arrays = statistics(channels)
        bias = np.random.RandomState(1).standard_normal(channels).astype(np.float32)
        scale = (1 if fix_gamma else gamma.astype(np.float64)) / np.sqrt(var.astype(np.float64) + 0.01)
        params = {"eps": 0.01, "fix_gamma": fix_gamma}
        check_op(device, "_batch_norm_scale", arrays, params, [scale, beta - mean * scale], grad=False, dtypes=DTYPES)
        want = [scale, beta + (bias - mean) * scale]
        params["with_bias"] = True
        check_op(device, "_batch_norm_scale", [*arrays, bias], params, want, grad=False, dtypes=DTYPES, rtol=1e-5, atol=1e-6)


def test_scale_and_shift_of_half_layers(device):
    """The statistics of a float16 layer are float32, its bias is float16, and so is what becomes a bias."""
    gamma, beta, mean, var = arrays = statistics(9)
    bias = np.linspace(-1, 1, 9).astype(np.float16)
    scale, shift = run_op(device, "_batch_norm_scale", [*arrays, bias], {"fix_gamma": False, "with_bias": True, "dtype": "float16"})
    want = gamma / np.sqrt(var + 0.001)
    assert (scale.dtype, shift.dtype) == (np.float32, np.float16)
    np.testing.assert_allclose(scale, want, rtol=1e-6)
    np.testing.assert_allclose(shift, beta + (bias - mean) * want, rtol=2e-3, atol=1e-3)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, statistics(9), strict=True))


def test_one_of_the_two_alone(device):
    arrays = statistics(5)
    both = run_op(device, "_batch_norm_scale", arrays)
    for k, reqs in enumerate((("write", "null"), ("null", "write"))):
        one = run_op(device, "_batch_norm_scale", arrays, reqs=reqs)
        assert np.array_equal(one[k], both[k])
        assert not one[1 - k].any()


def test_filters(device):
    rng = np.random.RandomState(0)
    for shape in ((5, 3, 3, 2), (7,), (37, 41), (1, 2, 3, 4, 5)):
        weight, scale = rng.standard_normal(shape).astype(np.float32), rng.uniform(-1, 1, shape[0]).astype(np.float32)
        want = weight * scale.reshape(-1, *[1] * (len(shape) - 1))
        check_op(device, "_scale_filters", [weight, scale], {}, [want], grad=False, dtypes=DTYPES)
        check_op(device, "_scale_filters", [weight, scale], {}, [want], grad=False, dtypes=["float16"], keep_dtype=[1])


def test_padding(device):
    for channels, block in ((1, 16), (16, 16), (33, 8), (5, 4), (64, 16)):
        x = np.arange(1, channels + 1, dtype=np.float32)
        want = np.zeros(-(-channels // block) * block, np.float32)
        want[:channels] = x
        check_op(device, "_pad_channels", [x], {"block": block}, [want], grad=False, dtypes=DTYPES)


def test_shapes_and_types():
    scale = find_op("_batch_norm_scale")
    p = scale.parse({"with_bias": True})
    assert scale.input_names(p) == ("gamma", "beta", "moving_mean", "moving_var", "bias")
    assert scale.infer_shape(p, [None, (3,), None, None, None], [None, None]) == ([(3,)] * 5, [(3,)] * 2)
    with pytest.raises(MXNetError, match="moving_mean"):
        scale.infer_shape(p, [(4,), None, (3,), None, None], [None, None])
    with pytest.raises(MXNetError, match="floating"):
        scale.infer_type(p, ["int32", *[None] * 4], [None, None])
    assert not scale.mutates(p, True)
    filters = find_op("_scale_filters")
    p = filters.parse({})
    assert filters.infer_shape(p, [(2, 3), None], [None]) == ([(2, 3), (2,)], [(2, 3)])
    with pytest.raises(MXNetError, match="one value a filter"):
        filters.infer_shape(p, [(2, 3), (3,)], [None])
    with pytest.raises(MXNetError, match="filters"):
        filters.infer_shape(p, [(), None], [None])
    pad = find_op("_pad_channels")
    assert pad.infer_shape(pad.parse({"block": 8}), [(9,)], [None]) == ([(9,)], [(16,)])
    assert pad.infer_shape(pad.parse({"block": 8}), [None], [None]) == ([(-1,)], [(-1,)])
    with pytest.raises(MXNetError):
        pad.parse({"block": 0})
