"""Models as people keep them, and the commands for people who have only the files."""

from __future__ import annotations

import io
import json
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest

import clsym as mx
from clsym import cli
from clsym.inspect_model import describe_graph, multiply_adds
from clsym.model import load_checkpoint, load_model, load_params, save_checkpoint


def network():
    net = mx.sym.Convolution(mx.sym.Variable("data"), num_filter=4, kernel=(3, 3), name="c")
    net = mx.sym.BatchNorm(net, fix_gamma=False, name="bn")
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(net, num_hidden=3, name="f"), name="softmax")


SHAPE = (2, 1, 6, 6)


@pytest.fixture
def saved(tmp_path):
    """The start of the names of a checkpoint's files, epochs 2 and 10, and the outputs for `ones`."""
    net = network()
    ex = net.simple_bind(mx.cpu(), grad_req="null", data=SHAPE)
    for array in (*ex.arg_dict.values(), *ex.aux_dict.values()):
        array[:] = np.random.rand(*array.shape)
    params = {n: a for n, a in ex.arg_dict.items() if n not in ("data", "softmax_label")}
    save_checkpoint(str(tmp_path / "net"), 2, net, {n: a * 0 for n, a in params.items()}, ex.aux_dict)
    save_checkpoint(str(tmp_path / "net"), 10, None, params, ex.aux_dict)
    ex.arg_dict["data"][:] = 1
    return tmp_path / "net", ex.forward()[0].asnumpy()


def outputs(model, ctx=None):
    net = model.symbol.strip_training_head()
    ex = net.simple_bind(ctx or mx.cpu(), grad_req="null", data=SHAPE)
    ex.copy_params_from(model.arg_params, model.aux_params)
    ex.arg_dict["data"][:] = 1
    return ex.forward()[0].asnumpy()


def test_checkpoints(saved, ctx):
    prefix, want = saved
    net, args, aux = load_checkpoint(str(prefix), 10)
    assert net.list_outputs() == ["softmax_output"] and sorted(aux) == ["bn_moving_mean", "bn_moving_var"]
    assert load_params(str(prefix), 2)[0]["f_bias"].asnumpy().tolist() == [0, 0, 0] and set(args) == {
        "c_weight", "c_bias", "bn_gamma", "bn_beta", "f_weight", "f_bias"
    }  # fmt: skip
    for path in (f"{prefix}-symbol.json", prefix, str(prefix)):
        np.testing.assert_allclose(outputs(load_model(path), ctx), want, rtol=1e-4)
    (prefix.parent / "folder").mkdir()
    for name in ("net-symbol.json", "net-0010.params"):
        (prefix.parent / name).rename(prefix.parent / "folder" / name)
    np.testing.assert_allclose(outputs(load_model(prefix.parent / "folder"), ctx), want, rtol=1e-4)
    assert not load_model(prefix.parent / "folder" / "net", prefix.parent / "net-0002.params").arg_params["f_bias"].asnumpy().any()


def archive(path, files, mode="w:gz"):
    with tarfile.open(path, mode) as out:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return path


def test_archives(saved, tmp_path):
    prefix, want = saved
    files = {
        "model-symbol.json": Path(f"{prefix}-symbol.json").read_bytes(),
        "model-0000.params": Path(f"{prefix}-0010.params").read_bytes(),
        "model-shapes.json": json.dumps([{"shape": list(SHAPE), "name": "data"}]).encode(),
    }
    model = load_model(archive(tmp_path / "model.tar.gz", files))
    assert model.shapes == {"data": SHAPE}
    np.testing.assert_allclose(outputs(model), want, rtol=1e-4)
    # Gluon's names for the same
    gluon = {"./model.json": files["model-symbol.json"], "./model.params": files["model-0000.params"]}
    np.testing.assert_allclose(outputs(load_model(archive(tmp_path / "gluon.tar.gz", gluon))), want, rtol=1e-4)


def test_damaged_models(saved, tmp_path):
    prefix, _ = saved
    whole = Path(f"{prefix}-symbol.json").read_bytes()
    truncated = archive(tmp_path / "t.tar.gz", {"m-symbol.json": whole}).read_bytes()
    (tmp_path / "t.tar.gz").write_bytes(truncated[: len(truncated) // 2])
    (tmp_path / "noise.bin").write_bytes(b"\0\1\2" * 100)
    for path, problem in (
        (tmp_path / "t.tar.gz", "archive"),
        (tmp_path / "noise.bin", "archive"),
        (archive(tmp_path / "e.tar", {"x.txt": b""}, "w"), "one graph"),
        (archive(tmp_path / "two.tar", {"a-symbol.json": whole, "b-symbol.json": whole}, "w"), "found 2"),
        (archive(tmp_path / "s.tar", {"a-symbol.json": whole, "a-shapes.json": b'{"x": 1}'}, "w"), "shape"),
        (tmp_path / "nothing", "nothing-symbol.json"),
        (f"{prefix}-0010.params", "give the graph first"),
    ):
        with pytest.raises(mx.MXNetError, match=problem):
            load_model(path)


def test_safetensors(saved, ctx):
    pytest.importorskip("safetensors")
    prefix, want = saved
    found = mx.nd.load(f"{prefix}-0010.params")
    target = f"{prefix}-0011.safetensors"
    mx.nd.save(target, {k: v.astype("float16") if "bn" in k else v for k, v in found.items()})
    again = mx.nd.load(target)
    assert again["arg:bn_gamma"].dtype == np.float16 and again["arg:c_weight"].dtype == np.float32
    np.testing.assert_array_equal(again["arg:c_weight"].asnumpy(), found["arg:c_weight"].asnumpy())
    np.testing.assert_allclose(outputs(load_model(prefix), ctx), want, rtol=0.02)
    with pytest.raises(ValueError, match="dict"):
        mx.nd.save(target, [mx.nd.ones(2)])
    Path(target).write_bytes(Path(target).read_bytes()[:40])
    with pytest.raises(mx.MXNetError, match="safetensors"):
        mx.nd.load(target)


def test_run(saved, capsys, tmp_path):
    prefix, want = saved
    np.save(tmp_path / "one.npy", np.ones(SHAPE[1:], np.float32))
    (tmp_path / "labels.txt").write_text("cat\ndog\nbird\n")
    shape = "data=" + ",".join(map(str, SHAPE))
    command = ["run", str(prefix), "--shape", shape, "--input", str(tmp_path / "one.npy"), "--top", "2"]
    assert cli.main([*command, "--labels", str(tmp_path / "labels.txt"), "--output", str(tmp_path / "out.npz")]) == 0
    said = capsys.readouterr().out
    best = ["cat", "dog", "bird"][int(want[0].argmax())]
    assert f"row 0: {best}: {want[0].max():.6g}" in said and "softmax_output: float32 (2, 3)" in said
    np.testing.assert_allclose(np.load(tmp_path / "out.npz")["softmax_output"], want, rtol=1e-4)
    for wrong, problem in (
        (["--shape", "dat=1,1,6,6"], "no input dat"),
        ([], "give the shape"),
        (["--shape", shape, "--input", "missing.npy"], "no file"),
        (["--shape", shape, "--input", str(prefix) + "-symbol.json"], "image"),
        (["--shape", shape, "--input", f"x={tmp_path / 'one.npy'}"], "the inputs are data"),
        (["--shape", "data=1,1,7,7", "--input", str(tmp_path / "one.npy")], "f_weight|shape"),
        (["--shape", "data=1,x"], "expected as in"),
    ):
        assert cli.main(["run", str(prefix), *wrong]) == 1

        assert re.search(problem, capsys.readouterr().err), problem


def test_run_on_an_image(saved, capsys, tmp_path):
    image = pytest.importorskip("PIL.Image")
    prefix, _ = saved
    image.fromarray(np.full((9, 12, 3), 255, np.uint8)).save(tmp_path / "white.png")
    shape = "data=" + ",".join(map(str, SHAPE))
    assert cli.main(["run", str(prefix), "--shape", shape, "--input", str(tmp_path / "white.png"), "--std", "255", "--top", "1"]) == 0
    white = capsys.readouterr().out
    np.save(tmp_path / "one.npy", np.ones(SHAPE, np.float32))
    assert cli.main(["run", str(prefix), "--shape", shape, "--input", str(tmp_path / "one.npy"), "--top", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[:3] == white.splitlines()[:3]


def test_inspect(saved, capsys):
    prefix, _ = saved
    assert cli.main(["inspect", f"{prefix}-symbol.json", "--shape", "data=" + ",".join(map(str, SHAPE))]) == 0
    said = capsys.readouterr().out
    assert "Convolution" in said and "inputs           data" in said and "arena" in said
    found = describe_graph(Path(f"{prefix}-symbol.json").read_text(), {"data": SHAPE})
    assert found["parameters"] == 36 + 4 + 4 * 4 + 3 * 64 + 3
    assert found["multiply_adds"] == 2 * (16 * 4 * 9 + 64 * 3)
    assert multiply_adds(mx.sym.dot(mx.sym.var("a"), mx.sym.var("b")), a=(2, 3), b=(3, 5)) == {"dot": 30}
    with pytest.raises(mx.MXNetError, match="determine"):
        multiply_adds(mx.sym.dot(mx.sym.var("a"), mx.sym.var("b")), a=(2, 3))


def test_missing_operators_are_named_at_once(tmp_path, capsys):
    nodes = [{"op": "null", "name": "x", "inputs": []}]
    for i, op in enumerate(["Foo", "Bar", "Foo", "relu", "Foo", "Foo"]):
        nodes.append({"op": op, "name": f"n{i}", "inputs": [[i, 0, 0]]})
    text = json.dumps({"nodes": nodes, "arg_nodes": [0], "heads": [[6, 0, 0]]})
    with pytest.raises(mx.MXNetError) as caught:
        mx.sym.load_json(text)
    assert "Foo: 4 nodes (n0, n2, n4, ...)" in str(caught.value) and "Bar: 1 node (n1)" in str(caught.value)
    (tmp_path / "m-symbol.json").write_text(text)
    assert cli.main(["inspect", str(tmp_path / "m-symbol.json")]) == 1
    said = capsys.readouterr().out
    assert "not in clsym" in said and "Foo: 4 nodes" in said
    assert cli.main(["operators", "--absent"]) == 0
    assert "mx.np" in capsys.readouterr().out


def test_training_heads_are_stripped(ctx):
    x, y = np.random.rand(2, 3, 4).astype(np.float32), np.zeros((2, 4), np.float32)
    data = mx.sym.Variable("data")
    for head, labels in (
        (mx.sym.SoftmaxOutput(data, name="o"), (2, 3)),
        (mx.sym.SoftmaxOutput(data, multi_output=True, name="o"), y.shape),
        (mx.sym.SoftmaxOutput(data, preserve_shape=True, name="o"), (2, 3)),
        (mx.sym.LogisticRegressionOutput(data, name="o"), x.shape),
        (mx.sym.LinearRegressionOutput(data, name="o"), x.shape),
        (mx.sym.MAERegressionOutput(data, name="o"), x.shape),
    ):
        want = head.eval(ctx, data=mx.nd.array(x, ctx), o_label=mx.nd.zeros(labels, ctx))[0].asnumpy()
        bare = head.strip_training_head()
        assert bare.list_arguments() == ["data"] and bare.list_outputs() == ["o_output"]
        np.testing.assert_allclose(bare.eval(ctx, data=mx.nd.array(x, ctx))[0].asnumpy(), want, rtol=1e-6)
    loss = mx.sym.MakeLoss(mx.sym.sum(data), name="loss")
    both = mx.sym.Group([loss, mx.sym.BlockGrad(mx.sym.sigmoid(data, name="prediction"))])
    assert both.strip_training_head().list_outputs() == ["prediction_output"]
    with pytest.raises(mx.MXNetError, match="all outputs are losses"):
        loss.strip_training_head()
