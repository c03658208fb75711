"""Broadcasting: functions of two tensors, broadcast_to and kin, sums over the repeated axes."""

import numpy as np
import pytest
from harness import check_op

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.ops.elementwise.binary_table import BINARY_TABLE
from clsym.runtime.launch import run_op

SHAPES = [
    ((2, 3), (3,)),
    ((2, 3), (2, 1)),
    ((1,), (2, 3)),
    ((4, 1, 5), (3, 1)),
    ((2, 3, 5, 2), (3, 1, 1)),
    ((2, 3, 1, 2), (1, 3, 4, 1)),
    ((1, 1), (1,)),
    ((), (2,)),
]


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_shapes(device, a, b):
    x, y = np.asarray(np.random.randn(*a), np.float32), np.asarray(np.random.randn(*b), np.float32)
    check_op(device, "broadcast_mul", [x, y], {}, [x * y])
    check_op(device, "broadcast_sub", [x, y], {}, [x - y])


@pytest.mark.parametrize("row", BINARY_TABLE, ids=lambda r: r.stem)
def test_operators(device, row):
    a = np.random.uniform(0.3, 2.5, (3, 1, 4)).astype(np.float32)
    b = np.random.uniform(0.5, 2.5, (2, 1)).astype(np.float32)
    if not row.slopes[0]:
        a, b = np.round(a), np.round(b)
    elif row.stem == "mod":
        a, b = np.floor(a) * 2 + 0.7, np.full_like(b, 1.9)
    wide = np.broadcast_arrays(a, b)
    want = run_op(device, row.same, [np.ascontiguousarray(w) for w in wide])[0]
    check_op(
        device,
        f"broadcast_{row.stem}",
        [a, b],
        {},
        [want],
        grad=bool(row.slopes[0]),
        add=None if row.stem in ("add", "mul", "hypot") else (),
    )


def test_eight_dimensions(device):
    a, b = np.random.randn(2, 1, 2, 1, 2, 1, 2, 1).astype(np.float32), np.random.randn(1, 2, 1, 2, 1, 2, 1, 2).astype(np.float32)
    check_op(device, "broadcast_add", [a, b], {}, [a + b])


def test_more_than_one_share(device):
    """Ranges of the work-items begin and end within rows."""
    for a, b in (((130, 97), (97,)), ((5, 3001), (5, 1)), ((5, 1, 3001), (7, 1)), ((9001, 3), (3,))):
        x, y = np.random.randn(*a).astype(np.float32), np.random.randn(*b).astype(np.float32)
        assert np.array_equal(run_op(device, "broadcast_add", [x, y])[0], x + y)
        assert np.array_equal(run_op(device, "broadcast_add", [y, x])[0], x + y)


def test_integers(device):
    x, y = np.array([[250], [7]], np.uint8), np.array([3, 20], np.uint8)
    assert run_op(device, "broadcast_add", [x, y])[0].tolist() == [[253, 14], [10, 27]]


@pytest.mark.parametrize(
    ("full", "shape"),
    [
        ((40000,), (1,)),
        ((30000, 3), (3,)),
        ((20000, 3), (1, 1)),
        ((4, 3, 35, 33), (3, 1, 1)),
        ((700, 300), (300,)),
        ((5, 6), (1, 6)),
        ((2, 3), ()),
        ((2, 3, 1), (3, 1)),
        ((3, 5000), (3, 1)),
    ],
)
def test_sum_to_shape(device, full, shape):
    x = np.random.randn(*full).astype(np.float32)
    padded = (1,) * (len(full) - len(shape)) + shape
    want = x.astype(np.float64).sum(tuple(i for i, d in enumerate(padded) if d == 1), keepdims=True).reshape(shape)
    got = run_op(device, "_sum_to_shape", [x], {"shape": shape})[0]
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=2e-4)
    added = run_op(device, "_sum_to_shape", [x], {"shape": shape}, reqs=["add"])[0]  # onto zeros
    assert np.array_equal(got, added)
    whole = np.ones(full, np.int32)
    assert (run_op(device, "_sum_to_shape", [whole], {"shape": shape})[0] == whole.size // max(1, got.size)).all()


def test_sum_to_shape_of_nothing(device):
    assert run_op(device, "_sum_to_shape", [np.zeros((0, 3), np.float32)], {"shape": (3,)})[0].tolist() == [0, 0, 0]
    x = np.random.randn(2, 3, 4).astype(np.float32)
    check_op(
        device,
        "_sum_to_shape",
        [x],
        {"shape": (3, 1)},
        [x.sum((0, 2), keepdims=True)[0]],
        dtypes=("float32", "float64", "float16"),
        rtol=1e-5,
    )


def test_broadcast_to(device):
    x = np.random.randn(1, 2, 1).astype(np.float32)
    check_op(device, "broadcast_to", [x], {"shape": (3, 0, 2)}, [np.broadcast_to(x, (3, 2, 2))])
    check_op(
        device, "broadcast_axis", [x], {"axis": (0, 2), "size": (2, 3)}, [np.broadcast_to(x, (2, 2, 3))], dtypes=("float32", "float16")
    )
    check_op(device, "broadcast_axes", [x], {}, [x])
    y = np.zeros((4, 2, 5), np.float32)
    check_op(device, "broadcast_like", [x, y], {}, [np.broadcast_to(x, y.shape)], grad=[0])
    check_op(device, "broadcast_like", [x, y], {"lhs_axes": (0,), "rhs_axes": (-1,)}, [np.broadcast_to(x, (5, 2, 1))], grad=[0])
    flags = np.array([[False, True, True]])
    assert run_op(device, "broadcast_to", [flags], {"shape": (2, 3)})[0].tolist() == [[False, True, True]] * 2


@pytest.mark.parametrize(
    ("op", "params", "shapes", "message"),
    [
        ("broadcast_to", {"shape": (3, 2)}, [(1, 2, 1)], "numbers of dimensions"),
        ("broadcast_to", {"shape": (3, 3, 2)}, [(1, 2, 1)], "extent 2"),
        ("broadcast_to", {"shape": (-1,)}, [(1,)], "negative"),
        ("broadcast_axis", {"axis": 1, "size": 2}, [(1, 2, 1)], "must be 1"),
        ("broadcast_axis", {"axis": (0, -1), "size": (2, 2)}, [(1, 2, 1)], "out of bounds"),
        ("broadcast_axis", {"axis": 0, "size": ()}, [(1,)], "same number"),
        ("broadcast_like", {}, [(1, 2), (2,)], "numbers of dimensions"),
        ("broadcast_like", {"lhs_axes": 1, "rhs_axes": 1}, [(1, 2), (1, 5)], "extent 2"),
        ("broadcast_like", {"lhs_axes": 4, "rhs_axes": 1}, [(1, 2), (1, 5)], "out of bounds"),
        ("broadcast_add", {}, [(1, 2), (1, 3)], "broadcast together"),
    ],
)
def test_errors(op, params, shapes, message):
    found = find_op(op)
    with pytest.raises(MXNetError, match=message):
        found.infer_shape(found.parse(params), list(shapes), [None])


def test_partial_shapes():
    op = find_op("broadcast_add")
    assert op.infer_shape(op.parse({}), [(-1, 3), (2, 1)], [None])[1] == [(-1, 3)]  # 1 or 2: MXNet does not say either
    assert op.infer_shape(op.parse({}), [(-1, 3), (1, 1)], [None])[1] == [(-1, 3)]
    assert op.infer_shape(op.parse({}), [(2, 3), None], [None])[1] == [None]
