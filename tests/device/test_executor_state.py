"""What an executor relies on between its runs: the arena that others use too, its arguments, its draws; and what a look leaves alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import clsym as mx
from clsym.runtime.device import memory_info, resolve


def values(shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    return np.random.uniform(0.2, 1, shape).astype(np.float32)


def chain(name: str = "x", hidden: int = 6) -> mx.sym.Symbol:
    """Layers whose intermediates are all needed in the backward."""
    x = mx.sym.Variable(name)
    h = mx.sym.FullyConnected(mx.sym.tanh(x), num_hidden=hidden, name="fc1")
    return mx.sym.FullyConnected(mx.sym.sqrt(mx.sym.exp(h)), num_hidden=3, name="fc2")


def fill(e: mx.executor.Executor, given: dict[str, np.ndarray[Any, Any]] | None = None) -> dict[str, np.ndarray[Any, Any]]:
    held = given if given is not None else {k: values(a.shape) for k, a in e.arg_dict.items()}
    for k, a in e.arg_dict.items():
        a[:] = held[k]
    return held


def gradients(e: mx.executor.Executor) -> dict[str, np.ndarray[Any, Any]]:
    return {k: g.asnumpy() for k, g in e.grad_dict.items() if g is not None}


def same(a: dict[str, np.ndarray[Any, Any]], b: dict[str, np.ndarray[Any, Any]]) -> None:
    assert a.keys() == b.keys()
    for k in a:
        np.testing.assert_array_equal(a[k], b[k], err_msg=k)


def step(e: mx.executor.Executor, head: mx.nd.NDArray, between: Callable[[], Any] = lambda: None) -> dict[str, np.ndarray[Any, Any]]:
    e.forward(is_train=True)
    between()
    e.backward(head)
    return gradients(e)


# --- the arena ---------------------------------------------------------------------------------------------------------------


LOOKS: dict[str, Callable[[mx.executor.Executor], Any]] = {
    "find_nan": lambda e: e.find_nan(),
    "find_nan_train": lambda e: e.find_nan(is_train=True),
    "forward": lambda e: e.forward(),
    "forward_train": lambda e: e.forward(is_train=True),
    "internals": lambda e: [e.internals[k].asnumpy() for k in e.internals],
    "memory_report": lambda e: e.memory_report(is_train=True),
    "debug_str": lambda e: e.debug_str(),
    "reshape": lambda e: e.reshape(x=(2, 5)).forward(is_train=True),
    "reshape_up": lambda e: e.reshape(x=(50, 5), allow_up_sizing=True).plan(True),
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("checked", [False, True], ids=["", "checked"])
@pytest.mark.parametrize("size", [4, 40], ids=["same_size", "larger"])
def test_gradients_survive_what_others_do_in_the_shared_arena(
    ctx: mx.Context, look: str, checked: bool, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if checked:
        monkeypatch.setenv("CLSYM_CHECK", "1")
    net = chain()
    a = net.simple_bind(ctx, x=(4, 5))
    fill(a)
    b = net.simple_bind(ctx, x=(size, 5), shared_exec=a, shared_arg_names=[])
    fill(b)
    head = mx.nd.array(values((4, 3)), ctx=ctx)
    want = step(a, head)
    same(step(a, head, lambda: LOOKS[look](b)), want)
    same(step(a, head, lambda: LOOKS[look](a)), want)


def test_a_monitor_between_forward_and_backward(ctx: mx.Context) -> None:
    a = chain().simple_bind(ctx, x=(4, 5))
    fill(a)
    head = mx.nd.array(values((4, 3)), ctx=ctx)
    want = step(a, head)
    seen: list[str] = []

    def look() -> None:
        a.set_monitor_callback(lambda name, value: seen.append(name))

    same(step(a, head, look), want)
    assert seen == []  # the forward that backward() repeats is not the user's
    a.forward(is_train=True)
    assert seen
    a.set_monitor_callback(None)
    same(step(a, head), want)


def test_a_forward_leaves_gradients_as_they_are(ctx: mx.Context) -> None:
    """The last step's are the user's until the next backward; nor may what the user does to them meanwhile reach the backward."""
    x, y = mx.sym.Variable("x"), mx.sym.Variable("y")
    net = mx.sym.sin(mx.sym.exp(mx.sym.negative(x)) + mx.sym.square(y)) * mx.sym.sigmoid(y)
    a = net.simple_bind(ctx, x=(4, 10), y=(4, 10))
    fill(a)
    head = mx.nd.array(values((4, 10)), ctx=ctx)
    want = step(a, head)
    a.forward(is_train=True)
    same(gradients(a), want)
    for g in a.grad_arrays:
        g[:] = 0
    a.backward(head)
    same(gradients(a), want)
    plan = a.plan(True)
    early = [st.external for st in plan.memory.storages if st.external and st.external.startswith("grad:") and st.first < plan.forward]
    assert early == []


# --- looks without side effects ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("req", ["write", "add"])
def test_find_nan_leaves_gradients_states_and_outputs_alone(ctx: mx.Context, req: str) -> None:
    x = mx.sym.Variable("x")
    net = mx.sym.sum(mx.sym.Dropout(mx.sym.BatchNorm(x, name="bn", fix_gamma=False), p=0.5))
    e = net.simple_bind(ctx, x=(4, 3), grad_req=req)
    fill(e)
    for g in e.grad_arrays:
        g[:] = 7
    head = mx.nd.ones((1,), ctx=ctx)
    e.forward(is_train=True)
    e.backward(head)

    def everything() -> dict[str, np.ndarray[Any, Any]]:
        arrays = {**e.arg_dict, **e.aux_dict, **{f"grad {k}": g for k, g in e.grad_dict.items()}, **e.output_dict}
        return {k: a.asnumpy() for k, a in arrays.items()}

    before = everything()
    assert e.find_nan() is None
    assert e.find_nan(is_train=True) is None
    same(everything(), before)
    e.arg_dict["x"][:] = np.nan
    before = everything()
    assert e.find_nan(is_train=True) == "argument 'x'"
    same(everything(), before)


def test_find_nan_looks_at_the_gradient_and_not_at_what_it_is_added_to(ctx: mx.Context) -> None:
    e = mx.sym.sqrt(mx.sym.Variable("x")).simple_bind(ctx, x=(3,), grad_req="add")
    e.arg_dict["x"][:] = 1
    e.grad_arrays[0][:] = np.nan
    e.forward(is_train=True)
    e.backward(mx.nd.ones(3, ctx=ctx))
    assert e.find_nan(is_train=True) is None


# --- what is not there any more ----------------------------------------------------------------------------------------------


def donating(ctx: mx.Context, req: str = "write") -> tuple[mx.executor.Executor, mx.executor.Executor, mx.nd.NDArray]:
    """An executor that keeps intermediates in the memory of `x` and reads them in the backward, one of the same that does not, a head."""
    net = mx.sym.sin(mx.sym.exp(mx.sym.negative(mx.sym.Variable("x"))) + mx.sym.Variable("y"))
    args = {"x": values((4, 5)), "y": values((4, 5))}

    def bind(donate: list[str]) -> mx.executor.Executor:
        arrays = {k: mx.nd.array(v, ctx=ctx) for k, v in args.items()}
        grads = {k: mx.nd.zeros(v.shape, ctx=ctx) for k, v in args.items()}
        return net.bind(ctx, arrays, grads, req, donate=donate)

    e = bind(["x"])
    assert e._bound(True).custody.spoils[False] == {"var:0"}
    return e, bind([]), mx.nd.array(values((4, 5)), ctx=ctx)


def test_a_second_backward_over_a_donated_argument_is_refused(ctx: mx.Context) -> None:
    e, plain, head = donating(ctx)
    x = e.arg_dict["x"].copy()
    want = step(plain, head)
    same(step(e, head), want)
    for run in (
        lambda: e.backward(head),
        lambda: e.forward(),
        lambda: e.forward(is_train=True),
        lambda: e.find_nan(),
        lambda: e.internals[next(k for k in e.internals if k.startswith("negative"))],
    ):
        with pytest.raises(mx.MXNetError, match=r"'x' was donated.*write it again"):
            run()
    same(gradients(e), want)
    e.arg_dict["x"][:] = x
    e.backward(head)
    same(gradients(e), want)
    e.forward(is_train=True, x=x)
    e.backward(head)
    same(gradients(e), want)


def test_a_donated_argument_written_in_part_is_still_lost(ctx: mx.Context) -> None:
    e, _, head = donating(ctx)
    x = e.arg_dict["x"].copy()
    step(e, head)
    e.arg_dict["x"][0:2] = x[0:2]
    with pytest.raises(mx.MXNetError, match="'x' was donated"):
        e.forward()
    e.arg_dict["x"][2:4] = x[2:4]
    e.forward()


def test_writing_a_donated_argument_before_the_backward_is_refused(ctx: mx.Context) -> None:
    e, plain, head = donating(ctx)
    e.forward(is_train=True)
    e.arg_dict["x"][:] = 0.5
    with pytest.raises(mx.MXNetError, match="'x' was written after the last forward"):
        e.backward(head)
    plain.arg_dict["x"][:] = 0.5
    same(step(e, head), step(plain, head))


def test_another_executor_sees_that_a_donated_argument_is_lost(ctx: mx.Context) -> None:
    e, _, head = donating(ctx)
    reader = mx.sym.exp(mx.sym.Variable("x")).bind(ctx, {"x": e.arg_dict["x"]})
    reader.forward()
    step(e, head)
    with pytest.raises(mx.MXNetError, match="'x' was donated"):
        reader.forward()
    e.arg_dict["x"][:] = 0
    assert (reader.forward()[0].asnumpy() == 1).all()


def test_a_forward_is_run_again_only_from_the_same_arguments(ctx: mx.Context) -> None:
    """As in MXNet a backward may follow a change of arguments directly; but the forward of other arguments is another forward."""
    a = chain().simple_bind(ctx, x=(4, 5))
    fill(a)
    head = mx.nd.array(values((4, 3)), ctx=ctx)
    want = step(a, head)
    a.backward(head)
    same(gradients(a), want)
    a.arg_dict["fc1_bias"][:] = 3
    with pytest.raises(mx.MXNetError, match="'fc1_bias' was written after the last forward"):
        a.backward(head)
    a.forward(is_train=True)
    a.arg_dict["fc1_bias"][:] = 5  # no operator of the backward reads it
    a.backward(head)
    assert np.isfinite(gradients(a)["x"]).all()


def test_the_backward_after_an_inference_forward_sees_the_outputs_of_training(ctx: mx.Context) -> None:
    """The gradient of sigmoid reads the output, which an inference forward has overwritten with another value."""
    x = mx.sym.Variable("x")
    net = mx.sym.sigmoid(mx.sym.Dropout(x * 3, p=0.5))
    e = net.simple_bind(ctx, x=(8, 9))
    fill(e)
    head = mx.nd.array(values((8, 9)), ctx=ctx)
    want = step(e, head)
    shown = e.forward()[0].asnumpy()
    e.backward(head)
    same(gradients(e), want)
    np.testing.assert_array_equal(e.outputs[0].asnumpy(), shown)


# --- random draws ------------------------------------------------------------------------------------------------------------


def busy(ctx: mx.Context, seconds: float) -> None:
    """Enqueue work of some seconds on a context's device, and return."""
    big = mx.nd.ones((1 << 22,), ctx=ctx)
    mx.nd.exp(big).wait_to_read()
    begin = time.perf_counter()
    mx.nd.exp(big).wait_to_read()
    for _ in range(max(4, int(seconds / (time.perf_counter() - begin)))):
        mx.nd.exp(big, out=big)


def test_a_random_graph_is_enqueued_without_waiting(ctx: mx.Context) -> None:
    """Also the second time, whose random state is written while the device still has the first to do; and single draws."""
    e = mx.sym.Dropout(mx.sym.Variable("x"), p=0.5).simple_bind(ctx, x=(64,))
    e.arg_dict["x"][:] = 1
    head = mx.nd.ones((64,), ctx=ctx)
    mx.random.seed(11)
    want = []
    for _ in range(4):
        e.forward(is_train=True)
        e.backward(head)
        want.append(e.grad_arrays[0].asnumpy())
    mx.nd.random.uniform(shape=5, ctx=ctx).wait_to_read()
    assert len({w.tobytes() for w in want}) == 4
    mx.random.seed(11)
    busy(ctx, 1.0)
    begin = time.perf_counter()
    got = []
    for _ in range(4):
        e.forward(is_train=True)
        e.backward(head)
        got.append(e.grad_arrays[0].copy())
    mx.nd.random.uniform(shape=5, ctx=ctx)
    enqueued = time.perf_counter() - begin
    mx.nd.waitall()
    done = time.perf_counter() - begin
    print(f"enqueued in {enqueued * 1e3:.1f} ms, done after {done * 1e3:.1f}")
    assert enqueued < done / 3, "a draw waited for the queue"
    for g, w in zip(got, want, strict=True):
        np.testing.assert_array_equal(g.asnumpy(), w)


# --- memory ------------------------------------------------------------------------------------------------------------------


def test_memory_info_counts_what_is_held(ctx: mx.Context) -> None:
    mx.nd.waitall()
    before, total = memory_info(ctx)
    large = mx.nd.zeros((1 << 25,), ctx=ctx)  # exact
    small = mx.nd.zeros((1 << 22,), ctx=ctx)  # from the pool
    after, _ = memory_info(ctx)
    if "cl_amd_device_attribute_query" in resolve(ctx).traits.extensions:
        assert after < before <= total
    else:
        assert before - after >= large.nbytes
        assert before - after <= large.nbytes + 2 * small.nbytes
    del large, small


def test_prepared_weights_see_that_another_executor_overwrote_them(ctx: mx.Context) -> None:
    """A convolution's weights are packed once; a donated array among them is written by a plan, not by the user."""
    w = mx.sym.Variable("w")
    conv = mx.sym.Convolution(mx.sym.Variable("x"), w, num_filter=32, kernel=(3, 3), no_bias=True, name="c")
    array = mx.nd.array(values((32, 16, 3, 3)), ctx=ctx)
    e = conv.bind(ctx, {"x": mx.nd.ones((1, 16, 9, 9), ctx=ctx), "w": array})
    first = e.forward()[0].asnumpy()
    taker = mx.sym.exp(mx.sym.negative(w) + 1).bind(ctx, {"w": array}, donate=["w"])
    taker.forward()
    if taker._bound(False).custody.spoils[False]:
        with pytest.raises(mx.MXNetError, match="'w' was donated"):
            e.forward()
        array[:] = 2
    else:
        array[:] = 2
    second = e.forward()[0].asnumpy()
    assert not np.array_equal(first, second)
    fresh = conv.bind(ctx, {"x": mx.nd.ones((1, 16, 9, 9), ctx=ctx), "w": array})
    np.testing.assert_array_equal(second, fresh.forward()[0].asnumpy())


# --- reshape -----------------------------------------------------------------------------------------------------------------


def test_a_reshaped_executor_shares_the_memory_of_outputs(ctx: mx.Context) -> None:
    """Values from MXNet 1.9.1: the first elements of the old output show the new one's, unless it is larger."""
    x = mx.sym.Variable("x")
    net = mx.sym.Group([mx.sym.FullyConnected(x, num_hidden=4, name="fc"), mx.sym.sum(x)])
    old = net.simple_bind(ctx, x=(5, 3))
    for a in old.arg_arrays:
        a[:] = 1
    old.forward(is_train=True)
    small = old.reshape(x=(2, 3))
    assert [o.shape for o in small.outputs] == [(2, 4), (1,)]
    small.forward(is_train=True, x=mx.nd.full((2, 3), 2, ctx=ctx))
    assert old.outputs[0].asnumpy().ravel().tolist() == [7] * 8 + [4] * 12
    assert old.outputs[1].asnumpy().tolist() == [12]
    old.forward(is_train=True, x=mx.nd.ones((5, 3), ctx=ctx))
    assert small.outputs[0].asnumpy().ravel().tolist() == [4] * 8
    again = small.reshape(x=(5, 3), allow_up_sizing=True)  # fits into what the first of them had
    again.forward(x=mx.nd.full((5, 3), 3, ctx=ctx))
    assert old.outputs[0].asnumpy().ravel().tolist() == [10] * 20
    large = old.reshape(x=(8, 3), allow_up_sizing=True)
    large.forward(x=mx.nd.zeros((8, 3), ctx=ctx))
    assert old.outputs[0].asnumpy().ravel().tolist() == [10] * 20
    assert large.outputs[0].shape == (8, 4)


def test_a_reshaped_executor_s_backward_leaves_the_outputs_that_both_show(ctx: mx.Context) -> None:
    old = chain().simple_bind(ctx, x=(4, 5))
    fill(old)
    head = mx.nd.array(values((4, 3)), ctx=ctx)
    want = step(old, head)
    small = old.reshape(x=(2, 5))
    old.forward(is_train=True)
    small.forward()
    shown = small.outputs[0].asnumpy()
    old.backward(head)  # runs the forward again, whose outputs lie where the small ones do
    same(gradients(old), want)
    np.testing.assert_array_equal(small.outputs[0].asnumpy(), shown)


# --- gradient arrays ---------------------------------------------------------------------------------------------------------


def test_an_array_given_for_a_gradient_that_is_not_wanted_is_kept_and_left_alone(ctx: mx.Context) -> None:
    x, w = mx.nd.ones((3,), ctx=ctx), mx.nd.ones((3,), ctx=ctx)
    given = mx.nd.full((3,), 5, ctx=ctx)
    net = mx.sym.Variable("x") * mx.sym.Variable("w")
    e = net.bind(ctx, {"x": x, "w": w}, {"x": given, "w": mx.nd.zeros((3,), ctx=ctx)}, {"x": "null", "w": "write"})
    assert e.grad_dict["x"] is given
    assert e.grad_arrays[0] is given
    e.forward(is_train=True)
    e.backward(mx.nd.ones((3,), ctx=ctx))
    assert given.asnumpy().tolist() == [5, 5, 5]
    assert e.grad_dict["w"].asnumpy().tolist() == [1, 1, 1]
    none = net.bind(ctx, {"x": x, "w": w}, {"x": given}, "null")
    assert none.grad_dict["x"] is given
    assert none.grad_dict["w"] is None
    odd = mx.nd.zeros((7,), ctx=ctx)  # nobody looks at it
    assert net.bind(ctx, {"x": x, "w": w}, {"x": odd}, "null").grad_dict["x"] is odd


# --- repeated expressions ----------------------------------------------------------------------------------------------------


def test_a_repeated_expression_is_found_under_every_name(ctx: mx.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = mx.sym.Variable("x"), mx.sym.Variable("y")
    net = mx.sym.tanh(mx.sym.exp(x, name="a"), name="ta") * y + mx.sym.tanh(mx.sym.exp(x, name="b"), name="tb")
    e = net.simple_bind(ctx, x=(4, 3), y=(4, 3))
    given = fill(e)
    head = mx.nd.array(values((4, 3)), ctx=ctx)
    grads = step(e, head)
    got = e.outputs[0].asnumpy()
    for first, second in (("a", "b"), ("ta", "tb")):
        np.testing.assert_array_equal(e.internals[f"{first}_output"].asnumpy(), e.internals[f"{second}_output"].asnumpy())
    np.testing.assert_allclose(e.internals["b_output"].asnumpy(), np.exp(given["x"]), rtol=1e-6)
    seen: list[str] = []
    e.set_monitor_callback(lambda name, value: seen.append(name))
    e.forward()
    assert {"a_output", "b_output"} <= set(seen)
    monkeypatch.setenv("MXNET_ELIMINATE_COMMON_EXPR", "0")
    plain = net.simple_bind(ctx, x=(4, 3), y=(4, 3))
    fill(plain, given)
    want = step(plain, head)
    np.testing.assert_array_equal(got, plain.outputs[0].asnumpy())
    for k in want:
        np.testing.assert_allclose(grads[k], want[k], rtol=1e-5, atol=1e-6)


def test_the_optimized_symbol(ctx: mx.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names as MXNet 1.9.1 gives them."""
    x = mx.sym.Variable("x")
    net = mx.sym.Group([mx.sym.exp(x, name="a"), mx.sym.exp(x, name="b")])
    e = net.simple_bind(ctx, x=(3,))
    fill(e)
    optimized = e.get_optimized_symbol()
    assert isinstance(optimized, mx.sym.Symbol)
    assert optimized.list_outputs() == ["a_output", "a_0_copy_output"]
    assert optimized.list_arguments() == ["x"]
    assert e.reshape(x=(2,)).get_optimized_symbol().tojson() == optimized.tojson()
    assert mx.sym.load_json(optimized.tojson()).list_outputs() == optimized.list_outputs()
    same_values = optimized.bind(ctx, e.arg_arrays)
    for a, b in zip(e.forward(), same_values.forward(), strict=True):
        np.testing.assert_array_equal(a.asnumpy(), b.asnumpy())
    monkeypatch.setenv("MXNET_ELIMINATE_COMMON_EXPR", "0")
    assert e.get_optimized_symbol().list_outputs() == ["a_output", "b_output"]


# --- gradients of another type -----------------------------------------------------------------------------------------------

FLOATS = ("float16", "float32", "float64")


@pytest.mark.parametrize("req", ["write", "add"])
@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("stored", FLOATS)
def test_a_gradient_is_converted_to_the_type_of_its_array(ctx: mx.Context, req: str, kind: str, stored: str) -> None:
    if "float64" in (kind, stored) and not resolve(ctx).traits.fp64:
        pytest.skip("the device has no float64")
    net = mx.sym.tanh(mx.sym.Variable("x") * mx.sym.Variable("w"))
    args = {k: mx.nd.array(values((3, 5)), ctx=ctx, dtype=kind) for k in "xw"}
    head = mx.nd.array(values((3, 5)), ctx=ctx, dtype=kind)

    def run(dtype: str, mode: str) -> np.ndarray[Any, Any]:
        grad = mx.nd.full((3, 5), 0.25, ctx=ctx, dtype=dtype)
        e = net.bind(ctx, args, {"x": grad}, {"x": mode, "w": "null"})
        e.forward(is_train=True)
        e.backward(head)
        assert e.find_nan(is_train=True) is None
        assert e.grad_dict["x"] is grad
        return grad.asnumpy()

    own, got = run(kind, "write"), run(stored, req)
    assert got.dtype == stored
    wanted = own.astype(stored) + np.array(0.25 if req == "add" else 0, stored)
    np.testing.assert_allclose(got, wanted, rtol=2e-3 if "float16" in (kind, stored) else 1e-6)
    if req == "write":
        np.testing.assert_array_equal(got, own.astype(stored))


def test_a_gradient_of_nothing_and_of_a_variable_itself_are_converted(ctx: mx.Context) -> None:
    x, y = mx.sym.Variable("x"), mx.sym.Variable("y")
    net = mx.sym.Group([x, mx.sym.BlockGrad(y)])
    args = {k: mx.nd.ones((3,), ctx=ctx) for k in "xy"}
    grads = {k: mx.nd.full((3,), 9, ctx=ctx, dtype="float16") for k in "xy"}
    e = net.bind(ctx, args, grads)
    e.forward(is_train=True)
    e.backward([mx.nd.full((3,), 2, ctx=ctx), mx.nd.ones((3,), ctx=ctx)])
    assert grads["x"].asnumpy().tolist() == [2, 2, 2]
    assert grads["y"].asnumpy().tolist() == [0, 0, 0]
    with pytest.raises(mx.MXNetError, match="types unless both are floating-point"):
        net.bind(ctx, args, {"x": mx.nd.ones((3,), ctx=ctx, dtype="int32")})
    with pytest.raises(mx.MXNetError, match="the shapes must agree"):
        net.bind(ctx, args, {"x": mx.nd.ones((4,), ctx=ctx)})
