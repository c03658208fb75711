"""Symbol.plan and the memory report, without a device."""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

import clsym as mx
from clsym.base import DeviceNotFoundError, MXNetError
from clsym.executor import inputs
from clsym.graph.contract.traits import DeviceTraits
from clsym.graph.memory.amount import parse_bytes
from clsym.graph.report.memory_report import MemoryReport

TRAITS = DeviceTraits(alignment=64)
HOSTILE = "</script><script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">'\u2028&amp;"


def convnet() -> Any:
    """A chain with a branch, a loss, an operator that draws, and auxiliary states."""
    x = mx.sym.var("data")
    x = mx.sym.Convolution(x, num_filter=8, kernel=(3, 3), pad=(1, 1), name="conv1")
    x = mx.sym.BatchNorm(x, name="bn1")
    a = mx.sym.Activation(x, act_type="relu", name="relu1")
    b = mx.sym.Convolution(a, num_filter=8, kernel=(1, 1), name="conv2")
    x = mx.sym.Dropout(a + b, p=0.5, name="drop1")
    x = mx.sym.Pooling(x, kernel=(2, 2), stride=(2, 2), pool_type="max", name="pool1")
    x = mx.sym.FullyConnected(mx.sym.Flatten(x, name="flat1"), num_hidden=10, name="fc1")
    return mx.sym.SoftmaxOutput(x, mx.sym.var("label"), name="softmax")


def training_report() -> MemoryReport:
    return convnet().plan(TRAITS, data=(2, 3, 8, 8)).memory_report()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2GiB", 2 << 30), ("690 MiB", 690 << 20), (" 1.5kB ", 1500), ("17", 17), (4096, 4096), ("0.5GiB", 1 << 29), ("1TB", 10**12),
        ("3b", 3), (".5KiB", 512), (0, 0),
    ],
)  # fmt: skip
def test_amounts(text: int | str, value: int) -> None:
    assert parse_bytes(text) == value


@pytest.mark.parametrize(
    "text", ["", "GiB", "2 gigabytes", "-1", -1, "1.5", "1.5B", "1e9", "2GiB2", 1.5, None, True, [1], "٢GiB", "2GiB\n;"]
)
def test_no_amounts(text: Any) -> None:
    with pytest.raises(MXNetError, match="not an amount of memory"):
        parse_bytes(text)


def test_sums_by_hand() -> None:
    x, w = mx.sym.var("x"), mx.sym.var("w")
    net = mx.sym.sin(mx.sym.dot(x, w, name="d") + 1, name="e")  # sin: an operator that is not fused
    report = net.plan(TRAITS, x=(2, 3), w=(3, 5)).memory_report()
    assert report.argument_bytes == 4 * (6 + 15) == report.gradient_bytes
    assert report.aux_bytes == 0 == report.random_bytes == report.staging_bytes
    assert report.output_bytes == 4 * 10 == report.head_gradient_bytes
    assert report.total_bytes == 2 * 84 + 2 * 40 + report.arena_bytes
    assert sum(report.by_device.values()) == report.total_bytes
    inference = net.plan(TRAITS, grad_req="null", x=(2, 3), w=(3, 5)).memory_report()
    assert inference.gradient_bytes == 0 == inference.head_gradient_bytes
    assert inference.naive_bytes == 3 * 40
    assert not inference.plan.train and report.plan.train


def test_auxiliary_states_and_random_state_are_counted() -> None:
    report = training_report()
    assert report.aux_bytes == 2 * 8 * 4
    assert report.random_bytes == 16
    assert report.gradient_bytes == report.argument_bytes  # data and label have gradients, as in simple_bind
    assert {t.name for t in report.tensors if t.kind == "auxiliary state"} == {"bn1_moving_mean", "bn1_moving_var"}


def test_a_gradient_that_nothing_is_added_to_is_counted() -> None:
    x, y = mx.sym.var("x"), mx.sym.var("y")
    report = mx.sym.Group([x * 2, mx.sym.BlockGrad(y)]).plan(TRAITS, grad_req="add", x=(4,), y=(8,)).memory_report()
    assert report.gradient_bytes == 4 * 12


def test_types_count_by_their_size() -> None:
    net = mx.sym.var("x") + 1
    sizes = {
        t: net.plan(TRAITS, grad_req="null", type_dict={"x": t}, x=(100,)).memory_report().output_bytes
        for t in ("float32", "float64", "uint8")
    }
    assert sizes == {"float32": 400, "float64": 800, "uint8": 100}


@pytest.mark.parametrize("req", ["null", "write"])
def test_bound_is_what_is_alive_at_the_peak(req: str) -> None:
    report = convnet().plan(TRAITS, grad_req=req, data=(2, 3, 8, 8)).memory_report()
    assert report.bound_bytes == max(report.live) == report.live[report.peak_step]
    assert len(report.live) == len(report.order) == len(report.plan.steps)
    assert report.bound_bytes <= report.arena_bytes
    assert sum(-(-t.bytes // 64) * 64 for t in report.peak_tensors) == report.bound_bytes
    assert all(a.bytes >= b.bytes for a, b in zip(report.peak_tensors, report.peak_tensors[1:], strict=False))


def test_live_ranges_never_overlap() -> None:
    ranges = training_report().ranges
    assert {"kept for backward", "backward", "workspace"} <= {t.kind for t in ranges}
    for i, a in enumerate(ranges):
        for b in ranges[:i]:
            together = a.chunk == b.chunk and a.first <= b.last and b.first <= a.last
            assert a.offset is not None and b.offset is not None
            assert not together or a.offset + a.bytes <= b.offset or b.offset + b.bytes <= a.offset, (a, b)


def test_tensors_have_their_live_ranges() -> None:
    report = training_report()
    found = {t.name: t for t in report.tensors}
    at = {name: s for s, name in enumerate(report.order)}
    assert found["conv1_output"].first == at["conv1"]
    assert found["conv1_output"].last == max(
        s for s, step in enumerate(report.plan.steps) if "conv1_output" in [report.plan.names[e] for e in step.ins]
    )
    assert found["data"].offset is None and found["data"].array == "var:0" and found["data"].kind == "argument"
    assert (found["data"].first, found["data"].last) == (0, len(report.order) - 1)
    assert found["softmax_output"].last == len(report.order) - 1


def test_in_place_pairs_by_name() -> None:
    net = mx.sym.sin(mx.sym.relu(mx.sym.var("x"), name="r"), name="e") * 2
    report = mx.sym.sum(net).plan(TRAITS, grad_req="null", x=(64,)).memory_report()
    assert ("e", "e_output", "r_output") in [p[1:] for p in report.in_place]


# ------------------------------------------------------------------ why not


def reasons(net: Any, grad_req: str = "null", **shapes: tuple[int, ...]) -> dict[tuple[str, str], str]:
    return {(r.output, r.input): r.reason for r in net.plan(TRAITS, grad_req=grad_req, **shapes).memory_report().refused}


def test_refused_because_the_input_is_the_callers() -> None:
    found = reasons(mx.sym.sum(mx.sym.exp(mx.sym.var("x"), name="e")), x=(64,))
    assert "'x' is the caller's argument" in found["e_output", "x"]


def test_refused_because_the_input_is_still_read() -> None:
    r = mx.sym.exp(mx.sym.var("x"), name="r")
    found = reasons(mx.sym.sum(mx.sym.dot(mx.sym.sin(r, name="s"), r, name="d")), x=(8, 8))
    assert found["s_output", "r_output"] == "'r_output' is still read by 'd' at step 2"


def test_refused_because_sizes_differ() -> None:
    r = mx.sym.exp(mx.sym.var("x"), name="r")
    found = reasons(mx.sym.sum(mx.sym.cast(r, dtype="float64", name="c")), x=(64,))
    assert [v for k, v in found.items() if k == ("c_output", "r_output")] in ([], ["sizes differ: the input has 256 bytes, the output 512"])


def test_refused_because_not_declared() -> None:
    r = mx.sym.exp(mx.sym.var("x"), name="r")
    found = reasons(mx.sym.sum(mx.sym.transpose(r, name="t")), x=(8, 8))
    assert found["t_output", "r_output"] == "transpose does not declare it safe"


def test_refused_because_the_input_is_an_output() -> None:
    r = mx.sym.exp(mx.sym.var("x"), name="r")
    found = reasons(mx.sym.Group([r, mx.sym.sum(mx.sym.sin(r, name="s"))]), x=(64,))
    assert found["s_output", "r_output"] == "'r_output' is an output and stays"


def test_refused_because_gradients_add_up() -> None:
    net = mx.sym.sin(mx.sym.exp(mx.sym.var("x"), name="r"), name="s")
    found = reasons(net, "add", x=(64,))
    assert "the output is added to what its array holds (grad_req='add')" in found.values()


def test_refused_view_into_a_given_array() -> None:
    refused = mx.sym.Flatten(mx.sym.var("x"), name="f").plan(TRAITS, grad_req="null", x=(2, 3, 4)).memory_report().refused
    assert [(r.wish, "has an array of its own" in r.reason) for r in refused if r.wish == "view"] == [("view", True)]


def test_every_refusal_has_a_known_reason() -> None:
    assert not [r for r in training_report().refused if r.reason == "the planner kept them apart"]


# ------------------------------------------------------------------ plan()


def test_plan_looks_at_no_device_when_traits_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(ctx: Any) -> Any:
        raise AssertionError("a device was looked at")

    monkeypatch.setattr(inputs, "resolve", refuse)
    assert training_report().arena_bytes > 0


def test_plan_without_any_device_is_for_a_generic_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(ctx: Any) -> Any:
        raise DeviceNotFoundError("none")

    monkeypatch.setattr(inputs, "resolve", refuse)
    net = convnet()
    assert net.plan(data=(2, 3, 8, 8)).dump() == net.plan(DeviceTraits(), data=(2, 3, 8, 8)).dump()
    with pytest.raises(DeviceNotFoundError):
        net.plan(mx.gpu(7), data=(2, 3, 8, 8))


def test_plan_refuses_bad_arguments() -> None:
    net = convnet()
    with pytest.raises(MXNetError, match="no inputs of the graph"):
        net.plan(TRAITS, dada=(2, 3, 8, 8))
    with pytest.raises(MXNetError, match="cannot decide shapes"):
        net.plan(TRAITS)
    with pytest.raises(MXNetError, match="plan error"):
        net.plan(TRAITS, data=(2, 3, 8, 8), fc1_weight=(3, 3))
    with pytest.raises(ValueError, match="grad_req must be in"):
        net.plan(TRAITS, grad_req="all", data=(2, 3, 8, 8))
    with pytest.raises(TypeError, match="not a Context"):
        net.plan("cpu", data=(2, 3, 8, 8))
    with pytest.raises(MXNetError, match="not an amount of memory"):
        net.plan(TRAITS, memory_limit="lots", data=(2, 3, 8, 8))


# ------------------------------------------------------------------ forms


def hostile_report() -> MemoryReport:
    x = mx.sym.exp(mx.sym.var("x"), name=HOSTILE)
    return mx.sym.sum(mx.sym.dot(mx.sym.sin(x, name="plain\n\x1b[31mred"), x)).plan(TRAITS, grad_req="null", x=(8, 8)).memory_report()


def test_text() -> None:
    text = str(training_report())
    for line in ("training", "arguments", "peak at step", "results in place", "candidates refused", "total"):
        assert line in text
    assert "more" in training_report().text(rows=1)
    assert "\x1b" not in str(hostile_report()) and "plain\\n" in hostile_report().text(rows=100)


def test_json_holds_everything() -> None:
    report = training_report()
    data = json.loads(report.to_json())
    for name in (
        "naive_bytes", "bound_bytes", "arena_bytes", "argument_bytes", "gradient_bytes", "aux_bytes", "output_bytes", "workspace_bytes",
        "peak_step", "order", "total_bytes",
    ):  # fmt: skip
        assert data[name] == getattr(report, name), name
    assert len(data["tensors"]) == len(report.tensors) and {"name", "first", "last", "bytes", "offset"} <= set(data["tensors"][0])
    assert data["in_place"][0].keys() == {"step", "node", "output", "input"}
    assert data["refused"][0].keys() == {"step", "node", "output", "input", "wish", "reason"}


def test_saved_by_suffix(tmp_path: Path) -> None:
    report = hostile_report()
    for suffix in (".txt", ".json", ".html"):
        report.save(tmp_path / f"plan{suffix}")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["plan.html", "plan.json", "plan.txt"]
    assert json.loads((tmp_path / "plan.json").read_text("utf-8"))["order"][0] == HOSTILE
    for bad in ("plan.pdf", "plan"):
        with pytest.raises(MXNetError, match=r"\.txt, \.json, \.html"):
            report.save(tmp_path / bad)
    with pytest.raises(MXNetError, match="cannot save"):
        report.save(tmp_path / "missing" / "plan.txt")


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "plan.txt"
    target.write_text("old")

    def full(source: Any, destination: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(MXNetError, match="disk full"):
        training_report().save(target)
    assert target.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["plan.txt"]


def test_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra viz)")
    report = training_report()
    report.save(tmp_path / "plan.svg")
    report.save(tmp_path / "again.svg")
    report.save(tmp_path / "plan.png")
    assert (tmp_path / "plan.png").read_bytes().startswith(b"\x89PNG")
    assert ElementTree.fromstring((tmp_path / "plan.svg").read_text("utf-8")).tag.endswith("svg")
    assert (tmp_path / "plan.svg").read_bytes() == (tmp_path / "again.svg").read_bytes()


def test_pictures_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MXNetError, match=r"pip install 'clsym\[viz\]'"):
        training_report().save(tmp_path / "plan.svg")
    assert not list(tmp_path.iterdir())


def test_the_page_loads_nothing_and_holds_names_as_text() -> None:
    page = hostile_report().to_html()
    assert not re.search(
        r"""(?:src|href)\s*=|url\(|@import""", re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.S)
    )
    assert page.count("<script") == 2 == page.count("</script>")
    assert "<img" not in page and "\x1b" not in page
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, flags=re.S)[1])  # type: ignore[index]
    assert any(HOSTILE in r[0] for r in data["ranges"])


def test_a_graph_of_variables_only_has_a_report() -> None:
    report = mx.sym.var("x").plan(TRAITS, grad_req="null", x=(4,)).memory_report()
    assert report.arena_bytes == 0 == report.bound_bytes
    assert "nothing to hold" in str(report)
    assert report.to_html()
