"""Records what MXNet 1.9.1 computes for the operators that sample images, into vision.json: ``MXNET_SUBGRAPH_BACKEND=NONE python record_vision.py``."""

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


def plain(array):
    return np.round(array.astype(np.float64), 7).tolist()


def record(op, params, inputs, differentiable=True):
    """A training forward and backward."""
    names = [f"x{i}" for i in range(len(inputs))]
    function = getattr(mx.sym, op, None) or getattr(mx.sym.contrib, op.removeprefix("_contrib_"))
    symbol = function(*(mx.sym.var(n) for n in names), **params)
    inputs = [np.asarray(a, np.float32) for a in inputs]
    args = {n: mx.nd.array(a) for n, a in zip(names, inputs)}
    grads = {n: mx.nd.zeros(a.shape) for n, a in args.items()} if differentiable else None
    executor = symbol.bind(mx.cpu(), args, grads, "write" if differentiable else "null")
    out = executor.forward(is_train=differentiable)[0].asnumpy()
    case = {"op": op, "params": params, "inputs": [plain(a) for a in inputs], "output": plain(out)}
    if differentiable:
        head = values(*out.shape, low=-1.0, high=1.0)
        executor.backward([mx.nd.array(head)])
        case["head"] = plain(head)
        case["grads"] = [plain(grads[n].asnumpy()) for n in names]
    CASES.append(case)


record("BilinearSampler", {}, [values(2, 3, 4, 5), values(2, 2, 3, 4, low=-1.4, high=1.4)])
record("BilinearSampler", {"cudnn_off": True}, [values(1, 2, 7, 3), values(1, 2, 1, 5, low=-1.1, high=1.1)])
EDGES = [[[-1, 1, -1, 1, 0.5, -2, 3, 1e30], [-1, 1, 0.5, -1.2, 1.3, 0, 0.1, 0]]]
record("BilinearSampler", {}, [values(1, 1, 3, 4), np.reshape(EDGES, (1, 2, 2, 4))])
record("BilinearSampler", {}, [values(1, 1, 1, 4), values(1, 2, 2, 2, low=-1, high=1)])

record("GridGenerator", {"transform_type": "affine", "target_shape": (3, 4)}, [values(2, 6)])
record("GridGenerator", {"transform_type": "affine", "target_shape": (7, 5)}, [values(1, 6)])
record("GridGenerator", {"transform_type": "affine", "target_shape": (1, 3)}, [values(1, 6)])
record("GridGenerator", {"transform_type": "warp"}, [values(2, 2, 3, 4)])
record("GridGenerator", {"transform_type": "warp"}, [values(1, 2, 5, 2)])

ST = {"transform_type": "affine", "sampler_type": "bilinear"}
record("SpatialTransformer", {**ST, "target_shape": (3, 4)}, [values(1, 2, 3, 4), [[1, 0, 0, 0, 1, 0]]])
record("SpatialTransformer", {**ST, "target_shape": (5, 3)}, [values(2, 1, 4, 5), [[0.7, 0.2, 0.1, -0.2, 0.8, 0.1], [1.3, 0.2, 0.1, -0.2, 1.1, 0.3]]])
record("SpatialTransformer", {**ST, "target_shape": (2, 2)}, [values(1, 3, 7, 7), [[0.5, 0, 0.1, 0, 0.5, -0.2]]])

BOXES = [[0, 1, 2, 8, 7], [1, 4, 4, 4, 4], [1, 8, 7, 1, 2], [0, 20, 20, 30, 30], [0, -6, -6, 4, 4], [1, 1.5, 0.5, 9.5, 30], [0.9, 0, 0, 11, 9]]
record("ROIPooling", {"pooled_size": (2, 3), "spatial_scale": 0.5}, [values(2, 2, 5, 6), BOXES])
record("ROIPooling", {"pooled_size": (3, 1), "spatial_scale": 1.0}, [np.round(values(2, 1, 7, 11)), [*BOXES, [2, 0, 0, 3, 3], [-1, 0, 0, 3, 3]]])
record("ROIPooling", {"pooled_size": (7, 7), "spatial_scale": 0.25}, [values(1, 1, 5, 3), BOXES[:1]])

record("_contrib_ROIAlign", {"pooled_size": (2, 3), "spatial_scale": 0.5}, [values(2, 2, 5, 6), BOXES])
record("_contrib_ROIAlign", {"pooled_size": (3, 2), "spatial_scale": 1.0, "sample_ratio": 2}, [values(2, 1, 7, 11), BOXES])
record("_contrib_ROIAlign", {"pooled_size": (2, 2), "spatial_scale": 0.75, "aligned": True}, [values(2, 1, 7, 5), [BOXES[0], BOXES[4], BOXES[6]]])
record("_contrib_ROIAlign", {"pooled_size": (1, 2), "spatial_scale": 0.5, "position_sensitive": True}, [values(2, 6, 5, 6), BOXES[:5]])
record("_contrib_ROIAlign", {"pooled_size": (2, 2), "spatial_scale": 1.0, "sample_ratio": 3}, [values(1, 17, 3, 4), [[0, 0, 0, 3, 2], [0, 1.3, -1, 2, 5]]])

ROTATED = [[0, 4, 5, 8, 6, 30], [1, 4, 4, 3, 3, -45], [0, 1, 1, 9, 12, 70]]
record("_contrib_RROIAlign", {"pooled_size": (2, 3), "spatial_scale": 0.5}, [values(2, 2, 6, 7), ROTATED], False)
record("_contrib_RROIAlign", {"pooled_size": (3, 1), "spatial_scale": 1.0, "sampling_ratio": 2}, [values(2, 1, 5, 9), ROTATED], False)
record("_contrib_RROIAlign", {"pooled_size": (1, 1), "spatial_scale": 0.25}, [values(2, 1, 3, 2), ROTATED], False)

PAIR = [values(1, 2, 6, 7), values(1, 2, 6, 7, low=-1.5, high=1.7)]
record("Correlation", {}, PAIR)
record("Correlation", {"kernel_size": 3, "max_displacement": 3, "stride1": 2, "stride2": 2, "pad_size": 4}, [values(2, 1, 5, 6), values(2, 1, 5, 6, low=-1)])
record("Correlation", {"max_displacement": 2, "stride2": 2, "pad_size": 2, "is_multiply": False}, [PAIR[0], np.round(PAIR[1])])
record("Correlation", {"kernel_size": 3, "max_displacement": 1, "pad_size": 2, "stride1": 3, "is_multiply": False}, [PAIR[0], PAIR[0]])

DC = {"kernel": (3, 2), "num_filter": 4, "num_group": 2, "num_deformable_group": 2, "stride": (2, 1), "pad": (1, 1), "dilate": (1, 2)}
record("_contrib_DeformableConvolution", DC, [values(2, 4, 5, 6), values(2, 24, 3, 6, low=-1.5, high=1.5), values(4, 2, 3, 2), values(4)])
record(
    "_contrib_DeformableConvolution", {"kernel": (1, 3), "num_filter": 3, "no_bias": True, "pad": (0, 1)},
    [values(1, 2, 3, 5), values(1, 6, 3, 5, low=-2, high=2), values(3, 2, 1, 3)],
)  # fmt: skip
PLACES = [[0.5, 0.25], [-0.3, 0], [1, 1], [2, 0.9], [0.4, 1.9], [0, -0.5]]
record(
    "_contrib_DeformableConvolution", {"kernel": (1, 1), "num_filter": 1},
    [values(1, 1, 2, 3), np.transpose(PLACES).reshape(1, 2, 2, 3), values(1, 1, 1, 1), values(1)],
)  # fmt: skip
record(
    "_contrib_ModulatedDeformableConvolution", DC,
    [values(2, 4, 5, 6), values(2, 24, 3, 6, low=-1.5, high=1.5), values(2, 12, 3, 6, low=0, high=1), values(4, 2, 3, 2), values(4)], False,
)  # fmt: skip
record(
    "_contrib_ModulatedDeformableConvolution", {"kernel": (1, 3), "num_filter": 3, "no_bias": True, "pad": (0, 1), "im2col_step": 1},
    [values(1, 2, 3, 5), values(1, 6, 3, 5, low=-2, high=2), values(1, 3, 3, 5, low=0, high=1), values(3, 2, 1, 3)], False,
)  # fmt: skip
record(
    "_contrib_ModulatedDeformableConvolution", {"kernel": (1, 1), "num_filter": 1},
    [values(1, 1, 2, 3), np.transpose(PLACES).reshape(1, 2, 2, 3), values(1, 1, 2, 3, low=0, high=1), values(1, 1, 1, 1), values(1)], False,
)  # fmt: skip

SENSITIVE = [[0, 1, 2, 8, 9], [1, 3, 3, 3, 3], [1, 8, 7, 1, 2], [0, -5, -5, 30, 30], [1, 0.5, 1.5, 4.5, 6.5]]
PS = {"spatial_scale": 0.5, "output_dim": 2}
record("_contrib_PSROIPooling", {**PS, "pooled_size": 2}, [values(2, 8, 4, 5), SENSITIVE])
record("_contrib_PSROIPooling", {**PS, "pooled_size": 3, "group_size": 2}, [values(2, 9, 4, 5), SENSITIVE])
record("_contrib_PSROIPooling", {"spatial_scale": 1.0, "output_dim": 1, "pooled_size": 1}, [values(2, 1, 7, 3), SENSITIVE])
DPS = {**PS, "group_size": 2, "pooled_size": 2}
record("_contrib_DeformablePSROIPooling", {**DPS, "trans_std": 0.1, "sample_per_part": 2}, [values(2, 8, 4, 5), SENSITIVE, values(5, 2, 2, 2)])
record(
    "_contrib_DeformablePSROIPooling", {**DPS, "pooled_size": 3, "part_size": 2, "trans_std": 0.2, "sample_per_part": 3},
    [values(2, 8, 4, 5), SENSITIVE, values(5, 4, 2, 2)],
)  # fmt: skip
record("_contrib_DeformablePSROIPooling", {**DPS, "no_trans": True}, [values(2, 8, 4, 5), SENSITIVE])

record("Crop", {"num_args": 1, "h_w": (2, 3), "offset": (1, 2)}, [values(2, 3, 5, 7)])
record("Crop", {"num_args": 2, "center_crop": True}, [values(1, 2, 6, 5), values(1, 1, 3, 2)])
record("Crop", {"num_args": 2, "offset": (0, 1)}, [values(1, 1, 3, 3), values(1, 4, 3, 2)])

Path(__file__).with_name("vision.json").write_text(json.dumps(CASES, separators=(",", ":")))
