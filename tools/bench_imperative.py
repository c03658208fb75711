"""Microseconds of host time of small calls on arrays, and of a small step of autograd, against MXNet's in the same minutes.

    python tools/bench_imperative.py --mxnet-python /path/to/python

The two sides are processes that take turns; of each case the best of all turns counts, since others on the machine only ever add. A time is
that of the calls alone: what they enqueue is waited for outside it, except by `asnumpy`, which waits for itself.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from typing import Any

CHILD = "--child"


def cases(mx: Any) -> dict[str, Any]:
    """The calls by name."""
    nd, ag = mx.nd, mx.autograd
    a, b, x, w = (nd.ones((4, 4)) for _ in range(4))
    x.attach_grad()
    w.attach_grad()

    def assign() -> None:
        a[1:2] = 0

    def forward() -> Any:
        h = nd.tanh(x * w)
        return nd.exp((h + x) * 2)

    def recorded() -> Any:
        with ag.record():
            return forward()

    def step() -> None:
        recorded().backward()

    return {
        "a + b": lambda: a + b,
        "a * 2": lambda: a * 2,
        "zeros": lambda: nd.zeros((4, 4)),
        "copyto": lambda: a.copyto(b),
        "a[1:3]": lambda: a[1:3],
        "a[1:2] = 0": assign,
        "a.asnumpy()": lambda: a.asnumpy(),
        "nd.exp(a)": lambda: nd.exp(a),
        "(a + b).asnumpy()": lambda: (a + b).asnumpy(),
        "5 operators": forward,
        "5, recorded": recorded,
        "5 and backward": step,
    }


def child(module: str) -> None:
    """Measure all cases once for every line that comes in, and print the microseconds of each."""
    mx = importlib.import_module(module)
    calls = cases(mx)
    for line in sys.stdin:
        count = int(line)
        found = {}
        for name, call in calls.items():
            for _ in range(3):
                call()
            best = float("inf")
            for _ in range(5):
                mx.nd.waitall()
                start = time.perf_counter()
                for _ in range(count):
                    call()
                best = min(best, (time.perf_counter() - start) / count)
            found[name] = best * 1e6
        print(json.dumps(found), flush=True)


class Side:
    """A process that measures."""

    def __init__(self, python: str, module: str) -> None:
        env = {**os.environ, "MXNET_SUBGRAPH_BACKEND": "NONE"}
        if module != "clsym":
            env.pop("PYTHONPATH", None)
        command = [python, os.path.abspath(__file__), CHILD, module]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        self.best: dict[str, float] = {}

    def turn(self, count: int) -> None:
        """Measure once more."""
        assert self.process.stdin is not None and self.process.stdout is not None
        print(count, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args} ended without an answer")
        for name, value in json.loads(line).items():
            self.best[name] = min(value, self.best.get(name, value))

    def close(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--mxnet-python", default=os.environ.get("CLSYM_MXNET_PYTHON", ""), help="a Python that has mxnet (CLSYM_MXNET_PYTHON)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side (5)")
    parser.add_argument("--calls", type=int, default=300, help="calls a measurement (300)")
    parser.add_argument("--json", default="", help="write the figures to this file")
    args = parser.parse_args()
    sides = {"clsym": Side(sys.executable, "clsym")}
    if args.mxnet_python:
        sides["mxnet"] = Side(args.mxnet_python, "mxnet")
    for _ in range(args.rounds):
        for side in sides.values():
            side.turn(args.calls)
    for side in sides.values():
        side.close()
    rows = []
    print(f"{'microseconds':20}" + "".join(f"{name:>10}" for name in sides) + ("     ratio" if len(sides) > 1 else ""))
    for name in sides["clsym"].best:
        times = {kind: side.best[name] for kind, side in sides.items()}
        ratio = times["clsym"] / times["mxnet"] if "mxnet" in times else None
        rows.append({"case": name, "microseconds": times, "ratio": ratio})
        print(f"{name:20}" + "".join(f"{t:10.2f}" for t in times.values()) + (f"{ratio:10.2f}" if ratio is not None else ""))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"rows": rows}, file, indent=1)
    return 0


if __name__ == "__main__":
    if CHILD in sys.argv[1:2]:
        child(sys.argv[2])
    else:
        sys.exit(main())
