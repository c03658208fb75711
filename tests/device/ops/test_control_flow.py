"""foreach, while_loop and cond in graphs: against what MXNet 1.9.1 wrote and computed, and against the same in plain steps."""

from __future__ import annotations

import gc
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import clsym as mx
from clsym.base import MXNetError

REFERENCE = Path(__file__).parents[2] / "reference"
spec = importlib.util.spec_from_file_location("record_control_flow", REFERENCE / "record_control_flow.py")
record = importlib.util.module_from_spec(spec)
spec.loader.exec_module(record)
RECORDED = json.loads((REFERENCE / "control_flow.json").read_text())


@pytest.fixture(autouse=True)
def counted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clsym.symbol.control_flow._counts", {})


def test_files_are_mxnets_byte_for_byte():
    nets = record.graphs(mx)
    assert list(nets) == list(RECORDED)
    for name, (net, _) in nets.items():
        assert net.list_outputs() == RECORDED[name]["outputs"], name
        assert net.tojson() == RECORDED[name]["json"], name
        assert mx.sym.load_json(RECORDED[name]["json"]).tojson() == RECORDED[name]["json"], name


@pytest.mark.parametrize("unroll", [True, False])
@pytest.mark.parametrize("name", [n for n, r in RECORDED.items() if "values" in r])
def test_values_and_gradients_are_mxnets(ctx, name, unroll, monkeypatch):
    if not unroll:
        monkeypatch.setattr("clsym.graph.passes.UNROLL_ROOM", 0)
    recorded = RECORDED[name]
    net, (_, shapes) = mx.sym.load_json(recorded["json"]), record.graphs(mx)[name]
    given = {n: shapes[n] for n in net.list_arguments()}
    arg_shapes, out_shapes, _ = net.infer_shape(**given)
    assert dict(zip(net.list_arguments(), arg_shapes, strict=True)) == given
    args = {n: mx.nd.array(record.value(n, s), ctx=ctx) for n, s in given.items()}
    ex = net.bind(ctx, args, {n: mx.nd.ones(s, ctx=ctx) for n, s in given.items()}, grad_req="add")
    for _ in range(2):
        outs = ex.forward(is_train=True)
        assert [o.shape for o in outs] == out_shapes
        for out, want in zip(outs, recorded["values"], strict=True):
            got = out.asnumpy()
            np.testing.assert_allclose(got[: len(want)], want, rtol=2e-5, atol=2e-6)
            assert not got[len(want) :].any()
        for g in ex.grad_arrays:
            g[:] = 1
        ex.backward([mx.nd.array(record.head(k, o.shape), ctx=ctx) for k, o in enumerate(outs)])
        for n, want in recorded["gradients"].items():
            np.testing.assert_allclose(ex.grad_dict[n].asnumpy(), want, rtol=2e-4, atol=2e-5, err_msg=n)
    unrollable = unroll and name in ("recurrent", "nested", "lists", "vector")
    assert any("_foreach" in step.op or "_while" in step.op or "_cond" in step.op for step in ex.plan(True).steps) != unrollable


def against_plain(ctx, name, given, plain, tolerance=2e-5):
    """A graph's outputs and gradients in float64 against a function of numpy's, whose gradient is taken by differences."""
    net, shapes = record.graphs(mx)[name]
    args = {n: record.value(n, shapes[n]).astype(np.float64) for n in net.list_arguments()} | given
    types = dict.fromkeys(args, "float64")
    ex = net.simple_bind(ctx, grad_req="write", type_dict=types, **{n: a.shape for n, a in args.items()})
    for n, a in args.items():
        ex.arg_dict[n][:] = mx.nd.array(a, ctx=ctx, dtype="float64")
    outs = ex.forward(is_train=True)
    for got, want in zip(outs, plain(**args), strict=True):
        np.testing.assert_allclose(got.asnumpy(), want, rtol=1e-6, atol=1e-9)
    heads = [record.head(k, o.shape).astype(np.float64) for k, o in enumerate(outs)]
    ex.backward([mx.nd.array(h, ctx=ctx, dtype="float64") for h in heads])
    for n, a in args.items():
        way = record.value(n + "way", a.shape).astype(np.float64)
        up, down = (sum((h * o).sum() for h, o in zip(heads, plain(**{**args, n: a + e * way}), strict=True)) for e in (1e-5, -1e-5))
        np.testing.assert_allclose((ex.grad_dict[n].asnumpy() * way).sum(), (up - down) / 2e-5, rtol=tolerance, atol=1e-7, err_msg=n)


def test_a_branch_within_a_loop(ctx):
    def plain(x, s, w):
        outs = []
        for row in x:
            s = s + row * w if row.sum() > 0.5 else s * 0.5
            outs.append(s * 2)
        return np.stack(outs), s

    against_plain(ctx, "cond_in_foreach", {}, plain)


def test_a_loop_of_unknown_length_within_a_loop(ctx):
    def plain(x, s):
        outs = []
        for row in x:
            for _ in range(2):
                s = s * row
            outs.append(s + 3)
        return np.stack(outs), s

    against_plain(ctx, "while_in_foreach", {}, plain)


def test_both_branches_and_no_turn_at_all(ctx):
    for sign in (1, -1):
        a = sign * np.array([[1.0, 2], [3, 4]])
        against_plain(ctx, "cond", {"a": a}, lambda a, b, w: (a * b, np.exp(w)) if a.sum() > 0 else (a + b * b, b))
    net, _ = record.graphs(mx)["while"]
    ex = net.simple_bind(ctx, i=(1,), a=(3,), b=(3,))
    ex.arg_dict["a"][:] = 100
    outs = [o.asnumpy() for o in ex.forward(is_train=True)]
    assert not outs[0].any() and not outs[1].any() and outs[3].tolist() == [100, 100, 100]
    ex.backward([mx.nd.ones(o.shape, ctx=ctx) for o in outs])
    assert ex.grad_dict["a"].asnumpy().tolist() == [1, 1, 1] and not ex.grad_dict["b"].asnumpy().any()


def test_random_draws_differ_by_turn_and_come_again_in_the_backward(ctx):
    x = mx.sym.Variable("x")
    start = mx.sym.Variable("s")
    outs, last = mx.sym.contrib.foreach(lambda d, s: (mx.sym.Dropout(d) * s, s + 0), x, start)
    more, _ = mx.sym.contrib.foreach(lambda d, s: (mx.sym.Dropout(d) * s, s + 0), x, start)
    ex = mx.sym.Group([outs, more, last]).simple_bind(ctx, x=(4, 200), s=(200,))
    ex.arg_dict["x"][:] = 1
    ex.arg_dict["s"][:] = 3
    draws = []
    for seed in (7, 8, 7):
        mx.random.seed(seed)
        draws.append(np.concatenate([o.asnumpy() for o in ex.forward(is_train=True)[:2]]))
        ex.backward([mx.nd.ones((4, 200), ctx=ctx), mx.nd.zeros((4, 200), ctx=ctx), mx.nd.zeros((200,), ctx=ctx)])
        np.testing.assert_array_equal(ex.grad_dict["x"].asnumpy(), draws[-1][:4])
    np.testing.assert_array_equal(draws[0], draws[2])
    kept = draws[0] > 0
    assert set(np.unique(draws[0])) == {0, 6} and 0.4 < kept.mean() < 0.6
    for i in range(8):
        for j in range(i):
            assert 0.3 < (kept[i] == kept[j]).mean() < 0.7, (i, j)
    assert (draws[0] != draws[1]).any()
    assert (ex.forward(is_train=False)[0].asnumpy() == 3).all()


@pytest.mark.parametrize("name", ["recurrent", "while"])
def test_the_checked_run_and_the_graph_as_written_agree(ctx, name, monkeypatch):
    monkeypatch.setattr("clsym.graph.passes.UNROLL_ROOM", 0)
    net, shapes = record.graphs(mx)[name]
    results = []
    for check, optimize in (("0", "1"), ("1", "1"), ("0", "0")):
        monkeypatch.setenv("CLSYM_CHECK", check)
        monkeypatch.setenv("CLSYM_OPTIMIZE", optimize)
        ex = net.simple_bind(ctx, **{n: shapes[n] for n in net.list_arguments()})
        for n, a in ex.arg_dict.items():
            a[:] = record.value(n, a.shape)
        outs = ex.forward(is_train=True)
        ex.backward([mx.nd.array(record.head(k, o.shape), ctx=ctx) for k, o in enumerate(outs)])
        results.append([a.asnumpy() for a in (*outs, *ex.grad_arrays)])
    for a, b, c in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a, c, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("train", [True, False])
def test_memory_of_bodies_is_the_plans_and_nothing_waits(ctx, train, monkeypatch):
    from clsym.runtime.buffer import live_bytes
    from clsym.runtime.device import resolve

    data, weight = mx.sym.Variable("x"), mx.sym.Variable("w")
    inner = lambda d, t: (mx.sym.FullyConnected(d, weight, num_hidden=40, no_bias=True) + t, mx.sym.Dropout(t) + 1)  # noqa: E731
    outs, _ = mx.sym.contrib.foreach(lambda d, t: mx.sym.contrib.foreach(inner, d, t), data, mx.sym.Variable("s"))
    gc.collect()
    before = live_bytes(resolve(ctx))
    ex = outs.simple_bind(ctx, x=(2, 3, 16, 50), s=(16, 40), grad_req="write" if train else "null")
    heads = [mx.nd.ones(o.shape, ctx=ctx) for o in ex.outputs]

    def step():
        ex.forward(is_train=train)
        if train:
            ex.backward(heads)

    step()
    report = ex.memory_report(is_train=train)
    assert report.workspace_bytes > 0
    assert live_bytes(resolve(ctx)) - before == report.total_bytes == sum(report.by_device.values())
    monkeypatch.setattr("clsym.runtime.host_step.download", lambda *a: pytest.fail("a loop of fixed length waits for the device"))
    step()


def test_cut_weights_are_prepared_again_when_they_change(ctx, monkeypatch):
    """In inference a body's weights are packed ahead; one that the graph around it computes may be another in every run."""
    monkeypatch.setattr("clsym.graph.passes.UNROLL_ROOM", 0)
    x, w = mx.sym.Variable("x"), mx.sym.Variable("w")
    weight = w * 2
    outs, _ = mx.sym.contrib.foreach(
        lambda d, s: (mx.sym.FullyConnected(d, weight, num_hidden=6, no_bias=True) + s, s + 0), x, mx.sym.Variable("s")
    )
    ex = outs.simple_bind(ctx, x=(3, 4, 5), w=(6, 5), s=(4, 6), grad_req="null")
    x = np.random.randn(3, 4, 5).astype(np.float32)
    for factor in (1, -3):
        w = np.random.randn(6, 5).astype(np.float32) * factor
        got = ex.forward(x=x, w=w)[0].asnumpy()
        np.testing.assert_allclose(got, x @ (2 * w).T, rtol=1e-4, atol=1e-4)


def test_shapes_and_types_follow_in_both_directions():
    net, _ = record.graphs(mx)["recurrent"]
    assert net.infer_shape(x=(5, 2, 4), n=(1,))[0] == [(5, 2, 4), (2, 3), (1,), (3, 4), (3,), (2, 3)]
    with pytest.warns(UserWarning, match="Cannot decide shape"):
        assert net.infer_shape(s=(2, 3)) == (None, None, None)
    partial = dict(zip(net.list_arguments(), net.infer_shape_partial(s=(2, 3))[0], strict=True))
    assert partial["w"] == (2, 3) and partial["x"] == ()
    assert {np.dtype(t).name for t in net.infer_type(x="float64", n="float32")[1]} == {"float64", "float32"}  # the counter is another's
    with pytest.raises(MXNetError, match=r"i2h|_plus"):
        net.infer_shape(x=(5, 2, 4), s=(2, 7))
    with pytest.raises(MXNetError, match="a loop goes through 3 rows of one input, and 4 of another"):
        x, y, s = (mx.sym.Variable(n) for n in "xys")
        mx.sym.contrib.foreach(lambda d, t: (d[0] + d[1], t + 0), [x, y], s)[0].infer_shape(x=(3, 2), y=(4, 2), s=(1,))


def test_wrong_functions_and_symbols():
    x, s = mx.sym.Variable("x"), mx.sym.Variable("s")
    foreach, while_loop, cond = mx.sym.contrib.foreach, mx.sym.contrib.while_loop, mx.sym.contrib.cond
    for function, message in (
        (lambda d, t: (t[0], [t[0] + 1]), "the data arrays have to be used in the loop body"),
        (lambda d, t: (d, [d]), "the state arrays have to be used in the loop body"),
        (lambda d, t: (d + t[0], t[0]), "The input and output loop_vars have different format"),
        (lambda d, t: (1, t), r"foreach output must be \(nested\) list of Symbol, but got 1"),
    ):
        with pytest.raises(AssertionError, match=message):
            foreach(function, x, [s])
    with pytest.raises(AssertionError, match="don't have unique names: \\['x-0', 'x-0'\\]"):
        foreach(lambda d, t: (d[0] + d[1], []), [x, x], [])
    with pytest.raises(MXNetError, match="has 2 outputs; give them one by one"):
        foreach(lambda d, t: (d, t), mx.sym.split(x, num_outputs=2), s)

    def step(i):
        return i, [i + 1]

    for args, kwargs, message in (
        ((step, [x]), {}, "max_iterations should be specified"),
        ((step, [x]), {"max_iterations": "many"}, "Cannot convert max_iteration to python int"),
        ((step, []), {"max_iterations": 3}, "loop_vars should contain at least one element"),
        ((lambda i: (i, [i, i]), [x]), {"max_iterations": 3}, "The number of loop_vars should be consistent"),
        ((lambda i: (i, [s]), [x]), {"max_iterations": 3}, None),
        ((lambda i: (s, [s]), [x]), {"max_iterations": 3}, "The 1-th loop_var doesn't involve into the computation"),
    ):
        if message is None:
            while_loop(lambda i: i < 3, *args, **kwargs)
            continue
        with pytest.raises(ValueError, match=message):
            while_loop(lambda i: i < 3, *args, **kwargs)
    with pytest.raises(ValueError, match="Number of outputs differs between then-branch and else-branch"):
        cond(x, lambda: [x, s], lambda: x)
    for name in ("_foreach", "_while_loop", "_cond"):
        required = {} if name != "_while_loop" else {"num_outputs": 1, "num_out_data": 0, "max_iterations": 1, "func_var_locs": (0,)}
        required |= {
            f"{graph}_input_locs": (0,) for graph in {"_while_loop": ("cond", "func"), "_cond": ("cond", "then", "else")}.get(name, ())
        }
        required |= {"num_outputs": 1} if name == "_cond" else {}
        with pytest.raises(MXNetError, match=f"{name} holds graphs, which a call cannot give"):
            getattr(mx.sym._internal, name)(x, s, **required)
        with pytest.raises(MXNetError, match=f"{name} holds graphs, which a call cannot give"):
            getattr(mx.nd._internal, name)(mx.nd.ones(1), **required)


def test_a_condition_of_several_numbers_is_refused(ctx):
    x = mx.sym.Variable("x")
    ex = mx.sym.contrib.cond(x, lambda: x + 1, lambda: x - 1, name="choice").bind(ctx, {"x": mx.nd.ones((2,), ctx=ctx)})
    with pytest.raises(MXNetError, match=r"_cond\) failed on the host: ValueError: the condition of _cond must be one number.*\(2,\)"):
        ex.forward()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"in_data_locs": "[0]"', '"in_data_locs": "[9]"', "no order of its inputs"),
        ('"num_out_data": "1"', '"num_out_data": "2"', "do not fit"),
        ('"num_outputs": "3"', '"num_outputs": "4"', "do not fit its 4 outputs"),
        ('"num_args": "8"', '"num_args": "3"', "num_args|inputs"),
        ('"remain_locs": "[1, 2, 4, 5]"', '"remain_locs": "[1, 2]"', "no order of its inputs|variables"),
    ],
)
def test_files_that_contradict_themselves_are_refused(old, new, message):
    text = RECORDED["recurrent"]["json"]
    assert old in text
    with pytest.raises(MXNetError, match=message):
        mx.sym.load_json(text.replace(old, new))


def test_on_arrays(ctx):
    """Plain Python loops; what they return was compared with MXNet's."""
    x, s = mx.nd.array(np.arange(6).reshape(3, 2), ctx=ctx), mx.nd.ones((2,), ctx=ctx)
    outs, last = mx.nd.contrib.foreach(lambda d, t: ([d[0] + t[0], d[1]], [t[0] * 2]), [x, mx.nd.arange(3, ctx=ctx)], [s])
    assert [o.asnumpy().tolist() for o in outs] == [[[1, 2], [4, 5], [8, 9]], [[0], [1], [2]]] and last[0].asnumpy().tolist() == [8, 8]
    assert mx.nd.contrib.foreach(lambda d, t: ([], t + d), x, s)[0] == []
    i = mx.nd.array([1], ctx=ctx)
    outs, last = mx.nd.contrib.while_loop(lambda i, a: i < 3, lambda i, a: ([a * 2, i], (i + 1, a + 1)), (i, s), max_iterations=4)
    assert (
        outs[0].asnumpy().tolist() == [[2, 2], [4, 4], [0, 0], [0, 0]] and outs[1].shape == (4, 1) and last[1].asnumpy().tolist() == [3, 3]
    )
    assert mx.nd.contrib.while_loop(lambda i: i > 3, lambda i: (i, i), i, max_iterations=4) == ([], i)
    assert mx.nd.contrib.cond(i, lambda: (1,), lambda: 2) == (1,) and mx.nd.contrib.cond(i - 1, lambda: 1, lambda: 2) == 2
    with pytest.raises(ValueError, match="The current array is not a scalar"):
        mx.nd.contrib.cond(s, lambda: 1, lambda: 2)
    with pytest.raises(AssertionError, match=r"foreach input must be \(nested\) list of NDArray, but got 5"):
        mx.nd.contrib.foreach(lambda d, t: (d, t), 5, s)
    for function, message in (
        (lambda i: (i, [i, i]), "The length of loop_vars should be consistent during the loop"),
        (lambda i: ([i] * int(i.asscalar()), i + 1), "Number of elements in step_output should be the same in each step"),
    ):
        with pytest.raises(ValueError, match=message):
            mx.nd.contrib.while_loop(lambda i: i < 3, function, [i], max_iterations=4)


def test_recorded_loops(ctx):
    x, s = mx.nd.array([[1, 2], [3, 4], [5, 6]], ctx=ctx), mx.nd.array([1, 1], ctx=ctx)
    x.attach_grad()
    s.attach_grad()
    with mx.autograd.record():
        outs, last = mx.nd.contrib.foreach(lambda d, t: (d * t, t + d), x, s)
        more, (_, end) = mx.nd.contrib.while_loop(
            lambda i, a: i < 3, lambda i, a: (a * 2, [i + 1, a * last]), [mx.nd.array([1], ctx=ctx), last], max_iterations=4
        )
        loss = outs.sum() + more.sum() + end.sum()
    loss.backward()
    assert x.grad.asnumpy().tolist() == [[351, 572], [349, 570], [347, 568]] and s.grad.asnumpy().tolist() == [351, 573]
