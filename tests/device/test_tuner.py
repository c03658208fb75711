"""`clsym tune`: what is wrong, crashes or hangs is not chosen, what is faster is; results are stored, passed on and used."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import clsym as mx
from clsym import cli
from clsym.context import Context
from clsym.graph.contract import registry
from clsym.graph.contract import tuning as families
from clsym.graph.contract.op import Node
from clsym.graph.contract.registry import find_op
from clsym.runtime import tuning_file
from clsym.runtime.device import resolve
from clsym.runtime.traits import read_traits
from clsym.runtime.tuning_file import TuningFile, read_tuning, tuning_path, write_tuning
from clsym.tuner import Effort, Report, Result, store, tune
from clsym.tuner.command import table
from clsym.tuner.process import Child
from clsym.tuner.session import device_key_of
from clsym.tuner.steps import find_jobs

SMALL = Effort(rounds=5, seconds=0.2, passes=1)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stored numbers go to a folder of the test."""
    monkeypatch.setattr(tuning_file, "tuning_folder", lambda: tmp_path / "tuning")


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module of the operator with bad candidates; afterwards nobody knows it."""
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))
    monkeypatch.setattr(registry, "_NAMES", dict(registry._NAMES))
    monkeypatch.setattr(families, "_tunables", dict(families._tunables))
    module = importlib.import_module("tuner_operator")
    monkeypatch.setenv(module.PARENT, str(os.getpid()))
    yield module
    del sys.modules["tuner_operator"]


def test_only_what_is_right_and_faster_wins(operator: ModuleType, ctx: Context) -> None:
    data = Node(None, "data")
    net = mx.sym.Symbol(Node(find_op(operator.NAME), "layer", inputs=[data.out(0)]).out(0))
    progress: list[tuple[str, int]] = []
    report = tune(
        net, [{"data": (1 << 20,)}], ctx, effort=SMALL, modules=["tuner_operator"], timeout=6.0,
        progress=lambda what, done: progress.append((what, done)),
    )  # fmt: skip
    (result,) = report.results
    assert result.rejected == {"wrong": 1, "died": 1, "hung": 1, "failed": 1}
    assert (result.tried, result.finished, sum(done for _, done in progress)) == (5, True, 5), "the refused ones were not tried"
    assert result.best == {"way": operator.FAST}
    assert result.speedup > 1.5
    assert [w.what for w in report.whole] == ["inference data=(1048576,)"]
    assert f"way {operator.SLOW} -> {operator.FAST}" in table(report)
    assert report.numbers == {f"{operator.NAME}/any": {"way": operator.FAST}}, report.dropped

    path = Path(store(report))
    assert path == tuning_path(report.device)
    stored = read_tuning(path)
    assert (stored.device, stored.numbers) == (device_key_of(resolve(ctx)), report.numbers)
    assert stored.record[result.key]["speedup"] == round(result.speedup, 3)


def _interrupt_after(candidates: int) -> Callable[[str, int], None]:
    """Ctrl-C in a terminal, when so many candidates were tried: this process and the one that measures get the signal at once."""
    tried = 0

    def progress(what: str, done: int) -> None:
        nonlocal tried
        tried += done
        if done and tried == candidates:
            children = Path(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/children").read_text().split()
            for pid in (os.getpid(), *map(int, children)):
                os.kill(pid, signal.SIGINT)
            time.sleep(0.5)  # the signal comes

    return progress


@pytest.fixture
def heard() -> Iterator[None]:
    """Ctrl-C is heard, also where the tests run in the background of a shell, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds its child processes as Linux has them")
@pytest.mark.usefixtures("heard")
def test_ctrl_c_keeps_what_was_found(operator: ModuleType, ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = Child.ask

    def without_noise(child: Child, request: Mapping[str, Any], patience: float = 1) -> dict[str, Any]:
        """The process runs everything; the seconds are made up, since other programs must not decide here."""
        fast = {"way": operator.FAST}
        seconds = {side: 1.0 if request[side].get(f"{operator.NAME}/any") == fast else 2.0 for side in "ab"}
        return {**ask(child, request, patience), **seconds}

    monkeypatch.setattr(Child, "ask", without_noise)
    data = Node(None, "data")
    net = mx.sym.Symbol(Node(find_op(operator.NAME), "layer", inputs=[data.out(0)]).out(0))
    report = tune(
        net, [{"data": (1 << 20,)}], ctx, effort=SMALL, modules=["tuner_operator"], timeout=6.0, progress=_interrupt_after(1)
    )  # fmt: skip
    (result,) = report.results
    assert (report.interrupted, result.finished, result.tried) == (True, False, 1)
    assert result.rejected == {}, "the process that measures lives on"
    assert report.numbers == {f"{operator.NAME}/any": {"way": operator.FAST}}, report.dropped
    assert [w.what for w in report.whole] == ["inference data=(1048576,)"], "measured in the whole graph before it is stored"
    assert "interrupted" in table(report)
    assert read_tuning(Path(store(report))).numbers == report.numbers


def test_ctrl_c_while_the_process_measures(operator: ModuleType, ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that was not waited for is not taken for the next one's."""
    data = Node(None, "data")
    net = mx.sym.Symbol(Node(find_op(operator.NAME), "layer", inputs=[data.out(0)]).out(0))
    device = resolve(ctx)
    ((job, _, _),) = find_jobs(net.entries, {"data": (64,)}, device.traits, False)
    request = {"do": "compare", "job": 0, "a": {}, "b": {}, "seconds": 0.1, "rounds": 3}
    with Child(device.selector, [job], ["tuner_operator"]) as child:
        assert child.ask(request)["status"] == "ok"

        class Interrupted:
            def get(self, timeout: float) -> None:
                raise KeyboardInterrupt

        child._answers = Interrupted()  # type: ignore[assignment]
        with pytest.raises(KeyboardInterrupt):
            child.ask({**request, "b": {f"{operator.NAME}/any": {"way": operator.WRONG}}})
        assert child.ask(request)["status"] == "ok"
        assert child.starts == 2


def test_a_device_opened_later_has_the_numbers(ctx: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    device = resolve(ctx)
    numbers = {"gemm/blocks": {"kc": 256}}
    report = Report(device_key_of(device), [Result("gemm/blocks", {}, {}, numbers["gemm/blocks"], 1.25)], numbers=numbers)
    Path(store(report)).rename(tmp_path / "given.json")
    assert device.traits.tuning == {}, "CLSYM_TUNING=0 in tests"
    monkeypatch.setenv("CLSYM_TUNING", str(tmp_path / "given.json"))
    assert read_traits(device.cl_device, device.platform_name, device.llvm_cpu, device.selector).tuning == numbers
    monkeypatch.setenv("CLSYM_TUNING", "")
    store(report)
    assert read_traits(device.cl_device, device.platform_name, device.llvm_cpu, device.selector).tuning["gemm/blocks"] == {"kc": 256}


def test_the_command_tunes_a_layer(ctx: Context, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = mx.sym.Convolution(mx.sym.var("data"), num_filter=16, kernel=(3, 3), stride=(2, 2), no_bias=True, name="layer")
    mx.sym.relu(net).save(str(tmp_path / "net-symbol.json"))
    command = ["tune", str(tmp_path / "net-symbol.json"), "--device", ctx.selector or "", "--shape", "data=1,16,9,9"]
    assert cli.main([*command, "--batch", "2", "--quick", "--budget", "2", "--train"]) == 0
    out = capsys.readouterr().out
    if resolve(ctx).traits.is_cpu:
        assert "blocked_convolution/k3x3s2x2_c16f16o4x4n2" in out
        assert "blocked_weight/k3s2_c16" in out
    else:
        assert "nothing to tune" in out


def test_export_import_reset(ctx: Context, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = device_key_of(resolve(ctx))
    path, target = tuning_path(key), str(tmp_path / "numbers.json")

    def run(*arguments: str) -> tuple[int, str]:
        status = cli.main(["tune", "--device", ctx.selector or "", *arguments])
        output = capsys.readouterr()
        return status, output.out + output.err

    assert run("--export", target)[0] == 1, "nothing is stored"
    mine = TuningFile(key, {"gemm/blocks": {"kc": 256}}, {"gemm/blocks": {"speedup": 1.25}})
    write_tuning(path, mine)
    assert run("--export", target)[0] == 0
    assert run("--reset")[0] == 0
    assert not path.exists()
    write_tuning(path, TuningFile(key, {"gemm/axpy": {"kc": 8}}))
    assert run("--import", target)[0] == 0
    assert read_tuning(path).numbers == {"gemm/blocks": {"kc": 256}, "gemm/axpy": {"kc": 8}}
    assert read_tuning(path).record == mine.record
    status, text = run("--show")
    assert status == 0
    assert str(path) in text

    write_tuning(Path(target), TuningFile(replace(key, driver="another"), {"gemm/blocks": {"kc": 512}}))
    status, text = run("--import", target)
    assert (status, "is for" in text, "CLSYM_TUNING" in text) == (1, True, True)
    Path(target).write_text(path.read_text().replace("256", "257"))
    status, text = run("--import", target)
    assert status == 1
    assert "kc=257 is not among" in text
    assert read_tuning(path).numbers["gemm/blocks"] == {"kc": 256}


@pytest.mark.parametrize(
    "arguments", [[], ["--show", "--reset"], ["net.json"], ["net.json", "--shape", "data"], ["net.json", "--shape", "data=1,x"]]
)
def test_command_lines_that_say_too_little(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["tune", *arguments]) == 1
    assert "clsym: tune: " in capsys.readouterr().err
