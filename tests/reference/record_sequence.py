"""Records what MXNet 1.9.1 computes for layers over sequences, into sequence.npz. Run it under MXNet: ``python record_sequence.py``."""

import json
from pathlib import Path

import mxnet as mx
import numpy as np

CASES, VALUES = [], []
RNG = np.random.RandomState(11)


def uniform(*shape, low=-1.0, high=1.0):
    """Numbers of few bits, which take little room in the file."""
    return (np.round(RNG.uniform(low, high, shape) * 128) / 128).astype(np.float32)


def record(op, params, inputs, grads=None, aux=(), keywords=()):
    """One training forward and backward; `grads`: which inputs have a gradient; `keywords`: names of the inputs, if not in their order."""
    names = [f"in{i}" for i in range(len(inputs))]
    symbol = getattr(mx.sym, op, None) or getattr(mx.sym.contrib, op.replace("_contrib_", ""))
    variables = [mx.sym.var(n) for n in names]
    symbol = symbol(**dict(zip(keywords, variables)), **params) if keywords else symbol(*variables, **params)
    args = {n: mx.nd.array(a, dtype=a.dtype) for n, a in zip(names, inputs)}
    wanted = range(len(inputs)) if grads is None else grads
    found = {names[i]: mx.nd.zeros(inputs[i].shape) for i in wanted}
    states = {n: mx.nd.array(a) for n, a in zip(symbol.list_auxiliary_states(), aux)}
    executor = symbol.bind(mx.cpu(), args, found, {n: "write" if n in found else "null" for n in names}, states)
    outs = [o.asnumpy() for o in executor.forward(is_train=True)]
    heads = [uniform(*o.shape) for o in outs]
    executor.backward([mx.nd.array(h) for h in heads])
    mx.nd.waitall()
    groups = {"in": [*inputs, *aux], "out": outs, "head": heads, "grad": [found[names[i]].asnumpy() for i in wanted]}
    for arrays in groups.values():
        VALUES.extend(np.asarray(a, np.float32).ravel() for a in arrays)
    shapes = {group: [a.shape for a in arrays] for group, arrays in groups.items()}
    CASES.append({"op": op, "params": params, "wanted": list(wanted), "shapes": shapes})


for data, axis in (((4, 3, 2), 0), ((5, 2), 1), ((3, 7, 2, 2), 0)):
    lengths = np.array([2, 3, 1, 1, 2, 3, 3][: data[1 - axis]], np.float32).clip(1, data[axis])
    for op in ("SequenceMask", "SequenceLast", "SequenceReverse"):
        if axis and op == "SequenceReverse":
            continue
        params = {"use_sequence_length": True, "axis": axis, **({"value": 0.25} if op == "SequenceMask" else {})}
        record(op, params, [uniform(*data), lengths], [0])
        record(op, {"axis": axis}, [uniform(*data)])

for mode, gates in (("rnn_relu", 1), ("rnn_tanh", 1), ("lstm", 4), ("gru", 3)):
    for (steps, batch, depth, units), layers, directions in (((4, 3, 2, 4), 2, 1), ((3, 2, 3, 3), 2, 2), ((1, 1, 1, 1), 1, 1), ((5, 7, 3, 6), 1, 2)):
        if gates == 1 and layers * directions == 4:
            continue  # the file is to stay small
        count = 0
        for layer in range(layers):
            count += directions * gates * units * ((depth if layer == 0 else units * directions) + units + 2)
        states = [uniform(layers * directions, batch, units) for _ in range(2 if mode == "lstm" else 1)]
        params = {"mode": mode, "state_size": units, "num_layers": layers, "bidirectional": directions == 2, "state_outputs": True}
        record("RNN", params, [uniform(steps, batch, depth), uniform(count), *states])

LABELS = np.array([[1, 2, 0], [3, 3, 4], [2, 0, 0]], np.float32)
LAST = np.array([[1, 2, -1], [3, 3, 0], [2, -1, -1]], np.float32)
DATA = uniform(6, 3, 5)
record("CTCLoss", {}, [DATA, LABELS], [0])
record("CTCLoss", {"blank_label": "last"}, [DATA, LAST], [0])
DATA_LENGTHS, LABEL_LENGTHS = np.array([4, 6, 2], np.float32), np.array([2, 3, 1], np.float32)
record("CTCLoss", {"use_data_lengths": True, "use_label_lengths": True}, [DATA, LABELS, DATA_LENGTHS, LABEL_LENGTHS], [0])
record("CTCLoss", {"use_data_lengths": True}, [DATA, LABELS, DATA_LENGTHS], [0])
record("CTCLoss", {"use_label_lengths": True, "blank_label": "last"}, [DATA, LAST, LABEL_LENGTHS], [0],
       keywords=("data", "label", "label_lengths"))  # fmt: skip
record("CTCLoss", {}, [3 * uniform(17, 2, 37), np.array([[3, 3, 3, 1, 9, 36, 2], [5, 4, 0, 0, 0, 0, 0]], np.float32)], [0])
record("CTCLoss", {}, [uniform(1, 1, 3), np.array([[2]], np.float32)], [0])

for steps, batch, heads, depth in ((5, 3, 2, 4), (1, 1, 1, 1), (7, 2, 3, 5)):
    width = heads * depth
    record("_contrib_interleaved_matmul_selfatt_qk", {"heads": heads}, [uniform(steps, batch, 3 * width)])
    attention = uniform(batch * heads, steps, steps)
    record("_contrib_interleaved_matmul_selfatt_valatt", {"heads": heads}, [uniform(steps, batch, 3 * width), attention])
    record("_contrib_interleaved_matmul_encdec_qk", {"heads": heads}, [uniform(steps, batch, width), uniform(steps + 2, batch, 2 * width)])
    attention = uniform(batch * heads, steps, steps + 2)
    record("_contrib_interleaved_matmul_encdec_valatt", {"heads": heads}, [uniform(steps + 2, batch, 2 * width), attention])
    record("_contrib_div_sqrt_dim", {}, [uniform(steps, batch, width)])

for params in ({}, {"sparseness_target": 0.3, "penalty": 0.5, "momentum": 0.5}):
    for shape in ((4, 3), (1, 1), (13, 7)):
        record("IdentityAttachKLSparseReg", params, [uniform(*shape, low=0.1, high=0.9)], None, [uniform(shape[1], low=0.1, high=0.9)])

# one array for all, since each of its own would cost some hundred bytes
np.savez_compressed(Path(__file__).parent / "sequence.npz", cases=np.array(json.dumps(CASES)), values=np.concatenate(VALUES))
