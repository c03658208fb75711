"""Records what MXNet 1.9.1 makes of weights and states in steps of optimizers on several tensors, into updates.json. Run it under MXNet."""

import json
from pathlib import Path

import mxnet as mx
import numpy as np

CASES = []
SHAPES = [(3,), (2, 5), (1,)]


def values(shape, seed, low=-1.0, high=1.0):
    n = int(np.prod(shape))
    return np.round(low + (high - low) * ((np.arange(n) * 37 + seed * 29) % 101) / 100, 2).reshape(shape).astype(np.float32)


def tensors(kinds, dtypes, count):
    """count times (weight, grad, states ...): positive numbers for variances."""
    found = []
    for k in range(count):
        for i, (kind, dtype) in enumerate(zip(kinds, dtypes)):
            found.append(values(SHAPES[k], 7 * k + i, *((0.01, 1.0) if kind == "+" else (-1.0, 1.0))).astype(dtype))
    return found


def update(op, params, arrays, outs):
    given = [mx.nd.array(a, dtype=a.dtype) for a in arrays]
    function = getattr(mx.nd, op, None) or getattr(mx.nd._internal, op)
    function(*given, out=[given[i] for i in outs] if len(outs) > 1 else given[outs[0]], **params)
    CASES.append(
        {
            "op": op, "params": params, "dtypes": [a.dtype.name for a in arrays], "inputs": [a.tolist() for a in arrays],
            "outs": outs, "after": [g.asnumpy().tolist() for g in given],
        }
    )  # fmt: skip


ODD = {"rescale_grad": 0.5, "clip_gradient": 0.3}
F, H = "float32", "float16"
for momentum in (0, 1):
    for mp in (0, 1):
        kinds = "wg" + "m" * momentum + "w" * mp
        dtypes = [H if mp else F] * 2 + [F] * (momentum + mp)
        stem = f"multi_{'mp_' * mp}sgd_{'mom_' * momentum}update"
        for extra in ({}, ODD):
            more = {**extra, **({"momentum": 0.9} if momentum else {}), "num_weights": 3}
            outs = [k * len(kinds) for k in range(3)]
            update(stem, {"lrs": [0.1, 0.2, 0.3], "wds": [0, 0.1, 0.2], **more}, tensors(kinds, dtypes, 3), outs)
            rates = [np.array([0.1, 0.2, 0.3], F), np.array([0, 0.1, 0.2], F)]
            update(f"preloaded_{stem}", more, [*tensors(kinds, dtypes, 3), *rates], outs)
for mp in (0, 1):
    kinds, dtypes = "wgm+" + "w" * mp, [H if mp else F] * 2 + [F] * (2 + mp)
    name = f"{'mp_' * mp}adamw_update"
    for extra in ({}, {"clip_gradient": 0.3, "beta1": 0.5}):
        for scale in (0.5, 0.0, float("inf")):
            if mp or extra:  # else the gradient is overwritten too
                update(f"_multi_{name}", {"lrs": [0.1, 0.2], "wds": [0, 0.1], "etas": [1, 2], "num_weights": 2, **extra},
                       [*tensors(kinds, dtypes, 2), np.array([scale], F)], [0, len(kinds)])  # fmt: skip
            update(f"_{name}", {"lr": 0.1, "wd": 0.01, "eta": 0.5, **extra}, [*tensors(kinds, dtypes, 1), np.array([scale], F)], [0])
    for extra in ({}, ODD, {"bias_correction": False, "lower_bound": 0.5, "upper_bound": 1.0}):
        n = 3 - mp  # the third has one element, whose square MXNet rounds to float16
        given = {"learning_rates": [0.1, 0.2, 0.3][:n], "wds": [0, 0.1, 0.2][:n], "step_count": [1, 2, 30][:n], "num_tensors": n, **extra}
        update(f"_multi_{'mp_' * mp}lamb_update", given, tensors(kinds, dtypes, n), [k * len(kinds) for k in range(n)])
for extra in ({}, ODD, {"bias_correction": False}):
    update("lamb_update_phase1", {"t": 3, "wd": 0.1, **extra}, tensors("wgm+", [F] * 4, 2)[4:], [0])
    arrays = tensors("wgm+w", [H, H, F, F, F], 1)
    update("mp_lamb_update_phase1", {"t": 3, "wd": 0.1, **extra}, [*arrays, np.zeros(3, F)][:5], [4])
for extra in ({}, {"lower_bound": 2.5}, {"upper_bound": 1.5}, {"upper_bound": 0}):
    for norms in ((2, 3), (0, 3), (2, 0)):
        r = [np.array([v], F) for v in norms]
        update("lamb_update_phase2", {"lr": 0.1, **extra}, [*tensors("wg", [F] * 2, 1), *r], [0])
for extra in ({}, {"rescale_grad": 0.5, "clip_grad": 0.3, "wd": 0.1}):
    for t in (1, 7):
        update("ftml_update", {"lr": 0.1, "t": t, **extra}, tensors("wg++m", [F] * 5, 2)[5:], [0])
update("mp_nag_mom_update", {"lr": 0.1, "momentum": 0.9, "wd": 0.1, **ODD}, tensors("wgmw", [H, H, F, F], 1), [0])
for extra in ({}, {"rescale_grad": 0.5}):
    update("multi_lars", {"eta": 0.1, "eps": 0.01, **extra},
           [np.array(v, F) for v in ([0.1, 0.2, 0.3], [4, 0, 9], [1, 2, 0], [0, 0.1, 0.2])], [0])  # fmt: skip

text = ",\n".join(json.dumps(c, separators=(",", ":")) for c in CASES)
Path(__file__).with_name("updates.json").write_text(f"[\n{text}\n]\n")
