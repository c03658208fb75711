"""The benchmark scripts run, agree with a rival where there is one, and survive rivals that do not start, die or hang."""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

import clsym as mx

TOOLS = Path(__file__).parents[2] / "tools"
pytestmark = pytest.mark.skipif(not TOOLS.is_dir(), reason="needs a checkout")


def run(name: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(TOOLS / name), *args], capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small net, as a file."""
    x = mx.sym.Convolution(mx.sym.var("data"), kernel=(3, 3), num_filter=4, name="conv")
    x = mx.sym.Activation(mx.sym.BatchNorm(x, name="bn"), act_type="relu")
    path = tmp_path / "small.json"
    mx.sym.FullyConnected(x, num_hidden=3, name="fc").save(str(path))
    return path


def test_model_against_nobody(model: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    done = run(
        "bench_model.py", str(model), "--shape", "3,8,8", "--batch", "1,2", "--seconds", "0.01", "--rounds", "2", "--json", str(figures)
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(figures.read_text())
    assert [(r["model"], r["batch"]) for r in result["rows"]] == [("small", 1), ("small", 2)]
    assert all(r["ms"]["clsym"] > 0 for r in result["rows"])
    assert result["machine"]["cores"] >= 1 and "bench_model.py" in result["command"]


@pytest.mark.skipif(not (importlib.util.find_spec("onnx") and importlib.util.find_spec("onnxruntime")), reason="needs ONNX Runtime")
def test_model_against_onnx_runtime(model: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    arguments = ["--shape", "3,8,8", "--seconds", "0.01", "--rounds", "2", "--against", "onnxruntime,tinygrad", "--json", str(figures)]
    done = run("bench_model.py", str(model), *arguments, "--tinygrad-python", str(tmp_path / "nothing"))
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(figures.read_text())["rows"]
    assert row["error"]["onnxruntime"] < 1e-5
    assert row["ratio"]["best"] == row["ratio"]["onnxruntime"] > 0
    assert "cannot be run" in row["unavailable"]["tinygrad"]


def test_training_step(model: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    done = run(
        "bench_model.py", str(model), "--shape", "3,8,8", "--batch", "2", "--train", "--seconds", "0.01", "--rounds", "1",
        "--json", str(figures),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(figures.read_text())["rows"][0]["train"] is True


def test_start(model: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    done = run("bench_start.py", str(model), "--shape", "1,3,8,8", "--warm", "1", "--json", str(figures))
    assert done.returncode == 0, done.stderr
    rows = json.loads(figures.read_text())["rows"]
    assert all(row["total"] > row["import"] + row["bind"] + row["first"] > 0 < row["programs"] for row in rows.values())


@pytest.mark.skipif(not (importlib.util.find_spec("onnx") and importlib.util.find_spec("onnxruntime")), reason="needs ONNX Runtime")
def test_operators_against_onnx_runtime(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    arguments = ["--filter", "topk 5 of|detection.*400 best", "--rounds", "1", "--against", "onnxruntime", "--json", str(figures)]
    done = run("bench_op.py", *arguments)
    assert done.returncode == 0, done.stderr
    assert "ONNX has no such operator" in done.stderr
    selection, detection = json.loads(figures.read_text())["rows"]
    assert selection["ratio"] > 0 == selection["error"]["onnxruntime"]
    assert "ratio" not in detection


def test_operators(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    done = run("bench_op.py", "--filter", "gemm 333x|depthwise N1 1024", "--rounds", "1", "--json", str(figures))
    assert done.returncode == 0, done.stderr
    result = json.loads(figures.read_text())
    assert len(result["rows"]) == 2
    assert all(0 < r["share"] < 10 for r in result["rows"])
    assert result["peak_gflops"] > 0 < result["copy_gbs"]


@pytest.mark.skipif(not (importlib.util.find_spec("onnx") and importlib.util.find_spec("onnxruntime")), reason="needs ONNX Runtime")
def test_a_layer_against_onnx_runtime(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    done = run("bench_op.py", "--filter", "deformable 64x", "--rounds", "1", "--against", "onnxruntime", "--json", str(figures))
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(figures.read_text())["rows"]
    assert row["error"]["onnxruntime"] < 1e-5
    assert row["ratio"] == row["turns_ms"] / row["rivals_ms"]["onnxruntime"]


@pytest.mark.skipif(not (importlib.util.find_spec("onnx") and importlib.util.find_spec("onnxruntime")), reason="needs ONNX Runtime")
def test_an_exported_layer_against_onnx_runtime(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    done = run("bench_op.py", "--filter", "DECONVOLUTION N1 64x32", "--rounds", "1", "--against", "onnxruntime", "--json", str(figures))
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(figures.read_text())["rows"]
    assert row["error"]["onnxruntime"] < 1e-5 and row["ratio"] > 0
    assert "geometric mean" in done.stdout


def test_cases_are_valid() -> None:
    """Every case's shapes and parameters infer, and the counts of elements written are right."""
    sys.path.insert(0, str(TOOLS))
    try:
        from bench_cases import cases
    finally:
        sys.path.remove(str(TOOLS))
    from clsym.symbol.register import operator

    for case in cases([2]):
        net = operator(case.op)(*(mx.sym.var(f"x{i}") for i in range(len(case.shapes))), name="case", **case.params)
        _, outs, _ = net.infer_shape(**{f"x{i}": s for i, s in enumerate(case.shapes) if f"x{i}" in net.list_arguments()})
        elements = sum(math.prod(s) for s in (*case.shapes, *outs))
        assert case.flops or case.bytes == 4 * elements, case


@pytest.mark.parametrize(("worker", "why"), [("import sys; sys.exit('gone')", "gone"), ("import time; time.sleep(60)", "no answer in 1 s")])
def test_rivals_that_fail(tmp_path: Path, worker: str, why: str) -> None:
    sys.path.insert(0, str(TOOLS))
    try:
        import bench_rivals
    finally:
        sys.path.remove(str(TOOLS))
    script = tmp_path / "python"
    script.write_text(f"#!{sys.executable}\n{worker}\n")
    script.chmod(0o755)
    with pytest.raises(bench_rivals.RivalError, match=why):
        bench_rivals.Rival(
            "mxnet", str(script), {"output": str(tmp_path / "out.npy"), "threads": 1}, timeout=1 if "sleep" in worker else 60
        )


def test_imperative_calls_against_nobody(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    done = run("bench_imperative.py", "--mxnet-python", "", "--rounds", "1", "--calls", "2", "--json", str(figures))
    assert done.returncode == 0, done.stderr
    rows = json.loads(figures.read_text())["rows"]
    assert {"a + b", "a[1:2] = 0", "5 and backward"} <= {r["case"] for r in rows}
    assert all(r["microseconds"]["clsym"] > 0 for r in rows)
