"""Recurrent layers, sequences of unequal length, and attention."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..layer import Layer, converter

# Places of ONNX's gates among MXNet's: input, output, forget, cell of LSTM; update, reset, new of GRU.
_RECURRENT = {"lstm": ("LSTM", (0, 3, 1, 2)), "gru": ("GRU", (1, 0, 2)), "rnn_tanh": ("RNN", (0,)), "rnn_relu": ("RNN", (0,))}
_FAR = int(np.iinfo(np.int64).max)


def _cut(layer: Layer, x: str, begin: int, end: int, axis: int = 0) -> str:
    return layer.emit("Slice", x, layer.ints(begin), layer.ints(end), layer.ints(axis))


class _Parameters:
    """Reads the vector of parameters from its beginning: weights of all layers, then biases."""

    def __init__(self, layer: Layer, gates: Sequence[int], hidden: int) -> None:
        self.layer, self.gates, self.hidden, self.at = layer, gates, hidden, 0

    def next(self, columns: int) -> str:
        """The next matrix with its gates in ONNX's order, as (1, gates * hidden, columns); a vector where there are no columns."""
        rows, width = len(self.gates) * self.hidden, max(columns, 1)
        part = _cut(self.layer, self.layer.ins[1], self.at, self.at + rows * width)
        self.at += rows * width
        if len(self.gates) > 1:
            part = self.layer.reshape(part, (len(self.gates), self.hidden * width))
            part = self.layer.emit("Gather", part, self.layer.ints(*self.gates), axis=0)
        return self.layer.reshape(part, (1, rows, columns) if columns else (1, rows))

    def both(self, directions: int, columns: Sequence[int]) -> list[str]:
        """For each direction its matrices in turn; those of one kind together."""
        found = [[self.next(c) for c in columns] for _ in range(directions)]
        return [_joined(self.layer, kind, 0) for kind in zip(*found, strict=True)]


def _joined(layer: Layer, parts: Sequence[str], axis: int) -> str:
    return parts[0] if len(parts) == 1 else layer.emit("Concat", *parts, axis=axis)


@converter("RNN")
def _rnn(layer: Layer) -> list[str]:
    p = layer.p
    if p.projection_size is not None or p.lstm_state_clip_min is not None:
        layer.fail("projection_size and lstm_state_clip have no equivalent in ONNX", "export a layer without them")
    kind, gates = _RECURRENT[p.mode]
    hidden, directions = p.state_size, 2 if p.bidirectional else 1
    parameters = _Parameters(layer, gates, hidden)
    widths = [layer.extent(0, 2), *[hidden * directions] * (p.num_layers - 1)]
    weights = [parameters.both(directions, (width, hidden)) for width in widths]
    biases = [_joined(layer, parameters.both(directions, (0, 0)), 1) for _ in widths]
    states = layer.ins[2 : 4 if kind == "LSTM" else 3]
    lengths = layer.cast(layer.ins[-1], layer.in_dtypes[-1], "int32") if p.use_sequence_length else ""
    attrs: dict[str, object] = {"hidden_size": hidden, "direction": "bidirectional" if p.bidirectional else "forward"}
    if kind == "GRU":
        attrs["linear_before_reset"] = 1
    if p.mode == "rnn_relu":
        attrs["activations"] = ["Relu"] * directions
    x, last = layer.x, []
    for i, ((w, r), b) in enumerate(zip(weights, biases, strict=True)):
        begin = [_cut(layer, s, i * directions, (i + 1) * directions) if p.num_layers > 1 else s for s in states]
        y, *ends = layer.emits(kind, 1 + len(states), x, w, r, b, lengths, *begin, **attrs)
        x = layer.reshape(layer.transpose(y, (0, 2, 1, 3)), (0, 0, hidden * directions))
        last.append(ends)
    return [x, *(_joined(layer, s, 0) for s in zip(*last, strict=True))][: len(layer.out_shapes)]


# ----------------------------------------------------------------------------------------------------------- sequences of a batch


def _flipped(layer: Layer, rank: int, axis: int) -> str:
    return layer.emit("Slice", layer.x, layer.ints(-1), layer.ints(-_FAR), layer.ints(axis), layer.ints(-1))


@converter("SequenceReverse")
def _reverse(layer: Layer) -> str:
    if not layer.p.use_sequence_length:
        return _flipped(layer, layer.rank, 0)
    return layer.emit("ReverseSequence", layer.x, layer.indices(1), time_axis=0, batch_axis=1)


@converter("SequenceMask")
def _mask(layer: Layer) -> str:
    if not layer.p.use_sequence_length:
        return layer.x
    axis = layer.axis(layer.p.axis)
    places = layer.const(np.arange(layer.extent(0, axis)).reshape([-1 if a == axis else 1 for a in range(2)]), "int64")
    live = layer.emit("Less", places, layer.unsqueeze(layer.indices(1), axis))
    live = layer.unsqueeze(live, *range(2, layer.rank)) if layer.rank > 2 else live
    return layer.emit("Where", live, layer.x, layer.const(layer.p.value))


@converter("SequenceLast")
def _last(layer: Layer) -> str:
    axis = layer.axis(layer.p.axis)
    if not layer.p.use_sequence_length:
        return layer.squeeze(_cut(layer, layer.x, -1, _FAR, axis), axis)
    x = layer.x if axis == 1 else layer.transpose(layer.x, (1, 0, *range(2, layer.rank)))
    place = layer.emit("Sub", layer.indices(1), layer.const(1, "int64"))
    return layer.emit("GatherND", x, layer.unsqueeze(place, 1), batch_dims=1)


# ---------------------------------------------------------------------------------------------------------------------- attention


def _heads(layer: Layer, i: int, parts: int) -> list[str]:
    """The parts of what is interleaved, each (batch * heads, steps, depth)."""
    steps, _, width = layer.in_shapes[i]
    depth = width // (layer.p.heads * parts)
    entries = layer.extent(i, 1) * layer.p.heads
    apart = layer.transpose(layer.reshape(layer.ins[i], (steps, entries, parts, depth)), (2, 1, 0, 3))
    if parts == 1:
        return [layer.squeeze(apart, 0)]
    return [layer.emit("Gather", apart, layer.const(k, "int64"), axis=0) for k in range(parts)]


def _scores(layer: Layer, queries: str, keys: str, depth: int) -> str:
    scaled = layer.emit("Div", queries, layer.const(math.sqrt(depth)))
    return layer.emit("MatMul", scaled, layer.swap_last(keys, 3))


def _weighted(layer: Layer, values: str) -> str:
    made = layer.transpose(layer.emit("MatMul", layer.ins[1], values), (1, 0, 2))
    return layer.reshape(made, layer.out_shapes[0])


@converter("_contrib_interleaved_matmul_selfatt_qk")
def _self_scores(layer: Layer) -> str:
    queries, keys, _ = _heads(layer, 0, 3)
    return _scores(layer, queries, keys, layer.in_shapes[0][2] // (3 * layer.p.heads))


@converter("_contrib_interleaved_matmul_encdec_qk")
def _cross_scores(layer: Layer) -> str:
    (queries,), (keys, _) = _heads(layer, 0, 1), _heads(layer, 1, 2)
    return _scores(layer, queries, keys, layer.in_shapes[0][2] // layer.p.heads)


@converter("_contrib_interleaved_matmul_selfatt_valatt", "_contrib_interleaved_matmul_encdec_valatt")
def _values(layer: Layer) -> str:
    return _weighted(layer, _heads(layer, 0, 3 if "selfatt" in layer.op.name else 2)[-1])


@converter("_contrib_div_sqrt_dim")
def _div_sqrt_dim(layer: Layer) -> str:
    return layer.emit("Div", layer.x, layer.const(math.sqrt(layer.extent(0, layer.rank - 1))))
