"""Records scans.json under MXNet 1.9.1: running sums, histograms, masks and index copies with their gradients.

Run with MXNET_SUBGRAPH_BACKEND=NONE in this folder.
"""

import json

import mxnet as mx
import numpy as np

rng = np.random.RandomState(7)


def numbers(*shape):
    return rng.uniform(-2, 2, shape).round(2)


CASES = []
for axis, shape in ((None, (2, 3)), (0, (3, 4)), (1, (2, 5, 3)), (2, (2, 1, 7)), (0, (1,))):
    CASES.append(("_np_cumsum", [numbers(*shape)], ["float32"], {"axis": axis}, 1))
    CASES.append(("_np_cumsum", [(10 * numbers(*shape)).round()], ["int32"], {"axis": axis, "dtype": "int64"}, 0))
CASES.append(("_np_cumsum", [np.array([100.0, 100, 3])], ["int8"], {}, 0))
CASES.append(("_np_cumsum", [np.array([100.0, 100, 100])], ["uint8"], {}, 0))
CASES.append(("_np_cumsum", [numbers(2, 3)], ["float32"], {"axis": 0, "dtype": "float64"}, 1))
for dtype in ("float32", "float64", "int32", "uint8"):
    data = np.array([0.01, 0.3, 0.5, 1.0, 2.0, 3, 1.5, 0, 2, 1]) if dtype == "uint8" else np.append(numbers(3, 4), [-1.0, 2.0, 0.5, 1.0])
    CASES.append(("_histogram", [data], [dtype], {"bin_cnt": 3, "range": (0.0, 2.0)}, 0))
    CASES.append(("_histogram", [data], [dtype], {"bin_cnt": 7, "range": (0.0, 7.0)}, 0))
    CASES.append(("_histogram", [data, np.array([0.0, 1, 2])], [dtype, dtype], {}, 0))
CASES.append(("_histogram", [np.array([[np.nan, 0, 1], [np.inf, -np.inf, 2]])], ["float32"], {"bin_cnt": 4, "range": (0.0, 2.0)}, 0))
CASES.append(("_histogram", [numbers(40), np.array([-1.5, -0.25, 0, 1.75])], ["float32", "float32"], {}, 0))
for mask in ([0, 1, 0, 1], [1, 1, 1, 1], [-1, 0.5, np.nan, 0]):
    CASES.append(("_contrib_boolean_mask", [numbers(4, 3), np.array(mask)], ["float32", "float32"], {}, 1))
CASES.append(("_contrib_boolean_mask", [numbers(3), np.array([2, 0, 1])], ["float32", "int32"], {}, 1))
for shape, axes in (((2, 3), None), ((2, 3, 2), (1,)), ((2, 2), (-1, 0)), ((3,), (0, 0))):
    CASES.append(("_contrib_index_array", [numbers(*shape)], ["float32"], {"axes": axes} if axes else {}, 0))
for index, kind in (([0, 4, 2], "float32"), ([3, 1, 0], "int32"), ([2, 2, 4], "int64")):
    CASES.append(("_contrib_index_copy", [numbers(5, 2), np.array(index), numbers(3, 2)], ["float32", kind, "float32"], {}, 1))
CASES.append(("_contrib_index_copy", [numbers(3), np.array([1]), numbers(1)], ["float32", "float32", "float32"], {}, 1))

found = []
for op, arrays, dtypes, params, differentiable in CASES:
    xs = [mx.nd.array(x, dtype=t) for x, t in zip(arrays, dtypes)]
    entry = {"op": op, "params": params, "inputs": [x.asnumpy().astype(float).tolist() for x in xs], "dtypes": dtypes}
    function = getattr(mx.nd._internal, op, None) or getattr(mx.nd.contrib, op[9:], None) or mx.nd.cumsum
    if differentiable:
        for x in xs:
            x.attach_grad()
        with mx.autograd.record():
            y = function(*xs, **params)
        head = mx.nd.array(numbers(*y.shape), dtype=y.dtype)
        y.backward(head)
        entry["head"], entry["grads"] = head.asnumpy().tolist(), [x.grad.asnumpy().tolist() for x in xs]
    else:
        y = function(*xs, **params)
    ys = y if isinstance(y, list) else [y]
    entry["outputs"] = [v.asnumpy().astype(float).tolist() for v in ys]
    entry["types"] = [v.dtype.__name__ for v in ys]
    found.append(entry)
with open("scans.json", "w", encoding="utf-8") as f:
    json.dump(found, f)
