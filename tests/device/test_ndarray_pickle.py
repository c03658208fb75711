"""Arrays through pickle and copy."""

import copy
import pickle
import struct

import numpy as np
import pytest

import clsym.ndarray as nd
from clsym.base import MXNetError
from clsym.context import cpu
from clsym.ndarray.params_file import dump_array, load_array

DTYPES = ["float32", "float64", "float16", "uint8", "int8", "int32", "int64", "bool"]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol(ctx, protocol):
    for dtype in DTYPES:
        for shape in [(2, 3), (), (0, 3), (70, 3)]:
            values = np.random.randint(0, 2, shape).astype(dtype)
            found = pickle.loads(pickle.dumps(nd.array(values, ctx=ctx, dtype=dtype), protocol))
            assert (found.shape, found.dtype, found.context) == (shape, values.dtype.type, ctx)
            np.testing.assert_array_equal(found.asnumpy(), values)
    view = nd.arange(6, ctx=ctx).reshape((2, 3))[1]
    assert pickle.loads(pickle.dumps(view, protocol)).asnumpy().tolist() == [3, 4, 5]
    array = nd.ones(3, ctx=ctx)
    first, second = pickle.loads(pickle.dumps([array, array], protocol))
    assert first is second


def test_copies_are_independent(ctx):
    array = nd.arange(6, ctx=ctx)
    for other in (copy.copy(array), copy.deepcopy(array), copy.deepcopy([array])[0]):
        other[:] = 7
        assert other.context == ctx
    assert array.asnumpy().tolist() == [0, 1, 2, 3, 4, 5]


def test_states(ctx):
    array = nd.arange(6, ctx=ctx).reshape((2, 3))
    state = array.__getstate__()
    assert isinstance(state["handle"], bytearray)
    other = nd.zeros(1, ctx=ctx)
    other.__setstate__(state)
    assert other.shape == (2, 3)
    assert other.asnumpy().tolist() == [[0, 1, 2], [3, 4, 5]]
    bare = nd.NDArray.__new__(nd.NDArray)
    bare.__setstate__(state)
    bare += 1
    assert other.asnumpy().sum() == 15
    assert bare.asnumpy().sum() == 21


def test_states_of_mxnet(ctx):
    # bytes(mx.nd.array([[1, 2]], dtype='int32').__getstate__()['handle']) of MXNet 1.9.1
    raw = bytes.fromhex("c9fa93f900000000020000000100000000000000020000000000000001000000000000000400000001000000" + "02000000")
    array = nd.zeros(1, ctx=ctx)
    array.__setstate__({"handle": bytearray(raw)})
    assert (array.shape, array.dtype, array.context) == ((1, 2), np.int32, cpu(0))
    assert array.asnumpy().tolist() == [[1, 2]]
    assert dump_array(np.array([[1, 2]], "int32")) == raw


def test_truncated_states():
    raw = dump_array(np.ones((2, 3), "float32"))
    for size in (0, 3, 20, len(raw) - 1):
        with pytest.raises(MXNetError, match="the state of an array"):
            load_array(raw[:size])
    with pytest.raises(MXNetError, match="dimensions"):
        load_array(raw[:8] + struct.pack("<i", 1 << 20) + raw[12:])
