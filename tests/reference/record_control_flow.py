"""Records loops and branches of graphs as MXNet 1.9.1 writes and computes them: ``MXNET_SUBGRAPH_BACKEND=NONE python record_control_flow.py``.

The test builds the same graphs with clsym, by `graphs`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).parent / "control_flow.json"


def graphs(mx: Any) -> dict[str, tuple[Any, dict[str, tuple[int, ...]]]]:
    """By name, a graph and the shapes of its arguments."""
    sym, contrib = mx.sym, mx.sym.contrib
    x, s, w, i, a, b = (sym.var(n) for n in "xswiab")
    found: dict[str, tuple[Any, dict[str, tuple[int, ...]]]] = {}

    def add(name: str, outputs: Any, **shapes: tuple[int, ...]) -> None:
        found[name] = (sym.Group(outputs), shapes)

    scale = sym.exp(w, name="scale")

    def cell(data: Any, states: Any) -> Any:
        hidden, count = states
        out = sym.Activation(sym.FullyConnected(data, num_hidden=3, name="i2h") + hidden * scale, act_type="tanh")
        return out * w, [out, count + 1]

    with mx.name.NameManager():
        outs, last = contrib.foreach(cell, x, [s, sym.var("n")])
        add("recurrent", [outs, *last], x=(5, 2, 4), s=(2, 3), n=(1,), w=(2, 3), i2h_weight=(3, 4), i2h_bias=(3,))

    def outer(data: Any, state: Any) -> Any:
        return contrib.foreach(lambda d, t: (d * w + t, t + d * 0.5), data, state, name="inner")

    with mx.name.NameManager():
        outs, last = contrib.foreach(outer, x, s)
        add("nested", [outs, last], x=(2, 3, 4), s=(4,), w=(4,))
    with mx.name.NameManager(), mx.AttrScope(ctx_group="dev1"):
        parts = sym.split(x, num_outputs=2, axis=1, name="parts")
        outs, last = contrib.foreach(lambda d, t: ([d[0] * t[0][0], d[1]], [[t[0][0] + 1]]), [parts[0], parts[1]], [[s]])
        add("lists", [*outs, last[0][0]], x=(3, 4), s=(2,))
    with mx.name.NameManager():
        outs, last = contrib.foreach(lambda d, t: ([], [t[0] * 2 + d * d]), x, [s], name="sums")
        add("vector", last, x=(7,), s=(1,))
    with mx.name.NameManager():
        bias = sym.exp(b, name="bias")
        outs, last = contrib.while_loop(
            lambda i, a: sym.sum(a) < 20, lambda i, a: ([a * bias + b, i * i], (i + 1, a * 1.5 + b)), (i, a), max_iterations=6
        )
        add("while", [*outs, *last], i=(1,), a=(3,), b=(3,))
    with mx.name.NameManager():
        taken = contrib.cond(sym.sum(a) > 0, lambda: [a * b, scale], lambda: [a + b * b, b])
        add("cond", taken, a=(2, 2), b=(2, 2), w=(2, 2))

    def choose(data: Any, state: Any) -> Any:
        new = contrib.cond(sym.sum(data) > 0.5, lambda: state + data * w, lambda: state * 0.5)
        return new * 2, new

    with mx.name.NameManager():
        outs, last = contrib.foreach(choose, x, s)
        add("cond_in_foreach", [outs, last], x=(6, 3), s=(3,), w=(3,))

    def count(data: Any, state: Any) -> Any:
        _, (n, total) = contrib.while_loop(
            lambda n, t: n < 3, lambda n, t: ([t + 0], (n + 1, t * data)), (sym.sum(data, keepdims=True) * 0 + 1, state), max_iterations=4
        )
        return sym.broadcast_add(total, n), total

    with mx.name.NameManager():
        outs, last = contrib.foreach(count, x, s)
        add("while_in_foreach", [outs, last], x=(3, 2), s=(2,))
    return found


def value(name: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Some numbers that depend on the name."""
    return np.sin(np.arange(np.prod(shape)) * 1.7 + sum(map(ord, name))).reshape(shape).astype(np.float32)


def head(number: int, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Head gradients."""
    return np.cos(np.arange(np.prod(shape)) * 0.9 + number).reshape(shape).astype(np.float32)


def main() -> None:
    import mxnet as mx

    recorded = {}
    for name, (net, shapes) in graphs(mx).items():
        recorded[name] = {"json": net.tojson(), "outputs": net.list_outputs()}
        args = {n: mx.nd.array(value(n, shapes[n])) for n in net.list_arguments()}
        grads = {n: mx.nd.ones(shapes[n]) for n in args}
        try:
            ex = net.bind(mx.cpu(), args, grads, grad_req="add")
            outs = [o.asnumpy() for o in ex.forward(is_train=True)]
            ex.backward([mx.nd.array(head(k, o.shape)) for k, o in enumerate(outs)])
        except mx.MXNetError as exc:  # of a body with outputs that are only known when it ran
            print(name, str(exc)[-300:])
            continue
        turns = int(outs[2][0] - args["i"].asscalar()) if name == "while" else None  # the other rows hold anything
        recorded[name]["values"] = [np.round(o[:turns] if k < 2 else o, 6).tolist() for k, o in enumerate(outs)]
        recorded[name]["gradients"] = {n: np.round(g.asnumpy(), 6).tolist() for n, g in grads.items()}
    FILE.write_text(json.dumps(recorded, indent=1) + "\n")


if __name__ == "__main__":
    main()
