"""ONNX import: a part of the library's node tests, whole models, and files that are damaged or mean harm."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import numpy as np
import pytest

import clsym as mx

onnx = pytest.importorskip("onnx")
helper, tensors = pytest.importorskip("onnx.helper"), pytest.importorskip("onnx.numpy_helper")
sys.path.insert(0, str(Path(__file__).parents[1]))

FLOAT = 1


def model(nodes, inputs, outputs, initializers=None, opset=17, **fields):
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(n, t, s) for n, (t, s) in inputs.items()],
        [helper.make_tensor_value_info(n, FLOAT, None) for n in outputs],
        [tensors.from_array(np.asarray(v), n) for n, v in (initializers or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, **fields)


def node(kind, inputs, outputs, **attrs):
    return helper.make_node(kind, inputs, outputs, name=f"{outputs[0]}_node", **attrs)


def test_node_tests_of_the_library(ctx, seed):
    """Every hundredth of them, from a place that the seed of the run chooses; `tests/onnx_backend.py` runs all."""
    from onnx_backend import cases, outcome

    chosen = [c for c in cases() if "bernoulli" not in c.name][seed % 100 :: 100]
    found = {c.name: outcome(c, ctx) for c in chosen}
    passed = [n for n, (status, _) in found.items() if status == "passed"]
    # what is known not to go, each with its reason in the message
    known = ("training_mode is true", "mode 'max'", "edge_cases", "max_empty_set_bool")
    failed = {n: why for n, (status, why) in found.items() if status == "failed" and not any(k in why + n for k in known)}
    assert not failed
    assert len(passed) > len(chosen) // 2, found


def test_a_network_with_shapes_computed_inside(ctx):
    """Shape, Gather, Concat and Reshape, as exporters write a flattening."""
    w, b = np.random.rand(5, 2 * 3 * 3).astype(np.float32), np.random.rand(5).astype(np.float32)
    kernel = np.random.rand(2, 1, 3, 3).astype(np.float32)
    nodes = [
        node("Conv", ["x", "k"], ["c"], pads=[1, 1, 1, 1], strides=[2, 2]),
        node("Relu", ["c"], ["r"]),
        node("Shape", ["r"], ["s"]),
        node("Gather", ["s", "zero"], ["n"], axis=0),
        node("Unsqueeze", ["n", "axis"], ["n1"]),
        node("Concat", ["n1", "minus"], ["target"], axis=0),
        node("Reshape", ["r", "target"], ["flat"]),
        node("Gemm", ["flat", "w", "b"], ["y"], transB=1),
    ]
    constants = {"zero": np.int64(0), "axis": np.array([0], np.int64), "minus": np.array([-1], np.int64), "w": w, "b": b, "k": kernel}
    net, args, aux = mx.onnx.import_model(model(nodes, {"x": (FLOAT, [2, 1, 6, 6])}, ["y"], constants))
    assert net.list_arguments() == ["x", "k", "w", "b"] and not aux and net.list_outputs() == ["y_node_output"]
    x = np.random.rand(2, 1, 6, 6).astype(np.float32)
    got = net.eval(ctx, x=mx.nd.array(x, ctx), **{n: a.as_in_context(ctx) for n, a in args.items()})[0].asnumpy()
    from onnx.reference import ReferenceEvaluator

    want = ReferenceEvaluator(model(nodes, {"x": (FLOAT, [2, 1, 6, 6])}, ["y"], constants)).run(None, {"x": x})[0]
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_open_extents_and_constants():
    nodes = [node("Reshape", ["x", "shape"], ["y"])]
    proto = model(nodes, {"x": (FLOAT, ["N", 4]), "shape": (7, [2])}, ["y"])
    with pytest.raises(mx.MXNetError, match="constants="):
        mx.onnx.import_model(proto)
    net, _, _ = mx.onnx.import_model(proto, shapes={"x": (2, 4)}, constants={"shape": np.array([4, -1])})
    assert net.list_arguments() == ["x"] and net.infer_shape(x=(2, 4))[1] == [(4, 2)]
    with pytest.raises(mx.MXNetError, match="no inputs of the model"):
        mx.onnx.import_model(proto, shapes={"z": (2,)})
    meta = mx.onnx.import_to_symbol_with_metadata(model([node("Relu", ["x"], ["y"])], {"x": (FLOAT, ["N", 4])}, ["y"]))[3]
    assert meta == {"input_tensor_data": [("x", (0, 4))], "output_tensor_data": [("y", ())]}


def test_functions_of_the_file(ctx):
    body = helper.make_function(
        "mine", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["t"]), helper.make_node("Elu", ["t"], ["b"])],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    call = helper.make_node("Twice", ["x"], ["y"], domain="mine")
    again = helper.make_node("Twice", ["y"], ["z"], domain="mine")
    proto = model([call, again], {"x": (FLOAT, [3])}, ["z"], functions=[body])
    proto.opset_import.append(helper.make_opsetid("mine", 1))
    net, _, _ = mx.onnx.import_model(proto)
    assert net.eval(ctx, x=mx.nd.array([1, 2, 3], ctx))[0].asnumpy().tolist() == [4, 8, 12]


def graph_of(nodes, inputs, outputs, constants=None):
    given = [helper.make_tensor_value_info(n, t, None if t == FLOAT else []) for n, t in inputs.items()]
    results = [helper.make_value_info(n, onnx.TypeProto()) for n in outputs]
    return helper.make_graph(nodes, "inner", given, results, [tensors.from_array(np.asarray(v), n) for n, v in (constants or {}).items()])


def agrees(proto, ctx, **feeds):
    """The symbol answers what ONNX Runtime does."""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    net, args, _ = mx.onnx.import_model(proto)
    got = net.eval(
        ctx, **{n: mx.nd.array(v, ctx, dtype=v.dtype) for n, v in feeds.items()}, **{n: a.as_in_context(ctx) for n, a in args.items()}
    )
    for g, want in zip(got, session.run(None, feeds), strict=True):
        np.testing.assert_allclose(g.asnumpy().reshape(want.shape), want, rtol=1e-5, atol=1e-6)


def test_loops_and_branches(ctx):
    """A loop in a loop, one that ends early, a scan backwards, and a branch that the data decide on."""
    x = np.random.rand(3, 2).astype(np.float32)
    inner = graph_of(
        [node("Mul", ["v", "half"], ["w"]), node("Identity", ["go2"], ["more2"])],
        {"j": 7, "go2": 9, "v": 1},
        ["more2", "w"],
        {"half": np.float32(0.5)},
    )
    outer = graph_of(
        [
            node("Loop", ["two", "", "s"], ["t"], body=inner), node("Add", ["t", "x"], ["u"]), node("Less", ["i", "three"], ["more"]),
            node("Cast", ["i"], ["number"], to=1),
        ],
        {"i": 7, "go": 9, "s": 1}, ["more", "u", "u", "number"], {"two": np.int64(2), "three": np.int64(3)},
    )  # fmt: skip
    scan = graph_of([node("Add", ["a", "b"], ["c"]), node("Identity", ["c"], ["d"])], {"a": 1, "b": 1}, ["c", "d"])
    yes, no = graph_of([node("Neg", ["x"], ["m"])], {}, ["m"]), graph_of([node("Exp", ["x"], ["e"])], {}, ["e"])
    nodes = [
        node("Loop", ["most", "", "x"], ["y", "all", "numbers"], body=outer),
        node("Scan", ["start", "x"], ["total", "sums"], body=scan, num_scan_inputs=1, scan_input_axes=[1], scan_input_directions=[1]),
        node("ReduceSum", ["x"], ["sum"], keepdims=0), node("Greater", ["sum", "limit"], ["big"]),
        node("If", ["big"], ["z"], then_branch=yes, else_branch=no),
    ]  # fmt: skip
    for limit in (0, 100):
        constants = {"most": np.int64(9), "start": np.zeros(3, np.float32), "limit": np.float32(limit)}
        proto = model(nodes, {"x": (FLOAT, [3, 2])}, ["y", "all", "numbers", "total", "sums", "z"], constants)
        agrees(proto, ctx, x=x)


def test_loops_that_cannot_be_written_out(monkeypatch):
    from clsym.contrib.onnx.importing import loops

    monkeypatch.setattr(loops, "_MOST_NODES", 100)
    body = graph_of([node("Identity", ["go"], ["more"]), node("Neg", ["s"], ["t"])], {"i": 7, "go": 9, "s": 1}, ["more", "t"])
    loop = node("Loop", ["n", "", "x"], ["y"], body=body)
    with pytest.raises(mx.MXNetError, match="'n' must be a constant"):
        mx.onnx.import_model(model([loop], {"x": (FLOAT, [3]), "n": (7, [])}, ["y"]))
    with pytest.raises(mx.MXNetError, match="make the loop shorter"):
        mx.onnx.import_model(model([loop], {"x": (FLOAT, [3])}, ["y"], {"n": np.int64(1 << 60)}))


def test_missing_operators_are_named_at_once():
    nodes = [node("Foo", ["x"], ["a"]), node("Unique", ["a"], ["b"]), node("Foo", ["b"], ["c"])]
    with pytest.raises(mx.MXNetError) as caught:
        mx.onnx.import_model(model(nodes, {"x": (FLOAT, [1])}, ["c"]))
    assert "Foo: 2 nodes (a_node, c_node)" in str(caught.value) and "Unique: 1 node (b_node)" in str(caught.value)


def test_damaged_files(tmp_path):
    whole = model([node("MatMul", ["x", "w"], ["y"])], {"x": (FLOAT, [2, 3])}, ["y"], {"w": np.ones((3, 4), np.float32)})
    content = whole.SerializeToString()
    (tmp_path / "m.onnx").write_bytes(content)
    assert mx.onnx.import_model(tmp_path / "m.onnx")[0].list_arguments() == ["x", "w"]
    for broken, problem in (
        (content[: len(content) // 2], "no ONNX model"),
        (b"", "no graph"),
        (b"\x89PNG hello", "no ONNX model"),
        (b'{"nodes": []}', "no ONNX model"),
    ):
        (tmp_path / "b.onnx").write_bytes(broken)
        with pytest.raises(mx.MXNetError, match=problem):
            mx.onnx.import_model(tmp_path / "b.onnx")
    with pytest.raises(mx.MXNetError, match="cannot read"):
        mx.onnx.import_model(tmp_path / "none.onnx")
    for change, problem in (
        (lambda m: m.graph.node[0].input.__setitem__(0, "nothing"), "reads 'nothing'"),
        (lambda m: m.graph.initializer[0].dims.__setitem__(0, 7), "does not fit shape"),
        (lambda m: m.graph.output[0].__setattr__("name", "z"), "outputs z"),
        (lambda m: m.graph.initializer[0].__setattr__("data_type", 16), "element type"),
        (lambda m: m.graph.input[0].type.tensor_type.__setattr__("elem_type", 8), "element type STRING"),
        (lambda m: m.graph.input[0].type.tensor_type.shape.dim[1].__setattr__("dim_value", 5), "y_node"),
    ):
        bad = onnx.ModelProto()
        bad.CopyFrom(whole)
        change(bad)
        with pytest.raises(mx.MXNetError, match=problem):
            net, _, _ = mx.onnx.import_model(bad)
            net.simple_bind(mx.cpu(), x=(2, 5))


def test_external_data_stays_in_its_folder(tmp_path):
    weight = np.random.rand(3, 4).astype(np.float32)
    proto = model([node("MatMul", ["x", "w"], ["y"])], {"x": (FLOAT, [2, 3])}, ["y"], {"w": weight})
    folder = tmp_path / "in"
    folder.mkdir()
    onnx.save(proto, folder / "m.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    _, args, _ = mx.onnx.import_model(folder / "m.onnx")
    np.testing.assert_array_equal(args["w"].asnumpy(), weight)
    (tmp_path / "secret.bin").write_bytes(b"x" * 100)
    stored = onnx.load(folder / "m.onnx", load_external_data=False)
    for entry in stored.graph.initializer[0].external_data:
        if entry.key == "location":
            where = entry
    for location in ("../secret.bin", str(tmp_path / "secret.bin"), ""):
        where.value = location
        (folder / "bad.onnx").write_bytes(stored.SerializeToString())
        with pytest.raises(mx.MXNetError, match="outside the model's folder"):
            mx.onnx.import_model(folder / "bad.onnx")
    where.value = "weights.bin"
    (folder / "weights.bin").write_bytes(b"short")
    (folder / "bad.onnx").write_bytes(stored.SerializeToString())
    with pytest.raises(mx.MXNetError, match="needs bytes"):
        mx.onnx.import_model(folder / "bad.onnx")


def test_mutated_files_are_refused_or_run(seed):
    """Bytes of a file changed at random: an error of clsym's, or a symbol."""
    rng = np.random.RandomState(seed)
    nodes = [node("Conv", ["x", "k"], ["c"]), node("Relu", ["c"], ["r"]), node("Flatten", ["r"], ["f"]), node("Softmax", ["f"], ["y"])]
    content = bytearray(model(nodes, {"x": (FLOAT, [1, 1, 4, 4])}, ["y"], {"k": np.ones((1, 1, 2, 2), np.float32)}).SerializeToString())
    for _ in range(400):
        copy = bytearray(content)
        for _ in range(rng.randint(1, 6)):
            copy[rng.randint(len(copy))] = rng.randint(256)
        with contextlib.suppress(mx.MXNetError):
            mx.onnx.import_model(bytes(copy))
