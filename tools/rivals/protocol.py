"""What the rivals of `bench_model.py` share: each runs in a process of its own and answers one JSON line to each command.

The first argument is a JSON file: symbol, params, onnx, inputs (name to .npy file), output (.npy file to write), threads, train, rate.
After ``{"ready": versions}``, or ``{"failed": reason}``, a line with a number asks for that many runs: the inputs are written anew,
untimed, the runs are timed one by one, and the process then blocks until it is asked again, so that it does not disturb the others.
"""

from __future__ import annotations

import json
import sys
import time


def say(**message):
    """Answer the parent. stdout is the parent's only through here."""
    print(json.dumps(message), file=_OUT, flush=True)


_OUT = sys.stdout
sys.stdout = sys.stderr  # what libraries print does not belong into the answers


def serve(make):
    """Run ``make(config)``, which returns (versions, write the inputs, run once to the end), then obey until stdin ends."""
    with open(sys.argv[1], encoding="utf-8") as f:
        config = json.load(f)
    try:
        versions, prepare, step = make(config)
    except Exception as exc:
        say(failed=f"{type(exc).__name__}: {exc}")
        raise
    say(ready=versions)
    for line in sys.stdin:
        prepare()
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        say(times=times)
