"""SoftmaxOutput, the regressions and SVMOutput; the odd cases are in test_layers_recorded."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check_op

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op


def softmax(x, axis):
    e = np.exp(x.astype(np.float64) - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@pytest.mark.parametrize("classes", [2, 37, 1000])
def test_rows(device, classes):
    rng = np.random.RandomState(0)
    x, label = rng.standard_normal((7, classes)).astype(np.float32) * 5, rng.randint(0, classes, 7).astype(np.float32)
    y = softmax(x, 1)
    want = y - (np.arange(classes) == label[:, None])
    check_op(
        device,
        "SoftmaxOutput",
        [x, label],
        {},
        [y],
        grad=[0],
        ograds=[np.zeros_like(x)],
        expected_grads=[want],
        dtypes=["float32", "float64"],
        rtol=2e-6,
    )


def test_positions(device):
    rng = np.random.RandomState(0)
    x, label = rng.standard_normal((2, 5, 7, 9)).astype(np.float32), rng.randint(-1, 5, (2, 7, 9)).astype(np.float32)
    y = softmax(x, 1)
    want = np.where(label[:, None] == -1, 0, y - (np.arange(5)[:, None, None] == label[:, None])) / (label != -1).sum()
    params = {"multi_output": True, "use_ignore": True, "normalization": "valid"}
    check_op(device, "SoftmaxOutput", [x, label], params, [y], grad=[0], ograds=[np.zeros_like(x)], expected_grads=[want], rtol=2e-6)


def test_head_gradient_on_demand(device):
    rng = np.random.RandomState(0)
    x, label, head = (
        rng.standard_normal((4, 3)).astype(np.float32),
        np.array([0, 2, 1, 1], np.float32),
        rng.standard_normal((4, 3)).astype(np.float32),
    )
    y = softmax(x, 1)
    want = (y - (np.arange(3) == label[:, None])) * head
    check_op(device, "Softmax", [x, label], {"out_grad": True}, [y], grad=[0], ograds=[head], expected_grads=[want])


@pytest.mark.parametrize("op", ["LinearRegressionOutput", "LogisticRegressionOutput", "MAERegressionOutput"])
def test_regression(device, op):
    rng = np.random.RandomState(0)
    x, label = (rng.standard_normal((53, 97)).astype(np.float32) for _ in range(2))
    y = 1 / (1 + np.exp(-x.astype(np.float64))) if op.startswith("Logistic") else x.astype(np.float64)
    d = np.sign(y - label) if op.startswith("MAE") else y - label
    check_op(device, op, [x, label], {}, [y], grad=[0], ograds=[x], expected_grads=[d / 97], dtypes=["float32", "float64"], rtol=2e-6)


def test_label_shapes():
    op = find_op("SoftmaxOutput")
    for params, data, label in (
        ({}, (4, 3), (4,)), ({}, (4, 3, 5), (4, 3)), ({"multi_output": True}, (4, 3), (4, 1)),
        ({"multi_output": True}, (4, 3, 2, 2), (4, 4)),
        ({"preserve_shape": True}, (4, 3, 5), (4, 3)),
    ):  # fmt: skip
        assert op.infer_shape(op.parse(params), [data, None], [None]) == ([data, label], [data])
    for label in ((4,), (4, 1), (4, 3)):
        op.infer_shape(op.parse({"multi_output": True}), [(4, 3), label], [None])
    for label in ((5,), (4, 1), (12,)):
        with pytest.raises(MXNetError, match="label"):
            op.infer_shape(op.parse({}), [(4, 3), label], [None])
    op = find_op("LinearRegressionOutput")
    p = op.parse({})
    assert op.infer_shape(p, [(4, 1), None], [None])[0][1] == (4,)
    assert op.infer_shape(p, [(4, 3), None], [None])[0][1] == (4, 3)
    for data, label in (((4,), (4, 1)), ((4, 1), (4,)), ((2, 3, 4), (2, 12)), ((2, 3, 4), (2, 4, 3)), ((3, 4), (3, 2, 2))):
        assert op.infer_shape(p, [data, label], [None]) == ([data, label], [data])
    for data, label in (((4, 3), (12,)), ((4, 3), (3, 4)), ((1, 6), (6,))):
        with pytest.raises(MXNetError, match="label"):
            op.infer_shape(p, [data, label], [None])
    op = find_op("SVMOutput")
    assert op.infer_shape(op.parse({}), [(4, 3), None], [None])[0][1] == (4,)
