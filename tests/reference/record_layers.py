"""Records what MXNet 1.9.1 computes for odd cases of the layers, into layers.json. Run it under MXNet: ``python record_layers.py``."""

import json
from pathlib import Path

import mxnet as mx
import numpy as np

CASES = []


def values(*shape, low=-2.0, high=2.0):
    """Fixed numbers without ties, cheap to print."""
    n = int(np.prod(shape))
    order = (np.arange(n) * 37 % 101) / 100 if n <= 101 else (np.arange(n) * 7919 % 10007) / 10006
    return np.round(low + (high - low) * order, 3).reshape(shape).astype(np.float32)


def record(op, params, inputs, aux=()):
    """One training forward and backward, and one forward in inference."""
    names = ["data", *(f"in{i}" for i in range(1, len(inputs)))]
    symbol = getattr(mx.sym, op)(*(mx.sym.var(n) for n in names), **params)
    args = {n: mx.nd.array(a) for n, a in zip(names, inputs)}
    states = {n: mx.nd.array(a) for n, a in zip(symbol.list_auxiliary_states(), aux)}
    grads = {n: mx.nd.zeros(a.shape) for n, a in args.items()}
    executor = symbol.bind(mx.cpu(), args, grads, "write", states)
    inference = [o.asnumpy() for o in executor.forward(is_train=False)]
    outs = [o.asnumpy() for o in executor.forward(is_train=True)]
    heads = [values(*o.shape, low=-1.0, high=1.0) for o in outs]
    executor.backward([mx.nd.array(h) for h in heads])
    CASES.append(
        {
            "op": op, "params": params,
            "inputs": [a.tolist() for a in (*inputs, *aux)], "aux": len(aux),
            "inference": [o.tolist() for o in inference], "outputs": [o.tolist() for o in outs],
            "heads": [h.tolist() for h in heads], "grads": [grads[n].asnumpy().tolist() for n in names],
            "aux_after": [states[n].asnumpy().tolist() for n in symbol.list_auxiliary_states()],
        }
    )  # fmt: skip


def update(op, params, arrays):
    """One step of an optimizer, in place."""
    arrays = [np.asarray(a, np.float32) for a in arrays]
    given = [mx.nd.array(a) for a in arrays]
    getattr(mx.nd, op)(*given, out=given[0], **params)
    after = [g.asnumpy().tolist() for i, g in enumerate(given) if i != 1]
    CASES.append({"op": op, "params": params, "inputs": [a.tolist() for a in arrays], "after": after})


X = values(1, 2, 6, 7)
TIES = np.round(X)
for conv in ("valid", "full"):
    for kind in ("max", "avg", "sum"):
        record("Pooling", {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1), "pool_type": kind, "pooling_convention": conv}, [TIES])
        record("Pooling_v1", {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1), "pool_type": kind, "pooling_convention": conv}, [TIES])
    record(
        "Pooling",
        {"kernel": (2, 3), "stride": (3, 2), "pool_type": "avg", "pooling_convention": conv, "count_include_pad": False, "pad": (1, 1)},
        [X],
    )
    for p in (1, 2, 3):
        record("Pooling", {"kernel": (2, 2), "stride": (2, 2), "pool_type": "lp", "p_value": p, "pooling_convention": conv}, [np.abs(X)])
record("Pooling", {"kernel": (1, 1), "stride": (3, 3), "pooling_convention": "full"}, [values(1, 1, 3, 3)])
for kind in ("max", "avg", "sum"):
    record("Pooling", {"kernel": (2, 2), "pad": (1, 1), "global_pool": True, "pool_type": kind, "count_include_pad": False}, [TIES])
record("Pooling", {"kernel": (2, 2, 2), "stride": (2, 1, 2), "pad": (1, 0, 1), "pool_type": "max"}, [values(1, 1, 3, 4, 5)])
record("Pooling", {"kernel": (3,), "stride": (2,), "pad": (1,), "pool_type": "avg", "pooling_convention": "full"}, [values(2, 2, 6)])

C = [values(3, low=0.5, high=2), values(3), values(3), values(3, low=0.3, high=1.5)]
for params in (
    {},
    {"fix_gamma": False},
    {"fix_gamma": False, "use_global_stats": True},
    {"fix_gamma": False, "axis": -1, "eps": 1e-5, "momentum": 0.5},
):
    shape = (4, 2, 3) if params.get("axis") == -1 else (4, 3, 2)
    record("BatchNorm", {**params, "output_mean_var": True}, [values(*shape), *C[:2]], C[2:])
record("BatchNorm_v1", {"fix_gamma": False, "output_mean_var": True}, [values(4, 3, 2, 1), *C[:2]], C[2:])

LOGITS, LABEL = values(4, 3), np.array([0, 2, -1, 1], np.float32)
for norm in ("null", "batch", "valid"):
    for ignore in (False, True):
        record("SoftmaxOutput", {"normalization": norm, "use_ignore": ignore, "grad_scale": 2.0}, [LOGITS, LABEL])
        multi = {"normalization": norm, "use_ignore": ignore, "multi_output": True}
        record("SoftmaxOutput", multi, [values(2, 3, 2), np.array([[0, 1], [2, -1]], np.float32)])
        keep = {"normalization": norm, "use_ignore": ignore, "preserve_shape": True, "ignore_label": 1}
        record("SoftmaxOutput", keep, [values(2, 3, 2), np.array([[0, 1, 0], [1, -1, 7]], np.float32)])
record("SoftmaxOutput", {"smooth_alpha": 0.3, "use_ignore": True}, [LOGITS, np.array([0, 7, -1, 1.7], np.float32)])
record("SoftmaxOutput", {"multi_output": True, "smooth_alpha": 0.3}, [values(2, 3, 2, 2), values(2, 1, 2, 2, low=0, high=2.9)])
record("SoftmaxOutput", {"multi_output": True}, [LOGITS, np.array([[0], [2], [1], [1]], np.float32)])
record("SoftmaxOutput", {"grad_scale": 3.0, "normalization": "batch", "use_ignore": True}, [LOGITS, values(4, 3, low=0, high=1)])
record("SoftmaxOutput", {}, [values(3, 3, 2), np.array([[0, 1, 2], [3, 4, 5], [0, 1, 2]], np.float32)])
for op in ("LinearRegressionOutput", "LogisticRegressionOutput", "MAERegressionOutput"):
    record(op, {"grad_scale": 2.0}, [values(4, 3), values(4, 3, low=-1)])
    record(op, {}, [values(4, 1), values(4, low=-1)])
for linear in (False, True):
    record("SVMOutput", {"use_linear": linear, "margin": 0.5, "regularization_coefficient": 2.0}, [LOGITS, LABEL])
    record("SVMOutput", {"use_linear": linear}, [values(2, 3, 2), np.array([[0, 1, 1], [1, 0, 3]], np.float32)])
for kind in ("leaky", "elu", "gelu"):  # not selu, whose gradient is wrong there: scale * (alpha + y) for negative x
    record("LeakyReLU", {"act_type": kind, "slope": 0.3}, [values(3, 7)])
for shape in ((3,), (1,), (1, 3)):
    record("LeakyReLU", {"act_type": "prelu"}, [values(2, 3, 4), values(*shape, low=0.1, high=0.5)])
for kind in ("relu", "sigmoid", "tanh", "softrelu", "softsign"):
    record("Activation", {"act_type": kind}, [values(3, 7)])

W, G = [1, -2, 3, 0.5], [0.5, -10, 0, 0.1]
M, N = [0.1, 0.2, 0.3, -0.4], [0.4, 0.3, 0.2, 0.1]
COMMON = {"lr": 0.1, "wd": 0.01, "rescale_grad": 0.5, "clip_gradient": 1.0}
for extra in (COMMON, {"lr": 0.1}, {"lr": 0.1, "clip_gradient": 0.0}):
    update("sgd_update", extra, [W, G])
    update("sgd_mom_update", {"momentum": 0.9, **extra}, [W, G, M])
    update("nag_mom_update", {"momentum": 0.9, **extra}, [W, G, M])
    update("adam_update", extra, [W, G, M, N])
    update("rmsprop_update", {"clip_weights": 1.2, **extra}, [W, G, N])
    update("rmspropalex_update", extra, [W, G, N, [v / 10 for v in M], M])
    update("signsgd_update", extra, [W, G])
    update("signum_update", {"momentum": 0.9, "wd_lh": 0.1, **extra}, [W, G, M])
    update("ftrl_update", extra, [W, G, M, N])

Path(__file__).with_name("layers.json").write_text(json.dumps(CASES, separators=(",", ":")))
