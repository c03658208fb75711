"""im2col and col2im against numpy, in one to three dimensions; in two they are recorded as well (test_image_layers_recorded)."""

import itertools

import numpy as np
import pytest
from harness import check_op

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op

CASES = [
    ((2, 3, 11), {"kernel": (3,), "stride": (2,), "dilate": (2,), "pad": (3,)}),
    ((2, 2, 5, 7), {"kernel": (3, 2), "stride": (1, 3), "pad": (2, 1)}),
    ((1, 2, 3, 4, 5), {"kernel": (2, 2, 3), "stride": (1, 2, 1), "dilate": (1, 1, 2), "pad": (0, 1, 0)}),
    ((1, 1, 1300), {"kernel": (2,), "stride": (1,)}),
]


def columns(x, kernel, stride, dilate=None, pad=None):
    nd = len(kernel)
    dilate, pad = dilate or (1,) * nd, pad or (0,) * nd
    padded = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in pad)])
    blocks = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(padded.shape[2:], kernel, stride, dilate, strict=True)]
    parts = []
    for tap in itertools.product(*map(range, kernel)):
        where = tuple(slice(t * d, t * d + (b - 1) * s + 1, s) for t, d, b, s in zip(tap, dilate, blocks, stride, strict=True))
        parts.append(padded[(slice(None), slice(None), *where)].reshape(*x.shape[:2], -1))
    return np.stack(parts, 2).reshape(x.shape[0], -1, parts[0].shape[-1])


@pytest.mark.parametrize(("shape", "params"), CASES)
def test_columns(device, shape, params):
    x = np.random.uniform(-1, 1, shape).astype(np.float32)
    check_op(device, "im2col", [x], params, [columns(x, **params)])


@pytest.mark.parametrize(("shape", "params"), CASES)
def test_back(device, shape, params):
    given = {**params, "output_size": shape[2:]}
    unit = np.eye(int(np.prod(shape[2:])), dtype=np.float32).reshape(-1, 1, *shape[2:])
    matrix = columns(unit, **params)  # of every pixel alone: col2im is its transpose
    c = np.random.uniform(-1, 1, (shape[0], shape[1] * matrix.shape[1], matrix.shape[2])).astype(np.float32)
    want = np.einsum("pkw,nckw->ncp", matrix, c.reshape(*shape[:2], *matrix.shape[1:])).reshape(shape)
    check_op(device, "col2im", [c], given, [want], rtol=1e-5, atol=1e-5)


def test_other_types(device):
    shape, params = CASES[1]
    x = np.random.uniform(-1, 1, shape)
    check_op(device, "im2col", [x], params, [columns(x, **params)], dtypes=["float64", "float16"], grad=False)


@pytest.mark.parametrize(
    ("op", "shape", "params", "message"),
    [
        ("im2col", (1, 2, 1, 1), {"kernel": (2, 2)}, "exceeds"),
        ("im2col", (1, 2, 3), {"kernel": (2, 2)}, "4 dimensions"),
        ("im2col", (1, 2, 3, 3), {"kernel": (2, 2), "stride": (0, 1)}, "stride"),
        ("im2col", (1, 2, 3, 3), {"kernel": (2, 2), "stride": (1,)}, "stride"),
        ("col2im", (2, 12, 21), {"kernel": (2, 2), "output_size": (5, 6)}, "fits no other"),
        ("col2im", (2, 13, 20), {"kernel": (2, 2), "output_size": (5, 6)}, "multiple"),
        ("col2im", (2, 12, 20), {"kernel": (2, 2), "output_size": (5,)}, "output_size"),
    ],
)
def test_contradictions_are_named(op, shape, params, message):
    found = find_op(op)
    with pytest.raises(MXNetError, match=message):
        found.infer_shape(found.parse(params), [shape], [None])
