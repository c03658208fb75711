"""Saving and loading arrays."""

import numpy as np
import pytest

import clsym.ndarray as nd
from clsym.base import MXNetError
from clsym.context import cpu


def test_dictionary(tmp_path, ctx):
    path = str(tmp_path / "a.params")
    nd.save(path, {"arg:w": nd.arange(6, ctx=ctx).reshape((2, 3)), "aux:m": nd.ones(3, ctx=ctx, dtype="int8")[1:]})
    found = nd.load(path)
    assert list(found) == ["arg:w", "aux:m"]
    assert found["arg:w"].context == cpu(0)
    assert found["arg:w"].asnumpy().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["aux:m"].dtype is np.int8
    assert found["aux:m"].shape == (2,)
    with open(path, "rb") as stream:
        assert nd.load_frombuffer(stream.read())["aux:m"].asnumpy().tolist() == [1, 1]


def test_list_and_single(tmp_path, ctx):
    path = str(tmp_path / "a.params")
    nd.save(path, [nd.ones(2, ctx=ctx), nd.zeros((1, 2), ctx=ctx)])
    assert [a.shape for a in nd.load(path)] == [(2,), (1, 2)]
    nd.save(path, nd.ones(2, ctx=ctx))
    assert len(nd.load(path)) == 1


def test_refused(tmp_path, ctx):
    path = str(tmp_path / "a.params")
    for data in (3, [np.ones(3)], {"a": 3}):
        with pytest.raises((TypeError, ValueError)):
            nd.save(path, data)
    with pytest.raises(MXNetError):
        nd.load(str(tmp_path / "missing"))
    (tmp_path / "foreign").write_bytes(b"PK\x03\x04aaaaaaaaaaaaaaaaaaaaaa")
    with pytest.raises(MXNetError, match="zip archive"):
        nd.load(str(tmp_path / "foreign"))
