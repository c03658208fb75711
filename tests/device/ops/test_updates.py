"""Steps of optimizers on several tensors: against MXNet 1.9.1 (tests/reference/record_updates.py), and to the bit against those on one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import clsym as mx
from clsym.base import MXNetError
from clsym.runtime.launch import run_op

CASES = json.loads((Path(__file__).parents[2] / "reference" / "updates.json").read_text())
# the gradient, which MXNet overwrites, and the master weight that it forgets
UNDEFINED = {"_adamw_update": 1, "mp_lamb_update_phase2": 4}


@pytest.mark.parametrize("op", sorted({c["op"] for c in CASES}))
def test_recorded(device, op):
    for case in (c for c in CASES if c["op"] == op):
        arrays = [np.array(v, t) for v, t in zip(case["inputs"], case["dtypes"], strict=True)]
        outs = run_op(device, op, arrays, {k: tuple(v) if isinstance(v, list) else v for k, v in case["params"].items()})
        for i, out in zip(case["outs"], outs, strict=True):
            arrays[i] = out
        for i, (got, want) in enumerate(zip(arrays, case["after"], strict=True)):
            if UNDEFINED.get(op) != i:
                tolerance = 2e-3 if case["dtypes"][i] == "float16" else 3e-6
                np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance / 2, err_msg=f"{op} {case['params']} argument {i}")


def _tensors(sizes, kinds, dtype="float32"):
    rng = np.random.RandomState(0)
    return [[(np.abs(v) if kind == "+" else v).astype(dtype) for kind in kinds for v in [rng.standard_normal(n)]] for n in sizes]


@pytest.mark.parametrize(("one", "many", "kinds", "each", "common"), [
    ("sgd_update", "multi_sgd_update", "wg", ("lr", "wd"), {"rescale_grad": 0.5}),
    ("sgd_mom_update", "multi_sgd_mom_update", "wgm", ("lr", "wd"), {"momentum": 0.9, "clip_gradient": 0.5}),
    ("_adamw_update", "_multi_adamw_update", "wgm+", ("lr", "wd", "eta"), {"clip_gradient": 0.5}),
])  # fmt: skip
def test_many_are_the_bits_of_one(device, one, many, kinds, each, common):
    """Eleven tensors, more than a launch takes, one of them empty."""
    sizes = [5003, 1, 64, 0, 130, 7, 2, 65, 3, 300, 11]
    groups = _tensors(sizes, kinds)
    numbers = {name: tuple(round(0.1 + 0.01 * k, 3) for k in range(len(sizes))) for name in each}
    scale = [np.array([0.5], np.float32)] if "adamw" in one else []
    arrays = [a.copy() for g in groups for a in g] + scale
    outs = run_op(device, many, arrays, {**{f"{n}s": v for n, v in numbers.items()}, "num_weights": len(sizes), **common})
    for k, group in enumerate(groups):
        single = [a.copy() for a in group] + scale
        (weight,) = run_op(device, one, single, {**{n: v[k] for n, v in numbers.items()}, **common})
        np.testing.assert_array_equal(outs[k], weight)
        for i in range(2, len(kinds)):
            np.testing.assert_array_equal(arrays[k * len(kinds) + i], single[i])


def test_lamb_at_once_is_lamb_in_halves(device):
    sizes = [40001, 3, 500]
    groups = _tensors(sizes, "wgm+")
    arrays = [a.copy() for g in groups for a in g]
    outs = run_op(device, "_multi_lamb_update", arrays, {
        "learning_rates": (0.1, 0.2, 0.3), "wds": (0.0, 0.1, 0.2), "step_count": (1, 2, 3), "num_tensors": 3,
    })  # fmt: skip
    for k, group in enumerate(groups):
        single = [a.copy() for a in group]
        (direction,) = run_op(device, "lamb_update_phase1", single, {"t": k + 1, "wd": (0.0, 0.1, 0.2)[k]})
        norms = [np.sqrt(run_op(device, "multi_sum_sq", [a], {"num_arrays": 1})[0]) for a in (group[0], direction)]
        for norm, of in zip(norms, (group[0], direction), strict=True):
            np.testing.assert_allclose(norm, [np.linalg.norm(of.astype(np.float64))], rtol=1e-6)
        (weight,) = run_op(device, "lamb_update_phase2", [group[0], direction, *norms], {"lr": (0.1, 0.2, 0.3)[k]})
        np.testing.assert_allclose(outs[k], weight, rtol=1e-6, atol=1e-7)
        np.testing.assert_array_equal(arrays[4 * k + 2], single[2])


def test_sums_of_squares_and_finiteness(device):
    rng = np.random.RandomState(0)
    arrays = [rng.standard_normal(n).astype(np.float32) for n in (100003, 1, 17, 640, 33, 5, 2, 9, 4099)]
    (sums,) = run_op(device, "multi_sum_sq", arrays, {"num_arrays": len(arrays)})
    np.testing.assert_allclose(sums, [np.sum(a.astype(np.float64) ** 2) for a in arrays], rtol=1e-6)
    half = [a.astype(np.float16) for a in arrays[1:]]
    (sums,) = run_op(device, "multi_sum_sq", half, {"num_arrays": len(half)})
    np.testing.assert_allclose(sums, [np.sum(a.astype(np.float64) ** 2) for a in half], rtol=1e-6)
    assert run_op(device, "multi_all_finite", arrays, {"num_arrays": len(arrays)})[0].tolist() == [1]
    for bad in (np.nan, -np.inf):
        for at in (0, 8):
            spoilt = [a.copy() for a in arrays]
            spoilt[at][-1] = bad
            assert run_op(device, "multi_all_finite", spoilt, {"num_arrays": len(arrays)})[0].tolist() == [0]
            assert run_op(device, "all_finite", [spoilt[at]])[0].tolist() == [0]
    run_op(device, "reset_arrays", arrays, {"num_arrays": len(arrays)})
    assert not any(a.any() for a in arrays)


def test_group_adagrad(device):
    rng = np.random.RandomState(0)
    for shape in ((3, 700), (5, 2, 3), (1, 1)):
        w, g = (rng.standard_normal(shape).astype(np.float32) for _ in range(2))
        h = np.abs(rng.standard_normal((shape[0], 1))).astype(np.float32)
        arrays = [w, g, h.copy()]
        (out,) = run_op(
            device, "_contrib_group_adagrad_update", arrays, {"lr": 0.1, "rescale_grad": 0.5, "clip_gradient": 0.3, "epsilon": 0.1}
        )
        scaled = np.clip(g * 0.5, -0.3, 0.3).reshape(shape[0], -1)
        total = h + (scaled**2).mean(1, keepdims=True)
        np.testing.assert_allclose(arrays[2], total, rtol=1e-6)
        np.testing.assert_allclose(
            out.reshape(shape[0], -1), w.reshape(shape[0], -1) - 0.1 * scaled / np.sqrt(total + 0.1), rtol=2e-6, atol=1e-6
        )


def test_multicast(device):
    ctx = mx.cl(device.selector)
    half, single, whole = (mx.nd.array([1, 2], ctx=ctx, dtype=t) for t in ("float16", "float32", "int32"))
    outs = mx.nd.amp_multicast(half, single, whole, num_outputs=3)
    assert [o.dtype for o in outs] == [np.float32, np.float32, np.int32]
    outs = run_op(device, "amp_multicast", [half.asnumpy(), single.asnumpy()], {"num_outputs": 2})
    assert [o.tolist() for o in outs] == [[1, 2]] * 2
    outs = mx.nd.amp_multicast(half, single, num_outputs=2, cast_narrow=True)
    assert [o.dtype for o in outs] == [np.float16] * 2
    assert [o.asnumpy().tolist() for o in outs] == [[1, 2]] * 2
    x, y = mx.sym.var("x"), mx.sym.var("y")
    net = mx.sym.broadcast_add(*mx.sym.amp_multicast(x, y, num_outputs=2))
    grads = {"x": mx.nd.zeros(2, ctx, "float16"), "y": mx.nd.zeros(2, ctx)}
    executor = net.bind(ctx, {"x": half, "y": single}, grads)
    assert executor.forward(is_train=True)[0].asnumpy().tolist() == [2, 4]
    executor.backward(mx.nd.array([3, 4], ctx=ctx))
    assert [g.asnumpy().tolist() for g in grads.values()] == [[3, 4]] * 2


def test_arrays_are_updated_in_place(device):
    ctx = mx.cl(device.selector)
    w = [mx.nd.array(v, ctx=ctx) for v in ([1, 2], [3])]
    g = [mx.nd.ones_like(a) for a in w]
    m = [mx.nd.zeros_like(a) for a in w]
    result = mx.nd.multi_sgd_mom_update(w[0], g[0], m[0], w[1], g[1], m[1], lrs=(0.5, 1), wds=(0, 0), num_weights=2, out=w)
    assert [a.asnumpy().tolist() for a in (*result, *w, *m)] == [[0.5, 1.5], [2], [0.5, 1.5], [2], [-0.5, -0.5], [-1]]
    v = [mx.nd.zeros_like(a) for a in w]
    mx.nd.contrib.multi_adamw_update(w, g, m, v, 0.0, [0.1, 0.1], [0.1, 0.1], [1, 1], out=w)
    assert w[0].asnumpy().tolist() == [0.5, 1.5]
    mx.nd.contrib.multi_lamb_update(w, g, m, v, [1, 1], [0.1, 0.1], [0, 0], out=w)
    assert w[0].asnumpy().tolist() != [0.5, 1.5]
    x = mx.nd.array([float("inf")], ctx=ctx)
    kept = mx.nd.array([0], ctx=ctx)
    mx.nd.all_finite(w[0], init_output=False, out=kept)
    assert kept.asscalar() == 0
    assert mx.nd.all_finite(x).asscalar() == 0
    with pytest.raises(MXNetError, match="lrs has 1 numbers"):
        mx.nd.multi_sgd_update(w[0], g[0], w[1], g[1], lrs=0.1, wds=(0, 0), num_weights=2)
    with pytest.raises(MXNetError, match="expects 2 inputs"):
        mx.nd.multi_sgd_update(w[0], g[0], w[1], g[1], lrs=(0.1,), wds=(0,))


def test_as_nodes_of_a_graph(device):
    """States stand between the weights."""
    ctx = mx.cl(device.selector)
    net = mx.sym.multi_mp_sgd_mom_update(lrs=(0.5, 1), wds=(0, 0), momentum=0.9, num_weights=2, name="n")
    assert net.list_arguments() == ["n_weight_0", "n_grad_0", "n_weight_1", "n_grad_1"]
    assert net.list_auxiliary_states() == ["n_mom_0", "n_weight32_0", "n_mom_1", "n_weight32_1"]
    assert net.list_outputs() == ["n_output0", "n_output1"]
    types = dict.fromkeys(net.list_arguments(), "float16")
    executor = net.simple_bind(ctx, grad_req="null", type_dict=types, n_weight_0=(3,), n_weight_1=(2, 2))
    for name in ("n_grad_0", "n_grad_1"):
        executor.arg_dict[name][:] = 1
    executor.aux_dict["n_weight32_0"][:] = 4
    outs = executor.forward()
    assert outs[0].asnumpy().tolist() == [3.5] * 3
    assert executor.aux_dict["n_weight32_0"].asnumpy().tolist() == [3.5] * 3
    assert executor.aux_dict["n_mom_1"].asnumpy().tolist() == [[-1, -1]] * 2
