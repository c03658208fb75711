"""Reorders between NCHW and blocked layout."""

from __future__ import annotations

import numpy as np
import pytest
from harness import Case, check_op

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.graph.contract.spec import TensorSpec


def blocked(x, b):
    """(N, C, H, W) as (N, ceil(C / b), H, W, b), zeros in the lanes beyond C."""
    n, c, h, w = x.shape
    padded = np.zeros((n, -(-c // b) * b, h, w), x.dtype)
    padded[:, :c] = x
    return np.ascontiguousarray(padded.reshape(n, -1, b, h, w).transpose(0, 1, 3, 4, 2))


def plain(y, c):
    """The way back."""
    n, blocks, h, w, b = y.shape
    return np.ascontiguousarray(y.transpose(0, 1, 4, 2, 3).reshape(n, blocks * b, h, w)[:, :c])


@pytest.mark.parametrize("b", [4, 8, 16])
@pytest.mark.parametrize("shape", [(2, 5, 3, 7), (1, 48, 5, 5), (2, 35, 4, 4), (3, 16, 1, 1), (1, 3, 41, 53)])
def test_both_ways(device, b, shape):
    rng = np.random.RandomState(1)
    x = rng.uniform(-1, 1, shape).astype(np.float32)
    y = blocked(x, b)
    head, back = rng.uniform(-1, 1, y.shape).astype(np.float32), rng.uniform(-1, 1, shape).astype(np.float32)
    check_op(device, "_to_blocked", [x], {"block": b}, [y], rtol=0, atol=0, ograds=[head], expected_grads=[plain(head, shape[1])])
    check_op(device, "_from_blocked", [y], {"channels": shape[1]}, [x], rtol=0, atol=0, ograds=[back], expected_grads=[blocked(back, b)])


def test_gradient_leaves_padding_alone(device):
    y = blocked(np.ones((1, 3, 2, 2), np.float32), 8)
    case = Case(device, "_from_blocked", [y], {"channels": 3}, True, ["write"], True)
    case.forward()
    case.backward([np.ones((1, 3, 2, 2), np.float32)])
    np.testing.assert_array_equal(case.grad(0), y)


def test_single_pixels_are_views():
    for name, params, source, target, want in [
        ("_to_blocked", {"block": 16}, (2, 32, 1, 1), (2, 2, 1, 1, 16), True),
        ("_from_blocked", {"channels": 32}, (2, 2, 1, 1, 16), (2, 32, 1, 1), True),
        ("_from_blocked", {"channels": 30}, (2, 2, 1, 1, 16), (2, 30, 1, 1), False),
        ("_to_blocked", {"block": 16}, (2, 32, 1, 2), (2, 2, 1, 2, 16), False),
    ]:
        op = find_op(name)
        assert bool(op.view(op.parse(params), [TensorSpec(source)], [TensorSpec(target)])) is want


def test_shapes_both_ways():
    to, back = find_op("_to_blocked"), find_op("_from_blocked")
    p, q = to.parse({"block": 8}), back.parse({"channels": 20})
    assert to.infer_shape(p, [(2, 20, 3, -1)], [None]) == ([(2, 20, 3, -1)], [(2, 3, 3, -1, 8)])
    assert to.infer_shape(p, [None], [(2, 3, 3, 5, 8)]) == ([(2, -1, 3, 5)], [(2, 3, 3, 5, 8)])
    assert back.infer_shape(q, [(2, -1, 3, 5, 8)], [None]) == ([(2, 3, 3, 5, 8)], [(2, 20, 3, 5)])
    assert back.infer_shape(q, [None], [(2, 20, 3, 5)]) == ([(2, -1, 3, 5, -1)], [(2, 20, 3, 5)])


@pytest.mark.parametrize(
    ("name", "params", "shape", "message"),
    [
        ("_to_blocked", {"block": 5}, (1, 2, 3, 4), "4, 8 or 16"),
        ("_to_blocked", {"block": 8}, (1, 2, 3), "N, C, H, W"),
        ("_from_blocked", {"channels": 3}, (1, 1, 2, 2, 6), "blocks of 6"),
        ("_from_blocked", {"channels": 3}, (1, 3, 2, 2), "must be blocked"),
        ("_from_blocked", {"channels": 30}, (1, 3, 2, 2, 16), "for 30 channels"),
    ],
)
def test_errors(name, params, shape, message):
    op = find_op(name)
    with pytest.raises(MXNetError, match=message):
        op.infer_shape(op.parse(params), [shape], [None])


def test_other_types_are_refused():
    op = find_op("_to_blocked")
    with pytest.raises(MXNetError, match="float32"):
        op.infer_type(op.parse({"block": 8}), ["float16"], [None])
