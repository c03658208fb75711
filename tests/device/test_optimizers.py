"""Optimizers: recorded steps of MXNet, few launches, states that both read, and what was given wrongly."""

import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest

import clsym as mx
from clsym.base import MXNetError
from tests.reference import optimizer_cases as cases

REFERENCE = Path(__file__).parents[1] / "reference" / "optimizers.npz"
RECORDED = np.load(REFERENCE)


def _distance(ours, theirs):
    ours, theirs = ours.astype("float64"), theirs.astype("float64")
    return np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-30)


@pytest.mark.parametrize("name", cases.CASES)
def test_twenty_steps_are_mxnets(name, ctx):
    """Within 1e-5; in mixed precision the weights in float32 are, and those in float16 within their last digit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weights, _ = cases.run(mx, name, ctx)
    for key, w in zip(cases.shapes(name), weights, strict=True):
        found = _distance(w, RECORDED[f"{name}/{key}"])
        assert found <= (1e-3 if w.dtype == np.float16 else 1e-5), (key, found)


def _launches(updater):
    return sum(len(g.launches) for s, _ in updater.optimizer._prepared.steps.values() for g in s.groups)


def _resnet50():
    shapes = [(64, 3, 7, 7), (64,), (64,)]
    wide = 64
    for blocks, mid in [(3, 64), (4, 128), (6, 256), (3, 512)]:
        for block in range(blocks):
            for out, given, size in [(mid, wide, 1), (mid, mid, 3), (4 * mid, mid, 1)] + ([(4 * mid, wide, 1)] if not block else []):
                shapes += [(out, given, size, size), (out,), (out,)]
            wide = 4 * mid
    return [tuple(min(d, 4) for d in s) for s in [*shapes, (1000, 2048), (1000,)]]  # as many, but small


@pytest.mark.parametrize("kind", sorted(k for k in mx.optimizer.Optimizer.opt_registry if k not in ("groupadagrad", "halving")))
def test_launches_of_a_step(kind):
    """ResNet-50's parameters in at most ten."""
    shapes = _resnet50()
    assert len(shapes) == 161
    optimizer = mx.optimizer.create(kind, **({"momentum": 0.9} if kind in ("sgd", "nag", "lars", "lbsgd", "dcasgd") else {}))
    updater = mx.optimizer.get_updater(optimizer)
    weights, grads = ([mx.nd.ones(s) for s in shapes] for _ in range(2))
    for _ in range(2):
        updater(list(range(161)), grads, weights)
    assert 1 <= _launches(updater) + (kind == "sgld") <= 10
    assert len(optimizer._prepared.steps) == 1  # the second step found the first one's


def test_states_of_mxnet_go_on_here():
    """A file of MXNet's, with its optimizer, loads; written again, it holds MXNet's names only, and the same numbers."""
    for name in ("sgd half", "adam all", "rmspropalex", "lars all"):
        data = RECORDED[f"{name}/states"].tobytes()
        updater = mx.optimizer.get_updater(mx.optimizer.create("test"))
        updater.set_states(data)
        _, mine = cases.run(mx, name)
        assert type(updater.optimizer) is type(mine.optimizer) and updater.optimizer.num_update == 20
        assert updater.optimizer.__dict__.keys() - {"param_dict"} == mine.optimizer.__getstate__().keys()
        again = updater.get_states(dump_optimizer=True)
        assert b"clsym" not in again and again.count(b"mxnet.ndarray.ndarray") == 1
        for i, state in updater.states.items():
            for ours, theirs in zip(_leaves(mine.states[i]), _leaves(state), strict=True):
                assert _distance(ours.asnumpy(), theirs.asnumpy()) <= 2e-5
        weights = [mx.nd.array(w, dtype=w.dtype) for w in cases.values(name)[0]]
        updater([0, 1, 2, 3], weights, weights)
        assert updater.states_synced == dict.fromkeys(range(4), True)


def _leaves(state):
    return [state] if isinstance(state, mx.nd.NDArray) else [x for s in state for x in _leaves(s)] if state is not None else []


def test_lists_equal_single_calls(ctx):
    for name in ("adam all", "lamb all", "nadam", "lbsgd"):
        if name in ("adam all", "lamb all"):  # the others' numbers depend on the order of the updates, which is the same
            together, apart = cases.run(mx, name, ctx)[0], cases.run(mx, name, ctx, lists=False)[0]
            assert all((a == b).all() for a, b in zip(together, apart, strict=True))
    w, g = mx.nd.ones(4, ctx=ctx), mx.nd.ones(4, ctx=ctx)
    updater = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.25))
    updater([0, 1], [g, g], [w, w])  # one weight twice: one step after the other
    assert w.asnumpy().tolist() == [0.5] * 4


def test_views_large_arrays_and_doubles(ctx):
    """Arrays that begin anywhere, several chunks long, and of type float64."""
    for dtype, size in (("float32", 40003), ("float64", 5)):
        start, step = np.random.rand(3, size).astype(dtype), np.random.rand(3, size).astype(dtype)
        whole, grads = mx.nd.array(start, ctx=ctx, dtype=dtype), mx.nd.array(step, ctx=ctx, dtype=dtype)
        updater = mx.optimizer.get_updater(mx.optimizer.create("lars", learning_rate=0.5, eta=0.5, momentum=0.5))
        updater([0], [grads[1]], [whole[1]])
        ratio = 0.5 * np.sqrt((start[1].astype("f8") ** 2).sum() / (step[1].astype("f8") ** 2).sum())
        start[1] -= 0.5 * ratio * step[1]
        np.testing.assert_allclose(whole.asnumpy(), start, rtol=2e-6, atol=1e-7)


def test_momentum_of_dcasgd(ctx):
    """MXNet fails here, asking an array for its truth."""
    optimizer = mx.optimizer.create("dcasgd", momentum=0.5, lamda=0.1, learning_rate=0.1, wd=0.01)
    updater, w = mx.optimizer.get_updater(optimizer), mx.nd.ones(3, ctx=ctx)
    weight = before = 1.0
    mom = 0.0
    for g in (1.0, 2.0, -1.0):
        updater(0, mx.nd.full(3, g, ctx=ctx), w)
        mom = 0.5 * mom - 0.1 * (g + 0.01 * weight + 0.1 * g * g * (weight - before))
        before, weight = weight, weight + mom
    np.testing.assert_allclose(w.asnumpy(), weight, rtol=1e-6)


def test_draws_of_sgld(ctx):
    mx.random.seed(3)
    updater = mx.optimizer.get_updater(mx.optimizer.create("sgld", learning_rate=0.04))
    w, v = mx.nd.zeros(20000, ctx=ctx), mx.nd.zeros(20000, ctx=ctx)
    updater([0, 1], [mx.nd.ones(20000, ctx=ctx)] * 2, [w, v])
    a, b = w.asnumpy(), v.asnumpy()
    assert abs(a.mean() + 0.02) < 0.006 and abs(a.std() - 0.2) < 0.004 and abs(np.corrcoef(a, b)[0, 1]) < 0.03


def test_adamw(ctx):
    updater = mx.optimizer.get_updater(mx.optimizer.create("adamw", learning_rate=0.1, wd=0.1))
    w = mx.nd.ones(2, ctx=ctx)
    updater(0, mx.nd.ones(2, ctx=ctx), w)
    np.testing.assert_allclose(w.asnumpy(), 1 - 0.1 * (1 + 0.1), rtol=1e-5)


def test_ones_own_optimizers(ctx):
    class Doubling(mx.optimizer.SGD):
        def update(self, index, weight, grad, state):
            super().update(index, weight, grad * 2, state)

    w, v = mx.nd.ones(2, ctx=ctx), mx.nd.ones(2, ctx=ctx, dtype="float16")
    updater = mx.optimizer.get_updater(Doubling(learning_rate=0.25, multi_precision=True))
    updater([0, 1], [mx.nd.ones(2, ctx=ctx), mx.nd.ones(2, ctx=ctx, dtype="float16")], [w, v])
    assert w.asnumpy().tolist() == [0.5, 0.5]


def test_rates_and_decays():
    symbol = mx.sym.FullyConnected(mx.sym.var("x"), weight=mx.sym.var("w", lr_mult=2, wd_mult=3), name="fc", num_hidden=3)
    names = {0: "w", 1: "fc_bias", 2: "bn_gamma", 3: "bn_beta", 4: "q_weight"}
    sgd = mx.optimizer.create("SGD", sym=symbol, param_idx2name=names, wd=0.1, learning_rate=0.5)
    assert sgd._get_lrs([0, 1, 9]) == [1.0, 0.5, 0.5]
    assert sgd._get_wds([0, 1, 2, 3, 4, 9]) == [0.30000000000000004, 0.0, 0.1, 0.0, 0.1, 0.1]
    sgd.set_lr_mult({"fc_bias": 4, 9: 7})
    assert sgd._get_lrs([0, 1, 9]) == [1.0, 2.0, 3.5]
    schedule = mx.lr_scheduler.FactorScheduler(2, 0.5, base_lr=0.3)
    assert mx.optimizer.create("adam", learning_rate=0.2, lr_scheduler=schedule).learning_rate == 0.2 == schedule.base_lr
    with pytest.raises(UserWarning, match="LRScheduler"):
        mx.optimizer.create("sgd", lr_scheduler=schedule).set_learning_rate(1)
    begun = mx.optimizer.Optimizer(begin_num_update=5)
    begun._update_count([1, 2])
    begun._update_count(1)
    assert (begun.num_update, begun._index_update_count) == (7, {1: 7, 2: 6})
    copied = pickle.loads(pickle.dumps(begun))
    assert copied.__dict__ == begun.__dict__


def test_refusals(ctx):
    sgd = mx.optimizer.create("sgd", momentum=0.9)
    with pytest.raises(ValueError, match="Cannot find optimizer nope"):
        mx.optimizer.create("nope")
    updater = mx.optimizer.get_updater(sgd)
    w = mx.nd.ones(3, ctx=ctx)
    with pytest.raises(MXNetError, match="parameter 0 has shape"):
        updater(0, mx.nd.ones(2, ctx=ctx), w)
    with pytest.raises(MXNetError, match="states of another parameter"):
        updater(0, mx.nd.ones(2, ctx=ctx), mx.nd.ones(2, ctx=ctx))
    with pytest.raises(MXNetError, match="int32"):
        updater(1, mx.nd.ones(2, ctx=ctx, dtype="int32"), mx.nd.ones(2, ctx=ctx, dtype="int32"))
    for damaged in (b"", b"abc", sgd_states()[:-3], pickle.dumps([1])):
        with pytest.raises(MXNetError, match="states of an optimizer"):
            updater.set_states(damaged)
    with pytest.warns(UserWarning, match="multi_precision"):
        sgd.create_state_multi_precision(0, mx.nd.ones(2, ctx=ctx, dtype="float16"))


def sgd_states():
    updater = mx.optimizer.get_updater(mx.optimizer.create("sgd", momentum=0.9))
    updater(0, mx.nd.ones(2), mx.nd.ones(2))
    return updater.get_states()
