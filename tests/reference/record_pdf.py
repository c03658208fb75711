"""Records pdf.json under MXNet 1.9.1: values and gradients of the probability densities, in float64.

Run with MXNET_SUBGRAPH_BACKEND=NONE in this folder.
"""

import json

import mxnet as mx
import numpy as np

rng = np.random.RandomState(6)
POSITIVE, UNIT, COUNT = (lambda s: rng.uniform(0.3, 3, s)), (lambda s: rng.uniform(0.2, 0.8, s)), (lambda s: rng.poisson(3, s) * 1.0)
KINDS = {
    "uniform": (lambda s: rng.uniform(1, 2, s), UNIT, lambda s: rng.uniform(2, 3, s)),
    "normal": (lambda s: rng.uniform(-2, 2, s), UNIT, POSITIVE),
    "gamma": (POSITIVE, POSITIVE, POSITIVE),
    "exponential": (POSITIVE, POSITIVE),
    "poisson": (COUNT, POSITIVE),
    "negative_binomial": (COUNT, lambda s: rng.randint(1, 5, s) * 1.0, UNIT),
    "generalized_negative_binomial": (COUNT, POSITIVE, UNIT),
}
SHAPES = [((2, 3), (2,)), ((3, 2), (3, 2)), ((2, 3, 4), (2, 3)), ((1, 5), (1,))]


def points(shape):
    x = rng.uniform(0.1, 1, shape)
    return x / x.sum(-1, keepdims=True)


def case(op, arrays, params):
    xs = [mx.nd.array(np.round(x, 4), dtype="float64") for x in arrays]
    for x in xs:
        x.attach_grad()
    with mx.autograd.record():
        y = getattr(mx.nd, op)(*xs, **params)
    head = mx.nd.array(rng.uniform(-1, 1, y.shape).round(3), dtype="float64")
    y.backward(head)
    lists = {"inputs": [x.asnumpy().tolist() for x in xs], "grads": [x.grad.asnumpy().tolist() for x in xs]}
    return {"op": f"_{op}", "params": params, **lists, "output": y.asnumpy().tolist(), "head": head.asnumpy().tolist()}


found = []
for i, (sample, parameter) in enumerate(SHAPES):
    for j, (key, kinds) in enumerate(KINDS.items()):
        arrays = [kinds[0](sample), *(kind(parameter) for kind in kinds[1:])]
        found.append(case(f"random_pdf_{key}", arrays, {"is_log": bool((i + j) % 2)}))
for i, (sample, parameter) in enumerate([((2, 3, 4), (2, 4)), ((3, 2), (3, 2)), ((2, 1, 3, 2), (2, 2))]):
    for is_log in (False, True):
        found.append(case("random_pdf_dirichlet", [points(sample), POSITIVE(parameter)], {"is_log": is_log}))
with open("pdf.json", "w", encoding="utf-8") as f:
    json.dump(found, f)
