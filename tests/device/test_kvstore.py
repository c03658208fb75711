"""`mx.kv`: sums, updates, compression, files, and what is refused; figures are MXNet's."""

import numpy as np
import pytest

import clsym as mx
from clsym.base import MXNetError


def test_values_and_keys(ctx):
    kv = mx.kv.create("LOCAL")
    assert (kv.type, kv.rank, kv.num_workers, kv.is_capable("optimizer")) == ("local", 0, 1, True)
    one, out, other = mx.nd.ones((2, 3), ctx=ctx), mx.nd.zeros((2, 3), ctx=ctx), mx.nd.zeros((2, 3), ctx=ctx)
    kv.init([3, 5], [one, one])
    one[:] = 1
    kv.push(3, [one * 2, one * 3])
    kv.pull(3, out=out)
    assert (out.asnumpy() == 5).all()
    kv.push([5, 5, 3], [one, one * 2, [one, one, one]])  # a key that is there twice is summed
    kv.pull([5, 3], out=[out, [other, one]])
    assert (out.asnumpy() == 3).all() and (other.asnumpy() == 3).all() and (one.asnumpy() == 3).all()
    kv.pushpull(3, one, out=out)
    kv.broadcast(9, one, out=out)
    seen = []
    kv._set_updater(lambda key, grad, value: (seen.append(key), value.__iadd__(grad * 2)))
    kv.push([3, 9], [one, [one, one]])
    kv.pull([3, 9], out=[out, other])
    assert seen == [3, 9] and (out.asnumpy() == 9).all() and (other.asnumpy() == 15).all()


def test_refusals(ctx):
    kv = mx.kv.create()
    a = mx.nd.ones((2,), ctx=ctx)
    kv.init(1, a)
    for call, error, text in [
        (lambda: kv.init(1, a), MXNetError, "duplicate init of key 1"),
        (lambda: kv.init("w", a), MXNetError, "Mixed key types"),
        (lambda: kv.pull(2, out=a), MXNetError, "key 2 has not been inited"),
        (lambda: kv.push(2, a), MXNetError, "key 2 has not been inited"),
        (lambda: kv.push(1, mx.nd.ones((3,), ctx=ctx)), MXNetError, "shape"),
        (lambda: kv.pull(1, out=mx.nd.ones((3,), ctx=ctx)), MXNetError, "shape mismatch"),
        (lambda: kv.init(2.5, a), AssertionError, "unexpected type for keys"),
        (lambda: kv.row_sparse_pull(1, out=a, row_ids=a), MXNetError, "dense"),
        (lambda: mx.kv.create("dist_sync"), MXNetError, "dist_sync"),
        (lambda: mx.kv.create(3), TypeError, "name must be a string"),
        (lambda: kv.save_optimizer_states("x"), AssertionError, "Cannot save states"),
        (lambda: kv.set_gradient_compression({"type": "2bit"}), Exception, "not supported for this type"),
        (lambda: mx.kv.create("device").set_gradient_compression({"type": "1bit"}), MXNetError, "1bit"),
        (lambda: mx.kv.create("device").set_gradient_compression({"type": "2bit", "threshold": -1}), MXNetError, "greater than 0"),
        (lambda: mx.kv.create("device").set_gradient_compression({"threshold": 1}), MXNetError, "Required parameter type"),
    ]:
        with pytest.raises(error, match=text):
            call()


def test_compression_is_mxnets(ctx):
    kv = mx.kv.create("device")
    kv.set_gradient_compression({"type": "2bit", "threshold": 0.5})
    x = mx.nd.array(np.linspace(-1.2, 1.2, 9), ctx=ctx)
    kv.init("g", x * 0)
    out = x * 0
    found = []
    for value in ([x, x * 0.5], [x, x * 0.5], [x, x * 0.5], x):
        kv.push("g", value)
        kv.pull("g", out=out)
        found.append(out.asnumpy().tolist())
    assert found == [  # printed by MXNet 1.9.1
        [-1, -0.5, -0.5, 0, 0, 0, 0.5, 0.5, 1],
        [-1, -1, -1, -0.5, 0, 0.5, 1, 1, 1],
        [-1, -1, -0.5, 0, 0, 0, 0.5, 1, 1],
        [-0.5, -0.5, -0.5, -0.5, 0, 0.5, 0.5, 0.5, 0.5],
    ]


def test_two_devices_with_an_optimizer(tmp_path):
    contexts = [mx.cpu(0), mx.cpu(1)]
    shapes = {"a": (5, 3), "b": (7,)}
    params = {k: mx.nd.array(np.random.rand(*s)) for k, s in shapes.items()}
    grads = [[np.random.rand(*s).astype("float32") for _ in contexts] for s in shapes.values()]

    def train(steps, states=None):
        kv = mx.kv.create("device")
        weights = [[mx.nd.zeros(s, ctx=c) for c in contexts] for s in shapes.values()]
        kv.set_optimizer(mx.optimizer.create("adam", learning_rate=0.1))
        if states:
            kv.load_optimizer_states(states)
        kv.broadcast(list(shapes), list(params.values()), out=weights)
        for _ in range(steps):
            arrays = [[mx.nd.array(g, ctx=c) for g, c in zip(gs, contexts, strict=True)] for gs in grads]
            kv.pushpull(list(shapes), arrays, out=weights)
        return kv, weights

    kv, weights = train(3)
    _, again = train(3)
    file = str(tmp_path / "states")
    kv.save_optimizer_states(file, dump_optimizer=True)
    _, more = train(1, file)
    alone = mx.optimizer.get_updater(mx.optimizer.create("adam", learning_rate=0.1))
    alone.set_states(kv._updater.get_states(dump_optimizer=True))
    for k, name in enumerate(shapes):
        assert (weights[k][0].asnumpy() == weights[k][1].asnumpy()).all()
        assert (weights[k][0].asnumpy() == again[k][0].asnumpy()).all()
        w = params[name].copy()
        alone(name, mx.nd.array(grads[k][0] + grads[k][1]), w)
        np.testing.assert_allclose(more[k][0].asnumpy(), w.asnumpy(), rtol=1e-6)
