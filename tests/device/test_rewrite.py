"""Rewritten graphs give what the graphs as written give: blocked layouts, folding, epilogues, parameters prepared ahead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import clsym as mx

RNG_SEED = 20


def conv(x: Any, name: str, filters: int, k: int = 3, stride: int = 1, pad: int | None = None, group: int = 1, bias: bool = False) -> Any:
    p = k // 2 if pad is None else pad
    return mx.sym.Convolution(
        x, num_filter=filters, kernel=(k, k), stride=(stride, stride), pad=(p, p), num_group=group, no_bias=not bias, name=name
    )


def bn(x: Any, name: str, fix_gamma: bool = False) -> Any:
    return mx.sym.BatchNorm(x, fix_gamma=fix_gamma, eps=1e-3, name=name)


def residual() -> Any:
    """A stem, a unit with a projection, a unit without, global pooling and a classifier: a small ResNet."""
    x = mx.sym.relu(bn(conv(mx.sym.var("data"), "stem", 16, 7, 2), "bn0"))
    x = mx.sym.Pooling(x, kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type="max")
    y = mx.sym.Activation(bn(conv(x, "c1", 24, 3, 2), "bn1"), act_type="relu")
    y = bn(conv(y, "c2", 32), "bn2", fix_gamma=True)
    x = mx.sym.relu(y + bn(conv(x, "proj", 32, 1, 2, 0), "bnp"))
    y = mx.sym.relu(bn(conv(x, "c3", 32, bias=True), "bn3"))
    x = mx.sym.relu(x + conv(y, "c4", 32))
    x = mx.sym.Flatten(mx.sym.Pooling(x, global_pool=True, kernel=(1, 1), pool_type="avg"))
    return mx.sym.FullyConnected(x, num_hidden=5, name="fc")


def preactivated() -> Any:
    """Normalisation before convolution, as in ResNet v2 and DenseNet, and a concatenation."""
    x = conv(mx.sym.var("data"), "stem", 16, 3)
    for i in range(2):
        y = conv(mx.sym.relu(bn(x, f"bn{i}a")), f"c{i}a", 32, 1)
        y = conv(mx.sym.relu(bn(y, f"bn{i}b")), f"c{i}b", 16, 3)
        x = mx.sym.concat(x, y, dim=1)
    x = mx.sym.Pooling(mx.sym.relu(bn(x, "bnt")), kernel=(2, 2), stride=(2, 2), pool_type="avg")
    return mx.sym.FullyConnected(mx.sym.Flatten(x), num_hidden=3, name="fc")


def inverted() -> Any:
    """Depthwise convolutions, clipped activations, channels that are no multiple of a block."""
    x = mx.sym.clip(bn(conv(mx.sym.var("data"), "stem", 20, 3, 2), "bn0"), 0, 6)
    for i in range(2):
        y = mx.sym.clip(bn(conv(x, f"e{i}", 40, 1), f"bne{i}"), 0, 6)
        y = mx.sym.clip(bn(conv(y, f"d{i}", 40, 3, group=40), f"bnd{i}"), 0, 6)
        x = x + bn(conv(y, f"p{i}", 20, 1), f"bnp{i}")
    x = mx.sym.LeakyReLU(conv(x, "last", 32, 1, bias=True), slope=0.1)
    return mx.sym.Pooling(x, kernel=(3, 3), stride=(1, 1), pool_type="max")


def mixed() -> Any:
    """Both layouts read one tensor; grouped, dilated and even windows; a sum of branches; an internal value as an output."""
    x = conv(mx.sym.var("data"), "stem", 32, 5, 2, bias=True)
    a = mx.sym.sigmoid(conv(x, "g", 32, 3, group=2))
    b = mx.sym.Convolution(x, num_filter=32, kernel=(3, 3), dilate=(2, 2), pad=(2, 2), name="dilated")
    c = mx.sym.Convolution(x, num_filter=32, kernel=(1, 3), pad=(0, 1), name="wide")
    y = mx.sym.elemwise_mul(a, b) + c
    z = mx.sym.softmax(mx.sym.transpose(x, axes=(0, 2, 3, 1)))
    return mx.sym.Group([mx.sym.Dropout(y, p=0.5), z, x])


def face() -> Any:
    """Slopes learnt a channel, normalisation in front, and a projection: as in networks that recognise faces."""
    x = mx.sym.LeakyReLU(bn(conv(mx.sym.var("data"), "stem", 24), "bn0"), act_type="prelu", name="act0")
    y = mx.sym.LeakyReLU(bn(conv(bn(x, "bn1"), "c1", 24), "bn2"), act_type="prelu", name="act1")
    x = x + bn(conv(y, "c2", 24), "bn3")
    x = mx.sym.Dropout(bn(x, "bn4"), p=0.4)
    return bn(mx.sym.FullyConnected(mx.sym.Flatten(x), num_hidden=8, name="fc"), "bn5")


NETS = {"face": face, "residual": residual, "preactivated": preactivated, "inverted": inverted, "mixed": mixed}
SHAPES = [(2, 3, 33, 29), (1, 3, 40, 40), (3, 18, 17, 21)]


def bind(net: Any, ctx: mx.Context, shape: tuple[int, ...], optimize: str, monkeypatch: Any, req: str = "write") -> Any:
    monkeypatch.setenv("CLSYM_OPTIMIZE", optimize)
    ex = net.simple_bind(ctx, grad_req=req, data=shape)
    rng = np.random.default_rng(RNG_SEED)
    for name, a in [*ex.arg_dict.items(), *ex.aux_dict.items()]:
        value = rng.uniform(-1, 1, a.shape) / np.sqrt(max(np.prod(a.shape[1:]), 1))
        if name.endswith(("gamma", "var")):
            value = rng.uniform(0.5, 1.5, a.shape)
        elif name == "data":
            value = rng.uniform(-1, 1, a.shape)
        a[:] = value
    ex.plan(False), ex.plan(True)  # while the variable is set
    return ex


def close(got: Any, want: Any, what: str, scale: float = 2e-5) -> None:
    got, want = got.asnumpy(), want.asnumpy()
    np.testing.assert_allclose(got, want, rtol=0, atol=scale * max(1e-3, float(np.abs(want).max())), err_msg=what)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", NETS)
def test_inference_is_the_same(name: str, shape: tuple[int, ...], ctx: mx.Context, monkeypatch: Any) -> None:
    net = NETS[name]()
    plain, fast = (bind(net, ctx, shape, o, monkeypatch) for o in "01")
    for a, b in zip(fast.forward(), plain.forward(), strict=True):
        close(a, b, name)
    first = [a.asnumpy() for a in fast.outputs]
    for a, b in zip(fast.forward(), first, strict=True):
        assert np.array_equal(a.asnumpy(), b), "two runs differ"


@pytest.mark.parametrize("name", ["residual", "preactivated", "inverted"])
def test_training_is_the_same(name: str, ctx: mx.Context, monkeypatch: Any) -> None:
    net = NETS[name]()
    plain, fast = (bind(net, ctx, SHAPES[0], o, monkeypatch) for o in "01")
    rng = np.random.default_rng(3)
    heads = [mx.nd.array(rng.uniform(-1, 1, o.shape), ctx=ctx) for o in plain.outputs]
    for ex in (plain, fast):
        ex.forward(is_train=True)
        ex.backward(heads)
    for a, b in zip(fast.outputs, plain.outputs, strict=True):
        close(a, b, "output")
    for key, grad in plain.grad_dict.items():
        close(fast.grad_dict[key], grad, f"gradient of {key}", 1e-4)
    for key, state in plain.aux_dict.items():
        close(fast.aux_dict[key], state, key)


def test_prepared_parameters_follow_every_write(ctx: mx.Context, monkeypatch: Any) -> None:
    plain, fast = (bind(residual(), ctx, SHAPES[0], o, monkeypatch) for o in "01")

    def same(what: str) -> None:
        close(fast.forward()[0], plain.forward()[0], what)

    def both(change: Any) -> None:
        for ex in (plain, fast):
            change(ex)

    same("first")
    both(lambda ex: ex.arg_dict["c1_weight"].__imul__(2))
    same("in place")
    both(lambda ex: ex.arg_dict["c1_weight"].__setitem__(slice(3, 5), 0.25))
    same("a part")
    both(lambda ex: ex.arg_dict["c2_weight"][4:6].__setitem__(slice(None), mx.nd.ones((2, 24, 3, 3), ctx=ctx)))
    same("through a view")
    both(lambda ex: ex.aux_dict["bn1_moving_var"].__setitem__(slice(None), 2.5))
    same("a state")
    both(lambda ex: ex.copy_params_from({"proj_weight": ex.arg_dict["proj_weight"] * -1}, {"bnp_moving_mean": mx.nd.ones((32,), ctx=ctx)}))
    same("copy_params_from")
    both(
        lambda ex: mx.nd.sgd_update(
            ex.arg_dict["stem_weight"], mx.nd.ones_like(ex.arg_dict["stem_weight"]), lr=0.1, out=ex.arg_dict["stem_weight"]
        )
    )
    same("an optimizer")

    def train(ex: Any) -> None:
        ex.forward(is_train=True)
        ex.backward(mx.nd.ones(ex.outputs[0].shape, ctx=ctx))
        for key, grad in ex.grad_dict.items():
            if key != "data":
                mx.nd.sgd_update(ex.arg_dict[key], grad, lr=0.01, out=ex.arg_dict[key])

    both(train)
    close(fast.forward()[0], plain.forward()[0], "training in between", 1e-4)


def test_executors_that_share_arrays(ctx: mx.Context, monkeypatch: Any) -> None:
    ex = bind(residual(), ctx, SHAPES[0], "1", monkeypatch)
    before = ex.forward()[0].asnumpy()
    small = ex.reshape(data=(1, 3, 33, 29))
    small.arg_dict["data"][:] = ex.arg_dict["data"][:1]
    np.testing.assert_allclose(small.forward()[0].asnumpy(), before[:1], rtol=1e-4, atol=1e-5)
    small.arg_dict["fc_bias"][:] += 1
    small.arg_dict["c3_bias"][:] += 1
    changed = ex.forward()[0].asnumpy()
    assert not np.allclose(changed, before + 1)
    np.testing.assert_allclose(small.forward()[0].asnumpy(), changed[:1], rtol=1e-4, atol=1e-5)


def test_parameters_are_prepared_once(ctx: mx.Context, monkeypatch: Any) -> None:
    ex = bind(residual(), ctx, SHAPES[0], "1", monkeypatch)
    ex.forward()
    bound = ex._bound(False)
    preparation = bound.preparation
    assert preparation is not None
    runs = []
    monkeypatch.setattr(type(preparation), "_run", lambda self: runs.append(1), raising=True)
    for _ in range(3):
        ex.forward(data=np.zeros(SHAPES[0], np.float32))
    assert not runs
    ex.arg_dict["c1_weight"][:] = 0
    ex.forward()
    assert runs == [1]


def test_internals_of_a_fused_graph(ctx: mx.Context, monkeypatch: Any) -> None:
    plain, fast = (bind(residual(), ctx, SHAPES[0], o, monkeypatch) for o in "01")
    plain.forward(), fast.forward()
    for name in ("c1_output", "bn1_output", "bn2_output", "c4_output", "fc_output"):
        close(fast.internals[name], plain.internals[name], name)


def test_a_monitor_sees_every_node(ctx: mx.Context, monkeypatch: Any) -> None:
    ex = bind(residual(), ctx, SHAPES[0], "1", monkeypatch)
    out = ex.forward()[0].asnumpy()
    seen: dict[str, Any] = {}
    ex.set_monitor_callback(lambda name, value: seen.__setitem__(name, value.asnumpy()))
    np.testing.assert_allclose(ex.forward()[0].asnumpy(), out, rtol=1e-4, atol=1e-5)
    assert {"c1_output", "bn1_output", "bn2_output", "c4_output", "fc_output"} <= set(seen)
    ex.set_monitor_callback(None)
    np.testing.assert_array_equal(ex.forward()[0].asnumpy(), out)


def test_the_dump_names_what_was_fused(ctx: mx.Context, monkeypatch: Any) -> None:
    ex = bind(residual(), ctx, SHAPES[0], "1", monkeypatch)
    text = ex.plan().dump()
    assert "c1+bn1+" in text, text


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_epilogues_in_every_type(dtype: str, ctx: mx.Context, monkeypatch: Any) -> None:
    """Activations and a residual behind plain, grouped and depthwise convolutions, of two and three dimensions."""
    x = mx.sym.var("data", dtype=dtype)
    for i, (group, act) in enumerate([(1, "leaky"), (2, "clip"), (4, "relu"), (1, "relu")]):
        y = mx.sym.Convolution(x, num_filter=4, kernel=(3, 3), pad=(1, 1), num_group=group, no_bias=i == 0, name=f"c{i}")
        y = y + x
        x = {
            "leaky": lambda v: mx.sym.LeakyReLU(v, slope=0.1),
            "clip": lambda v: mx.sym.clip(v, -0.2, 0.3),
            "relu": lambda v: mx.sym.Activation(v, act_type="relu"),
        }[act](y)
    z = mx.sym.Convolution(mx.sym.expand_dims(x, axis=2), num_filter=3, kernel=(1, 2, 2), name="c4")
    net = mx.sym.Group([mx.sym.tanh(z), x])
    results = []
    for optimize in "01":
        monkeypatch.setenv("CLSYM_OPTIMIZE", optimize)
        ex = net.simple_bind(ctx, grad_req="null", type_dict={"data": dtype}, data=(2, 4, 9, 7))
        rng = np.random.default_rng(RNG_SEED)
        for a in ex.arg_dict.values():
            a[:] = rng.uniform(-0.5, 0.5, a.shape)
        results.append([o.asnumpy() for o in ex.forward()])
        assert all(np.dtype(o.dtype) == dtype for o in ex.outputs)
    for got, want in zip(*results, strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol={"float16": 4e-3, "float32": 1e-6, "float64": 1e-14}[dtype])
