"""Time operators over sweeps of shapes, as shares of what the device can do: its multiply-add peak and its copy bandwidth.

    python tools/bench_op.py                                 everything; matrix products, the convolutions of four nets, ...
    python tools/bench_op.py --filter 'gemm|conv-resnet'     what matches, in "group name"
    python tools/bench_op.py --filter conv --batch 1,16 --json figures.json
    python tools/bench_op.py --filter 'ordering|detection|rnn' --against onnxruntime,mxnet --mxnet-python /path/to/mxnet/bin/python

The peak is that of a kernel of independent multiply-adds in registers, of the widest vectors that the runtime compiles well; the bandwidth
that of a copy between arrays of 64 MiB, counting reads and writes (both in kernels/selftest.cl). They are measured before and after each
case, and a share refers to the better of the two, since shared machines change within seconds. Memory-bound cases count each tensor once
and move at least 96 MiB.

``ms`` is the operator's own step: its launches enqueued back to back, median of rounds. ``forward ms`` is a whole forward pass of a graph
of this operator alone, with what it needs around it (layouts changed at the borders of the graph). A share above 100% of the peak is
Winograd's: the multiply-adds counted are those of the definition. With ``--against`` each case runs in turns with other libraries:
MXNet in its own Python, ONNX Runtime on the equivalent node, or on what clsym exports; ``ratio`` is the time here over that of the fastest.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench_case import Case
from bench_cases import GROUPS, cases
from bench_op_rivals import against
from bench_report import conditions, geometric_mean, table, write_json

TURN = 0.02  # seconds of launches that one measurement times together


def _per_run(run: Any, finish: Any, rounds: int) -> float:
    """Median over rounds of the seconds of one run."""
    run()
    finish()
    start = time.perf_counter()
    run()
    finish()
    count = max(1, min(1000, int(TURN / (time.perf_counter() - start))))
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(count):
            run()
        finish()
        times.append((time.perf_counter() - start) / count)
    return statistics.median(times)


def measure(case: Case, ctx: Any, device: Any, rounds: int, pythons: Mapping[str, str], threads: int) -> dict[str, Any]:
    """The operator alone in a graph, bound, timed."""
    import numpy as np

    import clsym as mx
    from clsym.symbol.register import operator

    data = [mx.sym.var(f"x{i}") for i in range(len(case.shapes))]
    net = operator(case.op)(*data, name="case", **case.params)
    shapes = {f"x{i}": s for i, s in enumerate(case.shapes)}
    ex = net.simple_bind(ctx, grad_req="null", **shapes)
    values = case.values(np.random.RandomState(0))
    for name, value in zip(shapes, values, strict=True):
        (ex.arg_dict if name in ex.arg_dict else ex.aux_dict)[name][:] = value
    finish = device.queue.finish
    forward = _per_run(lambda: ex.forward(is_train=False), finish, rounds)
    bound = ex._bound(False)
    row: dict[str, Any] = {"group": case.group, "name": case.name, "flops": case.flops, "bytes": case.bytes, "forward_ms": forward * 1e3}
    if pythons:

        def once() -> float:
            start = time.perf_counter()
            ex.forward(is_train=False)
            finish()
            return time.perf_counter() - start

        output = ex.forward(is_train=False)[0].asnumpy()
        row.update(against(case, net, values, output, once, pythons, threads, rounds))
    own = 0.0
    for launches in bound.launches:  # the operator's own step is the longest; the others bring its operands into their layout
        if not launches:
            continue

        def run(launches: Any = launches) -> None:
            for launch in launches:
                launch.enqueue(device.queue)

        own = max(own, _per_run(run, finish, rounds))
    return {**row, "ms": own * 1e3}


def rate(row: dict[str, Any]) -> float:
    """GFLOP/s, or GB/s where memory is the limit."""
    return (row["flops"] or row["bytes"]) / row["ms"] / 1e6


def report(rows: list[dict[str, Any]]) -> str:
    """A table a group, and the geometric mean of its shares; one of all that ran in turns with others."""
    parts = []
    compared = [r for r in rows if "ratio" in r]
    for group in GROUPS:
        mine = [r for r in rows if r["group"] == group]
        if not mine:
            continue
        unit = "GFLOP/s" if mine[0]["flops"] else "GB/s"
        body: list[list[Any]] = [[r["name"], r["ms"], r["rate"], f"{100 * r['share']:.0f}%", r["forward_ms"]] for r in mine]
        if len(mine) > 1:
            body.append(["geometric mean", None, None, f"{100 * geometric_mean([r['share'] for r in mine]):.0f}%", None])
        parts.append(table([group, "ms", unit, "share", "forward ms"], body))
    if compared:
        kinds = sorted({kind for r in compared for kind in r["rivals_ms"]})
        body = [
            [f"{r['group']} {r['name']}", r["turns_ms"], *(r["rivals_ms"].get(kind) for kind in kinds), f"{r['ratio']:.2f}"]
            for r in compared
        ]
        body.append(["geometric mean", None, *(None for _ in kinds), f"{geometric_mean([r['ratio'] for r in compared]):.2f}"])
        parts.append(table(["in turns", "clsym ms", *(f"{kind} ms" for kind in kinds), "ratio"], body))
    return "\n\n".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filter", default="", help="a regular expression, searched in 'group name', in either case")
    parser.add_argument("--batch", default="1", help="of the convolutions: one or several, comma-separated (1)")
    parser.add_argument("--device", default="", help="as mx.cl() takes it; default cpu(0)")
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each case, of which the median counts (7)")
    parser.add_argument("--threads", type=int, default=2, help="of PoCL (2)")
    parser.add_argument("--against", default="", help="other libraries, comma-separated: onnxruntime, mxnet")
    parser.add_argument("--mxnet-python", default="", help="a Python that has mxnet")
    parser.add_argument("--onnxruntime-python", default=sys.executable, help="a Python that has onnxruntime (this one)")
    parser.add_argument("--json", default="", help="write the figures to this file")
    args = parser.parse_args()
    os.environ.setdefault("POCL_MAX_PTHREAD_COUNT", str(args.threads))
    chosen = [c for c in cases([int(b) for b in args.batch.split(",")]) if re.search(args.filter, f"{c.group} {c.name}", re.IGNORECASE)]
    if not chosen:
        parser.error(f"nothing matches {args.filter!r}; groups: {', '.join(GROUPS)}")

    known = {"mxnet": args.mxnet_python, "onnxruntime": args.onnxruntime_python}
    pythons = {kind: known.get(kind, "") for kind in args.against.split(",") if kind}
    if not all(pythons.values()):
        parser.error("--against takes onnxruntime and mxnet; MXNet runs in its own Python: give --mxnet-python")

    import clsym as mx
    from clsym.runtime.device import resolve
    from clsym.runtime.selftest import self_test

    ctx = mx.cl(args.device) if args.device else mx.cpu()
    device = resolve(ctx)
    peaks: list[tuple[float, float]] = []
    rows: list[dict[str, Any]] = []

    def probe() -> None:
        found = self_test(device)
        if found.fma_gflops is None or found.copy_gbs is None:
            raise SystemExit(f"the device cannot be measured: {found.message}")
        peaks.append((found.fma_gflops, found.copy_gbs))

    probe()
    for case in chosen:
        try:
            row = measure(case, ctx, device, args.rounds, pythons, args.threads)
        except mx.MXNetError as exc:
            print(f"{case.group} {case.name}: {exc}", file=sys.stderr)
            continue
        probe()
        row["rate"] = rate(row)
        row["peak"] = max(p[0 if case.flops else 1] for p in peaks[-2:])
        row["share"] = row["rate"] / row["peak"]
        rows.append(row)
    peak, copy = (statistics.median(p[i] for p in peaks) for i in range(2))
    print(f"medians: multiply-add peak {peak:.0f} GFLOP/s, copy {copy:.1f} GB/s\n\n{report(rows)}")
    if args.json:
        write_json(args.json, {**conditions(device, args.threads), "peak_gflops": peak, "copy_gbs": copy, "rows": rows})
    return 0 if rows else 1


if __name__ == "__main__":
    sys.exit(main())
