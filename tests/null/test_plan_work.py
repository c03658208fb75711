"""Planning takes work in proportion to the graph, whatever its shape; the same graph gets the same plan; orders are the best there are."""

from __future__ import annotations

import cProfile
import hashlib
import io
import itertools
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import clsym as mx
from clsym.graph.contract.ir import topological
from clsym.graph.contract.traits import DeviceTraits
from clsym.graph.infer import infer_specs
from clsym.graph.memory import pack
from clsym.graph.memory.pack_exact import Fit, fit
from clsym.graph.order import schedule
from clsym.graph.order.flow import Flow
from clsym.graph.order.search import order_for_memory
from clsym.graph.report import progress

TOOLS = Path(__file__).resolve().parents[2] / "tools"
TRAITS = DeviceTraits(compute_units=8, max_alloc=1 << 34, global_mem=1 << 36)
KINDS = ("chain", "dense", "randwire", "lstm", "lstm all", "gru", "bidirectional", "attention", "random", "wide")
SEARCHES = ("pack_exact.py", "pack_heuristics.py", "window.py", "flow.py")


@pytest.fixture
def graphs() -> Iterator[Any]:
    sys.path.insert(0, str(TOOLS))
    try:
        import plan_graphs

        yield plan_graphs
    finally:
        sys.path.remove(str(TOOLS))


def calls_made(net: Any, shapes: Any, mode: str) -> int:
    """How many functions a compilation calls, its searches apart: they have budgets of their own."""
    net.plan(TRAITS, grad_req=mode, **shapes)  # what operators say is remembered
    profile = cProfile.Profile()
    profile.enable()
    net.plan(TRAITS, grad_req=mode, **shapes)
    profile.disable()
    return sum(e.callcount for e in profile.getstats() if isinstance(e.code, str) or Path(e.code.co_filename).name not in SEARCHES)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [(kind, "write") for kind in ("dense", "lstm", "bidirectional", "attention", "random", "wide")]
    + [(kind, "null") for kind in ("randwire", "lstm all", "gru", "bidirectional", "random", "wide")],
)
def test_work_is_in_proportion_to_the_graph(graphs: Any, kind: str, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLSYM_PLAN_EFFORT", "fast")  # builtins that the searches call can't be told from those of passes
    monkeypatch.setattr(pack, "_WORK", {"fast": (0, 5), "default": (0, 5)})
    counted = []
    for size in (450, 1800):
        net, shapes = graphs.KINDS[kind](size)
        operators = sum(node.op is not None for node in topological(net._entries))
        counted.append(calls_made(net, shapes, mode) / operators)
    assert counted[1] <= 1.15 * counted[0], f"calls an operator: {counted[0]:.0f}, in a graph of four times the size {counted[1]:.0f}"


@pytest.mark.parametrize("kind", KINDS)
def test_searches_keep_to_their_budgets(graphs: Any, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spent: list[tuple[int, int]] = []

    def counted_fit(*args: Any, **options: Any) -> Fit:
        found = fit(*args, **options)
        spent.append((found.work, options["max_work"]))
        return found

    looked: list[int] = []

    def counted_order(nodes: Any, heads: Any, specs: Any, work: int) -> Any:
        found = order_for_memory(nodes, heads, specs, work)
        looked.append(found.work)
        assert found.work <= work + 100 * len(nodes)  # a window that is begun is ended
        return found

    monkeypatch.setattr(pack, "fit", counted_fit)
    monkeypatch.setattr(schedule, "order_for_memory", counted_order)
    for mode in ("null", "write"):
        net, shapes = graphs.KINDS[kind](900)
        plan = net.plan(TRAITS, grad_req=mode, **shapes)
        assert sum(work for work, _ in spent) <= 3 * (2_000_000 + 30 * 8 * len(plan.steps))
        assert all(work <= most + 20_000 for work, most in spent)  # the node at which it ends, and what is set up
    assert looked


def digest(graphs: Any, kind: str) -> str:
    text = io.StringIO()
    for mode in ("null", "write"):
        with mx.name.NameManager():
            net, shapes = graphs.KINDS[kind](250)
        text.write(net.plan(TRAITS, grad_req=mode, **shapes).dump())
    return hashlib.sha256(text.getvalue().encode()).hexdigest()


def test_plans_are_the_same_again_and_in_another_process(graphs: Any) -> None:
    kinds = ("gru", "random", "randwire", "bidirectional")
    here = [digest(graphs, kind) for kind in kinds]
    assert here == [digest(graphs, kind) for kind in kinds]
    code = (
        f"import sys; sys.path[:0] = [{str(TOOLS)!r}, {str(Path(__file__).parent)!r}]\n"
        f"import plan_graphs, test_plan_work\n"
        f"for kind in {kinds!r}: print(test_plan_work.digest(plan_graphs, kind))"
    )
    for seed in ("1", "77"):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        )
        assert done.stdout.split() == here


# ------------------------------------------------------------------------------------------------------------------------- orders


def tangle(rnd: random.Random, count: int) -> tuple[Any, dict[str, tuple[int, ...]]]:
    """A graph of a few operators with results of several sizes."""
    values = [mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=rnd.choice((32, 64, 96)), name="first")]
    for i in range(count - 1):
        a = rnd.choice(values[-4:])
        kind = rnd.randrange(4)
        if kind == 0:
            values.append(mx.sym.tanh(a, name=f"n{i}"))
        elif kind == 1:
            values.append(mx.sym.Concat(a, rnd.choice(values), dim=1, name=f"n{i}"))
        else:
            values.append(mx.sym.FullyConnected(a, num_hidden=rnd.choice((32, 64, 128, 256)), name=f"n{i}"))
    return mx.sym.Group(values[-2:]), {"data": (1, 32)}


def orders_of(flow: Flow) -> Iterator[tuple[int, ...]]:
    for order in itertools.permutations(range(len(flow))):
        at = {s: i for i, s in enumerate(order)}
        if all(at[p] < at[s] for s in range(len(flow)) for p in flow.preds[s]):
            yield order


def test_the_order_is_the_best_of_all(seed: int) -> None:
    rnd = random.Random(seed)
    for _ in range(40):
        net, shapes = tangle(rnd, rnd.randint(3, 7))
        order = topological(net._entries)
        arg_shapes, _, _ = net.infer_shape(**shapes)
        spec = {n: mx.graph.contract.spec.TensorSpec(s) for n, s in zip(net.list_arguments(), arg_shapes, strict=True)}
        specs = infer_specs(order, {(n.serial, 0): spec[n.name] for n in order if n.is_variable})
        nodes = [n for n in order if n.op is not None]
        flow = Flow(nodes, net._entries, specs)
        best = min(max(flow.walk(o)[0]) for o in orders_of(flow))
        found = order_for_memory(nodes, net._entries, specs)
        assert flow.lower_bound() <= best
        assert found.certificate == "optimal"
        assert found.peak == best
        at = {n.serial: i for i, n in enumerate(found.nodes)}
        assert all(at[e.node.serial] < at[n.serial] for n in nodes for e in n.inputs if e.node.op is not None)


def test_unrolled_steps_need_no_more_than_one(graphs: Any) -> None:
    """The user's order computes the products of all inputs first; what is found holds those of one step."""
    peaks = []
    for size in (130, 2_600):
        net, shapes = graphs.KINDS["lstm"](size)
        peaks.append(net.plan(TRAITS, grad_req="null", **shapes).memory.arena_bytes)
    assert peaks[1] <= 1.1 * peaks[0]


# ----------------------------------------------------------------------------------------------------------------------- progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def small_plan() -> None:
    mx.sym.FullyConnected(mx.sym.var("x"), num_hidden=4, name="fc").plan(TRAITS, x=(2, 3))


def test_progress_is_told_when_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLSYM_VERBOSE", "0")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    small_plan()
    assert not terminal.getvalue()
    monkeypatch.setattr(progress, "DELAY", 0.0)
    small_plan()
    assert "planning the graph" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    monkeypatch.setattr(sys, "stderr", log := io.StringIO())
    small_plan()
    assert not log.getvalue()
    monkeypatch.setenv("CLSYM_VERBOSE", "1")
    small_plan()
    assert log.getvalue().endswith(" s\n")
    assert log.getvalue().count("planning the graph") > 3
