"""The small cases that `check_kernels.py` runs: those of the tests of the inference, and what reaches the kernels that those do not."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "null"))

__all__ = ["Case", "all_cases"]


@dataclass(frozen=True)
class Case:
    """Operators one after the other: (name, parameters, inputs), an input a shape or the number of an earlier step."""

    steps: tuple[tuple[str, dict[str, Any], tuple[Any, ...]], ...]
    dtype: str = "float32"
    high: float = 2.9
    """Inputs are drawn from 0.1 .. high."""
    small: bool = False
    """Part of the small set."""
    form: str = ""
    """The only form of the kernels that it is for."""
    optimize: bool = True
    """Whether inference is rewritten; else it runs as written."""

    @property
    def name(self) -> str:
        """For people."""
        steps = " ".join(name + (str(params) if params else "") for name, params, _ in self.steps)
        return f"{steps} {[i for _, _, inputs in self.steps for i in inputs if not isinstance(i, int)]} {self.dtype}"


SMALL = {"Pooling", "softmax", "sum", "take", "topk", "broadcast_add"}
"""Operators whose first case is in the small set."""


_TYPES = {"_contrib_requantize": "int32", "_contrib_dequantize": "uint8"}
"""Of the first input, where it is not floating-point."""


def _one(name: str, params: dict[str, Any], *inputs: Any, **more: Any) -> Case:
    return Case(((name, params, inputs),), **more)


def _conv(filters: int, kernel: int, source: Any, channels: int, **params: Any) -> tuple[str, dict[str, Any], tuple[Any, ...]]:
    """A square convolution over `channels` of `source`, a shape or an earlier step."""
    group = params.get("num_group", 1)
    given = {"kernel": (kernel, kernel), "num_filter": filters, "pad": (kernel // 2, kernel // 2), **params}
    return "Convolution", given, (source, (filters, channels // group, kernel, kernel), (filters,))


def _norm(source: int, channels: int) -> tuple[str, dict[str, Any], tuple[Any, ...]]:
    return "BatchNorm", {"fix_gamma": False}, (source, *[(channels,)] * 4)


RELU: dict[str, Any] = {"act_type": "relu"}
BLOCKED = [  # layouts, folding, epilogues and fusion, in inference and in training
    Case((_conv(16, 3, (2, 8, 9, 11), 8), _norm(0, 16), ("Activation", RELU, (1,)), _conv(20, 3, 2, 16), ("Activation", RELU, (3,)))),
    Case((_conv(16, 1, (1, 16, 7, 5), 16), _norm(0, 16), ("elemwise_add", {}, (1, (1, 16, 7, 5))), ("relu", {}, (2,)), _conv(8, 1, 3, 16))),
    Case((_conv(24, 3, (1, 24, 9, 9), 24, num_group=24), _norm(0, 24), ("clip", {"a_min": 0, "a_max": 6}, (1,)), _conv(9, 1, 2, 24))),
    Case((_conv(24, 3, (2, 24, 9, 9), 24, num_group=24, stride=(2, 2)), _conv(16, 1, 0, 24), _conv(16, 5, 1, 16, num_group=16))),
    Case(
        (
            _conv(16, 7, (1, 3, 21, 23), 3, stride=(2, 2)),
            ("Pooling", {"kernel": (3, 3), "stride": (2, 2)}, (0,)),
            _conv(8, 3, 1, 16, stride=(2, 2)),
        )
    ),
    Case((_conv(12, 3, (1, 8, 7, 7), 8), ("LeakyReLU", {"act_type": "prelu"}, (0, (12,))), _conv(8, 1, 1, 12))),
    Case((_conv(8, 3, (1, 8, 6, 6), 8), _conv(16, 1, (1, 8, 6, 6), 8), ("Concat", {"dim": 1}, (0, 1)), _conv(8, 3, 2, 24))),
    Case(
        (
            _conv(16, 3, (2, 8, 10, 10), 8),
            ("Pooling", {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1), "pool_type": "avg"}, (0,)),
            _conv(16, 3, 1, 16),
            ("Pooling", {"kernel": (1, 1), "global_pool": True, "pool_type": "avg"}, (2,)),
            ("FullyConnected", {"num_hidden": 10}, (3, (10, 16), (10,))),
        )
    ),
    Case(
        (
            _conv(16, 3, (2, 16, 8, 8), 16),
            ("Pooling", {"kernel": (1, 1), "global_pool": True, "pool_type": "max"}, (0,)),
            _conv(8, 1, 1, 16),
        )
    ),
    Case((_conv(16, 3, (1, 16, 7, 9), 16, dilate=(2, 2), pad=(2, 2)), _conv(32, 3, 0, 16, num_group=2), _norm(1, 32), ("relu", {}, (2,)))),
]
BLOCKED += [  # images large enough that a block of channels is cut up among the cores
    Case((_conv(16, 1, (2, 8, 33, 33), 8), ("BatchNorm", {"fix_gamma": False, **given}, (0, *[(16,)] * 4)), ("relu", {}, (1,))))
    for given in ({}, {"use_global_stats": True})
]
NETS = [  # epilogues and fusion
    Case((_conv(4, 3, (1, 3, 5, 6), 3), _norm(0, 4), ("elemwise_add", {}, (1, (1, 4, 5, 6))), ("relu", {}, (2,)))),
    Case(
        (
            ("broadcast_mul", {}, ((5, 7), (5, 1))),
            ("tanh", {}, (0,)),
            ("elemwise_add", {}, (1, (5, 7))),
            ("sigmoid", {}, (2,)),
            ("sqrt", {}, (3,)),
        ),
        small=True,
    ),
    Case((("Dropout", {"p": 0.3}, ((90, 41),)),), optimize=False),
    Case((("_contrib_quantize_v2", {}, ((90, 41),)),), dtype="int8"),
    Case(
        (
            ("FullyConnected", {"num_hidden": 40}, ((6, 30), (40, 30), (40,))),
            ("relu", {}, (0,)),
            ("FullyConnected", {"num_hidden": 5}, (1, (5, 40), (5,))),
        )
    ),
]

_WIDE: dict[str, list[tuple[dict[str, Any], tuple[Any, ...]]]] = {  # larger, so that tiles, stretches and merges have several and a rest
    "dot": [({}, ((37, 70), (70, 53))), ({"transpose_b": True}, ((65, 33), (17, 33))), ({"transpose_a": True}, ((33, 5), (33, 90)))],
    "batch_dot": [({}, ((3, 17, 33), (3, 33, 20)))],
    "Convolution": [({"kernel": (3, 3), "num_filter": 19, "pad": (1, 1)}, ((2, 17, 13, 9), (19, 17, 3, 3), (19,)))],
    "Pooling": [
        ({"kernel": (1, 1), "global_pool": True, "pool_type": kind, "p_value": 2}, ((2, 3, 9, 13),)) for kind in ("max", "avg", "sum", "lp")
    ] + [({"kernel": (3, 3), "pool_type": kind, "p_value": 2, "pad": (1, 1)}, ((2, 3, 9, 21),)) for kind in ("max", "avg", "lp")]
    + [({"kernel": (3, 3), "pool_type": kind}, ((1, 2, 9, 21),)) for kind in ("max", "avg")],
    "sum": [({"axis": 0}, ((130, 37),)), ({"axis": 1}, ((37, 130),)), ({}, ((3001,),))],
    "max": [({"axis": 0}, ((130, 37),)), ({"axis": 1}, ((3, 1300),))],
    "norm": [({"axis": 0}, ((130, 37),)), ({"ord": 1, "axis": 1}, ((5, 130),))],
    "argmax": [({"axis": 0}, ((130, 37),)), ({"axis": 1}, ((37, 130),)), ({}, ((700,),))],
    "sort": [({"axis": 1, "is_ascend": False}, ((3, 300),)), ({"axis": 0}, ((700, 2),)), ({"axis": 1}, ((12, 300),)), ({}, ((4, 100),))],
    "argsort": [({"axis": 0}, ((70, 5),)), ({}, ((1, 1030),))],
    "topk": [
        ({"k": 5, "ret_typ": "value"}, ((2, 3000),)), ({"k": 7, "ret_typ": "mask"}, ((3, 90),)), ({"k": 3, "axis": 0}, ((300, 5),)),
        ({"k": 5, "ret_typ": "both"}, ((1, 20000),)), ({"k": 60, "ret_typ": "mask", "axis": 0}, ((90, 3),)),
    ],
    "softmax": [({"axis": -1}, ((7, 70),)), ({"axis": 0}, ((70, 9),)), ({"axis": -1, "use_length": True}, ((5, 11), (5,)))],
    "log_softmax": [({"axis": -1}, ((7, 70),)), ({"axis": 1}, ((2, 40, 9),))],
    "SoftmaxOutput": [
        ({"use_ignore": True, "ignore_label": 1, "normalization": "valid"}, ((9, 33), (9,))),
        ({"multi_output": True, "normalization": "batch"}, ((2, 5, 40), (2, 40))),
        ({"smooth_alpha": 0.1, "normalization": "valid"}, ((9, 33), (9,))), ({}, ((9, 33), (9, 33))),
    ],
    "BatchNorm": [
        ({"fix_gamma": False}, ((3, 5, 9, 11), *[(5,)] * 4)), ({"axis": -1, "fix_gamma": False}, ((40, 37), *[(37,)] * 4)),
        ({"use_global_stats": True}, ((3, 5, 40), *[(5,)] * 4)), ({"output_mean_var": True}, ((2, 3, 4, 5), *[(3,)] * 4)),
    ],
    "LayerNorm": [({}, ((9, 70), (70,), (70,))), ({"axis": 0}, ((40, 21), (40,), (40,)))],
    "L2Normalization": [({"mode": "spatial"}, ((2, 3, 40),))],
    "transpose": [({}, ((40, 53),)), ({"axes": (0, 2, 1)}, ((3, 33, 40),)), ({"axes": (2, 0, 1, 3)}, ((5, 6, 7, 8),))],
    "tile": [({"reps": (3, 2)}, ((20, 33),))],
    "slice": [({"begin": (30, None), "end": (2, None), "step": (-3, 2)}, ((40, 33),))],
    "take": [({"mode": "wrap"}, ((5, 9), (130,))), ({"axis": 1}, ((4, 5, 7), (90,))), ({}, ((2000, 2), (9,)))],
    "Embedding": [({"input_dim": 30, "output_dim": 3}, ((9000,), (30, 3)))],
    "gather_nd": [({}, ((4, 3, 33), (2, 50)))],
    "pick": [({"axis": 1}, ((40, 33), (40,))), ({"axis": 0, "mode": "wrap"}, ((33, 40), (40,)))],
    "_sample_multinomial": [({"shape": (3,), "get_prob": True}, ((2, 40),)), ({"shape": (50,)}, ((700,),))],
    "_contrib_box_nms": [
        ({"overlap_thresh": 0.3, "topk": 50, "id_index": 0}, ((2, 90, 6),)), ({}, ((1, 200, 6),)),
        ({"topk": 0}, ((1, 9, 6),)), ({}, ((1, 1100, 6),)),
    ],
    "_contrib_MultiBoxTarget": [({"negative_mining_ratio": 3.0}, ((1, 60, 4), (2, 3, 5), (2, 4, 60)))],
    "_contrib_MultiBoxDetection": [({"nms_topk": 20}, ((2, 4, 60), (2, 240), (1, 60, 4)))],
    "_contrib_bipartite_matching": [({"threshold": 0.1}, ((1, 30, 40),))],
    "Concat": [({"dim": 2}, ((3, 4, 33), (3, 4, 50)))],
    "Pad": [({"mode": m, "pad_width": (0, 0, 0, 0, 3, 2, 1, 5)}, ((2, 3, 9, 21),)) for m in ("constant", "edge", "reflect")],
    "Dropout": [({"p": 0.3}, ((90, 41),)), ({"p": 0.3, "axes": (1,)}, ((9, 41),))],
    "Cast": [({"dtype": t}, ((9, 41),)) for t in ("float16", "float64", "int8", "uint8", "int64")],
    "broadcast_add": [({}, ((9, 1, 41), (1, 7, 1))), ({}, ((300, 1), (1, 40)))],
    "broadcast_maximum": [({}, ((9, 7, 41), (7, 1)))],
    "elemwise_mul": [({}, ((90, 41), (90, 41)))],
    "_zeros": [({"shape": (5, 7)}, ())],
    "_ones": [({"shape": (5, 7)}, ())],
    "_full": [({"shape": (5, 7), "value": 2.5}, ())],
    "_arange": [({"start": 1, "stop": 90, "step": 2, "repeat": 3}, ())],
    "_linspace": [({"start": 1, "stop": 9, "num": 33}, ())],
    "_eye": [({"N": 9, "M": 13, "k": 2}, ())],
    "_random_uniform": [({"shape": (9, 41)}, ())],
    "_random_normal": [({"shape": (9, 41)}, ())],
    "_random_gamma": [({"shape": (9, 41), "alpha": 2.0}, ())],
    "_random_exponential": [({"shape": (9, 41)}, ())],
    "_random_poisson": [({"shape": (9, 41), "lam": 30.0}, ())],
    "_random_negative_binomial": [({"shape": (9, 41), "k": 3, "p": 0.4}, ())],
    "_random_generalized_negative_binomial": [({"shape": (9, 41)}, ())],
    "_random_randint": [({"shape": (9, 41), "low": 1, "high": 9}, ())],
    "_shuffle": [({}, ((90, 3),))],
    "_sample_unique_zipfian": [({"range_max": 40, "shape": (3, 9)}, ())],
    "_np_cumsum": [({}, ((3000,),)), ({"axis": 0}, ((2100, 3),))],
    "_contrib_ROIAlign": [({"pooled_size": (7, 7), "spatial_scale": 0.5}, ((1, 37, 5, 6), (3, 5)))],
    "UpSampling": [({"scale": 9, "sample_type": "bilinear", "num_filter": 2, "num_args": 2}, ((1, 2, 3, 4), (2, 1, 17, 17)))],
    "_linalg_inverse": [({}, ((2, 70, 70),))],
    "_linalg_potrf": [({}, ((2, 70, 70),))],
    "RNN": [
        ({"mode": "lstm", "state_size": 5, "num_layers": 2, "bidirectional": True, "projection_size": 3, "p": 0.4, "state_outputs": True,
          "use_sequence_length": True}, ((4, 3, 2), (780,), (4, 3, 3), (4, 3, 5), (3,))),
        ({"mode": "gru", "state_size": 5, "num_layers": 2, "bidirectional": True, "p": 0.4, "use_sequence_length": True},
         ((4, 3, 2), (780,), (4, 3, 5), (3,))),
    ],
}  # fmt: skip


def all_cases() -> list[Case]:
    """Every case; their numbers are their positions."""
    from inference_table import cases

    import clsym.ops  # noqa: F401  (registers the operators)

    found, seen = [], set()
    for name, params, shapes in cases():
        dtype = _TYPES.get(name, "float16" if name.startswith("mp_") else "float32")
        found.append(_one(name, params, *shapes, dtype=dtype, small=name in SMALL - seen))
        seen.add(name)
    wide = [_one(name, params, *shapes) for name, more in _WIDE.items() for params, shapes in more]
    return [*found, *wide, *NETS, *(replace(net, form="cpu") for net in BLOCKED)]
