"""ONNX export of recurrent layers, attention, sampling, 8-bit integers and matrices: checked in ONNX Runtime, and imported again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_harness import check, f, pos

import clsym as mx

RNG = np.random.RandomState(11)


def lengths(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def rnn(mode: str, layers: int = 1, both: bool = False, size: tuple[int, int, int] = (5, 3, 4), hidden: int = 3, **more: Any) -> Any:
    """Inputs and parameters of a case; `sized` gives lengths."""
    steps, batch, depth = size
    sides, gates = 1 + both, {"lstm": 4, "gru": 3}.get(mode, 1)
    count = sum(gates * hidden * sides * ((depth if i == 0 else hidden * sides) + hidden + 2) for i in range(layers))
    states = [f(layers * sides, batch, hidden) / 2 for _ in range(1 + (mode == "lstm"))]
    given = [lengths(*(1 + i % steps for i in range(batch)))] if more.get("use_sequence_length") else []
    params = {"state_size": hidden, "num_layers": layers, "mode": mode, "bidirectional": both, "state_outputs": True, **more}
    return "RNN", [f(steps, batch, depth) / 2, f(count) / 3, *states, *given], params


BOXES = np.array([[0, 1, 1, 8, 6], [1, 0, 2, 5, 9], [0, 3, 3, 3, 3]], np.float32)
CASES: list[tuple[str, list[np.ndarray], dict[str, Any]]] = [
    rnn("lstm", 2, True, p=0.5),
    rnn("lstm", use_sequence_length=True, both=True),
    rnn("gru", 2),
    rnn("gru", 1, True, (1, 1, 2), state_outputs=False),
    rnn("rnn_tanh", 1, True),
    rnn("rnn_relu", 3),
    ("SequenceReverse", [f(4, 3, 2)], {}),
    ("SequenceReverse", [f(4, 3), lengths(4, 1, 2)], {"use_sequence_length": True}),
    ("SequenceMask", [f(4, 3, 2), lengths(4, 0, 2)], {"use_sequence_length": True, "value": -1}),
    ("SequenceMask", [f(3, 4), lengths(4, 0, 2)], {"use_sequence_length": True, "axis": 1}),
    ("SequenceMask", [f(3, 4)], {}),
    ("SequenceLast", [f(4, 3, 2)], {}),
    ("SequenceLast", [f(4, 3, 2), lengths(4, 1, 2)], {"use_sequence_length": True}),
    ("SequenceLast", [f(3, 4), lengths(4, 1, 2)], {"use_sequence_length": True, "axis": 1}),
    ("_contrib_interleaved_matmul_selfatt_qk", [f(4, 2, 18)], {"heads": 3}),
    ("_contrib_interleaved_matmul_selfatt_valatt", [f(4, 2, 18), f(6, 4, 4)], {"heads": 3}),
    ("_contrib_interleaved_matmul_encdec_qk", [f(3, 2, 6), f(5, 2, 12)], {"heads": 2}),
    ("_contrib_interleaved_matmul_encdec_valatt", [f(5, 2, 12), f(4, 3, 5)], {"heads": 2}),
    ("_contrib_div_sqrt_dim", [f(2, 5)], {}),
    # regions and sampling
    ("ROIPooling", [f(2, 3, 10, 9), BOXES], {"pooled_size": (3, 2), "spatial_scale": 1.0}),
    *(("_contrib_ROIAlign", [f(2, 3, 10, 9), BOXES[:2]], {"pooled_size": (3, 2), "spatial_scale": 0.5, "sample_ratio": s, "aligned": a})
      for s, a in ((2, False), (2, True), (-1, False))),
    ("BilinearSampler", [f(2, 3, 5, 6), f(2, 2, 4, 3)], {}),
    ("GridGenerator", [f(2, 6)], {"transform_type": "affine", "target_shape": (4, 3)}),
    ("GridGenerator", [f(2, 2, 4, 3)], {"transform_type": "warp"}),
    ("SpatialTransformer", [f(2, 3, 5, 6), f(2, 6) / 2], {"target_shape": (4, 3), "transform_type": "affine", "sampler_type": "bilinear"}),
    ("_contrib_DeformableConvolution", [f(2, 4, 5, 6), f(2, 36, 3, 3), f(3, 4, 3, 3), f(3)],
     {"kernel": (3, 3), "num_filter": 3, "num_deformable_group": 2, "stride": (2, 2), "pad": (1, 1)}),
    ("_contrib_ModulatedDeformableConvolution", [f(2, 4, 5, 6), f(2, 8, 4, 4), pos(2, 4, 4, 4), f(6, 2, 2, 2)],
     {"kernel": (2, 2), "num_filter": 6, "num_group": 2, "dilate": (1, 2), "no_bias": True}),
    *(("_contrib_box_iou", [pos(*s, 4), pos(3, 4)], {"format": k}) for s, k in (((5,), "corner"), ((2, 3), "center"))),
    ("_contrib_MultiBoxPrior", [f(1, 3, 4, 5)], {"sizes": (0.5, 0.2), "ratios": (1, 2), "clip": True}),
    # 8 bits
    *(("_contrib_quantize_v2", [f(3, 4)], {"out_type": t, "min_calib_range": low, "max_calib_range": 1.5})
      for t, low in (("int8", -1.0), ("auto", 0.0))),
    ("_contrib_quantize_v2", [f(3, 4)], {}),
    *(("_contrib_quantize", [pos(3, 4), lengths(0), lengths(2)], {"out_type": t}) for t in ("int8", "uint8")),
    *(("_contrib_dequantize", [RNG.randint(0, 120, (3, 4)).astype(t), lengths(-1), lengths(2)], {}) for t in ("int8", "uint8")),
    # matrices
    *((name, [f(*s, 3, 3) + 3 * np.eye(3, dtype=np.float32)], {}) for name in ("linalg_det", "linalg_slogdet") for s in ((), (2,))),
    ("linalg_syrk", [f(2, 3, 4)], {"transpose": True, "alpha": 0.5}),
    ("linalg_syrk", [f(3, 4)], {}),
    *(("linalg_trmm", [f(3, 3), f(*s)], p)
      for s, p in (((3, 4), {"lower": False, "alpha": 2.0}), ((4, 3), {"rightside": True, "transpose": True}))),
    *(("linalg_extractdiag", [f(2, 4, 4)], {"offset": k}) for k in (0, -2)),
    *(("linalg_makediag", [f(2, 3)], {"offset": k}) for k in (1, -2)),
    *(("linalg_extracttrian", [f(2, 4, 4)], {"offset": k, "lower": w}) for k, w in ((0, True), (0, False), (1, True), (-1, True))),
    *(("linalg_maketrian", [f(2, 6)], {"offset": k, "lower": w}) for k, w in ((0, False), (-1, True))),
    *(("linalg_sumlogdiag", [pos(*s, 3, 3)], {}) for s in ((), (2,))),
    ("diag", [f(3, 4, 2)], {"k": -1, "axis1": 2, "axis2": 1}),
    ("diag", [f(3)], {"k": 2}),
    ("im2col", [f(2, 3, 5, 6)], {"kernel": (2, 3), "stride": (2, 1), "dilate": (1, 2), "pad": (1, 0)}),
    *(("col2im", [f(2, 12, n)], {"output_size": s, "kernel": (2, 2), "stride": (2, 2), "pad": (q, q)})
      for n, s, q in ((6, (4, 6), 0), (6, (5, 7), 0), (12, (5, 6), 1))),
    # others
    *(("cumsum", [f(2, 3, 4)], {"axis": a}) for a in (None, 1)),
    *(("moments", [f(2, 3, 4)], {"axes": a, "keepdims": k}) for a, k in (((0, 2), True), ((1,), False), ((0, 1, 2), False))),
    *((name, [np.where(f(3, 4) > 1, np.nan, f(3, 4)).astype(np.float32)], {"axis": 1}) for name in ("nansum", "nanprod")),
    ("_contrib_quadratic", [f(2, 3)], {"a": 2.0, "b": -1.0, "c": 3.0}),
    *((f"_contrib_{name}", [f(2, 3)], {}) for name in ("round_ste", "sign_ste", "gradientmultiplier")),
    ("_contrib_index_array", [f(2, 3)], {}),
    ("_contrib_index_array", [f(2, 3, 2)], {"axes": (2, 0)}),
    ("all_finite", [f(2, 3)], {}),
    ("multi_all_finite", [f(2, 3), np.array([1, np.inf], np.float32)], {"num_arrays": 2}),
    ("amp_multicast", [f(2, 3), f(2).astype(np.float16)], {"num_outputs": 2}),
    ("batch_take", [f(4, 3), np.array([0, 2, 1, 0], np.int32)], {}),
    ("scatter_nd", [f(3), np.array([[0, 1, 3], [2, 0, 1]], np.float32)], {"shape": (4, 3)}),
    ("_scatter_set_nd", [f(4, 3), f(2, 3), np.array([[0, 2]], np.float32)], {"shape": (4, 3)}),
    ("ravel_multi_index", [np.array([[0, 1, 3], [2, 0, 1]], np.float32)], {"shape": (4, 3)}),
    ("unravel_index", [np.array([[0, 7], [11, 3]], np.float32)], {"shape": (4, 3)}),
    ("softmax_cross_entropy", [f(4, 3), np.array([0, 2, 1, 0], np.float32)], {}),
    ("_contrib_SparseEmbedding", [np.array([0, 4, 2], np.float32), f(5, 3)], {"input_dim": 5, "output_dim": 3}),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda i: f"{i}-{CASES[i][0]}")
def test_operator(case: int, tmp_path: Path) -> None:
    name, arrays, params = CASES[case]
    function = getattr(mx.sym, name, None) or getattr(mx.sym._internal, name, None) or getattr(mx.sym.op, name)
    variables = [mx.sym.var(f"x{i}", dtype=a.dtype) for i, a in enumerate(arrays)]
    net = function(*variables, name="node", **params)
    values = {f"x{i}": a for i, a in enumerate(arrays)}
    inputs = [n for n in values if not (name == "RNN" and n == "x1")]  # an RNN's weights are parameters
    check(net, values, inputs, tmp_path, 2e-5)


def test_no_equivalent(tmp_path: Path) -> None:
    path = str(tmp_path / "model.onnx")
    x = mx.sym.var("x")
    for net, shapes, problem in (
        (mx.sym.contrib.box_nms(x), [(3, 6)], "NonMaxSuppression"),
        (mx.sym.RNN(x, mx.sym.var("w"), mx.sym.var("s"), mx.sym.var("c"), state_size=4, num_layers=1, mode="lstm", projection_size=2),
         None, "projection_size"),
        (mx.sym.GridGenerator(x, transform_type="affine", target_shape=(1, 3)), [(2, 6)], "single row"),
    ):  # fmt: skip
        given = shapes or net.infer_shape(x=(3, 2, 5))[0]
        with pytest.raises(mx.MXNetError, match=problem):
            mx.onnx.export_model(net, {}, [tuple(s) for s in given], onnx_file_path=path)
