"""ONNX export: every converter's model is valid, loads in ONNX Runtime, and answers what clsym answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_harness import RNG, check, f, ints, pos, run_file, unit

import clsym as mx

onnx = pytest.importorskip("onnx")

UNARY_ANY = [
    "abs", "sign", "negative", "square", "relu", "round", "rint", "ceil", "floor", "trunc", "fix", "exp", "expm1", "sigmoid",
    "softsign", "sinh", "cosh", "tanh", "arcsinh", "sin", "cos", "tan", "arctan", "degrees", "radians", "erf", "cbrt", "rcbrt",
    "logical_not", "hard_sigmoid", "smooth_l1", "identity", "BlockGrad", "make_loss", "zeros_like", "ones_like", "MakeLoss",
]  # fmt: skip
UNARY_POSITIVE = [
    "sqrt", "rsqrt", "reciprocal", "log", "log10", "log2", "log1p",
]  # fmt: skip
UNARY_UNIT = [
    "arcsin", "arccos", "arctanh",
]  # fmt: skip
BINARY = [
    "broadcast_add", "broadcast_sub", "broadcast_mul", "broadcast_div", "broadcast_mod", "broadcast_maximum", "broadcast_minimum",
    "broadcast_hypot", "broadcast_equal", "broadcast_not_equal", "broadcast_greater", "broadcast_greater_equal", "broadcast_lesser",
    "broadcast_lesser_equal", "broadcast_logical_and", "broadcast_logical_or", "broadcast_logical_xor",
]  # fmt: skip
SCALAR = [
    "_plus_scalar", "_minus_scalar", "_rminus_scalar", "_mul_scalar", "_div_scalar", "_rdiv_scalar", "_mod_scalar", "_rmod_scalar",
    "_rpower_scalar", "_maximum_scalar", "_minimum_scalar", "_hypot_scalar", "_equal_scalar", "_not_equal_scalar", "_greater_scalar",
    "_greater_equal_scalar", "_lesser_scalar", "_lesser_equal_scalar", "_logical_and_scalar", "_logical_or_scalar",
    "_logical_xor_scalar",
]  # fmt: skip

Case = tuple[str, list[np.ndarray], dict[str, Any]]
CASES: list[Case] = [
    *((name, [f(3, 5)], {}) for name in UNARY_ANY),
    *((name, [pos(3, 5)], {}) for name in UNARY_POSITIVE),
    *((name, [unit(3, 5)], {}) for name in UNARY_UNIT),
    ("arccosh", [pos(3, 5) + 1], {}),
    *((name, [f(2, 1, 4), f(3, 1)], {}) for name in BINARY),
    ("broadcast_power", [pos(2, 4), f(2, 1)], {}),
    *((name, [f(3, 4), f(3, 4)], {}) for name in ("elemwise_add", "elemwise_sub", "elemwise_mul", "elemwise_div", "_maximum", "_equal")),
    *((name, [f(3, 4)], {"scalar": 1.3}) for name in SCALAR),
    ("_power_scalar", [pos(3, 4)], {"scalar": 1.7}),
    ("_plus_scalar", [ints(5, 4, dtype=np.int32)], {"scalar": 3}),
    ("_greater_scalar", [ints(5, 4, dtype=np.int32)], {"scalar": 0.5}),
    ("floor", [ints(5, 4, dtype=np.int32)], {}),
    ("add_n", [f(2, 3), f(2, 3), f(2, 3)], {}),
    ("clip", [f(4, 5)], {"a_min": -0.5, "a_max": 1}),
    ("Cast", [f(4, 5)], {"dtype": "int32"}),
    ("where", [ints(1, 3, 4), f(3, 4), f(3, 4)], {}),
    ("where", [ints(1, 3), f(3, 4), f(3, 4)], {}),
    ("Dropout", [f(3, 4)], {"p": 0.5}),
    # layers
    ("Convolution", [f(2, 4, 7, 8), f(6, 2, 3, 2), f(6)],
     {"kernel": (3, 2), "num_filter": 6, "num_group": 2, "stride": (2, 1), "pad": (1, 0)}),
    ("Convolution", [f(2, 4, 9, 8), f(3, 4, 3, 3)], {"kernel": (3, 3), "num_filter": 3, "dilate": (2, 2), "no_bias": True}),
    ("Convolution", [f(2, 3, 9), f(4, 3, 3), f(4)], {"kernel": (3,), "num_filter": 4}),
    ("Convolution", [f(1, 2, 4, 5, 6), f(3, 2, 2, 3, 3), f(3)], {"kernel": (2, 3, 3), "num_filter": 3}),
    ("Convolution", [f(2, 7, 8, 4), f(6, 3, 2, 2), f(6)],
     {"kernel": (3, 2), "num_filter": 6, "num_group": 2, "stride": (2, 1), "layout": "NHWC"}),
    ("Deconvolution", [f(2, 4, 5, 6), f(4, 3, 3, 2), f(6)],
     {"kernel": (3, 2), "num_filter": 6, "num_group": 2, "stride": (2, 3), "pad": (1, 0), "adj": (1, 2), "no_bias": False}),
    ("Deconvolution", [f(1, 2, 4), f(2, 3, 4)], {"kernel": (4,), "num_filter": 3, "stride": (2,), "target_shape": (7,)}),
    ("Deconvolution", [f(1, 4, 5, 2), f(2, 3, 3, 3)], {"kernel": (3, 3), "num_filter": 3, "layout": "NHWC"}),
    ("Pooling", [f(2, 7, 8, 3)], {"kernel": (3, 2), "stride": (2, 2), "pool_type": "avg", "pooling_convention": "full", "layout": "NHWC"}),
    ("_contrib_BatchNormWithReLU", [f(2, 3, 4, 5), f(3), f(3), f(3), pos(3)], {"fix_gamma": False}),
    *(("_contrib_AdaptiveAvgPooling2D", [f(2, 3, 6, 8)], {"output_size": s}) for s in ((1,), (2, 4))),
    *(("_contrib_BilinearResize2D", [f(1, 2, 5, 6)], {"height": h, "width": w, "align_corners": a})
      for h, w in ((9, 4), (1, 12)) for a in (True, False)),
    ("FullyConnected", [f(2, 3, 4), f(5, 12), f(5)], {"num_hidden": 5}),
    ("FullyConnected", [f(2, 3), f(5, 3)], {"num_hidden": 5, "no_bias": True}),
    ("FullyConnected", [f(2, 3, 4), f(5, 4), f(5)], {"num_hidden": 5, "flatten": False}),
    *(("BatchNorm", [f(2, 3, 4, 5), f(3), f(3), f(3), pos(3)], {"fix_gamma": g, "eps": 1e-3}) for g in (False, True)),
    ("BatchNorm", [f(2, 4, 3), f(3), f(3), f(3), pos(3)], {"fix_gamma": False, "axis": -1}),
    ("BatchNorm", [f(4, 3), f(3), f(3), f(3), pos(3)], {"fix_gamma": False}),
    ("LayerNorm", [f(2, 3, 5), f(5), f(5)], {}),
    ("LayerNorm", [f(2, 3, 5), f(3), f(3)], {"axis": 1}),
    ("InstanceNorm", [f(2, 3, 5), f(3), f(3)], {}),
    ("GroupNorm", [f(2, 6, 5), f(3), f(3)], {"num_groups": 3}),
    *(("L2Normalization", [f(2, 3, 4)], {"mode": m}) for m in ("instance", "channel", "spatial")),
    ("LRN", [f(2, 7, 3, 3)], {"nsize": 5, "alpha": 0.1}),
    *(("Activation", [f(3, 4)], {"act_type": a}) for a in ("relu", "sigmoid", "tanh", "softrelu", "softsign")),
    *(("LeakyReLU", [f(3, 4)], {"act_type": a}) for a in ("leaky", "elu", "selu", "gelu", "rrelu")),
    ("LeakyReLU", [f(2, 3, 4, 4), pos(3)], {"act_type": "prelu"}),
    ("LeakyReLU", [f(2, 3), pos(1)], {"act_type": "prelu"}),
    ("softmax", [f(2, 3, 4)], {"axis": 1, "temperature": 2.0}),
    ("log_softmax", [f(2, 3)], {}),
    ("softmin", [f(2, 3)], {}),
    ("SoftmaxActivation", [f(2, 3, 4)], {"mode": "channel"}),
    ("SoftmaxActivation", [f(2, 3, 4)], {}),
    ("SoftmaxOutput", [f(2, 3)], {}),
    ("SoftmaxOutput", [f(2, 3, 4)], {}),
    ("SoftmaxOutput", [f(2, 3, 4)], {"multi_output": True}),
    ("SoftmaxOutput", [f(2, 3, 4)], {"preserve_shape": True}),
    ("LinearRegressionOutput", [f(2, 3)], {}),
    ("LogisticRegressionOutput", [f(2, 3)], {}),
    ("UpSampling", [f(1, 2, 3, 4)], {"scale": 2, "sample_type": "nearest", "num_args": 1}),
    ("UpSampling", [f(1, 2, 4, 4), f(1, 3, 2, 2)], {"scale": 2, "sample_type": "nearest", "num_args": 2}),
    ("UpSampling", [f(1, 2, 4, 4), f(2, 1, 4, 4)], {"scale": 2, "sample_type": "bilinear", "num_filter": 2, "num_args": 2}),
    # products
    ("dot", [f(3, 4), f(4, 5)], {}),
    ("dot", [f(4, 3), f(5, 4)], {"transpose_a": True, "transpose_b": True}),
    ("dot", [f(2, 3, 4), f(4, 5, 2)], {}),
    ("dot", [f(4, 2, 3), f(5, 4)], {"transpose_a": True, "transpose_b": True}),
    ("dot", [f(4), f(4)], {}),
    ("dot", [f(3, 4), f(4)], {}),
    ("batch_dot", [f(2, 3, 4), f(2, 5, 4)], {"transpose_b": True}),
    ("linalg_gemm2", [f(2, 4, 3), f(2, 4, 5)], {"transpose_a": True, "alpha": 0.5}),
    ("linalg_gemm", [f(3, 4), f(4, 5), f(3, 5)], {"alpha": 0.5, "beta": 2.0}),
    # shapes
    ("Flatten", [f(2, 3, 4)], {}),
    *(("Reshape", [f(2, 3, 4)], {"shape": s}) for s in ((0, -1), (-1,), (-3, 0), (-2,), (-4, 1, 2, -2), (6, 2, -1))),
    ("Reshape", [f(10, 5, 4)], {"shape": (-1, 0), "reverse": True}),
    ("reshape_like", [f(2, 6), f(3, 4)], {}),
    ("expand_dims", [f(2, 3)], {"axis": -1}),
    ("squeeze", [f(2, 1, 3, 1)], {}),
    ("squeeze", [f(2, 1, 3, 1)], {"axis": 1}),
    ("transpose", [f(2, 3, 4)], {}),
    ("transpose", [f(2, 3, 4)], {"axes": (1, 0, 2)}),
    ("SwapAxis", [f(2, 3, 4)], {"dim1": 0, "dim2": 2}),
    ("reverse", [f(2, 3, 4)], {"axis": (0, 2)}),
    ("depth_to_space", [f(1, 8, 2, 3)], {"block_size": 2}),
    ("space_to_depth", [f(1, 2, 4, 6)], {"block_size": 2}),
    ("tile", [f(2, 3)], {"reps": (2,)}),
    ("tile", [f(2, 3)], {"reps": (2, 1, 3)}),
    ("repeat", [f(2, 3)], {"repeats": 2, "axis": 1}),
    ("repeat", [f(2, 3)], {"repeats": 2}),
    ("broadcast_to", [f(1, 3)], {"shape": (4, 0)}),
    ("broadcast_axis", [f(1, 3, 1)], {"axis": (0, 2), "size": (2, 4)}),
    ("broadcast_like", [f(1, 3), f(4, 3)], {}),
    ("Concat", [f(2, 3), f(2, 1)], {"dim": 1}),
    ("stack", [f(2, 3), f(2, 3)], {"axis": 1}),
    *(("Pad", [f(1, 2, 4, 5)], {"mode": m, "pad_width": (0, 0, 0, 0, 1, 2, 0, 3)}) for m in ("constant", "edge", "reflect")),
    ("shape_array", [f(2, 3)], {}),
    ("size_array", [f(2, 3)], {}),
    # parts
    ("slice", [f(5, 6)], {"begin": (1, None), "end": (None, 1), "step": (2, -2)}),
    ("slice_axis", [f(5, 6)], {"axis": -1, "begin": -4, "end": None}),
    ("slice_like", [f(5, 6), f(3, 4)], {"axes": (0,)}),
    ("Crop", [f(1, 2, 5, 6), f(1, 1, 3, 4)], {"num_args": 2, "center_crop": True}),
    ("SliceChannel", [f(2, 6)], {"num_outputs": 3}),
    ("SliceChannel", [f(2, 3)], {"num_outputs": 3, "squeeze_axis": True}),
    ("take", [f(5, 3), ints(5, 2, 2)], {}),
    ("take", [f(5, 3), ints(5, 4)], {"axis": 1, "mode": "wrap"}),
    ("Embedding", [ints(5, 2, 3), f(5, 4)], {"input_dim": 5, "output_dim": 4}),
    ("pick", [f(4, 3), ints(3, 4)], {}),
    ("pick", [f(4, 3), ints(4, 3)], {"axis": 0, "keepdims": True}),
    ("gather_nd", [f(4, 3), RNG.randint(0, 3, (2, 5)).astype(np.float32)], {}),
    ("one_hot", [ints(4, 5)], {"depth": 4, "on_value": 2.0}),
    # reductions
    *((name, [f(2, 3, 4)], {"axis": a, "keepdims": k, "exclude": e})
      for name in ("sum", "mean", "max", "min", "prod") for a, k, e in ((None, False, False), ((0, -1), True, False), ((1,), False, True))),
    ("norm", [f(2, 3)], {"axis": 1}),
    ("norm", [f(2, 3)], {"ord": 1}),
    ("argmax", [f(3, 4)], {"axis": 1}),
    ("argmin", [f(3, 4)], {}),
    ("argmax_channel", [f(3, 4)], {}),
    ("topk", [f(3, 5)], {"k": 2, "ret_typ": "both"}),
    ("sort", [f(3, 5)], {"axis": 0}),
    ("argsort", [f(3, 5)], {"is_ascend": False}),
]  # fmt: skip

POOLS: list[dict[str, Any]] = [
    {"kernel": (3, 3), "stride": (2, 2), "pooling_convention": c, "pad": (p, p), "pool_type": t}
    for c in ("valid", "full", "same")
    for p in ((0,) if c == "same" else (0, 1))
    for t in ("max", "avg", "sum")
] + [
    {"kernel": (3, 2), "stride": (2, 3), "pad": (1, 0), "pool_type": "avg", "count_include_pad": False, "pooling_convention": "full"},
    {"kernel": (2, 2), "stride": (1, 2), "pool_type": "lp", "p_value": 2},
    {"kernel": (1, 2), "stride": (3, 3), "pool_type": "max", "pooling_convention": "full"},
    *({"global_pool": True, "pool_type": t, "p_value": 2} for t in ("max", "avg", "sum", "lp")),
]


@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda i: f"{i}-{CASES[i][0]}")
def test_operator(case: int, tmp_path: Path) -> None:
    name, arrays, params = CASES[case]
    function = getattr(mx.sym, name, None) or getattr(mx.sym._internal, name)
    net = function(*(mx.sym.var(f"x{i}") for i in range(len(arrays))), name="node", **params)
    values = {f"x{i}": a for i, a in enumerate(arrays)}
    check(net[0] if params.get("act_type") == "rrelu" else net, values, ["x0"] if "BatchNorm" in name else list(values), tmp_path)


@pytest.mark.parametrize("case", range(len(POOLS)), ids=str)
def test_pooling(case: int, tmp_path: Path) -> None:
    check(mx.sym.Pooling(mx.sym.var("x"), **POOLS[case]), {"x": f(2, 3, 8, 7)}, ["x"], tmp_path)


@pytest.mark.parametrize("case", range(len(POOLS)), ids=str)
def test_old_pooling(case: int, tmp_path: Path) -> None:
    params = {k: v for k, v in POOLS[case].items() if k not in ("p_value", "count_include_pad")}
    if params["pool_type"] == "lp" or params.get("pooling_convention") == "same":
        pytest.skip("the first version has neither")
    check(mx.sym.Pooling_v1(mx.sym.var("x"), **params), {"x": f(2, 3, 8, 7)}, ["x"], tmp_path)


def test_constants(tmp_path: Path) -> None:
    x = mx.sym.var("x")
    parts = [
        mx.sym.arange(1, 7, 0.5, repeat=2),
        mx.sym.eye(3, 4, 1),
        mx.sym.full((2, 2), 3),
        mx.sym.linspace(0, 1, 5),
        mx.sym.zeros((2, 1)),
    ]
    parts.append(mx.sym.contrib.arange_like(x, axis=1))
    check(mx.sym.Group([*parts, x]), {"x": f(3, 5)}, ["x"], tmp_path)


def residual_net() -> mx.sym.Symbol:
    """What residual networks are made of, a branch shared by two outputs, and a loss."""
    x = mx.sym.var("data")
    x = mx.sym.Convolution(x, kernel=(3, 3), pad=(1, 1), num_filter=8, no_bias=True, name="conv0")
    x = mx.sym.Activation(mx.sym.BatchNorm(x, fix_gamma=False, name="bn0"), act_type="relu")
    y = mx.sym.Convolution(x, kernel=(3, 3), pad=(1, 1), num_filter=8, num_group=8, name="conv1")
    y = mx.sym.clip(mx.sym.BatchNorm(y, name="bn1"), 0, 6)
    x = mx.sym.Pooling(mx.sym.concat(x + y, y, dim=1), kernel=(3, 3), stride=(2, 2), pool_type="max", pooling_convention="full")
    x = mx.sym.FullyConnected(mx.sym.Dropout(mx.sym.Flatten(x)), num_hidden=5, name="fc")
    return mx.sym.Group([mx.sym.SoftmaxOutput(x, name="softmax"), x])


def weights(net: mx.sym.Symbol, **shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    args, _, aux = net.infer_shape(**shapes)
    found = dict(zip(net.list_arguments(), args, strict=True)) | dict(zip(net.list_auxiliary_states(), aux, strict=True))
    return {n: (pos if n.endswith("var") else f)(*s) for n, s in found.items() if n not in shapes and not n.endswith("label")}


def test_net(tmp_path: Path) -> None:
    net = residual_net()
    check(net, {**weights(net, data=(2, 3, 9, 9)), "data": f(2, 3, 9, 9)}, ["data"], tmp_path)


def test_files_and_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = residual_net()
    values = weights(net, data=(2, 3, 9, 9))
    states = net.list_auxiliary_states()
    net.save(str(tmp_path / "net-symbol.json"))
    mx.nd.save(str(tmp_path / "net.params"), {f"{'aux' if n in states else 'arg'}:{n}": mx.nd.array(v) for n, v in values.items()})
    path = str(tmp_path / "a.onnx")
    assert mx.contrib.onnx.export_model is mx.onnx.export_model
    mx.contrib.onnx.export_model(str(tmp_path / "net-symbol.json"), str(tmp_path / "net.params"), [(2, 3, 9, 9)], np.float32, path, True)
    assert "conv0 (Convolution) -> Conv" in capsys.readouterr().out
    model = onnx.load(path)
    assert [i.name for i in model.graph.input] == ["data"]
    assert [o.name for o in model.graph.output] == ["softmax", "fc"]
    again = str(tmp_path / "b.onnx")
    pair = [{n: v for n, v in values.items() if n not in states}, {n: values[n] for n in states}]
    mx.onnx.export_model(net, pair, input_shape=[(2, 3, 9, 9), (2,)], input_type=[np.float32] * 2, onnx_file_path=again)
    x = {"data": f(2, 3, 9, 9)}
    assert all(np.array_equal(a, b) for a, b in zip(run_file(Path(path), x), run_file(Path(again), x), strict=True))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.onnx", "b.onnx", "net-symbol.json", "net.params"]


def test_open_batch(tmp_path: Path) -> None:
    net = residual_net()
    values = weights(net, data=(2, 3, 9, 9))
    path = tmp_path / "model.onnx"
    mx.onnx.export_model(
        net, values, [(2, 3, 9, 9)], np.float32, str(path), dynamic=True, dynamic_input_shapes=[("N", 3, 9, 9)], run_shape_inference=True
    )
    for batch in (1, 5):
        x = f(batch, 3, 9, 9)
        labels = {"softmax_label": mx.nd.zeros(batch)}
        states = {n: mx.nd.array(values[n]) for n in net.list_auxiliary_states()}
        arguments = {n: mx.nd.array(v) for n, v in {**values, "data": x}.items() if n not in states}
        want = [o.asnumpy() for o in net.bind(mx.cpu(), {**arguments, **labels}, aux_states=states).forward()]
        got = run_file(path, {"data": x})
        np.testing.assert_allclose(got[1], want[1], rtol=0, atol=1e-5 * np.abs(want[1]).max())
        for probabilities, logits in (got, want):  # each side's own, since an error of the logits grows in the exponentials
            e = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
            np.testing.assert_allclose(probabilities, e / e.sum(axis=1, keepdims=True), rtol=0, atol=1e-6)


def test_recorded_models(tmp_path: Path) -> None:
    folder = Path(__file__).parents[1] / "reference" / "models" / "mobileface_id_v3"
    net = mx.sym.load(str(next(folder.glob("*.json"))))
    params = {k.split(":", 1)[-1]: v.asnumpy() for k, v in mx.nd.load(str(next(folder.glob("*.params")))).items()}
    check(net, {**params, "data": f(1, 3, 112, 112)}, ["data"], tmp_path, 1e-4)


def test_refusals(tmp_path: Path) -> None:
    path = str(tmp_path / "model.onnx")
    x = mx.sym.var("x")
    with pytest.raises(mx.MXNetError, match=r"'late' \(gammaln\).*no converter.*replace the node"):
        mx.onnx.export_model(mx.sym.gammaln(x, name="late"), {}, [(2,)], onnx_file_path=path)
    with pytest.raises(mx.MXNetError, match="has 2 items, the model has 1 inputs: x"):
        mx.onnx.export_model(mx.sym.relu(x), {}, [(2,), (3,)], onnx_file_path=path)
    with pytest.raises(mx.MXNetError, match="shape of 'x' is not known"):
        mx.onnx.export_model(mx.sym.relu(x), {}, onnx_file_path=path)
    with pytest.raises(mx.MXNetError, match="needs the extent of axis 1"):
        mx.onnx.export_model(mx.sym.split(x, num_outputs=2), {}, [(2, 4)], onnx_file_path=path, dynamic=True)
    with pytest.raises(mx.MXNetError, match="use_length"):
        mx.onnx.export_model(mx.sym.softmax(x, mx.sym.var("n", dtype="int32"), use_length=True), {}, [(2, 4), (2,)], onnx_file_path=path)
    with pytest.raises(TypeError, match="params must be"):
        mx.onnx.export_model(mx.sym.relu(x), 3, [(2,)], onnx_file_path=path)
    assert not list(tmp_path.iterdir())


def test_names_do_not_clash(tmp_path: Path) -> None:
    """Nodes of one name, a variable named as a node, and one tensor as two outputs."""
    x = mx.sym.var("node")
    a = mx.sym.relu(x, name="same")
    b = mx.sym.exp(a, name="same")
    check(mx.sym.Group([a, b, b, x]), {"node": f(2, 3)}, ["node"], tmp_path)
    names = [o.name for o in onnx.load(str(tmp_path / "model.onnx")).graph.output]
    assert len(set(names)) == 4


def test_every_zoo_operator_has_a_converter() -> None:
    from clsym.contrib.onnx import converters  # noqa: F401
    from clsym.contrib.onnx.layer import _CONVERTERS
    from clsym.graph.contract.registry import find_op

    graph = json.loads((Path(__file__).parents[1] / "reference" / "resnet18_v1.json").read_text())
    assert {find_op(n["op"]).name for n in graph["nodes"] if n["op"] != "null"} <= set(_CONVERTERS)
