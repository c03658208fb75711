"""How long planning takes, by kind and size of the graph, and what the plans need. Needs no OpenCL device.

    python tools/bench_plan.py                                     every kind, 100 to 20,000 operators, inference and training
    python tools/bench_plan.py --kinds lstm,gru --sizes 1000,10000 --passes
    python tools/bench_plan.py --lstms                             two LSTMs as programs publish them, planned, bound and run

Seconds are processor time of one thread, from the symbol to the plan, in a process of its own that has planned nothing but a tiny graph
before. A case that takes longer than ``--limit`` ends there, and larger sizes of it are left out. The exponent is that of time between
1,000 and 10,000 operators: 1 is proportional. ``--passes`` divides the time among the functions that the compiler is made of.
``--lstms`` needs an OpenCL device, the current context's; run it twice, since kernels are built the first time.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

MODES = {"inference": "null", "training": "write"}
LSTMS = {"characters, 2 x 100": "character_lstm", "softmax a step, 3 x 129": "softmax_lstm"}


@contextmanager
def timed_passes(seconds: dict[str, float]) -> Iterator[None]:
    """Collect the time that each pass, and each function which the passes import, takes, without that of others within it."""
    from clsym.graph import compilation, passes, plan

    inner = [0.0]

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            inner.append(0.0)
            start = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                spent = time.process_time() - start
                seconds[name] = seconds.get(name, 0.0) + spent - inner.pop()
                inner[-1] += spent

        return run

    def is_pass(f: Any) -> bool:
        return (
            callable(f)
            and not isinstance(f, type)
            and f.__name__ not in ("attribute", "key")
            and str(getattr(f, "__module__", "")).startswith("clsym.graph.")
        )

    originals = [(m, name, f) for m in (passes, compilation) for name, f in vars(m).items() if is_pass(f)]
    originals += [(m, "PASSES", passes.PASSES) for m in (passes, plan)]
    try:
        for module, name, value in originals:
            setattr(module, name, tuple(timed(f) for f in value) if name == "PASSES" else timed(value))
        yield
    finally:
        for module, name, value in originals:
            setattr(module, name, value)


def plan_case(kind: str, size: int, mode: str, traits: str, passes: bool) -> dict[str, Any]:
    """Plan one case in this process."""
    import plan_graphs
    from bench_memory import chosen_traits

    device = chosen_traits(traits)
    tiny, tiny_shapes = plan_graphs.KINDS["chain"](4)
    tiny.plan(device, grad_req=MODES[mode], **tiny_shapes)
    net, shapes = plan_graphs.KINDS[kind](size)
    spent: dict[str, float] = {}
    start = time.process_time()
    if passes:
        with timed_passes(spent):
            plan = net.plan(device, grad_req=MODES[mode], **shapes)
    else:
        plan = net.plan(device, grad_req=MODES[mode], **shapes)
    seconds = time.process_time() - start
    memory = plan.memory
    return {
        "seconds": seconds, "steps": len(plan.steps), "arena": memory.arena_bytes, "bound": memory.bound_bytes,
        "certificate": plan.certificate, "passes": spent,
    }  # fmt: skip


def lstm_case(function: str, mode: str) -> dict[str, Any]:
    """Bind and run one of `LSTMS` on the current context; wall-clock seconds of each part, the values of a parameter 0.01."""
    import plan_graphs

    import clsym as mx
    from clsym.graph.contract.ir import topological

    mx.nd.ones((2,)).asnumpy()  # the device is found, a context made
    net, shapes = getattr(plan_graphs, function)()
    marks = [time.perf_counter()]
    executor = net.simple_bind(mx.current_context(), grad_req=MODES[mode], **shapes)
    marks.append(time.perf_counter())
    for array in executor.arg_arrays:
        array[:] = 0.01
    for output in executor.forward(is_train=mode == "training"):
        output.wait_to_read()
    marks.append(time.perf_counter())
    if mode == "training":
        executor.backward()
        executor.grad_arrays[0].wait_to_read()
        mx.nd.waitall()
    marks.append(time.perf_counter())
    executor.forward(is_train=mode == "training")[0].wait_to_read()
    marks.append(time.perf_counter())
    names = ("bind", "forward", "backward", "second forward")
    return {
        "nodes": len(topological(net._entries)), "total": marks[3] - marks[0],
        **{n: b - a for n, a, b in zip(names, marks, marks[1:], strict=False)},
    }  # fmt: skip


def in_child(arguments: list[str], limit: float) -> dict[str, Any]:
    """What this script prints as a child; ``{"over": limit}`` where it takes too long."""
    command = [sys.executable, __file__, "--child", *arguments]
    try:  # what comes before planning takes a few seconds at most
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit + 20, check=False)
    except subprocess.TimeoutExpired:
        return {"over": limit}
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {"over": limit} if found.get("seconds", 0.0) > limit else found


def exponent(rows: list[dict[str, Any]], low: int = 1_000, high: int = 10_000) -> float | None:
    """How time grows between two sizes; None where one was not measured.

    >>> exponent([{"size": 1000, "seconds": 0.1}, {"size": 10000, "seconds": 1.0}])
    1.0
    """
    seconds = {r["size"]: r["seconds"] for r in rows if "seconds" in r}
    if low not in seconds or high not in seconds:
        return None
    return round(math.log(seconds[high] / seconds[low]) / math.log(high / low), 2)


def report(rows: list[dict[str, Any]], sizes: list[int]) -> str:
    """The table: a line a kind and mode, with seconds by size, the exponent, and the arena over the bound at the largest size."""
    lines = [
        f"{'kind':18s}{'mode':10s}"
        + "".join(f"{n:>9,d}" for n in sizes)
        + f"{'exponent':>10s}{'steps':>8s}{'arena MiB':>11s}{'/bound':>8s}"
    ]
    for kind, mode in dict.fromkeys((r["kind"], r["mode"]) for r in rows):
        mine = [r for r in rows if (r["kind"], r["mode"]) == (kind, mode)]
        text = f"{kind:18s}{mode:10s}"
        by_size = {r["size"]: r for r in mine}
        for n in sizes:
            r = by_size.get(n, {})
            text += (
                f"{r['seconds']:9.2f}"
                if "seconds" in r
                else f"{'> ' + format(r['over'], 'g'):>9s}"
                if "over" in r
                else f"{'error' if 'error' in r else '-':>9s}"
            )
        grown = exponent(mine)
        done = [r for r in mine if "seconds" in r]
        text += f"{'-' if grown is None else format(grown, '.2f'):>10s}"
        if done:
            last = done[-1]
            text += f"{last['steps']:8d}{last['arena'] / 2**20:11.3f}{last['arena'] / max(last['bound'], 1):8.4f}"
        lines.append(text)
    lines += [f"{r['kind']}, {r['mode']}, {r['size']}: {r['error']}" for r in rows if "error" in r]
    return "\n".join(lines)


def report_passes(rows: list[dict[str, Any]]) -> str:
    """Milliseconds by pass, the dearest first."""
    lines = []
    for r in rows:
        if spent := r.get("passes"):
            rest = r["seconds"] - sum(spent.values())
            parts = sorted([*spent.items(), ("the rest", rest)], key=lambda p: -p[1])
            told = ", ".join(f"{name} {1000 * s:.0f}" for name, s in parts if s >= 0.01 * r["seconds"])
            lines.append(f"{r['kind']}, {r['mode']}, {r['size']} ({1000 * r['seconds']:.0f} ms): {told}")
    return "\n".join(lines)


def report_lstms(rows: list[dict[str, Any]]) -> str:
    """The LSTMs' table, in seconds."""
    names = ("total", "bind", "forward", "backward", "second forward")
    lines = [f"{'graph':26s}{'mode':10s}{'nodes':>7s}" + "".join(f"{n:>15s}" for n in names)]
    for r in rows:
        text = f"{r['kind']:26s}{r['mode']:10s}"
        if "total" in r:
            text += f"{r['nodes']:7d}" + "".join(f"{r[n]:15.2f}" for n in names)
        else:
            text += f" more than {r['over']:g} s" if "over" in r else f" {r['error']}"
        lines.append(text)
    return "\n".join(lines)


def measure(kinds: list[str], sizes: list[int], modes: list[str], traits: str, limit: float, passes: bool) -> list[dict[str, Any]]:
    """Every case in a process of its own; progress goes to stderr."""
    rows = []
    for kind in kinds:
        for mode in modes:
            for size in sorted(sizes):
                row = {"kind": kind, "mode": mode, "size": size}
                row |= in_child([kind, str(size), mode, traits, str(int(passes))], limit)
                rows.append(row)
                print(f"{kind}, {mode}, {size}: {row.get('seconds', row)}", file=sys.stderr, flush=True)
                if "over" in row:
                    break
    return rows


def main() -> int:
    from plan_graphs import KINDS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", default=",".join(KINDS), help="comma-separated")
    parser.add_argument("--sizes", default="100,1000,10000,20000", help="operators, comma-separated")
    parser.add_argument("--modes", default="inference,training")
    parser.add_argument("--traits", choices=("generic", "cpu", "gpu"), default="cpu")
    parser.add_argument("--limit", type=float, default=30, help="seconds a case (30)")
    parser.add_argument("--passes", action="store_true", help="divide the time among the passes")
    parser.add_argument("--lstms", action="store_true", help="the two LSTMs instead, on a device")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    args = parser.parse_args()
    modes = args.modes.split(",")
    if unknown := set(modes) - set(MODES):
        parser.error(f"unknown mode {sorted(unknown)[0]!r}; modes: {', '.join(MODES)}")
    if args.lstms:
        rows = [
            {"kind": kind, "mode": mode, **in_child(["--lstm", function, mode], args.limit)}
            for kind, function in LSTMS.items()
            for mode in modes
        ]
        print(report_lstms(rows))
    else:
        kinds = args.kinds.split(",")
        if missing := [k for k in kinds if k not in KINDS]:
            parser.error(f"unknown kind {missing[0]!r}; kinds: {', '.join(KINDS)}")
        sizes = [int(n) for n in args.sizes.split(",")]
        rows = measure(kinds, sizes, modes, args.traits, args.limit, args.passes)
        print(report(rows, sizes))
        if args.passes:
            print(report_passes(rows))
    if args.json:
        temporary = args.json.with_name(args.json.name + ".tmp")
        temporary.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        temporary.replace(args.json)
    return int(any("error" in r for r in rows))


def child(arguments: list[str]) -> None:
    """A case for `in_child`."""
    if arguments[0] == "--lstm":
        print(json.dumps(lstm_case(*arguments[1:])))
    else:
        kind, size, mode, traits, passes = arguments
        print(json.dumps(plan_case(kind, int(size), mode, traits, passes == "1")))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2:])
        sys.exit(0)
    sys.exit(main())
