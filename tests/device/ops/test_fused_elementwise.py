"""Fused groups give, bit for bit, what their operators give one by one: values, gradients, special values, every store mode."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import clsym as mx

S = mx.sym
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e-7, -1e-7, 6e4, -6e4, 70000.0, 3e-6, 5e-8, 1e30, -1e30, 0.5, 2.5, -3.25]


@contextmanager
def optimize(value: str, **more: str) -> Iterator[None]:
    """The environment of a bind."""
    before = {k: os.environ.get(k) for k in ("CLSYM_OPTIMIZE", *more)}
    os.environ.update({"CLSYM_OPTIMIZE": value, **more})
    try:
        yield
    finally:
        for k, v in before.items():
            os.environ.pop(k)
            if v is not None:
                os.environ[k] = v


def values(shape: tuple[int, ...], dtype: str, seed: int) -> Any:
    """Random numbers, the first of them special."""
    rng = np.random.RandomState(seed)
    data = rng.uniform(-2, 2, shape)
    flat = data.reshape(-1)
    if flat.size > 40:
        flat[: len(SPECIAL)] = rng.permutation(SPECIAL)
    with np.errstate(over="ignore"):
        return data.astype(dtype)


def run(
    net: Any, ctx: Any, shapes: dict[str, tuple[int, ...]], dtype: str, how: str, req: str = "write", **env: str
) -> tuple[list[Any], Any]:
    """Inference, training, gradients; and the executor."""
    with optimize(how, **env), np.errstate(all="ignore"):
        arrays = {n: mx.nd.array(values(s, dtype, i), ctx=ctx, dtype=dtype) for i, (n, s) in enumerate(shapes.items())}
        grads = {n: mx.nd.ones(s, ctx=ctx, dtype=dtype) for n, s in shapes.items()}
        e = net.bind(ctx, arrays, args_grad=grads, grad_req=req)
        found = [o.asnumpy() for o in e.forward(is_train=False)]
        found += [o.asnumpy() for o in e.forward(is_train=True)]
        e.backward([mx.nd.array(values(o.shape, dtype, 99), ctx=ctx, dtype=o.dtype) for o in e.outputs])
        return found + [grads[n].asnumpy() for n in shapes], e


def same_bits(a: Any, b: Any) -> bool:
    """Equal, NaN where the other has NaN, zeros of one sign."""
    nan = np.isnan(a)
    return bool(
        np.array_equal(nan, np.isnan(b)) and np.array_equal(a[~nan], b[~nan]) and np.array_equal(np.signbit(a[~nan]), np.signbit(b[~nan]))
    )


def check(net: Any, ctx: Any, shapes: dict[str, tuple[int, ...]], dtypes: tuple[str, ...] = ("float32",), reqs: str = "write") -> Any:
    """Compare with and without fusion; returns the last executor."""
    from clsym.runtime.device import resolve

    e = None
    for dtype in dtypes:
        if dtype == "float64" and not resolve(ctx).traits.fp64:
            continue
        for req in reqs.split() if dtype == dtypes[0] else reqs.split()[:1]:  # one type shows how both modes store
            plain, _ = run(net, ctx, shapes, dtype, "0", req)
            found, e = run(net, ctx, shapes, dtype, "1", req)
            checked, _ = run(net, ctx, shapes, dtype, "1", req, CLSYM_CHECK="1")
            assert any("_fused" in step.op for step in e.plan(False).steps)
            for k, (a, b, c) in enumerate(zip(plain, found, checked, strict=True)):
                assert same_bits(a, b), f"{dtype} {req}: result {k} differs from the operators one by one"
                assert same_bits(b, c), f"{dtype} {req}: result {k} differs in the checked run"
    return e


ALL = ("float32", "float64", "float16")
ODD = (3, 1, 37, 11)


def test_chain(ctx: Any) -> None:
    x, y = S.var("x"), S.var("y")
    net = S.clip(S.LeakyReLU((x - y) * 0.75 + 0.1, act_type="leaky", slope=0.2), a_min=-1, a_max=1.5)
    check(net, ctx, {"x": ODD, "y": ODD}, ALL, "write add")


def test_tree_whose_values_are_kept_for_the_backward_part(ctx: Any) -> None:
    i, f, o, g, c = (S.var(n) for n in "ifogc")
    cell = S.sigmoid(f) * c + S.sigmoid(i) * S.tanh(g)
    net = S.Group([S.sigmoid(o) * S.tanh(cell), cell])
    e = check(net, ctx, dict.fromkeys("ifogc", (5, 331)), ("float32", "float16"), "add write")
    train = e.plan(True)
    assert len(train.steps) <= 4, train.dump()
    assert sum(e >= 0 for e in train.steps[0].outs) == 7


@pytest.mark.parametrize("name", ["abs", "sqrt", "cbrt", "exp", "log1p", "sigmoid", "tanh", "erf", "round", "reciprocal", "sign"])
def test_functions_of_one_tensor(ctx: Any, name: str) -> None:
    check(getattr(S, name)(S.var("x") * 1.25) + S.var("y"), ctx, {"x": (7, 131), "y": (7, 131)})


@pytest.mark.parametrize("name", ["relu", "sigmoid", "softrelu", "softsign", "tanh"])
def test_activations(ctx: Any, name: str) -> None:
    check(S.Activation(S.var("x") + S.var("y"), act_type=name) * 3, ctx, {"x": ODD, "y": ODD})


@pytest.mark.parametrize("name", ["leaky", "elu", "selu", "gelu"])
def test_rectifiers(ctx: Any, name: str) -> None:
    check(S.LeakyReLU(S.var("x") + S.var("y"), act_type=name, slope=0.3) * 3, ctx, {"x": ODD, "y": ODD})


@pytest.mark.parametrize("name", ["sub", "mul", "div", "power", "maximum", "hypot", "equal", "logical_xor"])
def test_functions_of_two_tensors(ctx: Any, name: str) -> None:
    net = getattr(S, f"broadcast_{name}")(S.var("x") * 2, S.var("y")) + 1
    check(net, ctx, {"x": (7, 131), "y": (7, 131)})


@pytest.mark.parametrize("name", ["_power_scalar", "_rpower_scalar", "_rdiv_scalar", "_maximum_scalar"])
def test_functions_of_a_number(ctx: Any, name: str) -> None:
    check(getattr(S._internal, name)(S.var("x") + S.var("y"), scalar=1.7) * 0.5, ctx, {"x": (7, 131), "y": (7, 131)})


def test_sums_selection_and_others(ctx: Any) -> None:
    a, b, c, d = (S.var(n) for n in "abcd")
    net = S.where(a > b, S.add_n(a, b, c, d), S.smooth_l1(c - d, scalar=2)) * S.hard_sigmoid(d)
    check(net, ctx, dict.fromkeys("abcd", (7, 131)))


@pytest.mark.parametrize(
    ("full", "other"),
    [
        ((2, 5, 7, 9), (1, 5, 1, 1)), ((2, 5, 7, 9), (2, 5, 1, 1)), ((2, 5, 7, 9), (1, 1, 1, 1)), ((37, 41), (41,)),
        ((3, 4, 5, 6), (5, 6)), ((2, 300, 50), (300, 1)), ((1, 3, 2000), (3, 1)),
    ],
)  # fmt: skip
def test_repeated_operands(ctx: Any, full: tuple[int, ...], other: tuple[int, ...]) -> None:
    x, b = S.var("x"), S.var("b")
    check(S.relu(S.broadcast_mul(S.broadcast_add(x * 2, b), b)), ctx, {"x": full, "b": other})


def test_two_walks_of_one_line(ctx: Any) -> None:
    x, b, c, d = (S.var(n) for n in "xbcd")
    net = S.tanh(S.broadcast_add(S.broadcast_mul(S.broadcast_sub(x, b), c), d))
    e = check(net, ctx, {"x": (6, 50), "b": (50,), "c": (6, 1), "d": (1,)})
    assert len(e.plan(False).steps) == 1
    net = S.tanh(S.broadcast_add(S.broadcast_mul(x, b), c))
    e = check(net, ctx, {"x": (4, 3, 5, 7), "b": (4, 3, 1, 1), "c": (1, 3, 1, 1)})
    assert len(e.plan(False).steps) == 1


def test_broadcast_to_is_never_stored(ctx: Any) -> None:
    net = S.broadcast_to(S.var("b"), shape=(6, 50)) * S.var("x")
    assert len(check(net, ctx, {"b": (1, 50), "x": (6, 50)}).plan(False).steps) == 1


def test_types_in_one_group(ctx: Any) -> None:
    x, y = S.var("x"), S.var("y")
    check(S.cast(S.cast(x * y, dtype="float16") * 3 + y.astype("float16"), dtype="float32") - x, ctx, {"x": (7, 131), "y": (7, 131)})
    check(S.cast(S.exp(x) * 2, dtype="float16"), ctx, {"x": (7, 131)})


def test_every_half_is_rounded_as_the_conversion_does(ctx: Any) -> None:
    """Values between two halves, at every exponent, in the place of an intermediate."""
    rng = np.random.RandomState(0)
    x = np.concatenate([
        np.ldexp(rng.uniform(1, 2, 4000), rng.randint(-28, 18, 4000)), np.ldexp(1 + np.arange(4096) / 4096, -3),
        np.ldexp(np.arange(2048) + 0.5, -24), [65504, 65519.9, 65520, 65536, np.inf, np.nan, 2.0**-25, 2.0**-25 * 1.0001, 2.0**-24 * 1.5],
    ]).astype(np.float32)  # fmt: skip
    x = np.concatenate([x, -x])
    net = S.cast(S.cast(S.var("x"), dtype="float16"), dtype="float32")
    with optimize("1"):
        e = net.bind(ctx, {"x": mx.nd.array(x, ctx=ctx)})
        got = e.forward()[0].asnumpy()
    assert "_fused" in e.plan().steps[0].op
    with np.errstate(over="ignore"):
        assert same_bits(got, x.astype(np.float16).astype(np.float32))


def test_numbers_are_arguments(ctx: Any) -> None:
    for s in (2.0, -3.5, float("inf"), 0.0):
        with optimize("1"):
            got = S.relu(S.var("x") * s + 1).bind(ctx, {"x": mx.nd.array([1, -1], ctx=ctx)}).forward()[0].asnumpy()
        assert got.tolist() == [max(s + 1, 0), max(-s + 1, 0)]


def test_large(ctx: Any) -> None:
    x, y, b = S.var("x"), S.var("y"), S.var("b")
    check(S.sigmoid(S.broadcast_add(x * y, b)) + x, ctx, {"x": (17, 40, 131), "y": (17, 40, 131), "b": (40, 1)}, reqs="write add")


def test_internals_and_monitor(ctx: Any) -> None:
    net = S.relu(S.exp(S.var("x"), name="e") - 1, name="r")
    x = mx.nd.array([[0.0, 1.0], [-1.0, 2.0]], ctx=ctx)
    with optimize("1"):
        e = net.bind(ctx, {"x": x})
        e.forward()
        assert np.allclose(e.internals["e_output"].asnumpy(), np.exp(x.asnumpy()))
        assert np.allclose(e.internals["r_output"].asnumpy(), np.maximum(np.exp(x.asnumpy()) - 1, 0))
