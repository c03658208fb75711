"""RNN: lengths, projections, limits and dropout, which the recorded results do not have; both forms of it; shapes; errors."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check_op
from harness_case import Case

import clsym as mx
from clsym.base import MXNetError
from clsym.runtime.launch import run_op

GATES = {"rnn_relu": 1, "rnn_tanh": 1, "lstm": 4, "gru": 3}
RNG = np.random.RandomState(5)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def inputs(mode, steps, batch, depth, units, layers=1, directions=1, projection=0, lengths=None):
    """Data, parameters, states, lengths."""
    fed, count = projection or units, 0
    for layer in range(layers):
        count += directions * (GATES[mode] * units * ((depth if layer == 0 else fed * directions) + fed + 2) + projection * units)
    sizes = [(steps, batch, depth), (count,), (layers * directions, batch, fed)]
    sizes += [(layers * directions, batch, units)] if mode == "lstm" else []
    arrays = [RNG.uniform(-0.8, 0.8, s).astype(np.float32) for s in sizes]
    return arrays if lengths is None else [*arrays, np.array(lengths, np.float32)]


def reference(mode, arrays, units, layers=1, directions=1, projection=0, clip=None, lengths=None):
    """All outputs, by the formulas."""
    x, params, h0 = (a.astype(np.float64) for a in arrays[:3])
    c0 = arrays[3].astype(np.float64) if mode == "lstm" else np.zeros((len(h0), *h0.shape[1:]))
    steps, batch, _ = x.shape
    fed, rows, at = projection or units, GATES[mode] * units, 0
    lengths = [steps] * batch if lengths is None else lengths

    def take(*shape):
        nonlocal at
        at += int(np.prod(shape))
        return params[at - int(np.prod(shape)) : at].reshape(shape)

    weights = []
    for layer in range(layers):
        for _ in range(directions):
            weights.append([take(rows, x.shape[2] if layer == 0 else fed * directions), take(rows, fed)])
            weights[-1].append(take(projection, units) if projection else np.eye(units))
    biases = [(take(rows), take(rows)) for _ in weights]
    assert at == params.size
    final_h, final_c = [], []
    for layer in range(layers):
        sides = []
        for d in range(directions):
            k = layer * directions + d
            (w, r, proj), (b, q) = weights[k], biases[k]
            h, c, side = h0[k].copy(), c0[k].copy(), np.zeros((steps, batch, fed))
            for t in reversed(range(steps)) if d else range(steps):
                live = np.array([t + 1 <= v for v in lengths])[:, None]
                a, s = x[t] @ w.T + b, h @ r.T + q
                if mode == "lstm":
                    i, f, g, o = np.split(a + s, 4, 1)
                    new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
                    new_c = new_c if clip is None else np.clip(new_c, *clip)
                    new = (sigmoid(o) * np.tanh(new_c)) @ proj.T
                    c = np.where(live, new_c, c)
                elif mode == "gru":
                    (ar, az, an), (sr, sz, sn) = np.split(a, 3, 1), np.split(s, 3, 1)
                    z = sigmoid(az + sz)
                    new = (1 - z) * np.tanh(an + sigmoid(ar + sr) * sn) + z * h
                else:
                    new = np.tanh(a + s) if mode == "rnn_tanh" else np.maximum(a + s, 0)
                h = np.where(live, new, h)
                side[t] = h * live
            sides.append(side)
            final_h.append(h)
            final_c.append(c)
        x = np.concatenate(sides, 2)
    return [x, np.stack(final_h), *([np.stack(final_c)] if mode == "lstm" else [])]


CASES = [
    ("gru", 2, 2, 0, None, [3, 9, 0.9]),
    ("lstm", 2, 2, 3, None, [2, 4, 1]),
    ("lstm", 1, 1, 0, (-0.3, 0.2), None),
]


@pytest.mark.parametrize(("mode", "layers", "directions", "projection", "clip", "lengths"), CASES)
def test_against_the_formulas(device, mode, layers, directions, projection, clip, lengths):
    arrays = inputs(mode, 4, 3, 2, 5, layers, directions, projection, lengths)
    params = {"mode": mode, "state_size": 5, "num_layers": layers, "bidirectional": directions == 2, "state_outputs": True}
    if projection:
        params["projection_size"] = projection
    if clip:
        params.update(lstm_state_clip_min=clip[0], lstm_state_clip_max=clip[1])
    if lengths:
        params["use_sequence_length"] = True
    want = reference(mode, arrays, 5, layers, directions, projection, clip, lengths)
    grads = list(range(len(arrays) - bool(lengths)))
    check_op(device, "RNN", arrays, params, want, grad=grads, keep_dtype=[4] if lengths and mode == "lstm" else [3] if lengths else [])


def test_half(device):
    arrays = inputs("gru", 3, 2, 3, 4)
    params = {"mode": "gru", "state_size": 4, "num_layers": 1, "state_outputs": True}
    check_op(device, "RNN", arrays, params, reference("gru", arrays, 4), dtypes=("float16",))


@pytest.mark.parametrize(
    ("mode", "steps", "batch", "units"),
    [("lstm", 3, 1, 83), ("lstm", 25, 1, 83), ("gru", 3, 37, 70), ("gru", 9, 69, 70), ("rnn_relu", 3, 3, 131), ("rnn_tanh", 33, 3, 131)],
)
def test_shares_of_the_work(device, mode, steps, batch, units):
    """Enough units for several work-items a step, or for chunks of sequences; weights in place, and copied for many steps."""
    arrays = inputs(mode, steps, batch, 9, units)
    arrays[1] /= 4
    params = {"mode": mode, "state_size": units, "num_layers": 1, "state_outputs": True}
    for got, want in zip(run_op(device, "RNN", arrays, params), reference(mode, arrays, units), strict=False):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_many_steps(device):
    arrays = inputs("lstm", 27, 2, 3, 19, directions=2)
    params = {"mode": "lstm", "state_size": 19, "num_layers": 1, "bidirectional": True, "state_outputs": True}
    check_op(device, "RNN", arrays, params, reference("lstm", arrays, 19, directions=2))


def test_dropout(device):
    """Only between layers, only in training; the mask of the forward is that of the backward, and another one for each layer."""
    units, steps, batch = 64, 5, 8
    count = sum(units * ((3 if layer == 0 else units) + units + 2) for layer in range(3))
    params = np.zeros(count, np.float32)
    params[: units * 3] = 1  # the first layer hands on the sum of the inputs
    first = units * (3 + units)
    for layer in (1, 2):
        at = first + (layer - 1) * units * 2 * units
        params[at : at + units * units] = np.eye(units).ravel()
    x, state = np.ones((steps, batch, 3), np.float32), np.zeros((3, batch, units), np.float32)
    given = {"mode": "rnn_relu", "state_size": units, "num_layers": 3, "p": 0.5}
    case = Case(device, "RNN", [x, params, state], given, True, ["write", "null", "null"], True)
    y = case.forward()[0]
    assert set(np.unique(y)) == {0.0, 12.0}
    assert abs((y > 0).mean() - 0.25) < 0.04
    case.backward([np.ones_like(y)])
    np.testing.assert_allclose(case.grad(0)[..., 0], (y > 0).sum(-1) * 4.0)
    plain = Case(device, "RNN", [x, params, state], given, False, ["null"] * 3, True).forward()[0]
    assert (plain == 3).all()


def test_shapes_and_names():
    sym = mx.sym.RNN(mx.sym.var("d"), state_size=5, num_layers=2, mode="lstm", state_outputs=True, use_sequence_length=True, name="r")
    assert sym.list_arguments() == ["d", "r_parameters", "r_state", "r_state_cell", "r_sequence_length"]
    assert sym.list_outputs() == ["r_output", "r_state_output", "r_statecell_output"]
    states = [(2, 3, 5), (2, 3, 5)]
    assert sym.infer_shape(d=(4, 3, 2)) == ([(4, 3, 2), (420,), *states, (3,)], [(4, 3, 5), *states], [])
    assert sym.infer_shape_partial(d=(0, 3, 2)) == ([(0, 3, 2), (420,), *states, (3,)], [(0, 3, 5), *states], [])
    projected = mx.sym.RNN(mx.sym.var("d"), state_size=5, num_layers=2, mode="lstm", projection_size=3)
    assert projected.infer_shape(d=(4, 3, 2))[0][1:] == [(330,), (2, 3, 3), (2, 3, 5)]
    both = mx.sym.RNN(mx.sym.var("d"), state_size=5, num_layers=2, mode="gru", bidirectional=True)
    assert both.infer_shape(d=(4, 3, 2))[1] == [(4, 3, 10)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"p": 1.5}, r"p=1.5"),
        ({"num_layers": 0}, "at least one layer"),
        ({"lstm_state_clip_min": 1.0}, "given together"),
        ({"mode": "gru", "projection_size": 2}, "projection_size is for mode='lstm'"),
        ({"mode": "elman"}, "mode"),
    ],
)
def test_bad_parameters(given, message):
    with pytest.raises(MXNetError, match=message):
        mx.sym.RNN(mx.sym.var("d"), **{"state_size": 5, "num_layers": 1, "mode": "lstm", **given}).infer_shape(d=(4, 3, 2))


def test_bad_shapes():
    sym = mx.sym.RNN(mx.sym.var("d"), state_size=5, num_layers=2, mode="lstm", name="r")
    for given in ({"d": (4, 3)}, {"d": (4, 3, 2), "r_parameters": (30,)}, {"d": (4, 3, 2), "r_state": (2, 3, 4)}):
        with pytest.raises(MXNetError, match=r"operator r \(RNN\)"):
            sym.infer_shape(**given)
