"""Records matrix_product.npz under MXNet 1.9.1: values and gradients of Convolution, FullyConnected, dot, batch_dot and linalg_gemm.

Run with MXNET_SUBGRAPH_BACKEND=NONE in this folder. Each case i holds its operator and parameters as text, inputs x, head gradient h,
output y and gradients g.
"""

import mxnet as mx
import numpy as np

CASES = [
    ("Convolution", [(2, 6, 9, 10), (8, 3, 3, 2), (8,)],
     {"kernel": (3, 2), "stride": (2, 1), "dilate": (1, 2), "pad": (1, 2), "num_filter": 8, "num_group": 2}),
    ("Convolution", [(2, 4, 15), (8, 1, 5), (8,)], {"kernel": (5,), "stride": (2,), "pad": (2,), "num_filter": 8, "num_group": 4}),
    ("Convolution", [(1, 2, 5, 6, 7), (4, 2, 3, 2, 3), (4,)],
     {"kernel": (3, 2, 3), "stride": (1, 2, 1), "pad": (1, 0, 1), "num_filter": 4}),
    ("FullyConnected", [(3, 2, 5), (7, 10), (7,)], {"num_hidden": 7}),
    ("FullyConnected", [(3, 2, 5), (7, 5), (7,)], {"num_hidden": 7, "flatten": False}),
    ("dot", [(2, 3, 4), (4, 5, 2)], {}),
    ("dot", [(2, 3, 4), (4, 5, 2)], {"transpose_a": True, "transpose_b": True}),
    ("batch_dot", [(2, 3, 4), (2, 5, 4)], {"transpose_b": True}),
    ("linalg_gemm2", [(2, 4, 2, 3), (2, 4, 2, 5)], {"axis": 1, "transpose_a": True, "alpha": -1.5}),
    ("linalg_gemm", [(2, 3, 4), (2, 5, 4), (2, 3, 5)], {"transpose_b": True, "alpha": 2.0, "beta": 0.5}),
]  # fmt: skip

rng = np.random.RandomState(3)
out = {}
for i, (op, shapes, params) in enumerate(CASES):
    xs = [mx.nd.array(rng.uniform(-1, 1, s)) for s in shapes]
    for x in xs:
        x.attach_grad()
    with mx.autograd.record():
        y = getattr(mx.nd, op)(*xs, **params)
    h = mx.nd.array(rng.uniform(-1, 1, y.shape))
    y.backward(h)
    out[f"{i}_case"] = np.array(repr((op, len(xs), params)))
    out[f"{i}_y"], out[f"{i}_h"] = y.asnumpy(), h.asnumpy()
    for j, x in enumerate(xs):
        out[f"{i}_x{j}"], out[f"{i}_g{j}"] = x.asnumpy(), x.grad.asnumpy()
np.savez_compressed("matrix_product.npz", **out)
