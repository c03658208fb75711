"""autograd: what MXNet 1.9.1 gives (tests/reference/record_autograd.py), gradients of executors, memory, modes, functions."""

import gc
import json
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

import clsym as mx
from clsym import autograd as ag
from clsym import nd
from clsym.base import MXNetError

REFERENCE = Path(__file__).parents[1] / "reference"
sys.path.insert(0, str(REFERENCE))

from record_autograd import answer, namespace  # noqa: E402


def same(found, expected):
    if isinstance(expected, list) and isinstance(found, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, float) or isinstance(found, float):
        return (
            not isinstance(found, (str, list)) and found is not None and np.isclose(found, expected, rtol=2e-5, atol=2e-6, equal_nan=True)
        )
    return found == expected


def test_against_mxnet(ctx):
    wrong = []
    names = namespace(nd, ag, np, ctx)
    for expression, expected in json.loads((REFERENCE / "autograd.json").read_text()):
        found = answer(expression, names)
        if not same(found, expected):
            wrong.append(f"{expression}: {found} instead of {expected}")
    assert not wrong, "\n".join(wrong)


def variable(values, ctx, req="write"):
    x = nd.array(values, ctx=ctx)
    x.attach_grad(req)
    return x


def test_of_second_order_against_differences(ctx):
    """What MXNet cannot differentiate twice, or gives wrong numbers for, against differences of the first gradient in float64."""
    rs = np.random.RandomState(3)
    index = nd.array([2, 0, 2], ctx=ctx)
    cases = [
        (lambda a, b: a / b, (2, 3), (2, 1)),
        (lambda a, b: a**b, (2, 3), (1, 3)),
        (lambda a, b: a / b + a**b, (4,), (4,)),
        (lambda a, b: nd.maximum(a, b) * a * b, (4,), (4,)),
        (lambda a, b: nd.dot(a, b), (2, 3), (3, 4)),
        (lambda a, b: nd.square(nd.dot(a, b, transpose_a=True, transpose_b=True)), (3, 2), (4, 3)),
        (lambda a: 2 / a + a**3 + 2**a, (3,)),
        (lambda a: nd.square(a[1:3, ::2]) + a[0:2, 1:3] ** 3, (3, 4)),
        (lambda a: nd.square(nd.take(a, index)), (3, 2)),
        (lambda a: a[[1, 1, 0]] ** 3, (2, 2)),
        (lambda a: nd.square(nd.sum(a, axis=1)) + nd.mean(a, axis=1) ** 3, (2, 3)),
        (lambda a: nd.square(nd.clip(a, 0.35, 0.6)), (5,)),
        (lambda a: nd.softsign(a) * nd.erf(a) + nd.erfinv(a), (3,)),
        (lambda a: nd.where(a > 0.5, a**3, nd.exp(a)), (5,)),
        (lambda a, w, b: nd.square(nd.FullyConnected(a, w, b, num_hidden=2)), (3, 4), (2, 4), (2,)),
        (lambda a, b: nd.square(nd.concat(a, b.reshape((2, 1)), dim=1).T), (2, 3), (2,)),
    ]
    wrong = []
    for number, (f, *shapes) in enumerate(cases):
        values = [rs.uniform(0.3, 0.8, s) for s in shapes]
        xs = [nd.array(v, ctx=ctx, dtype="float64") for v in values]

        def first(xs, create):
            for x in xs:
                x.attach_grad()
            with ag.record():
                y = f(*xs)  # noqa: B023
                return ag.grad(y, xs, create_graph=create, retain_graph=create)

        with ag.record():
            grads = first(xs, True)
            total = sum((nd.sum(nd.square(g)) for g in grads[1:]), nd.sum(nd.square(grads[0])))
        total.backward()
        for k, x in enumerate(xs):
            way = rs.uniform(-1, 1, shapes[k])
            sides = []
            for sign in (1, -1):
                near = [nd.array(v + (sign * 1e-5 * way if i == k else 0), ctx=ctx, dtype="float64") for i, v in enumerate(values)]
                sides.append(sum(float((g.asnumpy() ** 2).sum()) for g in first(near, False)))
            expected, found = (sides[0] - sides[1]) / 2e-5, float((x.grad.asnumpy() * way).sum())
            if not np.isclose(found, expected, rtol=1e-5, atol=1e-7):
                wrong.append(f"case {number}, input {k}: {found} instead of {expected}")
    assert not wrong, "\n".join(wrong)


def test_third_order(ctx):
    x = variable([0.3, 0.6], ctx)
    with ag.record():
        y = nd.sin(x) * x
        (g,) = ag.grad(y, x, create_graph=True)
        (h,) = ag.grad(g, x, create_graph=True)
    h.backward()
    v = np.array([0.3, 0.6])
    np.testing.assert_allclose(x.grad.asnumpy(), -3 * np.sin(v) - v * np.cos(v), rtol=1e-5)


def test_gradients_are_those_of_executors(ctx):
    """A network with shared parameters, in both ways: convolution, normalisation, pooling, two dense layers over one weight, softmax."""

    def net(f, data, w, gamma, beta, mean, var, dense, bias, label):
        h = f.Convolution(data, w, no_bias=True, kernel=(3, 3), num_filter=4, pad=(1, 1))
        h = f.BatchNorm(h, gamma, beta, mean, var, fix_gamma=False)
        h = f.Pooling(f.Activation(h, act_type="relu"), kernel=(2, 2), stride=(2, 2), pool_type="avg")
        h = f.FullyConnected(f.Flatten(h), dense, bias, num_hidden=16)
        return f.SoftmaxOutput(f.FullyConnected(f.tanh(h) * 2, dense, bias, num_hidden=16) + h, label)

    names = ["data", "w", "gamma", "beta", "mean", "var", "dense", "bias", "label"]
    shapes = [(3, 3, 4, 4), (4, 3, 3, 3), (4,), (4,), (4,), (4,), (16, 16), (16,), (3,)]
    rs = np.random.RandomState(1)
    values = {n: rs.uniform(0.1, 1, s).astype("f") for n, s in zip(names, shapes, strict=True)}
    values["label"] = np.array([1, 0, 3], "f")
    symbol = net(mx.sym, *(mx.sym.var(n) for n in names))
    for req in ("write", "add"):
        arrays = {n: nd.array(v, ctx=ctx) for n, v in values.items()}
        exe = symbol.simple_bind(ctx, grad_req=req, data=(3, 3, 4, 4))
        exe.copy_params_from({n: a for n, a in arrays.items() if n not in ("mean", "var")}, {n: arrays[n] for n in ("mean", "var")})
        for n in names:
            if n not in ("mean", "var"):
                arrays[n].attach_grad(req)
        for _ in range(2):
            (out,) = exe.forward(is_train=True)
            exe.backward()
            with ag.record():
                y = net(nd, *(arrays[n] for n in names))
            y.backward()
        np.testing.assert_allclose(y.asnumpy(), out.asnumpy(), rtol=1e-5, atol=1e-7)
        for n in names:
            if n in ("mean", "var"):
                np.testing.assert_allclose(arrays[n].asnumpy(), exe.aux_dict[n].asnumpy(), rtol=1e-6)
            else:
                scale = np.abs(exe.grad_dict[n].asnumpy()).max() + 1e-9
                assert np.abs(arrays[n].grad.asnumpy() - exe.grad_dict[n].asnumpy()).max() <= 1e-5 * scale, n


def test_dropout_has_one_mask(ctx):
    x = variable(np.ones(4096), ctx)
    with ag.record():
        y = nd.Dropout(x, p=0.3)
        z = nd.Dropout(x, p=0.3)
    ag.backward([y, z])
    kept = y.asnumpy() + z.asnumpy()
    assert 0.6 < (y.asnumpy() > 0).mean() < 0.8
    assert (y.asnumpy() != z.asnumpy()).any()
    np.testing.assert_allclose(x.grad.asnumpy(), kept, rtol=1e-6)
    assert (nd.Dropout(x, p=0.3).asnumpy() == 1).all()


def test_what_nobody_reads_is_let_go(ctx):
    """Intermediates that no gradient reads are collected at once, all others when `backward` passes."""
    x = variable(np.ones(8), ctx)
    with ag.record():
        summed = x + 1
        doubled = summed * 2
        squared = nd.square(doubled)
        y = squared + 3
    seen = [weakref.ref(a) for a in (summed, doubled, squared)]
    del summed, doubled, squared
    gc.disable()
    try:
        assert [r() is not None for r in seen] == [False, True, False]
        y.backward()
        assert [r() is not None for r in seen] == [False] * 3  # no collector needed
    finally:
        gc.enable()
    assert x.grad.asnumpy().tolist() == [16.0] * 8


def test_a_long_tape(ctx):
    x = variable([1.0], ctx)
    with ag.record():
        y = x
        for _ in range(3000):
            y = y * 1
    y.backward()
    assert x.grad.asnumpy().tolist() == [1.0]


class Power(ag.Function):
    """x ** y, with y for the gradient only where it says so."""

    def forward(self, x, y):
        assert not ag.is_recording()
        self.save_for_backward(x, y)
        return x**y, x + y

    def backward(self, dz, dw):
        x, y = self.saved_tensors
        return dz * y * x ** (y - 1) + dw, dw


def test_functions(ctx):
    x, y = variable([2, 3], ctx), variable([3, 2], ctx, "add")
    with ag.record():
        f = Power()
        z, w = f(x * 1, y)
        total = z * 10 + w
    total.backward()
    assert x.grad.asnumpy().tolist() == [121.0, 61.0]
    assert y.grad.asnumpy().tolist() == [1.0, 1.0]
    with pytest.raises(AssertionError, match="only be called once"):
        f(x, y)
    with ag.record():
        z, _ = Power()(x, y)
    z.backward()
    assert x.grad.asnumpy().tolist() == [12.0, 6.0]
    plain, _ = Power()(x, y)
    with pytest.raises(MXNetError, match="not in a computational graph"):
        plain.backward()

    class Wrong(Power):
        def backward(self, dz, dw):
            return dz

    with ag.record():
        z, _ = Wrong()(x, y)
    with pytest.raises(MXNetError, match="exactly the same number"):
        z.backward()

    class Unfit(Power):
        def backward(self, dz, dw):
            return dz, nd.ones((3, 3), ctx=ctx)

    with ag.record():
        z, _ = Unfit()(x, y)
    with pytest.raises(MXNetError, match="gradient 1"):
        z.backward()


def test_gradients_into_given_arrays(ctx):
    x, g = nd.array([1, 2], ctx=ctx), nd.array([7, 7], ctx=ctx)
    ag.mark_variables([x], [g], "add")
    with ag.record():
        y = x * x
    y.backward()
    assert g.asnumpy().tolist() == [9.0, 11.0]
    assert x.grad.asnumpy().tolist() == [9.0, 11.0]
    with ag.record():
        y = x * x.grad  # read and written
    y.backward()
    assert g.asnumpy().tolist() == [18.0, 22.0]
    with pytest.raises(MXNetError, match="shape"):
        ag.mark_variables([x], [nd.ones(3, ctx=ctx)])
    with pytest.raises(MXNetError, match="as many"):
        ag.mark_variables([x], [g, g])
    part = variable([1, 2], ctx)
    whole = nd.zeros(6, ctx=ctx)
    ag.mark_variables([part], [whole[3:5]])  # not aligned
    with ag.record():
        y = part * part
    y.backward()
    assert whole.asnumpy().tolist() == [0, 0, 0, 2, 4, 0]


def test_results_share_no_memory(ctx):
    x, head = variable([1, 2], ctx), nd.array([3, 4], ctx=ctx)
    with ag.record():
        y = x.reshape((2, 1)).reshape((2,))
    (g,) = ag.grad(y, x, head)
    g[:] = 0
    assert head.asnumpy().tolist() == [3, 4]


def test_wrong_head_gradients(ctx):
    x = variable([1, 2, 3], ctx)
    with ag.record():
        y = x * 2
    for head in (nd.ones(2, ctx=ctx), nd.ones(3, ctx=ctx, dtype="float64")):
        with pytest.raises(MXNetError, match="head gradient 0 has shape"):
            y.backward(head)
    with pytest.raises(TypeError, match="must be an NDArray"):
        y.backward([1, 2, 3])
    with pytest.raises(TypeError, match="must be NDArrays"):
        ag.backward([3])
    y.backward()


def test_an_operator_without_gradient(ctx):
    x = variable([[1, 2], [3, 4]], ctx)
    with ag.record():
        y = nd.sgd_update(x, x.detach(), lr=0.1) * 2
    with pytest.raises(MXNetError, match=r"sgd_update.*no gradient"):
        y.backward()


def test_symbol_of_a_tape(ctx):
    x, w = variable([[1, 2]], ctx), variable([[3, 4]], ctx)
    with ag.record():
        y = nd.exp(x[0:1] * w) + 1
    symbol = ag.get_symbol(y)
    assert symbol.list_arguments() == ["var0", "var1"]
    assert [n["op"] for n in json.loads(symbol.tojson())["nodes"]] == ["null", "slice", "null", "broadcast_mul", "exp", "_plus_scalar"]
    out = symbol.bind(ctx, {"var0": x, "var1": w}).forward()[0]
    np.testing.assert_allclose(out.asnumpy(), y.asnumpy(), rtol=1e-6)
    with pytest.raises(MXNetError, match="not in a computational graph"):
        ag.get_symbol(nd.ones(2, ctx=ctx))


def test_modes_belong_to_threads(ctx):
    found = []
    with ag.record():
        thread = threading.Thread(target=lambda: found.append((ag.is_recording(), ag.is_training())))
        thread.start()
        thread.join()
        scope = ag.pause()
        with pytest.raises(ZeroDivisionError), scope:
            1 / 0  # noqa: B018
        assert ag.is_recording()
    assert found == [(False, False)]
    assert not ag.is_recording()


def test_copies_between_devices(ctx):
    x = variable([1, 2, 3], ctx)
    with ag.record():
        y = (x * 2).as_in_context(mx.cpu(0)).astype("float64") * 3
    y.backward()
    assert x.grad.asnumpy().tolist() == [6.0] * 3
    assert x.grad.context == ctx


def test_a_part_of_the_tape_that_is_gone(ctx):
    x = variable([1, 2], ctx)
    with ag.record():
        h = x * x
        y, z = h * 2, h * 3 + x
        with ag.pause():
            constant = h * 2
        w = constant * x
    y.backward(retain_graph=True)
    z.backward()
    assert x.grad.asnumpy().tolist() == [7.0, 13.0]
    with pytest.raises(MXNetError, match="not in a computational graph"):
        y.backward()
    w.backward()
    assert x.grad.asnumpy().tolist() == [2.0, 8.0]
    with ag.record():
        again = h * x  # what h came from is forgotten
    again.backward()
    assert x.grad.asnumpy().tolist() == [1.0, 4.0]


def test_filling_what_is_on_the_tape_is_refused(ctx):
    x = variable([1, 2], ctx)
    with ag.record():
        for fill in (nd.zeros, nd.ones):
            with pytest.raises(MXNetError, match="already in a computational graph"):
                fill(2, out=x)
        with pytest.raises(MXNetError, match="already in a computational graph"):
            nd._internal._set_value(3, x)
    assert nd.zeros(2, out=x).asnumpy().tolist() == [0, 0]
