"""Records what MXNet 1.9.1 answers for odd parameters of the array operators; run under MXNet, writes array_ops.json beside itself.

A case is (operator, shapes of the inputs, parameters); inputs hold 0, 1, 2, ... . Its answer is the shape and values of each output, or null for an error.
"""

import json
import math
from pathlib import Path

CASES = [
    *[("Reshape", [[2, 3, 4]], {"shape": s, "reverse": r}) for s, r in [
        ([0, -1], 0), ([-2], 0), ([-3, 0], 0), ([-4, 1, 2, -2], 0), ([-1, 0], 1), ([0, -3], 1), ([6, 1, 2, -1], 0), ([-2, 1], 0), ([-1, -1], 0),
        ([-5], 0), ([0, 0, 0, 0], 0), ([0, -4, -1, 3, 4], 0), ([-4, 2, 3, -2], 0), ([-3, -3], 0), ([0, -4, 3], 0),
    ]],
    ("Reshape", [[2, 3, 4]], {"target_shape": [0, 6]}),
    ("Reshape", [[2, 3, 4]], {"target_shape": [7, 0], "keep_highest": True}),
    ("Flatten", [[3]], {}), ("Flatten", [[2, 3, 4]], {}),
    *[("expand_dims", [[3, 4]], {"axis": a}) for a in (0, 2, -1, -3, 3, -4)],
    *[("squeeze", [[1, 2, 1]], p) for p in ({}, {"axis": 0}, {"axis": -1}, {"axis": [0, 2]}, {"axis": 1}, {"axis": 5}, {"axis": [0, 0]})],
    ("squeeze", [[1, 1]], {}),
    ("reshape_like", [[2, 3, 4], [4, 6]], {}),
    ("reshape_like", [[2, 3, 4], [5, 6, 7]], {"lhs_begin": -3, "lhs_end": -1, "rhs_begin": 1, "rhs_end": 2}),
    ("reshape_like", [[2, 3, 4], [4, 7]], {}),
    *[("slice", [[2, 3, 4]], {"begin": b, "end": e, "step": s}) for b, e, s in [
        ([0, 1], [1, 3], []), ([None, -2], [None, None], []), ([None] * 3, [None] * 3, [1, 1, -1]), ([1], [0], [-1]), ([-1], [None], [-1]),
        ([0, 0, 3], [2, 3, 0], [1, 1, -2]), ([0, -9], [1, 2], []), ([0, 0, -1], [2, 3, -9], [None, None, -1]), ([0] * 4, [1] * 4, []),
        ([0], [1, 2], []), ([0], [2], [0]), ([0], [5], []),
    ]],
    *[("slice_axis", [[2, 3, 4]], {"axis": a, "begin": b, "end": e}) for a, b, e in [
        (0, 0, 1), (1, 1, None), (-1, -2, None), (2, 0, -1), (2, 1, 9), (3, 0, 1), (1, 2, 1), (1, -9, 2),
    ]],
    ("slice_like", [[2, 3, 4], [1, 2, 3]], {}), ("slice_like", [[2, 3, 4], [1, 2, 3]], {"axes": [0, -1]}), ("slice_like", [[2, 3, 4], [3, 3, 4]], {}),
    ("slice_like", [[2, 3, 4], [1, 2]], {"axes": [0, 1]}), ("slice_like", [[2, 3, 4], [1, 2]], {}),
    ("SwapAxis", [[2, 3, 4]], {"dim1": 0, "dim2": 2}), ("SwapAxis", [[2, 3, 4]], {"dim1": -1, "dim2": 0}), ("SwapAxis", [[2, 3, 4]], {"dim1": 0, "dim2": 3}),
    ("transpose", [[2, 3, 4]], {"axes": [1, 2, 0]}), ("transpose", [[2, 3, 4]], {}), ("transpose", [[2, 3, 4]], {"axes": [1, 0]}),
    ("tile", [[2]], {"reps": [2, 2]}), ("tile", [[2, 3, 4]], {"reps": [2]}), ("tile", [[2, 3]], {"reps": [2, 1, 2]}), ("tile", [[2, 3]], {"reps": []}),
    ("repeat", [[2, 2]], {"repeats": 2}), ("repeat", [[2, 2]], {"repeats": 2, "axis": -1}), ("repeat", [[2, 2]], {"repeats": 2, "axis": 2}),
    ("reverse", [[2, 3, 4]], {"axis": [0, 2]}), ("reverse", [[2, 3, 4]], {"axis": 5}), ("reverse", [[3]], {"axis": [0, 0]}),
    *[("Pad", [[1, 1, 3, 4]], {"mode": m, "pad_width": w, "constant_value": 5}) for m in ("constant", "edge", "reflect") for w in (
        [0, 0, 0, 0, 1, 2, 2, 1], [0, 0, 0, 0, 3, 0, 0, 0], [0, 0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0],
    )],
    ("Pad", [[1, 1, 2, 3, 2]], {"mode": "edge", "pad_width": [0, 0, 0, 0, 1, 0, 0, 2, 1, 1]}),
    ("depth_to_space", [[1, 8, 1, 2]], {"block_size": 2}), ("depth_to_space", [[1, 6, 1, 1]], {"block_size": 2}), ("space_to_depth", [[1, 2, 2, 4]], {"block_size": 2}),
    ("space_to_depth", [[1, 1, 3, 2]], {"block_size": 2}), ("depth_to_space", [[1, 8, 1, 1]], {"block_size": 0}),
    *[("diag", [[3, 4]], {"k": k}) for k in (0, 1, -1, 3, -2)], ("diag", [[2]], {"k": -1}), ("diag", [[2, 3, 4]], {}),
    ("diag", [[2, 3, 4]], {"axis1": 2, "axis2": 0, "k": 1}), ("diag", [[2, 3, 4]], {"axis1": 1, "axis2": 1}),
    ("Concat", [[2, 3], [2, 1]], {"dim": -1}), ("Concat", [[2, 3], [1, 3]], {"dim": 1}), ("Concat", [[2, 3], [2, 3]], {"dim": 2}),
    ("stack", [[2, 3], [2, 3]], {"axis": -1}), ("stack", [[2, 3], [2, 3]], {"axis": 2}), ("stack", [[2, 3], [2, 3]], {"axis": 3}),
    ("SliceChannel", [[2, 4]], {"num_outputs": 2, "axis": -1}), ("SliceChannel", [[2, 4]], {"num_outputs": 4, "squeeze_axis": True}),
    ("SliceChannel", [[2, 4]], {"num_outputs": 2, "squeeze_axis": True}), ("SliceChannel", [[2, 4]], {"num_outputs": 3}),
    ("_split_v2", [[2, 4]], {"indices": [0, 1, 3], "axis": 1}), ("_split_v2", [[2, 4]], {"indices": [], "sections": 2, "axis": 1}),
    ("_split_v2", [[4]], {"indices": [0, 7], "axis": 0}), ("_split_v2", [[4]], {"indices": [0, 3, 2], "axis": 0}),
    ("Crop", [[1, 1, 5, 6]], {"h_w": [3, 2], "offset": [1, 2]}), ("Crop", [[1, 1, 5, 6], [1, 1, 2, 3]], {"center_crop": True}), ("Crop", [[1, 1, 5, 6]], {"h_w": [9, 2]}),
    ("UpSampling", [[1, 2, 2, 3]], {"scale": 3, "sample_type": "nearest"}), ("UpSampling", [[1, 1, 4, 4], [1, 2, 2, 2]], {"scale": 2, "sample_type": "nearest"}),
    ("UpSampling", [[1, 1, 4, 4], [1, 1, 2, 2]], {"scale": 2, "sample_type": "nearest", "multi_input_mode": "sum"}),
    ("UpSampling", [[1, 2, 2, 3], [2, 1, 4, 4]], {"scale": 2, "sample_type": "bilinear", "num_filter": 2}),
    ("UpSampling", [[1, 1, 2, 3], [1, 1, 5, 5]], {"scale": 3, "sample_type": "bilinear", "num_filter": 1}),
    ("_slice_assign", [[3, 4], [2, 2]], {"begin": [0, 1], "end": [2, 3]}), ("_slice_assign", [[3, 4], [1, 2]], {"begin": [0, 1], "end": [2, 3]}),
    ("_slice_assign_scalar", [[3, 4]], {"scalar": 7, "begin": [0, None], "end": [3, None], "step": [2, -1]}),
    ("_slice_assign_scalar", [[4]], {"scalar": 7, "begin": [7], "end": [9]}),
    *[("_arange", [], p) for p in (
        {"start": 0, "stop": 5, "step": 2}, {"start": 3}, {"start": 1}, {"start": 0}, {"start": 0, "stop": 3, "repeat": 2}, {"start": 3, "stop": 0, "step": -1},
        {"start": 0, "stop": 3, "step": 0.5, "dtype": "int32"}, {"start": 0.7, "stop": 3.9, "dtype": "int32"}, {"start": 250, "stop": 260, "dtype": "uint8"},
        {"start": 0.3, "stop": 3, "step": 0.1}, {"start": 0, "stop": 1, "step": 0}, {"start": 3, "stop": 1},
    )],
    ("_linspace", [], {"start": 0, "stop": 7, "num": 4, "dtype": "int32"}), ("_linspace", [], {"start": 0, "stop": 1, "num": 5, "endpoint": False}),
    ("_eye", [], {"N": 3, "M": 4, "k": 1}), ("_full", [], {"shape": [2], "value": 2.7, "dtype": "int32"}), ("_full", [], {"shape": [2], "value": -1, "dtype": "uint8"}),
    ("shape_array", [[2, 3]], {}), ("size_array", [[2, 3]], {}), ("_contrib_arange_like", [[2, 3]], {"axis": 1, "start": 2, "step": 3}),
    ("_contrib_arange_like", [[2, 3]], {"repeat": 2}),
]  # fmt: skip


def answer(name, shapes, params):
    import mxnet as mx
    from mxnet.base import MXNetError

    given = {k: tuple(v) if isinstance(v, list) else v for k, v in params.items() if v != [] or k in ("indices", "reps")}
    data = [mx.nd.array(list(range(math.prod(s)))).reshape(s) for s in shapes]
    if name in ("Concat", "stack", "Crop", "UpSampling"):
        given["num_args"] = len(data)
    function = next(f for f in (getattr(m, name, None) for m in (mx.nd.op, mx.nd._internal, mx.nd)) if f is not None) if name != "_contrib_arange_like" else mx.nd.contrib.arange_like
    try:
        outs = function(*data, **given)
        outs = outs if isinstance(outs, list) else [outs]
        return [[list(o.shape), o.asnumpy().ravel().tolist()] for o in outs]
    except MXNetError:
        return None


if __name__ == "__main__":
    answers = [[name, shapes, params, answer(name, shapes, params)] for name, shapes, params in CASES]
    text = ",\n".join(json.dumps(a) for a in answers)
    Path(__file__).with_name("array_ops.json").write_text(f"[\n{text}\n]\n")
