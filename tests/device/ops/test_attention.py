"""Interleaved products of attention and div_sqrt_dim beyond the recorded cases: types, differences, errors; the sparse penalty's state."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check_op

import clsym as mx
from clsym.base import MXNetError
from clsym.runtime.device import resolve
from clsym.runtime.launch import run_op

RNG = np.random.RandomState(4)


def uniform(*shape):
    return RNG.uniform(-1, 1, shape).astype(np.float32)


def parts(x, heads, count):
    """(batch * heads, steps, depth) arrays."""
    steps, batch, width = x.shape
    split = x.reshape(steps, batch, heads, count, width // heads // count).transpose(3, 1, 2, 0, 4)
    return split.reshape(count, batch * heads, steps, -1)


@pytest.mark.parametrize(("steps", "others", "batch", "heads", "depth"), [(9, 17, 2, 3, 33), (1, 2, 1, 1, 1)])
def test_products(device, steps, others, batch, heads, depth):
    width = heads * depth
    own, encoded, queries = uniform(steps, batch, 3 * width), uniform(others, batch, 2 * width), uniform(steps, batch, width)
    q, k, v = parts(own, heads, 3)
    keys, values = parts(encoded, heads, 2)
    given, kinds = {"heads": heads}, ("float32", "float16") if steps == 1 else ("float32",)
    back = lambda y: y.reshape(batch, heads, -1, depth).transpose(2, 0, 1, 3).reshape(-1, batch, width)  # noqa: E731
    scores, weights = uniform(batch * heads, steps, steps), uniform(batch * heads, steps, others)
    turned = (0, 2, 1)
    check_op(device, "_contrib_interleaved_matmul_selfatt_qk", [own], given, [q @ k.transpose(turned) / depth**0.5], dtypes=kinds)
    check_op(device, "_contrib_interleaved_matmul_selfatt_valatt", [own, scores], given, [back(scores @ v)], dtypes=kinds)
    want = parts(queries, heads, 1)[0] @ keys.transpose(turned) / depth**0.5
    check_op(device, "_contrib_interleaved_matmul_encdec_qk", [queries, encoded], given, [want], dtypes=kinds)
    check_op(device, "_contrib_interleaved_matmul_encdec_valatt", [encoded, weights], given, [back(weights @ values)], dtypes=kinds)


def test_div_sqrt_dim(device):
    x = uniform(3, 7)
    check_op(device, "_contrib_div_sqrt_dim", [x], {}, [x / np.sqrt(7)])
    whole = np.array([[7, 9, -4]], np.int32)
    np.testing.assert_array_equal(run_op(device, "_contrib_div_sqrt_dim", [whole])[0], whole)


def test_names_and_errors():
    x = mx.sym.var("x")
    assert mx.sym.contrib.interleaved_matmul_encdec_qk(heads=2, name="q").list_arguments() == ["q_queries", "q_keys_values"]
    qk = mx.sym.contrib.interleaved_matmul_selfatt_qk(x, heads=2, name="q")
    assert qk.infer_shape(x=(5, 3, 24)) == ([(5, 3, 24)], [(6, 5, 5)], [])
    for shape in ((5, 3), (5, 3, 25)):
        with pytest.raises(MXNetError, match=r"operator q "):
            qk.infer_shape(x=shape)
    with pytest.raises(MXNetError, match="heads"):
        mx.sym.contrib.interleaved_matmul_selfatt_qk(x, heads=0)
    with pytest.raises(MXNetError, match=r"keys_values|queries"):
        mx.nd.contrib.interleaved_matmul_encdec_qk(mx.nd.ones((2, 1, 4)), mx.nd.ones((2, 1, 6)), heads=1)


def test_sparse_penalty_keeps_its_average(ctx):
    """The average goes on in the backward pass, as in MXNet."""
    x = RNG.uniform(0.1, 0.9, (6, 3)).astype(np.float32)
    average, grad = mx.nd.array([0.2, 0.3, 0.4], ctx=ctx), mx.nd.zeros((6, 3), ctx=ctx)
    sym = mx.sym.IdentityAttachKLSparseReg(mx.sym.var("x"), momentum=0.5, sparseness_target=0.25, penalty=0.1, name="k")
    executor = sym.bind(ctx, {"x": mx.nd.array(x, ctx=ctx)}, {"x": grad}, "write", {"k_moving_avg": average})
    want = np.array([0.2, 0.3, 0.4])
    for _ in range(2):
        np.testing.assert_array_equal(executor.forward(is_train=True)[0].asnumpy(), x)
        np.testing.assert_allclose(average.asnumpy(), want, rtol=1e-6)
        executor.backward(mx.nd.ones((6, 3), ctx=ctx))
        want = 0.5 * want + 0.5 * x.mean(0)
        np.testing.assert_allclose(average.asnumpy(), want, rtol=1e-6)
        np.testing.assert_allclose(grad.asnumpy(), np.tile(1 + 0.1 * (-0.25 / want + 0.75 / (1 - want)), (6, 1)), rtol=1e-5)
    data = RNG.uniform(0.1, 0.9, (3, 2, 5)).astype(np.float32)
    check_op(resolve(ctx), "IdentityAttachKLSparseReg", [data, np.full(2, 0.5, np.float32)], {}, [data], train=True, grad=False)
    with pytest.raises(MXNetError, match=r"sparseness_target=1\.5"):
        mx.sym.IdentityAttachKLSparseReg(mx.sym.var("x"), sparseness_target=1.5).infer_shape(x=(2, 3))
