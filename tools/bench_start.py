"""Time from the start of a process to a model's first result: cold, with no kernel compiled before, and warm.

    python tools/bench_start.py resnet50_v1.json --warm 5 --json figures.json

Each run is a process of its own, with caches of compiled kernels in a temporary folder; the first finds them empty. ``total`` counts from
before the interpreter starts to the output being in numpy; ``import``, ``bind`` and ``first`` (compiling the plan, building or loading its
kernels, preparing the weights, the forward pass) are parts of it, the rest is the interpreter and filling in the weights.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench_report import conditions, table, write_json

COLUMNS = ("total", "import", "bind", "first")


def child(path: str, shape: tuple[int, ...], device: str) -> dict[str, float]:
    """The seconds of each part, in this process."""
    begin = time.perf_counter()
    import clsym as mx

    found = {"import": time.perf_counter() - begin}
    begin = time.perf_counter()
    executor = mx.sym.load(path).simple_bind(mx.cl(device) if device else mx.cpu(), grad_req="null", data=shape)
    found["bind"] = time.perf_counter() - begin
    for name, array in {**executor.arg_dict, **executor.aux_dict}.items():
        array[:] = 1.0 if name.endswith(("gamma", "_var")) else 0.01
    mx.nd.waitall()
    begin = time.perf_counter()
    executor.forward()[0].asnumpy()
    found["first"] = time.perf_counter() - begin
    from clsym.runtime.program import program_count

    found["programs"] = program_count()
    return found


def measure(args: argparse.Namespace, caches: str) -> dict[str, float]:
    """One process, from its start."""
    places = {"XDG_CACHE_HOME": caches, "POCL_CACHE_DIR": str(Path(caches) / "pocl"), "CUDA_CACHE_PATH": str(Path(caches) / "nv")}
    command = [sys.executable, __file__, str(args.symbol), "--shape", args.shape, "--device", args.device, "--child"]
    begin = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **places})
    total = time.perf_counter() - begin
    if done.returncode:
        sys.exit(f"the process that was to be timed failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {"total": total, **found}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("symbol", type=Path, metavar="SYMBOL.json", help="a graph with an input named data")
    parser.add_argument("--shape", default="1,3,224,224", help="of the data (1,3,224,224)")
    parser.add_argument("--device", default="", help="as mx.cl() takes it; default cpu(0)")
    parser.add_argument("--warm", type=int, default=5, help="how many warm starts; their median counts (5)")
    parser.add_argument("--json", default="", help="write the figures to this file")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not args.symbol.is_file():
        parser.error(f"no such file: {args.symbol}")
    if args.child:
        print(json.dumps(child(str(args.symbol), tuple(int(d) for d in args.shape.split(",")), args.device)))
        return 0
    if args.warm < 1:
        parser.error("--warm must be at least 1")
    with tempfile.TemporaryDirectory(prefix="clsym-start-") as caches:
        cold = measure(args, caches)
        warm = [measure(args, caches) for _ in range(args.warm)]
    import clsym as mx
    from clsym.runtime.device import resolve

    rows: dict[str, dict[str, float]] = {"cold": cold, "warm": {k: statistics.median(w[k] for w in warm) for k in cold}}
    body: list[list[Any]] = [[name, *(round(row[c], 2) for c in COLUMNS), int(row["programs"])] for name, row in rows.items()]
    print(table(["start", *(f"{c} s" for c in COLUMNS), "programs"], body))
    if args.json:
        device = resolve(mx.cl(args.device) if args.device else mx.cpu())
        write_json(args.json, {**conditions(device, device.traits.compute_units), "model": args.symbol.stem, "rows": rows, "warm": warm})
    return 0


if __name__ == "__main__":
    sys.exit(main())
