"""Binding, running, gradients by request, reshape, sharing, monitors, randomness, and the checking executor."""

from __future__ import annotations

import numpy as np
import pytest

import clsym as mx


def mlp() -> mx.sym.Symbol:
    net = mx.sym.Variable("data")
    net = mx.sym.FullyConnected(net, num_hidden=7, name="fc1")
    net = mx.sym.Activation(net, act_type="tanh", name="act1")
    net = mx.sym.FullyConnected(net, num_hidden=3, name="fc2")
    return mx.sym.SoftmaxOutput(net, name="softmax")


def filled(executor: mx.executor.Executor, seed: int = 0) -> mx.executor.Executor:
    rng = np.random.RandomState(seed)
    for name, array in executor.arg_dict.items():
        array[:] = rng.uniform(-1, 1, array.shape) if name != "softmax_label" else rng.randint(0, 3, array.shape)
    return executor


def reference(args: dict[str, np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Softmax cross-entropy of the two-layer net, by hand."""
    a = {k: v.astype(np.float64) for k, v in args.items()}
    hidden = np.tanh(a["data"] @ a["fc1_weight"].T + a["fc1_bias"])
    z = hidden @ a["fc2_weight"].T + a["fc2_bias"]
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    dz = p.copy()
    dz[np.arange(len(dz)), a["softmax_label"].astype(int)] -= 1
    dh = dz @ a["fc2_weight"] * (1 - hidden**2)
    grads = {
        "fc2_weight": dz.T @ hidden,
        "fc2_bias": dz.sum(0),
        "fc1_weight": dh.T @ a["data"],
        "fc1_bias": dh.sum(0),
        "data": dh @ a["fc1_weight"],
    }
    return p, grads


@pytest.mark.parametrize("req", ["write", "add", "null", "dict", "list"])
def test_gradients_by_request(ctx: mx.Context, req: str) -> None:
    net = mlp()
    names = net.list_arguments()
    grad_req = {"dict": {"fc1_weight": "add", "data": "write"}, "list": ["add" if n.endswith("bias") else "null" for n in names]}.get(
        req, req
    )
    e = filled(net.simple_bind(ctx, grad_req=grad_req, data=(5, 4)))
    for g in e.grad_dict.values():
        if g is not None:
            g[:] = 2
    values = {n: a.asnumpy() for n, a in e.arg_dict.items()}
    p, grads = reference(values)
    np.testing.assert_allclose(e.forward(is_train=True)[0].asnumpy(), p, rtol=1e-5, atol=1e-6)
    e.backward()
    for i, name in enumerate(names):
        mode = grad_req if isinstance(grad_req, str) else grad_req.get(name, "null") if isinstance(grad_req, dict) else grad_req[i]
        got = e.grad_dict[name]
        if mode == "null":
            assert got is None
        elif name in grads:
            np.testing.assert_allclose(got.asnumpy(), grads[name] + (2 if mode == "add" else 0), rtol=1e-4, atol=1e-5)
        else:
            assert (got.asnumpy() == (2 if mode == "add" else 0)).all(), "the label has a gradient of zero"


def test_checked_run_is_the_same(ctx: mx.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    e, f = filled(mlp().simple_bind(ctx, data=(5, 4))), filled(mlp().simple_bind(ctx, data=(5, 4)))
    e.forward(is_train=True)
    e.backward()
    monkeypatch.setenv("CLSYM_CHECK", "1")
    f.forward(is_train=True)
    f.backward()
    for name in e.grad_dict:
        assert np.array_equal(e.grad_dict[name].asnumpy(), f.grad_dict[name].asnumpy())


def test_backward_twice_and_after_inference(ctx: mx.Context) -> None:
    """The backward part works over what the forward left; asked again, the forward is run again with the same draws."""
    net = mx.sym.Dropout(mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=50, name="fc"), p=0.5)
    e = filled(net.simple_bind(ctx, data=(8, 4)))
    out = e.forward(is_train=True)[0].asnumpy()
    assert 0.2 < (out == 0).mean() < 0.8
    head = mx.nd.ones((8, 50), ctx=ctx)
    e.backward(head)
    first = e.grad_dict["fc_weight"].asnumpy()
    e.backward(head)
    assert np.array_equal(first, e.grad_dict["fc_weight"].asnumpy())
    assert np.array_equal(out, e.outputs[0].asnumpy())
    e.forward(is_train=False)
    kept = e.outputs[0].asnumpy()
    e.backward(head)
    assert np.array_equal(kept, e.outputs[0].asnumpy()), "outputs stay those of the last forward"


def test_batch_norm_states_move_once(ctx: mx.Context) -> None:
    e = mx.sym.BatchNorm(mx.sym.Variable("data"), name="bn").simple_bind(ctx, data=(16, 3))
    e.aux_dict["bn_moving_var"][:] = 1
    e.forward(is_train=True, data=np.random.normal(5, 2, (16, 3)).astype(np.float32))
    after = e.aux_dict["bn_moving_mean"].asnumpy()
    assert (np.abs(after) > 0.1).all()
    e.internals["bn_output"].asnumpy()
    e.backward(mx.nd.ones((16, 3), ctx=ctx))
    e.backward(mx.nd.ones((16, 3), ctx=ctx))
    assert np.array_equal(after, e.aux_dict["bn_moving_mean"].asnumpy())
    e.forward(is_train=False)
    assert np.array_equal(after, e.aux_dict["bn_moving_mean"].asnumpy())


def test_internals_draw_what_the_forward_drew(ctx: mx.Context) -> None:
    net = mx.sym.Dropout(mx.sym.Variable("data"), p=0.5, name="drop") * 2
    e = net.simple_bind(ctx, data=(100,))
    out = e.forward(is_train=True, data=np.ones(100, np.float32))[0].asnumpy()
    assert np.array_equal(e.internals["drop_output"].asnumpy() * 2, out)
    assert not np.array_equal(out, e.forward(is_train=True)[0].asnumpy()), "each forward draws anew"
    with pytest.raises(KeyError, match="drop_output"):
        e.internals["drop_outpt"]


def test_seed_repeats_on_every_device(ctx: mx.Context) -> None:
    def draw(c: mx.Context) -> np.ndarray:
        mx.random.seed(42)
        e = mx.sym.Dropout(mx.sym.Variable("data"), p=0.3).simple_bind(c, data=(1000,))
        return e.forward(is_train=True, data=np.ones(1000, np.float32))[0].asnumpy()

    assert np.array_equal(draw(ctx), draw(ctx))
    assert np.array_equal(draw(ctx), draw(mx.cpu()))


def test_reshape_shares_memory(ctx: mx.Context) -> None:
    e = filled(mlp().simple_bind(ctx, data=(6, 4)))
    small = e.reshape(data=(2, 4), softmax_label=(2,))
    assert small.arg_dict["fc1_weight"] is e.arg_dict["fc1_weight"]
    small.arg_dict["data"][:] = 7
    assert (e.arg_dict["data"].asnumpy()[:2] == 7).all()
    np.testing.assert_allclose(
        small.forward()[0].asnumpy(), reference({n: a.asnumpy() for n, a in small.arg_dict.items()})[0], rtol=1e-5, atol=1e-6
    )
    with pytest.raises(mx.MXNetError, match="allow_up_sizing"):
        e.reshape(data=(9, 4), softmax_label=(9,))
    assert e.reshape(data=(9, 4), softmax_label=(9,), allow_up_sizing=True).arg_dict["data"].shape == (9, 4)
    with pytest.raises(mx.MXNetError, match="partial_shaping"):
        e.reshape(data=(2, 5), softmax_label=(2,))
    # the old executor still works
    e.forward()


def test_shared_arena(ctx: mx.Context) -> None:
    big = filled(mlp().simple_bind(ctx, data=(64, 4)))
    small = mlp().simple_bind(ctx, data=(8, 4), shared_exec=big)
    assert small.arg_dict["fc1_weight"] is big.arg_dict["fc1_weight"]
    big.forward(is_train=True)
    small.forward(is_train=True)
    assert small._arena is big._arena
    p, grads = reference({n: a.asnumpy() for n, a in big.arg_dict.items()})
    big.backward()  # small has run in the same memory since
    np.testing.assert_allclose(big.grad_dict["fc1_weight"].asnumpy(), grads["fc1_weight"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(big.outputs[0].asnumpy(), p, rtol=1e-5, atol=1e-6)


def test_unaligned_views_as_arguments(ctx: mx.Context) -> None:
    whole = mx.nd.array(np.arange(12).reshape(4, 3), ctx=ctx)
    a = mx.sym.Variable("a")
    grad = mx.nd.zeros((4, 3), ctx=ctx)
    e = (a * a).bind(ctx, {"a": whole[1]}, args_grad={"a": grad[2]})
    assert e.forward(is_train=True)[0].asnumpy().tolist() == [9, 16, 25]
    e.backward(mx.nd.ones(3, ctx=ctx))
    assert grad.asnumpy().tolist() == [[0, 0, 0], [0, 0, 0], [6, 8, 10], [0, 0, 0]]
    whole[1] = 2
    assert e.forward()[0].asnumpy().tolist() == [4, 4, 4]


def test_outputs_that_are_arguments_and_repeats(ctx: mx.Context) -> None:
    a = mx.sym.Variable("a")
    b = a + 1
    e = mx.sym.Group([a, b, b, mx.sym.reshape(a, shape=(3, 1))]).bind(
        ctx, {"a": mx.nd.array([1, 2, 3], ctx=ctx)}, args_grad={"a": mx.nd.zeros(3, ctx=ctx)}
    )
    outs = [o.asnumpy().tolist() for o in e.forward(is_train=True)]
    assert outs == [[1, 2, 3], [2, 3, 4], [2, 3, 4], [[1], [2], [3]]]
    e.outputs[0][:] = 9
    assert e.arg_dict["a"].asnumpy().tolist() == [1, 2, 3]
    ones = [mx.nd.ones(s, ctx=ctx) for s in ((3,), (3,), (3,), (3, 1))]
    e.backward(ones)
    assert e.grad_dict["a"].asnumpy().tolist() == [4, 4, 4]


def test_monitor_names_and_values(ctx: mx.Context) -> None:
    e = filled(mlp().simple_bind(ctx, data=(2, 4)))
    seen: dict[str, np.ndarray] = {}
    e.set_monitor_callback(lambda name, value: seen.update({name: value.asnumpy()}), monitor_all=True)
    e.forward(is_train=True)
    assert np.array_equal(seen["act1_output"], np.tanh(seen["fc1_output"])) or np.allclose(
        seen["act1_output"], np.tanh(seen["fc1_output"]), atol=1e-6
    )
    assert list(seen)[:4] == ["data", "fc1_data", "fc1_weight", "fc1_bias"]
    assert np.array_equal(seen["act1_input0"], seen["fc1_output"])


def test_plan_and_debug_text(ctx: mx.Context) -> None:
    e = filled(mlp().simple_bind(ctx, data=(500, 4)))
    text = e.plan(is_train=True).dump()
    assert "-- backward" in text
    assert "in place of" in text
    assert e.debug_str().splitlines()[-1].startswith("Total ")
    memory = e.plan(is_train=True).memory
    assert memory.bound_bytes <= memory.arena_bytes <= memory.naive_bytes


def test_two_plans_share_one_arena(ctx: mx.Context) -> None:
    e = filled(mlp().simple_bind(ctx, data=(5, 4)))
    e.forward(is_train=False)
    e.forward(is_train=True)
    assert e._arena.nbytes == max(e.plan(False).memory.arena_bytes, e.plan(True).memory.arena_bytes)


def test_errors(ctx: mx.Context) -> None:
    net = mlp()
    with pytest.raises(ValueError, match="fc1_weight"):
        net.bind(ctx, {"data": mx.nd.ones((2, 4), ctx=ctx)})
    with pytest.raises(ValueError, match="Length of args"):
        net.bind(ctx, [mx.nd.ones((2, 4), ctx=ctx)])
    with pytest.raises(mx.MXNetError, match=r"fc1[\s\S]*fc1_weight"):
        net.simple_bind(ctx, data=(2, 4), fc1_weight=(9, 9))
    with pytest.raises(mx.MXNetError, match="data"):
        net.simple_bind(ctx)
    with pytest.raises(ValueError, match="grad_req"):
        net.simple_bind(ctx, grad_req="sometimes", data=(2, 4))
    with pytest.raises(TypeError, match="Context"):
        net.simple_bind("cpu", data=(2, 4))
    e = filled(net.simple_bind(ctx, data=(2, 4)))
    with pytest.raises(TypeError, match="Unknown argument dta"):
        e.forward(dta=np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"need: \(2, 4\), received: \(3, 4\)"):
        e.forward(data=np.ones((3, 4)))
    with pytest.raises(ValueError, match="nope"):
        e.copy_params_from({"nope": mx.nd.ones(1)})
    other = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="fc").simple_bind(ctx, data=(2, 4))
    other.forward(is_train=True)
    with pytest.raises(mx.MXNetError, match="head_gradient is required"):
        other.backward()
    with pytest.raises(mx.MXNetError, match="shape mismatch"):
        other.backward(mx.nd.ones((2, 5), ctx=ctx))
    with pytest.raises(mx.MXNetError, match="donate"):
        net.bind(ctx, e.arg_arrays, donate=["x"])
    # the process lives, and so do earlier executors
    assert np.isfinite(e.forward()[0].asnumpy()).all()


def test_out_of_memory_names_the_array(ctx: mx.Context) -> None:
    e = filled(mlp().simple_bind(ctx, data=(2, 4)))
    with pytest.raises(mx.OutOfDeviceMemoryError, match=r"bytes .*MiB"):
        mlp().simple_bind(ctx, data=(1 << 22, 1 << 20))
    assert np.isfinite(e.forward()[0].asnumpy()).all()


def test_concat_is_assembled_in_place(ctx: mx.Context) -> None:
    """At batch 1 the parts of a concat along the channels are written where the whole will be, chains of them too."""
    x = mx.sym.Variable("x")
    a = mx.sym.Activation(x * 2, act_type="tanh", name="a")
    b = mx.sym.Activation(x * 3, act_type="tanh", name="b")
    ab = mx.sym.concat(a, b, dim=1, name="ab")
    c = mx.sym.sigmoid(mx.sym.broadcast_mul(mx.sym.sum(ab, axis=1, keepdims=True), mx.sym.ones((1, 32, 1))), name="c")
    net = mx.sym.relu(mx.sym.concat(ab, c, dim=1, name="abc") + 1)
    for batch in (1, 2):
        e = net.simple_bind(ctx, x=(batch, 32, 5), grad_req="write")
        value = np.random.uniform(-1, 1, (batch, 32, 5)).astype(np.float32)
        e.arg_dict["x"][:] = value
        got = e.forward()[0].asnumpy()
        ab_v = np.concatenate([np.tanh(value * 2), np.tanh(value * 3)], 1)
        want = np.concatenate([ab_v, 1 / (1 + np.exp(-ab_v.sum(1, keepdims=True) * np.ones((1, 32, 1))))], 1) + 1
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
        assembled = [s for s in e.plan().memory.aliased if e.plan().steps[s].op == "Concat"]
        assert len(assembled) == (2 if batch == 1 else 0)
        e.forward(is_train=True)
        e.backward(mx.nd.ones(got.shape, ctx=ctx))
        grad = e.grad_dict["x"].asnumpy()
        assert np.isfinite(grad).all()
