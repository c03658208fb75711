"""Fourier transforms of any length against numpy's, and the Khatri-Rao product."""

import numpy as np
import pytest
from harness import check_op

import clsym as mx
from clsym.base import MXNetError
from clsym.runtime.launch import run_op


def pairs(z):
    return np.stack([z.real, z.imag], -1).reshape(*z.shape[:-1], -1)


def numbers(x):
    return x[..., ::2] + 1j * x[..., 1::2]


@pytest.mark.parametrize("shape", [(2, 8), (2, 1, 3, 7), (1, 1), (3, 12), (1, 1024), (2, 1000)])
def test_transforms(device, shape):
    rng = np.random.RandomState(shape[-1])
    x = rng.uniform(-1, 1, shape)
    z = rng.uniform(-1, 1, (*shape[:-1], 2 * shape[-1]))
    forward, backward = np.fft.fft(x), np.fft.ifft(numbers(z)).real * shape[-1]
    if shape[-1] > 100:
        for op, given, want in (("_contrib_fft", x, pairs(forward)), ("_contrib_ifft", z, backward)):
            got = run_op(device, op, [given.astype(np.float32)], {})[0]
            np.testing.assert_allclose(got, want, rtol=0, atol=4e-7 * np.abs(want).max() * np.log2(shape[-1]))
        return
    dtypes = ("float32", "float64") if shape[-1] == 7 else ("float32",)
    check_op(device, "_contrib_fft", [x], {}, [pairs(forward)], dtypes=dtypes)
    check_op(device, "_contrib_ifft", [z], {"compute_size": 3}, [backward], dtypes=dtypes)


def test_shapes_and_types_of_transforms():
    x = mx.sym.var("x")
    assert mx.sym.contrib.fft(x).infer_shape(x=(2, 3, 4, 6))[1] == [(2, 3, 4, 12)]
    assert mx.sym.contrib.ifft(x).infer_shape(x=(2, 6))[1] == [(2, 3)]
    with pytest.raises(MXNetError, match="must be even"):
        mx.sym.contrib.ifft(x).infer_shape(x=(2, 5))
    with pytest.raises(MXNetError, match="32-bit and 64-bit"):
        mx.nd.contrib.fft(mx.nd.ones((2, 2), dtype="int32"))


def kronecker_of_columns(*matrices):
    found = matrices[0]
    for m in matrices[1:]:
        found = np.einsum("ik,jk->ijk", found, m).reshape(-1, m.shape[1])
    return found


@pytest.mark.parametrize("rows", [(2, 3), (4,), (2, 1, 3, 2)])
def test_khatri_rao(device, rows):
    rng = np.random.RandomState(len(rows))
    xs = [rng.uniform(-1, 1, (m, 3)) for m in rows]
    check_op(device, "khatri_rao", xs, {}, [kronecker_of_columns(*xs)], grad=False, dtypes=("float32", "float64"))


def test_khatri_rao_refuses():
    a, b = mx.sym.var("a"), mx.sym.var("b")
    with pytest.raises(MXNetError, match="same number of columns"):
        mx.sym.khatri_rao(a, b).infer_shape(a=(2, 2), b=(2, 3))
    with pytest.raises(MXNetError, match="must be matrices"):
        mx.nd.khatri_rao(mx.nd.ones(3))
    with pytest.raises(MXNetError, match=r"khatri_rao .* has no gradient"):
        mx.sym.khatri_rao(a, b).simple_bind(mx.cpu(), a=(2, 2), b=(2, 2)).forward(is_train=True)
