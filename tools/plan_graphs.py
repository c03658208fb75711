"""Graphs of the usual kinds, of any size, for `bench_plan.py`: what a user writes as a symbol, with the shapes of its inputs.

A size is a number of operators, which the graph has to within a layer. Tensors are small: planning does not depend on them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import clsym as mx

__all__ = ["KINDS", "character_lstm", "softmax_lstm"]

Graph = tuple[Any, dict[str, tuple[int, ...]]]
_SEED = 20


def _chain(size: int) -> Graph:
    x = mx.sym.var("data")
    for i in range(size // 2):
        x = mx.sym.Activation(mx.sym.FullyConnected(x, num_hidden=32 + 16 * (i % 3), name=f"fc{i}"), act_type="relu", name=f"act{i}")
    return mx.sym.SoftmaxOutput(x, name="softmax"), {"data": (8, 32)}


def _conv(x: Any, name: str, channels: int = 16, kernel: int = 3) -> Any:
    x = mx.sym.Convolution(x, kernel=(kernel, kernel), pad=(kernel // 2,) * 2, num_filter=channels, no_bias=True, name=f"{name}_conv")
    x = mx.sym.BatchNorm(x, fix_gamma=False, name=f"{name}_bn")
    return mx.sym.Activation(x, act_type="relu", name=f"{name}_relu")


def _classifier(x: Any) -> Graph:
    x = mx.sym.Flatten(mx.sym.Pooling(x, global_pool=True, kernel=(1, 1), pool_type="avg"))
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=10, name="fc"), name="softmax"), {"data": (1, 3, 16, 16)}


def _residual(size: int) -> Graph:
    x = _conv(mx.sym.var("data"), "stem")
    for i in range(size // 7):
        x = x + _conv(_conv(x, f"u{i}a"), f"u{i}b")
    return _classifier(x)


def _dense(size: int) -> Graph:
    x = _conv(mx.sym.var("data"), "stem")
    for i in range(size // 4):
        x = mx.sym.Concat(x, _conv(x, f"l{i}", 4), dim=1, name=f"l{i}_concat")
        if i % 16 == 15:
            x = _conv(x, f"t{i}", 16, 1)
    return _classifier(x)


def _inception(size: int) -> Graph:
    x = _conv(mx.sym.var("data"), "stem")
    for i in range(size // 23):
        a = _conv(x, f"m{i}a", 8, 1)
        b = _conv(_conv(x, f"m{i}b0", 4, 1), f"m{i}b1", 8)
        c = _conv(_conv(_conv(x, f"m{i}c0", 4, 1), f"m{i}c1", 6), f"m{i}c2", 8)
        pooled = mx.sym.Pooling(x, kernel=(3, 3), pad=(1, 1), stride=(1, 1), pool_type="max", name=f"m{i}pool")
        x = mx.sym.Concat(a, b, c, _conv(pooled, f"m{i}d", 8, 1), dim=1, name=f"m{i}concat")
    return _classifier(x)


def _randwire(size: int) -> Graph:
    rnd = random.Random(_SEED)
    x = _conv(mx.sym.var("data"), "stem")
    for stage in range(max(1, size // 150)):
        nodes: list[Any] = []
        read: set[int] = set()
        for i in range(32):
            chosen = [j for j in range(max(0, i - 10), i) if rnd.random() < 2 / min(i, 10)]
            read.update(chosen)
            inputs = [nodes[j] for j in chosen] or [x]
            nodes.append(_conv(inputs[0] if len(inputs) == 1 else mx.sym.add_n(*inputs), f"s{stage}n{i}"))
        x = mx.sym.add_n(*(n for i, n in enumerate(nodes) if i not in read), name=f"s{stage}sum")
    return _classifier(x)


class _Cell:
    """The parameters of a recurrent layer; a step is an application."""

    def __init__(self, name: str, hidden: int, gates: int) -> None:
        self.name, self.hidden, self.gates = name, hidden, gates
        self.given = {k: mx.sym.var(f"{name}_{k}") for k in ("i2h_weight", "i2h_bias", "h2h_weight", "h2h_bias")}

    def products(self, x: Any, h: Any, t: int) -> tuple[Any, Any]:
        def product(what: str, data: Any) -> Any:
            weight, bias = self.given[f"{what}_weight"], self.given[f"{what}_bias"]
            return mx.sym.FullyConnected(data, weight, bias, num_hidden=self.gates * self.hidden, name=f"{self.name}_t{t}_{what}")

        return product("i2h", x), product("h2h", h)

    def lstm(self, x: Any, state: tuple[Any, Any], t: int) -> tuple[Any, Any]:
        """11 operators and two products."""
        h, c = state
        i2h, h2h = self.products(x, h, t)
        i, g, f, o = mx.sym.SliceChannel(i2h + h2h, num_outputs=4, name=f"{self.name}_t{t}_slice")
        sigmoid, tanh = mx.sym.sigmoid, mx.sym.tanh
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(c), c

    def gru(self, x: Any, h: Any, t: int) -> Any:
        i2h, h2h = self.products(x, h, t)
        ir, iz, ig = mx.sym.SliceChannel(i2h, num_outputs=3, name=f"{self.name}_t{t}_i2h_slice")
        hr, hz, hg = mx.sym.SliceChannel(h2h, num_outputs=3, name=f"{self.name}_t{t}_h2h_slice")
        r, z = mx.sym.sigmoid(ir + hr), mx.sym.sigmoid(iz + hz)
        return (1 - z) * mx.sym.tanh(ig + r * hg) + z * h


def _start(name: str) -> tuple[Any, Any]:
    return mx.sym.var(f"{name}_h"), mx.sym.var(f"{name}_c")


def _shapes(steps: int, layers: Sequence[str], batch: int, width: int, hidden: int) -> dict[str, tuple[int, ...]]:
    return {f"x{t}": (batch, width) for t in range(steps)} | {f"{n}_{s}": (batch, hidden) for n in layers for s in "hc"}


def _lstm(size: int, every: bool = False) -> Graph:
    cell, state, outputs = _Cell("l0", 32, 4), _start("l0"), []
    steps = size // 13
    for t in range(steps):
        state = cell.lstm(mx.sym.var(f"x{t}"), state, t)
        outputs.append(state[0])
    return mx.sym.Group(outputs) if every else outputs[-1], _shapes(steps, ["l0"], 4, 16, 32)


def _lstm_all(size: int) -> Graph:
    return _lstm(size, True)


def _gru(size: int, every: bool = False) -> Graph:
    cell, h, outputs = _Cell("l0", 32, 3), mx.sym.var("l0_h"), []
    steps = size // 15
    for t in range(steps):
        h = cell.gru(mx.sym.var(f"x{t}"), h, t)
        outputs.append(h)
    shapes = _shapes(steps, ["l0"], 4, 16, 32)
    del shapes["l0_c"]
    return mx.sym.Group(outputs) if every else outputs[-1], shapes


def _gru_all(size: int) -> Graph:
    return _gru(size, True)


def _bidirectional(size: int) -> Graph:
    steps = size // 27
    xs = [mx.sym.var(f"x{t}") for t in range(steps)]
    ways: list[list[Any]] = []
    for name, order in (("l0", range(steps)), ("r0", range(steps - 1, -1, -1))):
        cell, state, outputs = _Cell(name, 32, 4), _start(name), {}
        for t in order:
            state = cell.lstm(xs[t], state, t)
            outputs[t] = state[0]
        ways.append([outputs[t] for t in range(steps)])
    both = [mx.sym.Concat(a, b, dim=1, name=f"both{t}") for t, (a, b) in enumerate(zip(*ways, strict=True))]
    return mx.sym.Group(both), _shapes(steps, ["l0", "r0"], 4, 16, 32)


def _attention(size: int, heads: int = 4, length: int = 16, width: int = 32) -> Graph:
    x = mx.sym.var("data")
    for i in range(size // (8 * heads + 9)):
        found = []
        for h in range(heads):
            q, k, v = (
                mx.sym.FullyConnected(x, num_hidden=width // heads, flatten=False, name=f"b{i}h{h}{w}") for w in ("query", "key", "value")
            )
            weights = mx.sym.softmax(mx.sym.batch_dot(q, k, transpose_b=True) * (width // heads) ** -0.5)
            found.append(mx.sym.batch_dot(weights, v))
        joined = mx.sym.Concat(*found, dim=2, name=f"b{i}heads")
        x = _centred(x + mx.sym.FullyConnected(joined, num_hidden=width, flatten=False, name=f"b{i}out"), f"b{i}n0")
        inner = mx.sym.Activation(mx.sym.FullyConnected(x, num_hidden=64, flatten=False, name=f"b{i}in"), act_type="relu")
        x = _centred(x + mx.sym.FullyConnected(inner, num_hidden=width, flatten=False, name=f"b{i}back"), f"b{i}n1")
    return x, {"data": (2, length, width)}


def _centred(x: Any, name: str) -> Any:
    """A normalisation of operators that every version has."""
    return mx.sym.broadcast_sub(x, mx.sym.mean(x, axis=2, keepdims=True), name=name)


def _random_dag(size: int) -> Graph:
    rnd = random.Random(_SEED)
    values = [mx.sym.var("data")]
    read: set[int] = set()

    def some() -> Any:
        i = len(values) - 1 - min(int(rnd.expovariate(0.1)), len(values) - 1)
        read.add(i)
        return values[i]

    for i in range(size):
        kind = rnd.random()
        if kind < 0.3:
            values.append(mx.sym.FullyConnected(some(), num_hidden=32, name=f"fc{i}"))
        elif kind < 0.6:
            values.append(some() + some())
        elif kind < 0.8:
            values.append(some() * some())
        else:
            values.append(mx.sym.tanh(some()))
    return mx.sym.Group([v for i, v in enumerate(values) if i and i not in read]), {"data": (4, 32)}


def _wide(size: int) -> Graph:
    x = mx.sym.var("data")
    branches = [mx.sym.tanh(mx.sym.FullyConnected(x, num_hidden=16 + 16 * (i % 2), name=f"fc{i}")) * 2 for i in range(size // 3)]
    return mx.sym.Group(branches), {"data": (4, 32)}


def character_lstm(layers: int = 2, steps: int = 100, hidden: int = 256, batch: int = 32, vocabulary: int = 65) -> Graph:
    """A language model of characters, one product with the vocabulary over the outputs of all steps together."""
    data = mx.sym.SliceChannel(mx.sym.var("data"), num_outputs=steps, axis=1, squeeze_axis=True, name="steps")
    cells, states = [_Cell(f"l{i}", hidden, 4) for i in range(layers)], [_start(f"l{i}") for i in range(layers)]
    outputs = []
    for t in range(steps):
        x = data[t]
        for i, cell in enumerate(cells):
            states[i] = cell.lstm(x, states[i], t)
            x = states[i][0]
        outputs.append(x)
    product = mx.sym.FullyConnected(mx.sym.Concat(*outputs, dim=0, name="outputs"), num_hidden=vocabulary, name="vocabulary")
    label = mx.sym.Reshape(mx.sym.transpose(mx.sym.var("softmax_label")), shape=(-1,))
    shapes = {"data": (batch, steps, vocabulary), "softmax_label": (batch, steps)}
    return mx.sym.SoftmaxOutput(product, label, name="softmax"), shapes | _shapes(0, [c.name for c in cells], batch, 0, hidden)


def softmax_lstm(layers: int = 3, steps: int = 129, hidden: int = 256, batch: int = 32, vocabulary: int = 90) -> Graph:
    """A language model of characters with a product and a softmax at each step, all of them outputs; some 6,000 nodes."""
    weight, bias = mx.sym.var("vocabulary_weight"), mx.sym.var("vocabulary_bias")
    cells, states = [_Cell(f"l{i}", hidden, 4) for i in range(layers)], [_start(f"l{i}") for i in range(layers)]
    table, outputs = mx.sym.var("embedding_weight"), []
    for t in range(steps):
        x = mx.sym.Embedding(mx.sym.var(f"x{t}"), table, input_dim=vocabulary, output_dim=hidden, name=f"t{t}_embedding")
        for i, cell in enumerate(cells):
            states[i] = cell.lstm(x, states[i], t)
            x = states[i][0]
        product = mx.sym.FullyConnected(x, weight, bias, num_hidden=vocabulary, name=f"t{t}_vocabulary")
        outputs.append(mx.sym.SoftmaxOutput(product, mx.sym.var(f"label{t}"), name=f"t{t}_softmax"))
    shapes = {f"{n}{t}": (batch,) for n in ("x", "label") for t in range(steps)}
    return mx.sym.Group(outputs), shapes | _shapes(0, [c.name for c in cells], batch, 0, hidden)


KINDS: dict[str, Callable[[int], Graph]] = {
    "chain": _chain,
    "residual": _residual,
    "dense": _dense,
    "inception": _inception,
    "randwire": _randwire,
    "lstm": _lstm,
    "lstm all": _lstm_all,
    "gru": _gru,
    "gru all": _gru_all,
    "bidirectional": _bidirectional,
    "attention": _attention,
    "random": _random_dag,
    "wide": _wide,
}
"""By name, a function of the number of operators."""
