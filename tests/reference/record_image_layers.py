"""Records what MXNet 1.9.1 computes for layers of images, into image_layers.json. Run it under MXNet: ``python record_image_layers.py``.

Not recorded are target shapes of a deconvolution that need an odd cut, which MXNet's oneDNN kernels refuse, and im2col and col2im in one and
three dimensions, where MXNet writes over memory that is not its own.
"""

import json
from pathlib import Path

import mxnet as mx
import numpy as np

CASES = []


def values(shape, low, high):
    """Fixed numbers without ties; the test makes the same."""
    n = int(np.prod(shape))
    modulus, step = (101, 37) if n <= 101 else (10007, 7919)
    return (low + (high - low) * (np.arange(n) * step % modulus) / (modulus - 1)).reshape(shape).astype(np.float32)


def record(op, params, shapes, ranges=()):
    """One training forward and backward; inputs are described by shape and range, outputs and gradients rounded to six digits."""
    named = [n for n in ("data", "weight", "bias", "like")][: len(shapes)]
    ranges = [*ranges, *[(-2.0, 2.0)] * (len(shapes) - len(ranges))]
    inputs = [values(s, *r) for s, r in zip(shapes, ranges)]
    make = getattr(mx.sym.contrib, op[9:]) if op.startswith("_contrib_") else getattr(mx.sym, op)
    symbol = make(*(mx.sym.var(n) for n in named), **params)
    states = symbol.list_auxiliary_states()
    names = symbol.list_arguments()
    args = {n: mx.nd.array(a) for n, a in zip(names, inputs)}
    aux = {n: mx.nd.array(a) for n, a in zip(states, inputs[len(names) :])}
    grads = {n: mx.nd.zeros(a.shape) for n, a in args.items()}
    executor = symbol.bind(mx.cpu(), args, grads, "write", aux)
    outs = [o.asnumpy() for o in executor.forward(is_train=True)]
    executor.backward([mx.nd.array(values(o.shape, -1.0, 1.0)) for o in outs])

    def numbers(a):
        return [float(f"{v:.7g}") for v in a.ravel()]

    CASES.append(
        {
            "op": op, "params": params, "shapes": shapes, "ranges": ranges, "out_shape": outs[0].shape, "outputs": numbers(outs[0]),
            "grads": [numbers(grads[n].asnumpy()) for n in names],
        }
    )  # fmt: skip


D = "Deconvolution"
record(D, {"kernel": (3, 3), "num_filter": 2}, [(2, 3, 3, 4), (3, 2, 3, 3)])
record(D, {"kernel": (4, 4), "stride": (2, 2), "pad": (1, 1), "num_filter": 4, "num_group": 2}, [(1, 4, 3, 3), (4, 2, 4, 4)])
odd = {"kernel": (3, 2), "stride": (2, 3), "pad": (1, 0), "adj": (1, 2), "dilate": (1, 2), "num_filter": 3, "no_bias": False}
record(D, odd, [(2, 2, 3, 2), (2, 3, 3, 2), (3,)])
record(D, {"kernel": (4,), "stride": (3,), "pad": (2,), "num_filter": 3, "no_bias": False}, [(2, 2, 5), (2, 3, 4), (3,)])
three = {"kernel": (2, 3, 2), "stride": (1, 2, 2), "pad": (0, 1, 1), "num_filter": 2, "adj": (0, 1, 0)}
record(D, three, [(1, 2, 2, 3, 3), (2, 2, 2, 3, 2)])
record(D, {"kernel": (4, 4), "stride": (2, 2), "pad": (1, 1), "num_filter": 3, "num_group": 3}, [(1, 3, 4, 3), (3, 1, 4, 4)])
record(D, {"kernel": (1, 1), "stride": (2, 2), "num_filter": 2}, [(1, 2, 3, 2), (2, 2, 1, 1)])

for layout, shape in (("NWC", (2, 7, 3)), ("NHWC", (1, 5, 6, 3)), ("NDHWC", (1, 3, 4, 3, 2))):
    nd = len(shape) - 2
    for kind in ("max", "avg", "sum", "lp"):
        more = {"p_value": 2} if kind == "lp" else {}
        window = {"kernel": (3, 2, 2)[:nd], "stride": (2, 1, 2)[:nd], "pad": (1, 0, 1)[:nd], "layout": layout}
        record("Pooling", {**window, "pool_type": kind, **more}, [shape], [(0.1, 3.0)])
    record("Pooling", {"global_pool": True, "pool_type": "avg", "layout": layout}, [shape])
record("Pooling", {"global_pool": True, "pool_type": "max", "layout": "NHWC"}, [(1, 5, 6, 3)])
full = {"kernel": (3, 3), "stride": (2, 2), "pool_type": "avg", "pooling_convention": "full", "count_include_pad": False}
record("Pooling", {**full, "pad": (1, 1), "layout": "NHWC"}, [(1, 6, 5, 2)])

A = "_contrib_AdaptiveAvgPooling2D"
for size in ((), (1,), (3,), (2, 5), (7, 3), (5, 1)):
    record(A, {"output_size": size} if size else {}, [(2, 3, 5, 7)])
record(A, {"output_size": (4, 4)}, [(1, 2, 3, 2)])

B = "_contrib_BilinearResize2D"
for align in (True, False):
    for height, width in ((7, 9), (3, 2), (1, 1), (5, 6), (1, 9)):
        record(B, {"height": height, "width": width, "align_corners": align}, [(1, 2, 5, 6)])
    record(B, {"scale_height": 1.5, "scale_width": 0.5, "align_corners": align}, [(1, 2, 5, 6)])
    record(B, {"scale_height": 2.0, "scale_width": 0.5, "mode": "odd_scale", "align_corners": align}, [(1, 1, 5, 6)])
    record(B, {"mode": "like", "align_corners": align}, [(2, 1, 4, 3), (2, 1, 5, 7)])
    for mode in ("to_even_down", "to_even_up", "to_odd_down", "to_odd_up"):
        record(B, {"mode": mode, "align_corners": align}, [(1, 1, 5, 6)])
record(B, {"height": 3, "width": 4}, [(1, 2, 1, 1)])
record(B, {"scale_height": 0.5, "scale_width": 0.5, "mode": "odd_scale"}, [(1, 1, 7, 8)])

record("im2col", {"kernel": (2, 3)}, [(2, 2, 4, 5)])
record("im2col", {"kernel": (3, 2), "stride": (2, 1), "pad": (1, 0), "dilate": (1, 2)}, [(1, 2, 5, 6)])
record("col2im", {"kernel": (2, 3), "output_size": (4, 5)}, [(2, 12, 9)])
record("col2im", {"kernel": (3, 2), "stride": (2, 1), "pad": (1, 0), "dilate": (1, 2), "output_size": (5, 6)}, [(1, 12, 12)])

Path(__file__).with_name("image_layers.json").write_text(json.dumps(CASES, separators=(",", ":")))
