"""Arrays on two devices: copies, their order, and the refusal to mix."""

import numpy as np
import pytest

import clsym.ndarray as nd
from clsym.base import MXNetError
from clsym.context import cl, cpu
from clsym.runtime.device import resolve
from clsym.runtime.transfer import copy_bytes

A, B = cpu(0), cpu(1)


@pytest.fixture(autouse=True)
def two():
    if resolve(A) is resolve(B):
        pytest.skip("one CPU device only")


def test_copies_both_ways():
    values = np.random.rand(100, 37).astype("f")
    a = nd.array(values, ctx=A)
    b = a.as_in_context(B)
    assert b.context == B
    back = nd.zeros((100, 37), ctx=A)
    b.copyto(back)
    np.testing.assert_array_equal(back.asnumpy(), values)
    target = nd.zeros((100, 37), ctx=B, dtype="float16")
    a.copyto(target)
    np.testing.assert_array_equal(target.asnumpy(), values.astype("float16"))
    a[3] = b[5]
    np.testing.assert_array_equal(a.asnumpy()[3], values[5])
    a[:, 1] = b[:, 2]
    np.testing.assert_array_equal(a.asnumpy()[:, 1], values[:, 2])


def test_order_of_writes_and_copies():
    a, b = nd.zeros(50000, ctx=A), nd.zeros(50000, ctx=B)
    for i in range(1, 60):
        a[:] = i
        a.copyto(b)
        a[:] = -1  # may only happen after the copy has read
        b += 1
        b.copyto(a)
        b[:] = -2
        found = a[0:1].asnumpy()[0] if i % 10 else a.asnumpy()
        assert np.all(found == i + 1)


def test_pooled_memory_is_not_reused_before_a_copy_has_read_it():
    kept = []
    for i in range(200):
        a = nd.full((30000,), i, ctx=A)
        kept.append(a.copyto(B))
        del a
    for i, b in enumerate(kept):
        assert (b.asnumpy() == i).all()


def test_bytes_at_any_offset():
    a, b = nd.array(np.arange(100), ctx=A, dtype="uint8"), nd.zeros(100, ctx=B, dtype="uint8")
    copy_bytes(a._root, 3, a._device, b._root, 50, b._device, 7)
    assert b.asnumpy()[48:60].tolist() == [0, 0, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0]


def test_operators_refuse_to_mix():
    with pytest.raises(MXNetError, match=r"argument 0 is on cpu\(0\), argument 1 on cpu\(1\)"):
        nd.zeros(2, ctx=A) + nd.zeros(2, ctx=B)


def test_out_on_another_device():
    out = nd.zeros(3, ctx=B)
    nd.relu(nd.array([-1, 0, 1], ctx=A), out=out)
    assert out.asnumpy().tolist() == [0, 0, 1]


def test_seeded_numbers_are_the_same():
    from clsym import random

    draws = []
    for ctx in (A, B):
        random.seed(3)
        draws.append(nd.random.uniform(shape=1000, ctx=ctx).asnumpy())
    np.testing.assert_array_equal(*draws)


def test_across_opencl_contexts():
    if resolve(A).traits.compute_units < 2:
        pytest.skip("one compute unit cannot be partitioned")
    part = cl(f"{resolve(A).selector}/units=1/0")  # sub-devices have a context of their own: the host carries the bytes
    values = np.random.rand(1000, 3).astype("f")
    a = nd.array(values, ctx=A)
    b = a.copyto(part)
    a[:] = 0
    np.testing.assert_array_equal((b * 2).asnumpy(), values * 2)
    b.copyto(a)
    np.testing.assert_array_equal(a.asnumpy(), values)
    a[5:7] = b[0:2]
    np.testing.assert_array_equal(a.asnumpy()[5:7], values[:2])
