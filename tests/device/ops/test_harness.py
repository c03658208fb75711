"""The harness refuses what is wrong by little: derivatives, single elements, one type only, rewritten forms."""

import numpy as np
import pytest
from harness import check_op

from clsym.graph.contract.ir import Node
from clsym.graph.contract.registry import find_op

X = np.linspace(0.5, 2, 35).astype(np.float16).astype(np.float32).reshape(5, 7)  # the same value in each type


@pytest.fixture
def plant(monkeypatch):
    """Give `square` a gradient that `change(g, gradient)` makes of the right one."""
    op = find_op("square")
    right = op.gradient

    def planted(change):
        monkeypatch.setattr(op, "gradient", lambda g: [change(g, right(g)[0])])

    return planted


def scaled(by, dtype=None):
    return lambda g, grad: g.apply("_mul_scalar", grad, scalar=by) if dtype in (None, g.ins[0].dtype) else grad


def one_element(by):
    def change(g, grad):
        place = {"begin": (3, 4), "end": (4, 5)}
        wrong = g.apply("_mul_scalar", g.apply("slice", grad, **place), scalar=by)
        return g.apply("_slice_assign", grad, wrong, **place)

    return change


def check(device, **more):
    check_op(device, "square", [X], {}, [X.astype(np.float64) ** 2], **more)


def test_the_right_one_passes(device):
    check(device, dtypes=("float32", "float64", "float16"))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(scaled(1.001), id="0.1%"),
        pytest.param(scaled(1.0001), id="0.01%"),
        pytest.param(one_element(1.001), id="one element, 0.1%"),
        pytest.param(lambda g, grad: g.apply("_plus_scalar", grad, scalar=1e-4), id="an offset"),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_wrong_derivative_is_found(device, plant, change, dtype):
    if not device.traits.fp64:
        pytest.skip("the device has no double to tell them apart")
    plant(change)
    with pytest.raises(AssertionError, match="by differences"):
        check(device, dtypes=(dtype,))


@pytest.mark.parametrize(("dtype", "by"), [("float32", 1.0001), ("float16", 1.01)])
def test_wrong_in_one_type_is_found(device, plant, dtype, by):
    if not device.traits.fp64:
        pytest.skip("the device has no double to tell them apart")
    plant(scaled(by, dtype))
    with pytest.raises(AssertionError, match=f"{dtype}: gradient 0 against that in float64"):
        check(device, dtypes=(dtype,))


def test_a_given_gradient_is_compared_in_float16(device, plant):
    plant(scaled(1.05, "float16"))
    ones = np.ones_like(X)
    with pytest.raises(AssertionError, match="float16: gradient 0 against the reference"):
        check(device, dtypes=("float16",), ograds=[ones], expected_grads=[2 * X])


def rewritten(monkeypatch, by):
    op = find_op("square")

    def rewrite(r):
        right = Node(op, "right", r.node.params, {}, [r.plain(0)]).out(0)
        by_scalar = find_op("_mul_scalar")
        return [Node(by_scalar, "wrong", by_scalar.parse({"scalar": by}), {}, [right]).out(0)]

    monkeypatch.setattr(op, "rewrite", rewrite)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_wrong_rewritten_form_is_found(device, monkeypatch, dtype):
    if dtype == "float64" and not device.traits.fp64:
        pytest.skip("the device has no double")
    rewritten(monkeypatch, 1 + (1e-5 if dtype == "float32" else 1e-12))
    with pytest.raises(AssertionError, match="output 0 of the rewritten graph"):
        check(device, dtypes=(dtype,), grad=False)


def test_a_wrong_gradient_of_a_rewritten_form_is_found(device, monkeypatch):
    """Alone: the values are right, and only the rewritten graph's gradient is wrong."""
    op = find_op("square")
    right = op.gradient

    def rewrite(r):
        return [Node(op, "other", r.node.params, {}, [find_identity(r.plain(0))]).out(0)] if r.train else None

    def find_identity(entry):
        identity = find_op("identity")
        return Node(identity, "same", identity.parse({}), {}, [entry]).out(0)

    def gradient(g):
        grad = right(g)[0]
        return [g.apply("_mul_scalar", grad, scalar=1 + 1e-5) if g.node.name == "other" else grad]

    monkeypatch.setattr(op, "rewrite", rewrite)
    monkeypatch.setattr(op, "gradient", gradient)
    with pytest.raises(AssertionError, match="gradient 0 of the rewritten graph"):
        check(device)


def test_a_point_at_a_kink_is_found(device):
    if not device.traits.fp64:
        pytest.skip("differences in float32 cannot tell")
    x = np.array([1.0, 2e-5, -3.0], np.float32)
    with pytest.raises(AssertionError, match="kink"):
        check_op(device, "abs", [x], {}, [np.abs(x)])
