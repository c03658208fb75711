"""Plan memory and compare: naive, MXNet's planner, the lower bound, ours, and the time that planning takes. Needs no OpenCL device.

    python tools/bench_memory.py --zoo FOLDER            ten models x batch 1 and 32 x inference and training; see memory_zoo.py
    python tools/bench_memory.py --minimalloc FOLDER     live ranges that are hard to pack; see memory_minimalloc.py

``--traits`` says for which kind of device the graphs are lowered, since kernels' workspaces are planned with the tensors: generic, or
``cpu`` or ``gpu`` with the limits of a common one, or ``device`` for the current context's. ``--json FILE`` writes the figures.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))


def chosen_traits(name: str) -> Any:
    """What ``Symbol.plan`` takes for ``--traits``."""
    from clsym.graph.contract.traits import DeviceTraits

    if name == "device":
        return None
    if name == "gpu":
        return DeviceTraits(
            kind="gpu", compute_units=64, vector_width=1, max_work_group_size=1024, max_work_item_sizes=(1024, 1024, 64), local_mem=49152,
            alignment=512, max_alloc=16 << 30, global_mem=64 << 30,
        )  # fmt: skip
    if name == "cpu":
        return DeviceTraits(compute_units=8, max_alloc=16 << 30, global_mem=64 << 30)
    return DeviceTraits(max_alloc=16 << 30, global_mem=64 << 30)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", type=Path, metavar="FOLDER", help="plan the zoo's graphs in this folder")
    parser.add_argument("--minimalloc", type=Path, metavar="FOLDER", help="pack the <case>.<capacity>.csv files in this folder")
    parser.add_argument("--seconds", type=float, default=20, help="time of the exact search of one case of --minimalloc (20)")
    parser.add_argument("--models", default="", help="only these of the zoo, comma-separated")
    parser.add_argument(
        "--others", action="store_true", help="with --zoo: also an LSTM, a residual network of 1001 layers, a random network"
    )
    parser.add_argument("--batch", default="1,32", help="batches, comma-separated")
    parser.add_argument("--traits", choices=("generic", "cpu", "gpu", "device"), default="generic")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    args = parser.parse_args()
    result: dict[str, Any] = {}
    if args.zoo:
        import memory_zoo

        models = args.models.split(",") if args.models else list(memory_zoo.MXNET_MIB)
        batches = [int(b) for b in args.batch.split(",")]
        if set(batches) - {1, 32}:
            parser.error("MXNet's figures are for batch 1 and 32")
        if unknown := sorted(set(models) - set(memory_zoo.MXNET_MIB)):
            parser.error(f"no figures for {', '.join(unknown)}; known models: {', '.join(memory_zoo.MXNET_MIB)}")
        chosen = memory_zoo.cases(models, batches, args.others)
        if missing := sorted({c.file for c in chosen if not (args.zoo / c.file).is_file()}):
            parser.error(f"{args.zoo} has no {', '.join(missing)}")
        traits = chosen_traits(args.traits)
        result["zoo"] = [memory_zoo.measure(args.zoo, case, traits) for case in chosen]
        print(memory_zoo.report(result["zoo"]))
    if args.minimalloc:
        import memory_minimalloc

        result["minimalloc"] = memory_minimalloc.run(args.minimalloc, args.seconds)
        print(memory_minimalloc.report(result["minimalloc"]))
    if not result:
        parser.error("nothing to do: give --zoo FOLDER or --minimalloc FOLDER")
    if args.json:
        temporary = args.json.with_name(args.json.name + ".tmp")
        temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        temporary.replace(args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
