"""Training plans of the model zoo under memory limits: arena, what is computed twice, and how long planning takes. Needs no device.

    python tools/memory_limits.py ZOO_FOLDER [--batch 32] [--models resnet50_v1 ...] [--limits 690 1250 ...]

Without ``--limits``, the limits of `LIMITS` at batch 32, and the smallest that is found.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import clsym as mx
from clsym.graph.contract.traits import DeviceTraits
from clsym.graph.plan import Plan

LIMITS: dict[str, tuple[int, ...]] = {
    "resnet50_v1": (690,),
    "resnet50_v2": (1250,),
    "densenet121": (1320, 770),
    "inception_v3": (805,),
    "mobilenet_v2_1.0": (915, 680),
}
"""MiB at batch 32. At 1250, 1320 and 915 no convolution runs twice."""


def planned(file: Path, batch: int, limit: int | None) -> tuple[Plan | str, float]:
    """The plan, or the refusal; and the seconds it took."""
    net = mx.sym.SoftmaxOutput(mx.sym.load(str(file)), name="softmax")
    side = 299 if file.stem == "inception_v3" else 224
    start = time.perf_counter()
    try:
        found: Plan | str = net.plan(DeviceTraits(vector_width=16, compute_units=2), memory_limit=limit, data=(batch, 3, side, side))
    except mx.MXNetError as refused:
        found = str(refused)
    return found, time.perf_counter() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--models", nargs="*", default=list(LIMITS))
    parser.add_argument("--limits", nargs="*", type=int, help="MiB")
    args = parser.parse_args()
    print("| model | limit MiB | arena MiB | steps run again | more multiply-adds | planned in s |\n|---|--:|--:|--:|--:|--:|")
    for model in args.models:
        for limit in (None, *(args.limits or LIMITS.get(model, ())), 0):
            found, seconds = planned(args.folder / f"{model}.json", args.batch, None if limit is None else limit << 20)
            shown = "none" if limit is None else "smallest found" if limit == 0 else str(limit)
            if isinstance(found, str):
                needs = re.search(r"needs (\d+) bytes", found)
                row = f"{int(needs[1]) / 2**20:.1f} | | " if needs else f"{found} | | "
            else:
                row = f"{found.memory.arena_bytes / 2**20:.1f} | {found.recomputed} | {found.extra_work:.1%}"
            print(f"| {model} | {shown} | {row} | {seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main()
