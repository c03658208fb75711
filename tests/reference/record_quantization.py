"""Records what MXNet 1.9.1 makes of numbers as 8-bit integers and back, into quantization.json. Run it under MXNet."""

import json
from pathlib import Path

import mxnet as mx
import numpy as np

CASES = []
X = [100.4, 100.6, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, -127.4, -127.5, -128, -500, 500, 0, 60.25, 254.5, 255.5]


def record(op, arrays, dtypes, **params):
    given = [mx.nd.array(np.array(a), dtype=t) for a, t in zip(arrays, dtypes)]
    outs = getattr(mx.nd.contrib, op[len("_contrib_") :])(*given, **params)
    outs = outs if isinstance(outs, list) else [outs]
    CASES.append({"op": op, "inputs": arrays, "dtypes": dtypes, "params": params, "outputs": [[np.dtype(o.dtype).name, o.asnumpy().tolist()] for o in outs]})


F3 = ["float32"] * 3
for kind in ("int8", "uint8"):
    for low, high in ((-127, 127), (-127.5, 100), (0, 255), (-500, 255)):
        record("_contrib_quantize", [X, [low], [high]], F3, out_type=kind)
        record("_contrib_quantize_v2", [X], ["float32"], out_type=kind, min_calib_range=low, max_calib_range=high)
    record("_contrib_quantize", [[[1, 2, 3], [4, -5, 6]], [-2], [5]], F3, out_type=kind)
    record("_contrib_quantize_v2", [X], ["float32"], out_type=kind)
    record("_contrib_quantize_v2", [[1, 2, 100]], [kind], out_type=kind)
    record("_contrib_quantize_v2", [[1, 2, 100]], [kind], out_type=kind, min_calib_range=-3, max_calib_range=2)
    record("_contrib_dequantize", [[[1, 2], [127, 0]], [-4], [2]], [kind, "float32", "float32"])
    record("_contrib_dequantize", [[5], [1], [2]], [kind, "float32", "float32"])
    I3 = ["int32", "float32", "float32"]
    Y = [v << 23 for v in (1, -1, 3, 5, 50, -61, 101, -127, 199, 0, 254)]
    record("_contrib_requantize", [Y, [-127], [100]], I3, out_type=kind)
    for low, high in ((-0.5, 0.7), (-127, 7), (0, 100)):
        record("_contrib_requantize", [Y, [-127], [100]], I3, out_type=kind, min_calib_range=low, max_calib_range=high)
record("_contrib_quantize_v2", [X], ["float32"], out_type="auto", min_calib_range=0, max_calib_range=200)
record("_contrib_quantize_v2", [X], ["float32"], out_type="auto")
record("_contrib_requantize", [[3, 4, 5], [-127], [100]], I3, out_type="auto", min_calib_range=0, max_calib_range=1e-6)
Path(__file__).with_name("quantization.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in CASES) + "\n]\n")
