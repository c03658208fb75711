"""Tuned numbers: declared, looked up, searched, read and written, without a device."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import clsym as mx
from clsym.base import MXNetError
from clsym.executor.inputs import graph_inputs
from clsym.graph.contract import tuning as families
from clsym.graph.contract.spec import TensorSpec
from clsym.graph.contract.traits import DeviceTraits
from clsym.graph.contract.tuning import find_tunable, observe_lookups, refusal, tunable, tuned
from clsym.graph.plan import Binding, compile_plan
from clsym.runtime import tuning_file
from clsym.runtime.tuning_file import DeviceKey, TuningFile, load_tuning, read_tuning, shipped_tuning, tuning_path, write_tuning
from clsym.tuner.search import Effort, Search
from clsym.tuner.steps import Class, find_classes, find_jobs

KEY = DeviceKey("A Device", "A Platform", "1.2", "cpu", 4)
MINE = TuningFile(KEY, {"gemm/blocks": {"kc": 256}}, {"gemm/blocks": {"speedup": 1.25, "measured": "2025-01-31"}})


@pytest.fixture(autouse=True)
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stored numbers go to a folder of the test, and what it declares is forgotten."""
    monkeypatch.setattr(tuning_file, "tuning_folder", lambda: tmp_path / "tuning")
    monkeypatch.setattr(families, "_tunables", dict(families._tunables))
    monkeypatch.setenv("CLSYM_TUNING", "")


# ---------------------------------------------------------------------------------------------------------------- declaring, looking up


def test_a_family_is_declared_once_and_with_candidates() -> None:
    tunable("example", {"a": (1, 2)})
    with pytest.raises(MXNetError, match="declared twice"):
        tunable("example", {"a": (1, 2)})
    for candidates in ({}, {"a": ()}):
        with pytest.raises(MXNetError, match="gives no candidates"):
            tunable("other", candidates)


def test_a_class_goes_before_its_family() -> None:
    tunable("example", {"a": (1, 2)})
    tunable("example/thin", {"b": (3,)})
    found = find_tunable("example/thin"), find_tunable("example/thick")
    assert [list(f.candidates) if f else None for f in found] == [["b"], ["a"]]
    assert refusal("example/thin", {"b": 3}) == ""
    assert "b=4 is not among (3,)" in refusal("example/thin", {"b": 4})
    assert "has no number 'a'" in refusal("example/thin", {"a": 1})
    assert "names no kernels" in refusal("nothing/thin", {"a": 1})


def test_numbers_that_are_not_allowed_are_not_used() -> None:
    tunable("example", {"a": (1, 2), "b": (1, 2)}, lambda traits, n: n["a"] * n["b"] <= traits.compute_units)
    traits = DeviceTraits(compute_units=2, tuning={"example/x": {"a": 2, "unknown": 5}})
    assert tuned(traits, "example", "x", {"a": 1, "b": 1}) == {"a": 2, "b": 1}
    assert tuned(traits, "example", "x", {"a": 1, "b": 2}) == {"a": 1, "b": 2}
    assert tuned(traits, "example", "y", {"a": 1, "b": 2}) == {"a": 1, "b": 2}


def test_observers_nest_and_end_with_an_error() -> None:
    with observe_lookups() as outer:
        with pytest.raises(ZeroDivisionError), observe_lookups() as inner:
            tuned(DeviceTraits(), "example", "x", {"a": 1})
            raise ZeroDivisionError
        tuned(DeviceTraits(), "example", "y", {"a": 1})
    tuned(DeviceTraits(), "example", "z", {"a": 1})
    assert [s.key for s in inner] == ["example/x"]
    assert [s.key for s in outer] == ["example/y"]


def test_a_lowering_is_remembered_for_its_numbers_only() -> None:
    heads = mx.sym.dot(mx.sym.var("a"), mx.sym.var("b")).entries
    variables, _ = graph_inputs(heads)
    binding = Binding(variables, [TensorSpec((300, 1000)), TensorSpec((1000, 300))], [mx.cpu()] * 2, ["null"] * 2)

    def calls(tuning: dict[str, dict[str, int]]) -> Any:
        traits = DeviceTraits(tuning=tuning)
        tuning.clear()  # traits are what they were made of
        return compile_plan(heads, binding, train=False, default=mx.cpu(), traits=lambda _: traits).steps[-1].calls

    first, other, again = calls({}), calls({"gemm/blocks": {"kc": 256}}), calls({})
    assert first != other
    assert first == again


def test_numbers_change_no_operator_and_no_kernel() -> None:
    heads = mx.sym.Convolution(mx.sym.var("data"), num_filter=512, kernel=(3, 3), pad=(1, 1), no_bias=True, name="layer").entries
    variables, _ = graph_inputs(heads)
    binding = Binding(variables, [TensorSpec((16, 512, 7, 7)), TensorSpec((512, 512, 3, 3))], [mx.cpu()] * 2, ["null"] * 2)
    steps = []
    for tiles in (0, *families._tunables["winograd"].candidates["tiles"]):
        tuning = {f"winograd/f{f}_n16_c512_o512_h7": {"tiles": tiles} for f in (2, 4) if tiles}
        traits = DeviceTraits(vector_width=16, compute_units=2, local_mem=1 << 20, tuning=tuning)
        plan = compile_plan(heads, binding, train=False, default=mx.cpu(), traits=lambda _, traits=traits: traits)
        steps.append([(step.op, [c.entry for c in step.calls]) for step in plan.steps])
    assert ["winograd_forward"] in [entries for _, entries in steps[0]]
    assert all(other == steps[0] for other in steps[1:])


# ---------------------------------------------------------------------------------------------------------------------- steps of a graph


def _layers() -> mx.sym.Symbol:
    x = mx.sym.var("data")
    for name in ("first", "second", "third"):
        x = mx.sym.relu(mx.sym.Convolution(x, num_filter=16, kernel=(1, 1), no_bias=True, name=name))
    return x


def test_steps_that_are_the_same_are_one_job_and_weights_are_packed_in_front() -> None:
    found = find_jobs(_layers().entries, {"data": (1, 16, 8, 8)}, DeviceTraits(), False)
    ((job, count, lookups),) = found
    assert count == 3
    assert [s.family for s in lookups] == ["blocked_convolution"]
    assert [getattr(n, "op", "input") for n in job.nodes][-1] == "_blocked_convolution"
    assert any(getattr(n, "op", "").startswith("_pack") for n in job.nodes)
    assert pickle.loads(pickle.dumps(job)) == job
    (c,) = find_classes(found)
    assert (c.key, c.jobs) == (lookups[0].key, [(job, 3)])


def test_a_training_step_has_the_gradients_of_the_parameters() -> None:
    jobs = find_jobs(_layers().entries, {"data": (1, 16, 8, 8)}, DeviceTraits(), True)
    assert {s.family for _, _, lookups in jobs for s in lookups} >= {"blocked_convolution", "blocked_weight"}
    with pytest.raises(MXNetError, match=r"'picture'.* no inputs of the graph"):
        find_jobs(_layers().entries, {"picture": (1, 16, 8, 8)}, DeviceTraits(), True)


# ------------------------------------------------------------------------------------------------------------------------- the search


@dataclass(frozen=True)
class _Step:
    """A job whose launches are its numbers."""

    defaults: tuple[tuple[str, int], ...]

    def lower(self, traits: DeviceTraits) -> Any:
        return tuple(tuned(traits, "example", "x", dict(self.defaults)).items())


class _Child:
    """A child that needs `seconds` of the numbers, or whose status they are."""

    def __init__(self, seconds: Any) -> None:
        self.seconds = seconds
        self.asked: list[dict[str, int]] = []

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        a, b = (self.seconds({"a": 1, "b": 1, **request[side].get("example/x", {})}) for side in "ab")
        self.asked.append(request["b"].get("example/x", {}))
        return {"status": b, "why": "so"} if isinstance(b, str) else {"status": "ok", "a": a, "b": b}


def _search(seconds: Any, values: range, deadline: float = math.inf) -> tuple[Search, _Child]:
    tunable("example", {"a": values, "b": values})
    step, child = _Step((("a", 1), ("b", 1))), _Child(seconds)
    return Search(Class("example/x", [(step, 2)], [dict(step.defaults)]), child, {step: 0}, DeviceTraits(), Effort(), deadline), child


@pytest.mark.parametrize("values", [range(1, 5), range(1, 9)], ids=["all of few combinations", "many, one number after the other"])
def test_the_search_finds_the_best(values: range) -> None:
    search, child = _search(lambda n: 1.0 + abs(n["a"] - 3) + abs(n["b"] - 4), values)
    result = search.run()
    assert result.best == {"a": 3, "b": 4}
    assert result.speedup == 6.0
    assert {} not in child.asked, "what would be launched anyway is no candidate"


def test_the_search_keeps_nothing_that_wins_by_little_or_computes_something_else() -> None:
    def seconds(numbers: Mapping[str, int]) -> float | str:
        return {2: 0.98, 3: "wrong", 4: "died"}.get(numbers["a"], 1.0)

    result = _search(seconds, range(1, 5))[0].run()
    assert (result.best, result.speedup, result.rejected) == ({}, 1.0, {"wrong": 4, "died": 4})


def test_the_search_leaves_out_what_the_lowering_chooses_anyway() -> None:
    result = _search(lambda n: 2.0 - (n["a"] == 4), range(1, 5))[0].run()
    assert result.best == {"a": 4}


def test_steps_that_a_candidate_does_not_change_are_timed_once() -> None:
    tunable("example", {"a": (1, 2)})
    changing, other = _Step((("a", 1),)), _Step((("b", 1),))
    child = _Child(lambda n: 2.0 / n["a"])
    what = Class("example/x", [(changing, 1), (other, 3)], [dict(changing.defaults), dict(other.defaults)])
    search = Search(what, child, {changing: 0, other: 1}, DeviceTraits(), Effort())
    assert search.cost() == 8.0
    result = search.run()
    assert (result.best, result.speedup) == ({"a": 2}, 8.0 / 7.0)
    assert len(child.asked) == 2 + 3, "to win twice and in the end"


def test_the_search_ends_in_time() -> None:
    search, child = _search(lambda n: 1.0 / n["a"], range(1, 5), deadline=0.0)
    assert (search.run().finished, child.asked) == (False, [])


# ------------------------------------------------------------------------------------------------------------------------------- files


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tuning_path(KEY)
    assert path.name.startswith("a-device-")
    assert path != tuning_path(replace(KEY, driver="1.3"))
    write_tuning(path, MINE)
    assert read_tuning(path) == MINE
    assert list(path.parent.iterdir()) == [path], "no temporary file is left"
    (tmp_path / "file").write_text("")
    with pytest.raises(MXNetError, match="cannot be written"):
        write_tuning(tmp_path / "file" / "numbers.json", MINE)


BROKEN = {
    "text": "no JSON",
    "bytes": "\x00\x01",
    "list": "[]",
    "format": {"format": 2},
    "no numbers": {"numbers": None},
    "text for a number": {"numbers": {"gemm/blocks": {"kc": "256"}}},
    "true for a number": {"numbers": {"gemm/blocks": {"kc": True}}},
    "no candidate": {"numbers": {"gemm/blocks": {"kc": 1}}},
    "unknown number": {"numbers": {"gemm/blocks": {"nr": 256}}},
    "unknown family": {"numbers": {"nothing/blocks": {"kc": 256}}},
    "no device": {"device": None},
    "less of a device": {"device": {"name": "A Device"}},
    "another device": {"device": {**asdict(KEY), "driver": "1.1"}},
    "record": {"record": {"gemm/blocks": {"speedup": "much"}}},
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_stored_file_that_cannot_be_used_is_left_out(what: str) -> None:
    path, change = tuning_path(KEY), BROKEN[what]
    write_tuning(path, MINE)
    path.write_text(change if isinstance(change, str) else json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.warns(RuntimeWarning, match=f"{path.name}.*It is not used; `clsym tune --reset`"):
        assert load_tuning(KEY) == {}


def test_the_variable_goes_before_the_stored_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tuning(tuning_path(KEY), MINE)
    assert load_tuning(KEY) == MINE.numbers
    monkeypatch.setenv("CLSYM_TUNING", "0")
    assert load_tuning(KEY) == {}
    given = tmp_path / "given.json"
    monkeypatch.setenv("CLSYM_TUNING", str(given))
    with pytest.raises(MXNetError, match=r"CLSYM_TUNING=.*given.json.*cannot be read"):
        load_tuning(KEY)
    write_tuning(given, TuningFile(replace(KEY, driver="1.1"), {"gemm/axpy": {"kc": 8}}))
    assert load_tuning(KEY) == {"gemm/axpy": {"kc": 8}}, "whatever the driver"
    assert load_tuning(replace(KEY, name="Another")) == {}


def test_stored_numbers_go_before_shipped_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ship(name: str, match: dict[str, str], numbers: dict[str, dict[str, int]]) -> None:
        (tmp_path / name).write_text(json.dumps({"format": 1, "match": match, "numbers": numbers}))

    ship("a.json", {"kind": "cpu", "platform": "a plat"}, {"gemm/axpy": {"kc": 8}})
    ship("b.json", {"kind": "cpu"}, {"gemm/axpy": {"kc": 4}, "gemm/blocks": {"kc": 512}, "gemm/in_place": {"kc": 512}})
    ship("c.json", {"kind": "gpu"}, {"gemm/axpy": {"kc": 32}})
    shipped = shipped_tuning(KEY, tmp_path)
    assert shipped == {"gemm/axpy": {"kc": 8}, "gemm/blocks": {"kc": 512}, "gemm/in_place": {"kc": 512}}
    monkeypatch.setattr(tuning_file, "shipped_tuning", lambda device: shipped)
    write_tuning(tuning_path(KEY), replace(MINE, numbers={"gemm/blocks": {"kc": 256}, "gemm/in_place": {}}))
    assert load_tuning(KEY) == {"gemm/axpy": {"kc": 8}, "gemm/blocks": {"kc": 256}, "gemm/in_place": {}}
    ship("d.json", {}, {})
    with pytest.raises(MXNetError, match="does not say what it matches"):
        shipped_tuning(KEY, tmp_path)


@pytest.mark.parametrize(
    ("platform", "kind"),
    [
        ("Portable Computing Language", "cpu"),
        ("Intel(R) OpenCL", "cpu"),
        ("NVIDIA CUDA", "gpu"),
        ("AMD Accelerated Parallel Processing", "gpu"),
        ("Another", "accelerator"),
    ],
)
def test_shipped_files_are_valid(platform: str, kind: str) -> None:
    for key, numbers in shipped_tuning(DeviceKey("A Device", platform, "1", kind, 8)).items():
        assert numbers, f"{key}: a shipped file has no need of empty numbers"
