"""CTCLoss: long labels with repetitions, labels that do not fit or hold no class, empty ones, types, errors."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check_op
from harness_case import Case

import clsym as mx
from clsym.base import MXNetError
from clsym.runtime.launch import run_op

RNG = np.random.RandomState(9)


def reference(x, label, blank=0):
    """Of one sequence, state by state."""
    x = x.astype(np.float64)
    x = x - np.log(np.exp(x).sum(1, keepdims=True))
    states = [blank]
    for c in label:
        states += [c, blank]
    alpha = np.full(len(states), -np.inf)
    alpha[:2] = x[0, states[:2]]
    for row in x[1:]:
        before, alpha = alpha, np.full(len(states), -np.inf)
        for s, c in enumerate(states):
            ways = [before[s], *before[max(s - 1, 0) : s]]
            if s > 1 and c not in (blank, states[s - 2]):
                ways.append(before[s - 2])
            alpha[s] = np.logaddexp.reduce(ways) + row[c]
    return -np.logaddexp.reduce(alpha[-2:])


def test_long_labels(device):
    steps, classes = 67, 70
    x = RNG.uniform(-2, 2, (steps, 3, classes)).astype(np.float32)
    label = np.zeros((3, 30), np.float32)
    label[0, :30] = RNG.randint(1, 4, 30)
    label[1, :2] = [5, 69]
    label[2, :9] = RNG.randint(1, 70, 9)
    ends = [30, 2, 9]
    want = np.array([reference(x[:, n], label[n, :e].astype(int)) for n, e in enumerate(ends)])
    # probabilities come from logarithms of the size of the loss, whose rounding (some 1e-5) is their relative error
    check_op(device, "CTCLoss", [x, label], {}, [want], grad=[0], keep_dtype=[1], grad_terms=want.max() / 8)


def test_what_is_no_alignment(device):
    """Too few steps: 0 and no gradient. Classes that do not exist: NaN. Labels of nothing, sequences of nothing."""
    x = RNG.uniform(-1, 1, (5, 7, 4)).astype(np.float32)
    label = np.array([[1, 1, 1], [4, 0, 0], [-2, 0, 0], [0, 0, 0], [1, 2, 3], [1, np.nan, 0], [1, 2, 0]], np.float32)
    lengths = np.array([4, 5, 5, 3, 0, 5, 99], np.float32)
    case = Case(device, "CTCLoss", [x, label, lengths], {"use_data_lengths": True}, True, ["write", "null", "null"], True)
    loss = case.forward()[0]
    case.backward([np.ones(7, np.float32)])
    grad = case.grad(0)
    want = [0, np.nan, np.nan, reference(x[:3, 3], []), 0, np.nan, reference(x[:, 6], [1, 2])]
    np.testing.assert_allclose(loss, want, rtol=1e-5)
    assert not grad[:, [0, 4]].any() and np.isnan(grad[:, [1, 2, 5]]).all() and not grad[3:, 3].any()
    np.testing.assert_allclose(grad[:, 6].sum(1), 0, atol=1e-6)


def test_types(device):
    x, label = RNG.uniform(-1, 1, (6, 2, 5)).astype(np.float32), np.array([[1, 2], [3, 0]], np.float32)
    want = np.array([reference(x[:, 0], [1, 2]), reference(x[:, 1], [3])])
    check_op(device, "CTCLoss", [x, label], {}, [want], grad=[0], dtypes=("float16",), keep_dtype=[1])
    np.testing.assert_allclose(run_op(device, "CTCLoss", [x, label.astype(np.int32)])[0], want, rtol=1e-5)


def test_names_and_errors():
    data, label = mx.sym.var("d"), mx.sym.var("l")
    loss = mx.sym.ctc_loss(data, label, use_label_lengths=True, name="c")
    assert loss.list_arguments() == ["d", "l", "c_label_lengths"] and loss.list_outputs() == ["c_output0"]
    assert mx.sym.contrib.CTCLoss(data, label, name="c").infer_shape(d=(6, 3, 5), l=(3, 4)) == ([(6, 3, 5), (3, 4)], [(3,)], [])
    for shapes in ({"d": (6, 3), "l": (3, 2)}, {"d": (6, 3, 5), "l": (3,)}, {"d": (6, 3, 5), "l": (2, 2)}, {"d": (2, 3, 5), "l": (3, 3)}):
        with pytest.raises(MXNetError, match=r"operator c \(CTCLoss\)"):
            mx.sym.CTCLoss(data, label, name="c").infer_shape(**shapes)
    with pytest.raises(MXNetError, match="blank_label"):
        mx.sym.CTCLoss(data, label, blank_label="middle")
