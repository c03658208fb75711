"""FullyConnected in inference: over weights that were packed once, and with the activation behind it taken over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import clsym as mx

DEPTH, HIDDEN = 700, 450  # a weight of more than a megabyte: one that is packed
ACTS = {
    "relu": lambda x: mx.sym.Activation(x, act_type="relu"),
    "sigmoid": mx.sym.sigmoid,
    "tanh": lambda x: mx.sym.Activation(x, act_type="tanh"),
    "clip": lambda x: mx.sym.clip(x, -0.25, 0.5),
    "softsign": mx.sym.softsign,  # not taken over
}


def layers(act: str, no_bias: bool = False) -> Any:
    x = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=HIDDEN, no_bias=no_bias, name="a")
    x = mx.sym.FullyConnected(ACTS[act](x), num_hidden=7, name="b")
    return ACTS[act](x)


def bind(net: Any, ctx: mx.Context, rows: int, optimize: str, monkeypatch: Any) -> Any:
    monkeypatch.setenv("CLSYM_OPTIMIZE", optimize)
    ex = net.simple_bind(ctx, data=(rows, DEPTH // 4, 4))
    rng = np.random.default_rng(7)
    for name, a in ex.arg_dict.items():
        a[:] = rng.uniform(-1, 1, a.shape) * (1 if name == "data" else a.shape[-1] ** -0.5)
    ex.plan(False), ex.plan(True)  # while the variable is set
    return ex


def ops(ex: Any, train: bool = False) -> list[str]:
    return [step.op for step in ex.plan(train).steps]


def close(fast: Any, plain: Any, what: str) -> None:
    for got, want in zip(fast.forward(), plain.forward(), strict=True):
        np.testing.assert_allclose(got.asnumpy(), want.asnumpy(), rtol=0, atol=4e-6, err_msg=what)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("rows", [1, 8, 150])
def test_inference_is_the_same(act: str, rows: int, ctx: mx.Context, monkeypatch: Any) -> None:
    for no_bias in (False, True):
        plain, fast = (bind(layers(act, no_bias), ctx, rows, o, monkeypatch) for o in "01")
        close(fast, plain, f"{act}, no_bias={no_bias}")
        first = [a.asnumpy() for a in fast.outputs]
        assert all(np.array_equal(a.asnumpy(), b) for a, b in zip(fast.forward(), first, strict=True)), "two runs differ"


def test_what_is_rewritten(ctx: mx.Context, monkeypatch: Any) -> None:
    fast = bind(layers("relu"), ctx, 8, "1", monkeypatch)
    assert "FullyConnected" in ops(fast, train=True)
    assert "_packed_fully_connected" not in ops(fast, train=True)
    if not fast._bound(False).devices[0].traits.is_cpu:
        return
    assert ops(fast).count("_packed_fully_connected") == 2
    assert not {"Activation", "relu", "FullyConnected", "_fused_elementwise"} & set(ops(fast))
    assert "a+activation" in fast.plan().dump()


def test_every_write_is_followed(ctx: mx.Context, monkeypatch: Any) -> None:
    plain, fast = (bind(layers("relu"), ctx, 8, o, monkeypatch) for o in "01")
    close(fast, plain, "first")
    for what, change in (
        ("in place", lambda ex: ex.arg_dict["a_weight"].__imul__(-1)),
        ("a part", lambda ex: ex.arg_dict["a_weight"].__setitem__(slice(3, 9), 0.125)),
        ("a bias", lambda ex: ex.arg_dict["a_bias"].__setitem__(slice(None), 0.5)),
        ("not packed", lambda ex: ex.arg_dict["b_weight"].__imul__(0.5)),
    ):
        before = fast.forward()[0].asnumpy()
        change(plain), change(fast)
        close(fast, plain, what)
        assert not np.array_equal(fast.outputs[0].asnumpy(), before), what


def test_training_is_left_alone(ctx: mx.Context, monkeypatch: Any) -> None:
    plain, fast = (bind(layers("tanh"), ctx, 8, o, monkeypatch) for o in "01")
    for ex in (plain, fast):
        ex.forward(is_train=True)
        ex.backward(mx.nd.ones(ex.outputs[0].shape, ctx=ctx))
    for key, grad in plain.grad_dict.items():
        np.testing.assert_allclose(fast.grad_dict[key].asnumpy(), grad.asnumpy(), rtol=0, atol=1e-5, err_msg=key)
