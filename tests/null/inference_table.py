"""Valid shapes of the inputs of every user's operator, with parameters: what tests of the inference vary."""

from __future__ import annotations

from typing import Any

from clsym.graph.contract.registry import all_ops

__all__ = ["TABLE", "cases"]

Shapes = list[tuple[int, ...]]

TABLE: dict[str, list[tuple[dict[str, Any], Shapes]]] = {
    "Convolution": [
        ({"kernel": (3, 2), "num_filter": 6, "num_group": 2, "stride": (2, 1), "pad": (1, 0)}, [(2, 4, 7, 8), (6, 2, 3, 2), (6,)]),
        ({"kernel": (3,), "num_filter": 4}, [(2, 3, 9), (4, 3, 3), (4,)]),
        ({"kernel": (2, 3, 3), "num_filter": 3, "no_bias": True}, [(1, 2, 4, 5, 6), (3, 2, 2, 3, 3)]),
    ],
    "FullyConnected": [
        ({"num_hidden": 5}, [(2, 3, 4), (5, 12), (5,)]),
        ({"num_hidden": 5, "flatten": False}, [(2, 3, 4), (5, 4), (5,)]),
        ({"num_hidden": 4}, [(2, 7), (4, 7), (4,)]),
    ],
    "BatchNorm": [({}, [(2, 3, 4, 5), (3,), (3,), (3,), (3,)]), ({"axis": -1}, [(2, 4, 3), (3,), (3,), (3,), (3,)])],
    "BatchNorm_v1": [({}, [(2, 3, 4, 5), (3,), (3,), (3,), (3,)])],
    "_contrib_SyncBatchNorm": [({"key": "k"}, [(2, 3, 4, 5), (3,), (3,), (3,), (3,)])],
    "LayerNorm": [({"axis": 1}, [(2, 3, 5), (3,), (3,)])],
    "InstanceNorm": [({}, [(2, 3, 5), (3,), (3,)])],
    "GroupNorm": [({"num_groups": 3}, [(2, 6, 5), (3,), (3,)])],
    "L2Normalization": [({}, [(2, 3, 4)]), ({"mode": "channel"}, [(2, 3, 4)])],
    "LRN": [({"nsize": 5}, [(2, 7, 3, 3)])],
    "Pooling": [({"kernel": (2, 3), "stride": (2, 2)}, [(2, 3, 7, 8)]), ({"kernel": (2,), "pooling_convention": "full"}, [(2, 3, 7)])],
    "Pooling_v1": [({"kernel": (2, 3), "stride": (2, 2)}, [(2, 3, 7, 8)])],
    "Activation": [({"act_type": "tanh"}, [(3, 4)])],
    "LeakyReLU": [({"act_type": "elu"}, [(3, 4)]), ({"act_type": "prelu"}, [(2, 3, 4), (3,)]), ({"act_type": "rrelu"}, [(3, 4)])],
    "softmax": [({"axis": 1}, [(2, 3, 4)])],
    "SoftmaxActivation": [({"mode": "channel"}, [(2, 3, 4)])],
    "SoftmaxOutput": [({}, [(2, 3), (2,)]), ({"multi_output": True}, [(2, 3, 4), (2, 4)]), ({"preserve_shape": True}, [(2, 3, 4), (2, 3)])],
    "LinearRegressionOutput": [({}, [(2, 3), (2, 3)])],
    "LogisticRegressionOutput": [({}, [(2, 3), (2, 3)])],
    "MAERegressionOutput": [({}, [(2, 3), (2, 3)])],
    "SVMOutput": [({}, [(2, 3), (2,)])],
    "softmax_cross_entropy": [({}, [(2, 3), (2,)])],
    "UpSampling": [
        ({"scale": 2, "sample_type": "nearest", "num_args": 1}, [(1, 2, 3, 4)]),
        ({"scale": 2, "sample_type": "nearest", "num_args": 2}, [(1, 2, 4, 4), (1, 3, 2, 2)]),
        ({"scale": 2, "sample_type": "bilinear", "num_filter": 2, "num_args": 2}, [(1, 2, 4, 4), (2, 1, 4, 4)]),
    ],
    "dot": [({}, [(3, 4), (4, 5)]), ({"transpose_a": True, "transpose_b": True}, [(4, 2, 3), (5, 4)]), ({}, [(4,), (4,)])],
    "batch_dot": [({"transpose_b": True}, [(2, 3, 4), (2, 5, 4)])],
    "_linalg_gemm2": [({"transpose_a": True}, [(2, 4, 3), (2, 4, 5)])],
    "_linalg_gemm": [({}, [(3, 4), (4, 5), (3, 5)])],
    "_linalg_potrf": [({}, [(2, 3, 3)])],
    "_linalg_potri": [({}, [(2, 3, 3)])],
    "_linalg_inverse": [({}, [(2, 3, 3)])],
    "_linalg_trmm": [({}, [(2, 3, 3), (2, 3, 4)]), ({"rightside": True}, [(3, 3), (4, 3)])],
    "_linalg_trsm": [({}, [(2, 3, 3), (2, 3, 4)]), ({"rightside": True}, [(3, 3), (4, 3)])],
    "_linalg_syrk": [({}, [(2, 3, 4)]), ({"transpose": True}, [(3, 4)])],
    "_linalg_gelqf": [({}, [(2, 3, 4)])],
    "_linalg_syevd": [({}, [(2, 3, 3)])],
    "_linalg_det": [({}, [(2, 3, 3)])],
    "_linalg_slogdet": [({}, [(2, 3, 3)])],
    "_linalg_sumlogdiag": [({}, [(2, 3, 3)])],
    "_linalg_extractdiag": [({"offset": 1}, [(2, 3, 3)])],
    "_linalg_makediag": [({"offset": -1}, [(2, 3)])],
    "_linalg_extracttrian": [({}, [(2, 3, 3)]), ({"offset": 1}, [(3, 3)])],
    "_linalg_maketrian": [({}, [(2, 6)]), ({"offset": -1}, [(3,)])],
    "_contrib_fft": [({}, [(2, 3)])],
    "_contrib_ifft": [({}, [(2, 6)])],
    "khatri_rao": [({"num_args": 2}, [(2, 3), (4, 3)])],
    "Flatten": [({}, [(2, 3, 4)])],
    "Reshape": [({"shape": s}, [(2, 3, 4)]) for s in ((0, -1), (-3, 0), (-4, 1, 2, -2), (6, 2, -1), (2, 12))],
    "reshape_like": [({}, [(2, 6), (3, 4)])],
    "expand_dims": [({"axis": -1}, [(2, 3)]), ({"axis": 1}, [(2, 3)])],
    "squeeze": [({}, [(2, 1, 3, 1)]), ({"axis": (1,)}, [(2, 1, 3, 1)])],
    "transpose": [({}, [(2, 3, 4)]), ({"axes": (1, 2, 0)}, [(2, 3, 4)])],
    "SwapAxis": [({"dim1": 0, "dim2": 2}, [(2, 3, 4)])],
    "reverse": [({"axis": (0, 2)}, [(2, 3, 4)])],
    "depth_to_space": [({"block_size": 2}, [(1, 8, 2, 3)])],
    "space_to_depth": [({"block_size": 2}, [(1, 2, 4, 6)])],
    "tile": [({"reps": (2,)}, [(2, 3)]), ({"reps": (2, 1, 3)}, [(2, 3)])],
    "repeat": [({"repeats": 2, "axis": 1}, [(2, 3)]), ({"repeats": 2}, [(2, 3)])],
    "broadcast_to": [({"shape": (4, 0)}, [(1, 3)])],
    "broadcast_axis": [({"axis": (0, 2), "size": (2, 4)}, [(1, 3, 1)])],
    "broadcast_like": [({}, [(1, 3), (4, 3)])],
    "Concat": [({"dim": 1, "num_args": 3}, [(2, 3), (2, 1), (2, 4)])],
    "_rnn_param_concat": [({"dim": 0, "num_args": 2}, [(3,), (4,)])],
    "stack": [({"axis": 1, "num_args": 2}, [(2, 3), (2, 3)])],
    "add_n": [({"num_args": 3}, [(2, 3), (2, 3), (2, 3)])],
    "Pad": [({"mode": "edge", "pad_width": (0, 0, 0, 0, 1, 2, 0, 3)}, [(1, 2, 4, 5)])],
    "shape_array": [({}, [(2, 3)])],
    "size_array": [({}, [(2, 3)])],
    "slice": [({"begin": (1, None), "end": (None, 1), "step": (2, -2)}, [(5, 6)])],
    "slice_axis": [({"axis": -1, "begin": -4, "end": None}, [(5, 6)]), ({"axis": 0, "begin": 1, "end": 3}, [(5, 6)])],
    "slice_like": [({"axes": (0,)}, [(5, 6), (3, 4)]), ({}, [(5, 6), (3, 4)])],
    "Crop": [({"num_args": 2, "center_crop": True}, [(1, 2, 5, 6), (1, 1, 3, 4)]), ({"num_args": 1, "h_w": (2, 2)}, [(1, 2, 5, 6)])],
    "_slice_assign": [({"begin": (1, 0), "end": (3, 2)}, [(5, 6), (2, 2)])],
    "_slice_assign_scalar": [({"begin": (1, 0), "end": (3, 2)}, [(5, 6)])],
    "SliceChannel": [({"num_outputs": 3}, [(2, 6)]), ({"num_outputs": 3, "squeeze_axis": True}, [(2, 3)])],
    "_split_v2": [({"indices": (0, 2), "axis": 1}, [(2, 6)])],
    "take": [({}, [(5, 3), (2, 2)]), ({"axis": 1}, [(5, 3), (4,)])],
    "Embedding": [({"input_dim": 5, "output_dim": 4}, [(2, 3), (5, 4)])],
    "pick": [({}, [(4, 3), (4,)]), ({"axis": 0, "keepdims": True}, [(4, 3), (3,)])],
    "batch_take": [({}, [(4, 3), (4,)])],
    "gather_nd": [({}, [(4, 3), (2, 5)])],
    "scatter_nd": [({"shape": (4, 3)}, [(5,), (2, 5)])],
    "_scatter_set_nd": [({"shape": (4, 3)}, [(4, 3), (5,), (2, 5)])],
    "_ravel_multi_index": [({"shape": (4, 3)}, [(2, 5)])],
    "_unravel_index": [({"shape": (4, 3)}, [(5,)])],
    "one_hot": [({"depth": 4}, [(5,)])],
    "diag": [({}, [(3, 4)]), ({"k": 1}, [(3,)])],
    "where": [({}, [(3, 4), (3, 4), (3, 4)]), ({}, [(3,), (3, 4), (3, 4)])],
    "argmax": [({"axis": 1}, [(3, 4)])],
    "argmin": [({}, [(3, 4)])],
    "argmax_channel": [({}, [(3, 4)])],
    "sort": [({"axis": 0}, [(3, 5)])],
    "argsort": [({}, [(3, 5)])],
    "topk": [({"k": 2, "ret_typ": "both"}, [(3, 5)]), ({"k": 2, "axis": 0}, [(3, 5)])],
    "moments": [({"axes": (1,)}, [(3, 5)])],
    "_contrib_box_nms": [({}, [(2, 3, 6)]), ({"id_index": 0}, [(3, 6)])],
    "_contrib_box_iou": [({}, [(2, 3, 4), (5, 4)])],
    "_contrib_box_encode": [({}, [(2, 3), (2, 3), (2, 3, 4), (2, 5, 4), (4,), (4,)])],
    "_contrib_box_decode": [({}, [(2, 3, 4), (1, 3, 4)])],
    "_contrib_bipartite_matching": [({"threshold": 0.1}, [(2, 3, 5)])],
    "_contrib_MultiBoxPrior": [({"sizes": (0.1, 0.2)}, [(2, 3, 4, 5)])],
    "_contrib_MultiBoxTarget": [({}, [(1, 6, 4), (2, 3, 5), (2, 4, 6)])],
    "_contrib_MultiBoxDetection": [({}, [(2, 4, 6), (2, 24), (1, 6, 4)])],
    "_contrib_Proposal": [({}, [(1, 24, 2, 3), (1, 48, 2, 3), (1, 3)])],
    "_contrib_MultiProposal": [({"output_score": True}, [(2, 24, 2, 3), (2, 48, 2, 3), (2, 3)])],
    "norm": [({"axis": 1}, [(2, 3)]), ({}, [(2, 3)])],
    "_square_sum": [({"axis": 1}, [(2, 3)])],
    "_contrib_SparseEmbedding": [({"input_dim": 5, "output_dim": 4}, [(2, 3), (5, 4)])],
    "_onehot_encode": [({}, [(3,), (3, 4)])],
    "fill_element_0index": [({}, [(3, 4), (3,), (3,)])],
    "cast_storage": [({"stype": "default"}, [(3, 4)])],
    "_contrib_quantize": [({"out_type": "int8"}, [(3, 4), (1,), (1,)])],
    "_contrib_quantize_v2": [({}, [(3, 4)])],
    "_contrib_requantize": [({}, [(3, 4), (1,), (1,)])],
    "_contrib_dequantize": [({}, [(3, 4), (1,), (1,)])],
    "_contrib_quantize_asym": [({}, [(3, 4)])],
    "Cast": [({"dtype": "int32"}, [(4, 5)])],
    "amp_cast": [({"dtype": "float16"}, [(4, 5)])],
    "clip": [({"a_min": -1, "a_max": 1}, [(4, 5)])],
    "smooth_l1": [({"scalar": 1.0}, [(4, 5)])],
    "Dropout": [({"p": 0.5}, [(3, 4)]), ({"axes": (0,)}, [(3, 4)])],
    "_contrib_arange_like": [({"axis": 1}, [(3, 4)]), ({}, [(3, 4)])],
    "_identity_with_attr_like_rhs": [({}, [(3, 4), (3, 4)])],
    "_sample_multinomial": [({"shape": (3,)}, [(2, 4)])],
    "sgd_update": [({"lr": 0.1}, [(3, 4)] * 2)],
    "sgd_mom_update": [({"lr": 0.1}, [(3, 4)] * 3)],
    "mp_sgd_update": [({"lr": 0.1}, [(3, 4)] * 3)],
    "mp_sgd_mom_update": [({"lr": 0.1}, [(3, 4)] * 4)],
    "nag_mom_update": [({"lr": 0.1}, [(3, 4)] * 3)],
    "adam_update": [({"lr": 0.1}, [(3, 4)] * 4)],
    "rmsprop_update": [({"lr": 0.1}, [(3, 4)] * 3)],
    "rmspropalex_update": [({"lr": 0.1}, [(3, 4)] * 5)],
    "signsgd_update": [({"lr": 0.1}, [(3, 4)] * 2)],
    "signum_update": [({"lr": 0.1}, [(3, 4)] * 3)],
    "ftrl_update": [({"lr": 0.1}, [(3, 4)] * 4)],
    "ftml_update": [({"lr": 0.1, "t": 1}, [(3, 4)] * 5)],
    "mp_nag_mom_update": [({"lr": 0.1}, [(3, 4)] * 4)],
    "_adamw_update": [({"lr": 0.1, "eta": 1}, [(3, 4)] * 4 + [(1,)])],
    "_mp_adamw_update": [({"lr": 0.1, "eta": 1}, [(3, 4)] * 5 + [(1,)])],
    "_multi_adamw_update": [({"lrs": (0.1, 0.2), "wds": (0, 0), "etas": (1, 1), "num_weights": 2}, [(3, 4)] * 4 + [(5,)] * 4 + [(1,)])],
    "_multi_mp_adamw_update": [({"lrs": (0.1,), "wds": (0,), "etas": (1,)}, [(3, 4)] * 5 + [(1,)])],
    "lamb_update_phase1": [({"t": 1, "wd": 0.1}, [(3, 4)] * 4)],
    "lamb_update_phase2": [({"lr": 0.1}, [(3, 4)] * 2 + [(1,)] * 2)],
    "mp_lamb_update_phase1": [({"t": 1, "wd": 0.1}, [(3, 4)] * 5)],
    "mp_lamb_update_phase2": [({"lr": 0.1}, [(3, 4)] * 2 + [(1,)] * 2 + [(3, 4)])],
    "_multi_lamb_update": [
        ({"learning_rates": (0.1, 0.2), "wds": (0, 0), "step_count": (1, 1), "num_tensors": 2}, [(3, 4)] * 4 + [(5,)] * 4),
    ],
    "_multi_mp_lamb_update": [({"learning_rates": (0.1,), "wds": (0,), "step_count": (1,)}, [(3, 4)] * 5)],
    "multi_sgd_update": [({"lrs": (0.1, 0.2), "wds": (0, 0), "num_weights": 2}, [(3, 4)] * 2 + [(5,)] * 2)],
    "multi_sgd_mom_update": [({"lrs": (0.1, 0.2), "wds": (0, 0), "num_weights": 2}, [(3, 4)] * 3 + [(5,)] * 3)],
    "multi_mp_sgd_update": [({"lrs": (0.1,), "wds": (0,)}, [(3, 4)] * 3)],
    "multi_mp_sgd_mom_update": [({"lrs": (0.1,), "wds": (0,)}, [(3, 4)] * 4)],
    "preloaded_multi_sgd_update": [({"num_weights": 2}, [(3, 4)] * 2 + [(5,)] * 2 + [(2,)] * 2)],
    "preloaded_multi_sgd_mom_update": [({"num_weights": 2}, [(3, 4)] * 3 + [(5,)] * 3 + [(2,)] * 2)],
    "preloaded_multi_mp_sgd_update": [({}, [(3, 4)] * 3 + [(1,)] * 2)],
    "preloaded_multi_mp_sgd_mom_update": [({}, [(3, 4)] * 4 + [(1,)] * 2)],
    "multi_lars": [({"eta": 0.1, "eps": 0.1}, [(5,)] * 4)],
    "multi_sum_sq": [({"num_arrays": 2}, [(3, 4), (5,)])],
    "multi_all_finite": [({"num_arrays": 2}, [(3, 4), (5,)])],
    "reset_arrays": [({"num_arrays": 2}, [(3, 4), (5,)])],
    "amp_multicast": [({"num_outputs": 2}, [(3, 4), (5,)])],
    "_contrib_group_adagrad_update": [({"lr": 0.1}, [(3, 4), (3, 4), (3, 1)])],
}  # fmt: skip
_REDUCTIONS = ("sum", "mean", "prod", "nansum", "nanprod", "max", "min")
for _name in _REDUCTIONS:
    TABLE[_name] = [({"axis": (0, -1), "keepdims": True}, [(2, 3, 4)]), ({"axis": (1,), "exclude": True}, [(2, 3, 4)]), ({}, [(2, 3)])]


def _default(name: str, inputs: tuple[str, ...]) -> list[tuple[dict[str, Any], Shapes]]:
    """Of operators that work element by element."""
    if name.startswith("broadcast_"):
        return [({}, [(2, 1, 4), (3, 1)])]
    if name.startswith("_sample_"):
        return [({"shape": (2,)}, [(3, 4)] * len(inputs))]
    given = {"scalar": 1.5} if name.endswith("_scalar") else {}
    return [(given, [(3, 4)] * len(inputs))]


def cases() -> list[tuple[str, dict[str, Any], Shapes]]:
    """(operator, parameters, shapes of the inputs) for every user's operator that has inputs."""
    found = []
    for name, op in all_ops().items():
        if op.hidden or not (op.inputs or op.variadic or op.many):
            continue
        for params, shapes in TABLE.get(name) or _default(name, op.inputs):
            found.append((name, params, shapes))
    return found
