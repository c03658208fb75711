"""LSTM, GRU and RNN."""

from __future__ import annotations

from typing import Any

import numpy as np

from .....symbol import Symbol
from ..node import Node, reads

# Places of clsym's gates among ONNX's: input, forget, cell, output of LSTM; reset, update, new of GRU.
_GATES = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}
_ACTIVATIONS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}


def _rows(n: Node, i: int, direction: int, hidden: int, offset: int = 0) -> Symbol:
    """The weights or biases of one direction as a vector, gates in clsym's order."""
    order = np.concatenate([np.arange(g * hidden, (g + 1) * hidden) for g in _GATES[n.kind]]) + offset
    if n.is_constant(i):
        return n.const(n.constant(i)[direction][order].ravel(), n.dtype(i))
    one = n.op("slice_axis", n[i], axis=0, begin=direction, end=direction + 1)
    return n.op("Reshape", n.op("take", one, n.const(order, "int32"), axis=1), shape=(-1,))


def _parameters(n: Node, directions: int, hidden: int) -> Symbol:
    gates = len(_GATES[n.kind]) * hidden
    parts = [_rows(n, i, d, hidden) for d in range(directions) for i in (1, 2)]
    for d in range(directions):
        for offset in (0, gates):
            parts.append(_rows(n, 3, d, hidden, offset) if n.has(3) else n.const(np.zeros(gates), n.dtype()))
    return n.op("Concat", *parts, dim=0)


def _state(n: Node, i: int, shape: tuple[int, ...], first: bool) -> Symbol:
    if not n.has(i):
        return n.const(np.zeros(shape), n.dtype())
    return n.op("transpose", n[i], axes=(1, 0, 2)) if first else n[i]


@reads("LSTM", "GRU", "RNN")
def _recurrent(n: Node) -> list[Symbol]:
    shape, hidden = n.shape(), n.attrs["hidden_size"]
    directions, way = n.shape(1)[0], n.attr("direction", "forward")
    first = bool(n.attr("layout", 0))  # whether the batch comes first
    activations = n.attr("activations", _ACTIVATIONS[n.kind] * directions)
    mode = {"LSTM": "lstm", "GRU": "gru", "RNN": "rnn_tanh"}[n.kind]
    if n.kind == "RNN" and activations == ["Relu"] * directions:
        mode, activations = "rnn_relu", _ACTIVATIONS["RNN"] * directions
    n.require(activations == _ACTIVATIONS[n.kind] * directions, f"activations {activations}")
    for name in ("clip", "input_forget"):
        n.require(not n.attr(name, 0), name)
    if n.has(7):
        return _peepholes(n, directions, hidden, way, first)
    if n.kind == "GRU" and not n.attr("linear_before_reset", 0):
        return _reset_first(n, directions, hidden, way, first)
    data = n.op("transpose", n.x, axes=(1, 0, 2)) if first else n.x
    steps, batch = (shape[1], shape[0]) if first else (shape[0], shape[1])
    lengths = [n.cast(n[4], n.dtype())] if n.has(4) else []
    reverse = way == "reverse"
    sized: dict[str, Any] = {"use_sequence_length": True} if lengths else {}

    def turned(s: Symbol) -> Symbol:
        return n.op("SequenceReverse", s, *lengths, **sized) if reverse else s

    states = [_state(n, i, (directions, batch, hidden), first) for i in ((5, 6) if n.kind == "LSTM" else (5,))]
    found = n.op(
        "RNN", turned(data), _parameters(n, directions, hidden), *states, *lengths, state_size=hidden, num_layers=1, mode=mode,
        bidirectional=directions == 2, state_outputs=True, **sized,
    )  # fmt: skip
    apart = n.op("Reshape", turned(found[0]), shape=(steps, batch, directions, hidden))
    results = [n.op("transpose", apart, axes=(1, 0, 2, 3) if first else (0, 2, 1, 3))]
    for i in range(1, 1 + len(states)):
        results.append(n.op("transpose", found[i], axes=(1, 0, 2)) if first else found[i])
    return results


def _reset_first(n: Node, directions: int, hidden: int, way: str, first: bool) -> list[Symbol]:
    """GRU whose reset gate comes before the product with the state, step by step: clsym's has it behind, as most have."""
    shape = n.shape()
    steps, batch = (shape[1], shape[0]) if first else (shape[0], shape[1])
    data = n.op("transpose", n.x, axes=(1, 0, 2)) if first else n.x
    weights = [n.op("SliceChannel", n[i], num_outputs=directions, axis=0, squeeze_axis=True) for i in (1, 2)]
    bias = n.op("SliceChannel", n[3] if n.has(3) else n.const(np.zeros((directions, 6 * hidden)), n.dtype()),
                num_outputs=directions, axis=0, squeeze_axis=True)  # fmt: skip
    start = n.op("SliceChannel", _state(n, 5, (directions, batch, hidden), first), num_outputs=directions, axis=0, squeeze_axis=True)
    lengths = n.op("Reshape", n.cast(n[4], n.dtype()), shape=(batch, 1)) if n.has(4) else None
    every, last = [], []
    for d in range(directions):
        w, r, b = weights[0][d], weights[1][d], bias[d]
        own, recurrent = (n.op("slice_axis", b, axis=0, begin=k * 3 * hidden, end=(k + 1) * 3 * hidden) for k in (0, 1))

        def rows(s: Symbol, begin: int, end: int) -> Symbol:
            return n.op("slice_axis", s, axis=0, begin=begin * hidden, end=end * hidden)

        h, outputs = start[d], [data] * steps
        backward = way == "reverse" or d == 1
        for t in reversed(range(steps)) if backward else range(steps):
            x = n.op("Reshape", n.op("slice_axis", data, axis=0, begin=t, end=t + 1), shape=(batch, -1))
            from_x = n.op("FullyConnected", x, w, own, num_hidden=3 * hidden)
            gates = n.op("FullyConnected", h, rows(r, 0, 2), rows(recurrent, 0, 2), num_hidden=2 * hidden)
            z, reset = (
                n.op(
                    "sigmoid",
                    n.op("elemwise_add", *(n.op("slice_axis", s, axis=1, begin=k * hidden, end=(k + 1) * hidden) for s in (from_x, gates))),
                )
                for k in (0, 1)
            )
            inner = n.op("FullyConnected", n.op("elemwise_mul", reset, h), rows(r, 2, 3), rows(recurrent, 2, 3), num_hidden=hidden)
            new = n.op("tanh", n.op("elemwise_add", n.op("slice_axis", from_x, axis=1, begin=2 * hidden, end=3 * hidden), inner))
            after = n.op("elemwise_add", n.op("elemwise_mul", z, h), n.op("elemwise_mul", n.op("_rminus_scalar", z, scalar=1.0), new))
            outputs[t] = after
            if lengths is not None:  # beyond the end the state stays and the output is 0
                live = n.op("broadcast_to", n.op("_greater_scalar", lengths, scalar=float(t)), shape=(batch, hidden))
                outputs[t] = n.op("elemwise_mul", live, after)
                after = n.op("where", live, after, h)
            h = after
        every.append(n.op("stack", *outputs, axis=0))
        last.append(h)
    y = n.op("stack", *every, axis=1)
    y_h = n.op("stack", *last, axis=0)
    return [n.op("transpose", y, axes=(2, 0, 1, 3)), n.op("transpose", y_h, axes=(1, 0, 2))] if first else [y, y_h]


def _peepholes(n: Node, directions: int, hidden: int, way: str, first: bool) -> list[Symbol]:
    """LSTM whose gates see the cell's state, step by step: clsym's do not."""
    shape = n.shape()
    steps, batch = (shape[1], shape[0]) if first else (shape[0], shape[1])
    data = n.op("transpose", n.x, axes=(1, 0, 2)) if first else n.x
    lengths = n.op("Reshape", n.cast(n[4], n.dtype()), shape=(batch, 1)) if n.has(4) else None

    def apart(s: Symbol) -> Symbol:
        return n.op("SliceChannel", s, num_outputs=directions, axis=0, squeeze_axis=True)

    weights, recurrent, peep = (apart(n[i]) for i in (1, 2, 7))
    bias = apart(n[3] if n.has(3) else n.const(np.zeros((directions, 8 * hidden)), n.dtype()))
    starts = [apart(_state(n, i, (directions, batch, hidden), first)) for i in (5, 6)]
    every, last_h, last_c = [], [], []
    for d in range(directions):
        own, state_bias = (n.op("slice_axis", bias[d], axis=0, begin=k * 4 * hidden, end=(k + 1) * 4 * hidden) for k in (0, 1))
        parts = (n.op("slice_axis", peep[d], axis=0, begin=k * hidden, end=(k + 1) * hidden) for k in range(3))
        looks = [n.op("Reshape", s, shape=(1, -1)) for s in parts]
        h, c, outputs = starts[0][d], starts[1][d], [data] * steps
        for t in reversed(range(steps)) if way == "reverse" or d == 1 else range(steps):
            x = n.op("Reshape", n.op("slice_axis", data, axis=0, begin=t, end=t + 1), shape=(batch, -1))
            gates = n.op(
                "elemwise_add",
                n.op("FullyConnected", x, weights[d], own, num_hidden=4 * hidden),
                n.op("FullyConnected", h, recurrent[d], state_bias, num_hidden=4 * hidden),
            )
            i, o, f, g = (n.op("slice_axis", gates, axis=1, begin=k * hidden, end=(k + 1) * hidden) for k in range(4))

            def gate(s: Symbol, cell: Symbol, look: Symbol) -> Symbol:
                return n.op("sigmoid", n.op("elemwise_add", s, n.op("broadcast_mul", cell, look)))

            kept = n.op("elemwise_mul", gate(f, c, looks[2]), c)
            cell = n.op("elemwise_add", kept, n.op("elemwise_mul", gate(i, c, looks[0]), n.op("tanh", g)))
            after = n.op("elemwise_mul", gate(o, cell, looks[1]), n.op("tanh", cell))
            outputs[t] = after
            if lengths is not None:  # beyond the end the states stay and the output is 0
                live = n.op("broadcast_to", n.op("_greater_scalar", lengths, scalar=float(t)), shape=(batch, hidden))
                outputs[t] = n.op("elemwise_mul", live, after)
                after, cell = n.op("where", live, after, h), n.op("where", live, cell, c)
            h, c = after, cell
        every.append(n.op("stack", *outputs, axis=0))
        last_h.append(h)
        last_c.append(c)
    results = [n.op("stack", *every, axis=1), n.op("stack", *last_h, axis=0), n.op("stack", *last_c, axis=0)]
    if not first:
        return results
    return [n.op("transpose", results[0], axes=(2, 0, 1, 3)), *(n.op("transpose", s, axes=(1, 0, 2)) for s in results[1:])]
