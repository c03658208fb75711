"""Records linalg.npz under MXNet 1.9.1: values and gradients of the linear algebra operators, in float64 from numbers of float32.

Run with MXNET_SUBGRAPH_BACKEND=NONE in this folder. Each case i holds its operator, number of inputs and parameters as text, inputs x, head
gradients h, outputs y and gradients g.
"""

import mxnet as mx
import numpy as np

rng = np.random.RandomState(5)


def general(*shape):
    """Well-conditioned matrices."""
    return rng.uniform(-1, 1, shape) + (2 * np.eye(shape[-1]) if shape[-1] == shape[-2] else 0)


def positive(*shape):
    a = rng.uniform(-1, 1, shape)
    return a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1])


def factor(*shape):
    return np.linalg.cholesky(positive(*shape)) + np.triu(rng.uniform(-1, 1, shape), 1)


def spread(*shape):
    """Symmetric matrices whose eigenvalues lie apart."""
    q = np.linalg.qr(rng.uniform(-1, 1, shape))[0]
    values = np.arange(shape[-1]) - 1.3 + rng.uniform(-0.2, 0.2, shape[:-1])
    return np.swapaxes(q, -1, -2) @ (values[..., None] * q)


CASES = []
for lower in (True, False):
    for shape in ((1, 1), (5, 5), (2, 3, 4, 4)):
        CASES.append(("potrf", [positive(*shape)], {"lower": lower}))
        f = factor(*shape)
        CASES.append(("potri", [f if lower else np.swapaxes(f, -1, -2)], {"lower": lower}))
for op in ("trmm", "trsm"):
    for i, (transpose, right, lower) in enumerate(np.ndindex(2, 2, 2)):
        shape = ((3, 4), (2, 5, 3), (1, 2, 4, 1))[i % 3]
        n = shape[-1] if right else shape[-2]
        params = {"transpose": bool(transpose), "rightside": bool(right), "lower": bool(lower), "alpha": (1.0, -1.5)[i % 2]}
        CASES.append((op, [general(*shape[:-2], n, n), general(*shape)], params))
for shape in ((3, 4), (2, 1, 5, 2), (1, 1)):
    CASES.append(("syrk", [general(*shape)], {"alpha": 0.5}))
    CASES.append(("syrk", [general(*shape)], {"transpose": True, "alpha": -2.0}))
CASES += [("gelqf", [general(*shape)], {}) for shape in ((3, 4), (2, 2, 5, 5), (1, 1), (1, 3))]
CASES += [("syevd", [spread(*shape)], {}) for shape in ((4, 4), (2, 3, 3), (7, 7), (1, 1))]
for op in ("inverse", "det", "slogdet", "sumlogdiag"):
    CASES += [(op, [positive(*shape) if op == "sumlogdiag" else general(*shape)], {}) for shape in ((3, 3), (2, 3, 4, 4), (1, 1))]
CASES.append(("det", [np.stack([np.ones((2, 2)), general(2, 2)])], {}))
CASES.append(("slogdet", [np.stack([-general(3, 3), general(3, 3)])], {}))
for offset in (0, 1, -2):
    CASES.append(("extractdiag", [general(2, 4, 4)], {"offset": offset}))
    CASES.append(("makediag", [rng.uniform(-1, 1, (2, 3))], {"offset": offset}))
    for lower in (True, False):
        CASES.append(("extracttrian", [general(2, 5, 5)], {"offset": offset, "lower": lower}))
        CASES.append(("maketrian", [rng.uniform(-1, 1, (2, 6))], {"offset": offset, "lower": lower}))
CASES += [
    ("gemm2", [rng.uniform(-1, 1, (2, 3, 4)), rng.uniform(-1, 1, (2, 3, 5))], {"axis": 0, "transpose_a": True, "alpha": 2.0}),
    ("gemm2", [rng.uniform(-1, 1, (2, 3, 1, 4)), rng.uniform(-1, 1, (2, 4, 1, 5))], {"axis": -3}),
    ("gemm", [rng.uniform(-1, 1, (3, 2, 4)), rng.uniform(-1, 1, (5, 2, 4)), rng.uniform(-1, 1, (3, 2, 5))],
     {"axis": 0, "transpose_b": True, "alpha": -0.5, "beta": 2.0}),
    ("gemm", [rng.uniform(-1, 1, (2, 2, 3, 1)), rng.uniform(-1, 1, (2, 2, 1, 2)), rng.uniform(-1, 1, (2, 2, 3, 2))], {"beta": 0.0}),
]  # fmt: skip

out = {}
for i, (op, arrays, params) in enumerate(CASES):
    xs = [mx.nd.array(x.astype(np.float32), dtype="float64") for x in arrays]
    for x in xs:
        x.attach_grad()
    with mx.autograd.record():
        ys = getattr(mx.nd.linalg, op)(*xs, **params)
    ys = ys if isinstance(ys, list) else [ys]
    heads = [mx.nd.array(rng.uniform(-1, 1, y.shape).astype(np.float32), dtype="float64") for y in ys]
    mx.autograd.backward(ys, heads)
    out[f"{i}_case"] = np.array(repr((f"_linalg_{op}", len(xs), len(ys), params)))
    for kind, values in (("x", xs), ("y", ys), ("h", heads), ("g", [x.grad for x in xs])):
        for j, value in enumerate(values):
            out[f"{i}_{kind}{j}"] = value.asnumpy().astype(np.float32 if kind in "xh" else np.float64)
np.savez_compressed("linalg.npz", **out)
