"""Recurrent cases of `bench_op.py`, their data, and the ONNX graphs that rivals run for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from bench_case import Array, Case

__all__ = ["recurrent_cases"]


def recurrent_cases() -> Iterator[Case]:
    """Layers of 512 units: one sequence of 64 steps, 32 sequences of 32."""
    units = 512
    for steps, batch in ((64, 1), (32, 32)):
        for name, mode, layers, directions in (
            ("LSTM 2x512", "lstm", 2, 1), ("GRU 2x512", "gru", 2, 1), ("LSTM 512 both ways", "lstm", 1, 2),
        ):  # fmt: skip
            gates = 4 if mode == "lstm" else 3
            weights = [directions * gates * units * ((units if layer == 0 else units * directions) + units) for layer in range(layers)]
            count = sum(weights) + layers * directions * 2 * gates * units
            shapes = [(steps, batch, units), (count,), *[(layers * directions, batch, units)] * (2 if mode == "lstm" else 1)]
            params = {"mode": mode, "state_size": units, "num_layers": layers, "bidirectional": directions == 2}

            def values(rng: np.random.RandomState, shapes: list[tuple[int, ...]] = shapes) -> list[Array]:
                """Data, weights as small as those of a trained layer, states of zero."""
                return [rng.uniform(-v, v, s) for v, s in zip((1.0, units**-0.5, 0.0, 0.0), shapes, strict=False)]

            flops = 2 * steps * batch * sum(weights)
            yield Case("rnn", f"{name}, T{steps} N{batch}", "RNN", shapes, params, flops, 0, values, _model)


# the order of the gates' rows in ONNX, as places in ours
_GATES = {"lstm": ("LSTM", [0, 3, 1, 2]), "gru": ("GRU", [1, 0, 2]), "rnn_tanh": ("RNN", [0])}


def _model(case: Case, arrays: Sequence[Array]) -> tuple[Any, dict[str, Array]]:
    """The ONNX model with these parameters, arrays[1]; it reads the data."""
    from onnx import TensorProto, helper, numpy_helper

    steps, batch, depth = case.shapes[0]
    params = case.params
    operator, order = _GATES[params["mode"]]
    units, layers, directions, gates = params["state_size"], params["num_layers"], 2 if params.get("bidirectional") else 1, len(order)
    at = 0

    def take(*shape: int) -> Array:
        nonlocal at
        found = arrays[1][at : at + int(np.prod(shape))].reshape(gates, -1, *shape[1:])
        at += int(np.prod(shape))
        return found[order].reshape(shape)

    rows = gates * units
    weights = [
        [(take(rows, depth if layer == 0 else units * directions), take(rows, units)) for _ in range(directions)] for layer in range(layers)
    ]
    biases = [[np.concatenate((take(rows), take(rows))) for _ in range(directions)] for _ in range(layers)]
    nodes, stored, x = [], [numpy_helper.from_array(np.array([steps, batch, directions * units], np.int64), "shape")], "x0"
    for layer in range(layers):
        names = [f"{what}{layer}" for what in ("W", "R", "B")]
        values = [np.stack([w[i] for w in weights[layer]]) for i in range(2)] + [np.stack(biases[layer])]
        stored += [numpy_helper.from_array(v, n) for v, n in zip(values, names, strict=True)]
        more = {"linear_before_reset": 1} if operator == "GRU" else {}
        kind = "bidirectional" if directions == 2 else "forward"
        nodes += [
            helper.make_node(operator, [x, *names], [f"y{layer}"], hidden_size=units, direction=kind, **more),
            helper.make_node("Transpose", [f"y{layer}"], [f"t{layer}"], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", [f"t{layer}", "shape"], [f"x{layer + 1}"]),
        ]
        x = f"x{layer + 1}"
    given = helper.make_tensor_value_info("x0", TensorProto.FLOAT, case.shapes[0])
    result = helper.make_tensor_value_info(x, TensorProto.FLOAT, [steps, batch, directions * units])
    graph = helper.make_graph(nodes, "case", [given], [result], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), {"x0": arrays[0]}
