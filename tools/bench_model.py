"""Time a model's forward pass, against MXNet on the same machine in the same minute.

    python tools/bench_model.py resnet18_v1.json --batch 1 --shape 3,224,224 --mxnet-python /path/to/mxnet/bin/python

Both sides get the same weights (Xavier, magnitude 2, from a seed) and the same input, rounds are interleaved, outputs are compared, and
the medians and their ratio are printed. ``--json FILE`` writes the figures. Each side runs with ``--threads`` threads (PoCL:
POCL_MAX_PTHREAD_COUNT).
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

MXNET_WORKER = r"""
import sys, time, numpy as np, mxnet as mx
symbol, params, data, out = sys.argv[1:5]
net = mx.sym.load(symbol)
x = np.load(data)
ex = net.simple_bind(mx.cpu(), grad_req='null', data=x.shape)
saved = mx.nd.load(params)
args = {k[4:]: v for k, v in saved.items() if k.startswith('arg:')}
aux = {k[4:]: v for k, v in saved.items() if k.startswith('aux:')}
ex.copy_params_from(args, aux, allow_extra_params=True)
x = mx.nd.array(x)
np.save(out, ex.forward(is_train=False, data=x)[0].asnumpy())
print('ready', mx.__version__, flush=True)
for line in sys.stdin:
    times = []
    for _ in range(int(line)):
        start = time.perf_counter()
        ex.forward(is_train=False)[0].wait_to_read()
        times.append(time.perf_counter() - start)
    print(' '.join(map(str, times)), flush=True)
"""


def xavier(name: str, shape: tuple[int, ...], rng: Any) -> Any:
    """A parameter's value: weights uniform by Xavier with magnitude 2, scales and variances 1, the rest 0."""
    import numpy as np

    if name.endswith(("gamma", "running_var", "moving_var")):
        return np.ones(shape, np.float32)
    if name.endswith("weight") and len(shape) > 1:
        receptive = int(np.prod(shape[2:]))
        scale = np.sqrt(2 / ((shape[0] + shape[1]) * receptive / 2))
        return rng.uniform(-scale, scale, shape).astype(np.float32)
    return np.zeros(shape, np.float32)


class MXNetRival:
    """MXNet in a process of its own, told when to run."""

    def __init__(self, python: str, symbol: str, params: str, data: str, out: str, threads: int, subgraph: str) -> None:
        env = {**os.environ, "OMP_NUM_THREADS": str(threads), "MXNET_SUBGRAPH_BACKEND": subgraph}
        self.process = subprocess.Popen(
            [python, "-c", MXNET_WORKER, symbol, params, data, out],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=env,
        )
        ready = self._line()
        if not ready.startswith("ready"):
            raise SystemExit(f"MXNet did not start: run {python} -c 'import mxnet' to see why")
        self.version = ready.split()[1]

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def run(self, count: int) -> list[float]:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return [float(t) for t in self._line().split()]

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("symbol")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--shape", default="3,224,224", help="of one example")
    parser.add_argument("--device", default="", help="as mx.cl() takes it; default cpu(0)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--per-round", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--mxnet-python", default="", help="a Python that has mxnet")
    parser.add_argument("--mxnet-subgraph", default="NONE", help="MXNET_SUBGRAPH_BACKEND: NONE, or MKLDNN for its fusion")
    parser.add_argument("--json", default="", help="write the figures to this file")
    args = parser.parse_args()
    os.environ.setdefault("POCL_MAX_PTHREAD_COUNT", str(args.threads))

    import numpy as np

    import clsym as mx

    ctx = mx.cl(args.device) if args.device else mx.cpu()
    shape = (args.batch, *(int(d) for d in args.shape.split(",")))
    rng = np.random.RandomState(0)
    net = mx.sym.load(args.symbol)
    ex = net.simple_bind(ctx, grad_req="null", data=shape)
    values = {
        **{f"arg:{n}": xavier(n, a.shape, rng) for n, a in ex.arg_dict.items() if n != "data"},
        **{f"aux:{n}": xavier(n, a.shape, rng) for n, a in ex.aux_dict.items()},
    }
    x = rng.uniform(0, 1, shape).astype(np.float32)
    for key, value in values.items():
        (ex.arg_dict if key.startswith("arg:") else ex.aux_dict)[key[4:]][:] = value
    start = time.perf_counter()
    out = ex.forward(is_train=False, data=x)[0].asnumpy()
    first = time.perf_counter() - start

    def ours(count: int) -> list[float]:
        times = []
        for _ in range(count):
            begin = time.perf_counter()
            ex.forward(is_train=False)[0].wait_to_read()
            times.append(time.perf_counter() - begin)
        return times

    def host(count: int) -> float:
        """Seconds a forward costs the host, the device's work excluded."""
        times = []
        for _ in range(count):
            ex.outputs[0].wait_to_read()
            begin = time.perf_counter()
            ex.forward(is_train=False)
            times.append(time.perf_counter() - begin)
            ex.outputs[0].wait_to_read()
        return statistics.median(times)

    result: dict[str, Any] = {"model": Path(args.symbol).stem, "batch": args.batch, "device": str(ctx), "first_s": first}
    with tempfile.TemporaryDirectory() as folder:
        rival = None
        if args.mxnet_python:
            files = [os.path.join(folder, n) for n in ("net.params", "x.npy", "out.npy")]
            mx.nd.save(files[0], {k: mx.nd.array(v) for k, v in values.items()})
            np.save(files[1], x)
            rival = MXNetRival(args.mxnet_python, args.symbol, *files, args.threads, args.mxnet_subgraph)
            want = np.load(files[2])
            result["max_error"] = float(np.abs(out - want).max() / np.abs(want).max())
            rival.run(3)
        ours(3)
        mine, theirs = [], []
        for _ in range(args.rounds):
            mine += ours(args.per_round)
            if rival is not None:
                theirs += rival.run(args.per_round)
        result["clsym_ms"] = statistics.median(mine) * 1e3
        if rival is not None:
            result["mxnet_ms"] = statistics.median(theirs) * 1e3
            result["ratio"] = result["clsym_ms"] / result["mxnet_ms"]
            result["mxnet"] = rival.version
            rival.close()
    plan = ex.plan()
    launches = sum(len(s.calls) for i, s in enumerate(plan.steps) if i not in plan.memory.aliased)
    result.update(
        arena_bytes=plan.memory.arena_bytes, naive_bytes=plan.memory.naive_bytes, bound_bytes=plan.memory.bound_bytes,
        workspace_bytes=plan.memory.workspace_bytes, launches=launches, host_us=host(20) * 1e6,
    )  # fmt: skip
    for key, value in result.items():
        print(f"{key:16s} {value:.4g}" if isinstance(value, float) else f"{key:16s} {value}")
    if args.json:
        temporary = Path(args.json + ".tmp")
        temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        temporary.replace(args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
