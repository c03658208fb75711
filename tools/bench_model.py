"""Time models against other engines, on the same machine in the same minutes: forward passes, or whole training steps.

    python tools/bench_model.py resnet18_v1.json resnet50_v1.json --batch 1,16 --against onnxruntime,mxnet \\
        --mxnet-python /path/to/mxnet/bin/python --json figures.json

All sides get the same weights (Xavier, magnitude 2, from a seed) and the same input, and their outputs are compared: the largest
difference, relative to the largest value. Rounds are interleaved: clsym runs for a while, then each rival, then clsym again; the medians
count. Each side has ``--threads`` threads (clsym on PoCL by POCL_MAX_PTHREAD_COUNT). Each rival lives in a process of its own that sleeps
in a read while others run, and a pause before each turn lets the spinning threads of the one before go to sleep. Inputs are written once
before each turn, untimed. Turns during which other programs took more than 5% of a core do not count, unless all were disturbed (``!``).

ONNX Runtime runs the model that clsym exports (``mx.onnx.export_model``); MXNet with its default subgraph backend (in 1.9.1 oneDNN's
fusion), or that of ``--mxnet-subgraph``; tinygrad the ONNX file on OpenCL, or on the device that the variable DEV names.

``--train`` times a step: forward, backward, and SGD (no momentum) on all parameters, with SoftmaxOutput as the loss where the model has
none; MXNet's side is a Module. The error is that of the training forward; ``update_error`` in the file is that of the one after an update,
which batch normalisation makes ill-conditioned (on mobilenet1.0 gradients of either engine are 1-3% off those in float64).
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench_report import Others, conditions, geometric_mean, table, write_json
from bench_rivals import KINDS, Rival, RivalError

PAUSE = 0.05  # seconds before each turn; OpenMP's and ONNX Runtime's threads spin for a few milliseconds
QUIET = 0.05  # of a core, that other programs may take during a turn


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


class Clsym:
    """One model at one batch, bound; its turn is in this process."""

    def __init__(self, path: Path, batch: int, ctx: Any, args: argparse.Namespace) -> None:
        import numpy as np

        import clsym as mx

        example = args.shape or ("3,299,299" if "inception" in path.name else "3,224,224")
        shapes = {"data": (batch, *(int(d) for d in example.split(",")))}
        if args.label_shape:
            shapes["softmax_label"] = (batch, *(int(d) for d in args.label_shape.split(",")))
        train = args.train
        self.net, self.train, self.rate, self.batch = mx.sym.load(str(path)), train, args.rate, batch
        if train and "softmax_label" not in self.net.list_arguments():
            self.net = mx.sym.SoftmaxOutput(self.net, name="softmax")
        rng = np.random.RandomState(0)
        inputs = [n for n in self.net.list_arguments() if n == "data" or n.endswith("label")]
        reqs = {n: "write" if train and n not in inputs else "null" for n in self.net.list_arguments()}
        start = time.perf_counter()
        self.ex = self.net.simple_bind(ctx, grad_req=reqs, **shapes)
        arrays = {**self.ex.arg_dict, **self.ex.aux_dict}
        self.values = {n: xavier(n, a.shape, rng) for n, a in arrays.items() if n not in inputs}
        for name, value in self.values.items():
            arrays[name][:] = value
        self.trained = [(self.ex.arg_dict[n], self.ex.grad_dict[n]) for n, req in reqs.items() if req == "write"]
        self.inputs = {n: self._input(n, self.ex.arg_dict[n].shape, rng) for n in inputs}
        self.prepare()
        self.step()
        self.output = self.ex.outputs[0].asnumpy()
        self.first = time.perf_counter() - start
        if train:  # also after the first update
            self.step()
            self.output = np.stack([self.output, self.ex.outputs[0].asnumpy()])

    def _input(self, name: str, shape: tuple[int, ...], rng: Any) -> Any:
        import numpy as np

        if name == "data":
            return rng.uniform(0, 1, shape).astype(np.float32)
        classes = self.ex.outputs[0].shape[1]
        return rng.randint(0, classes, shape).astype(np.float32)

    def prepare(self) -> None:
        """Write the inputs."""
        for name, array in self.inputs.items():
            self.ex.arg_dict[name][:] = array
            self.ex.arg_dict[name].wait_to_read()

    def step(self) -> None:
        """A forward pass, or a training step, to its end."""
        import clsym as mx

        if not self.train:
            self.ex.forward(is_train=False)[0].wait_to_read()
            return
        self.ex.forward(is_train=True)
        self.ex.backward()
        for weight, grad in self.trained:
            mx.nd.sgd_update(weight, grad, lr=self.rate, wd=0.0, rescale_grad=1.0 / self.batch, out=weight)
        mx.nd.waitall()

    def run(self, count: int) -> list[float]:
        """Seconds of each of `count` steps."""
        self.prepare()
        times = []
        for _ in range(count):
            begin = time.perf_counter()
            self.step()
            times.append(time.perf_counter() - begin)
        return times

    def host_seconds(self, count: int = 20) -> float:
        """What a step costs the host, the device's work excluded."""
        times = []
        for _ in range(count):
            self.ex.outputs[0].wait_to_read()
            begin = time.perf_counter()
            self.ex.forward(is_train=self.train)
            if self.train:
                self.ex.backward()
            times.append(time.perf_counter() - begin)
        return statistics.median(times)

    def save(self, folder: Path, threads: int, onnx: bool) -> dict[str, Any]:
        """The files that rivals read."""
        import numpy as np

        import clsym as mx

        states = set(self.net.list_auxiliary_states())
        self.net.save(str(folder / "net.json"))
        mx.nd.save(str(folder / "net.params"), {f"{'aux' if n in states else 'arg'}:{n}": mx.nd.array(v) for n, v in self.values.items()})
        for name, array in self.inputs.items():
            np.save(folder / f"{name}.npy", array)
        if onnx:
            shapes = [self.inputs[n].shape for n in self.inputs]
            mx.onnx.export_model(self.net, self.values, shapes, onnx_file_path=str(folder / "net.onnx"))
        return {
            "symbol": str(folder / "net.json"), "params": str(folder / "net.params"), "onnx": str(folder / "net.onnx"),
            "inputs": {n: str(folder / f"{n}.npy") for n in self.inputs}, "threads": threads, "train": self.train, "rate": self.rate,
        }  # fmt: skip


def start_rivals(model: Clsym, folder: Path, args: argparse.Namespace, row: dict[str, Any]) -> dict[str, Rival]:
    """Those that start; the others' reasons go into the row and onto stderr."""
    import numpy as np

    pythons = {"mxnet": args.mxnet_python, "onnxruntime": args.onnxruntime_python, "tinygrad": args.tinygrad_python}
    config = model.save(folder, args.threads, any(k != "mxnet" for k in args.against)) if args.against else {}
    found: dict[str, Rival] = {}
    for kind in args.against:
        output = folder / f"{kind}.npy"
        try:
            rival = Rival(kind, pythons[kind], {**config, "output": str(output)}, args.timeout, args.mxnet_subgraph)
        except RivalError as exc:
            row["unavailable"][kind] = str(exc)
            print(f"{row['model']} batch {row['batch']}: no {kind}: {exc}", file=sys.stderr)
            continue
        ours, theirs = (array if args.train else array[None] for array in (model.output, np.load(output)))
        errors = [float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(ours, theirs, strict=True)]
        row["error"][kind] = errors[0]
        if args.train:
            row["update_error"][kind] = errors[1]
        row["versions"].update({k: v for k, v in rival.versions.items() if k != "numpy"})
        found[kind] = rival
    return found


def measure(path: Path, batch: int, ctx: Any, args: argparse.Namespace) -> dict[str, Any]:
    """One row: medians of interleaved rounds, in milliseconds."""
    model = Clsym(path, batch, ctx, args)
    row: dict[str, Any] = {"model": path.stem, "batch": batch, "train": args.train, "first_s": model.first}
    row.update(error={}, update_error={}, unavailable={}, versions={}, ms={}, best_ms={}, runs={}, turns={}, disturbed=False)
    with tempfile.TemporaryDirectory(prefix="clsym-bench-") as name:
        rivals = start_rivals(model, Path(name), args, row)
        sides: dict[str, Clsym | Rival] = {"clsym": model, **rivals}
        turns: dict[str, list[tuple[float, list[float]]]] = {side: [] for side in sides}
        others = Others([r.process.pid for r in rivals.values()])
        try:
            counts = {}
            for side, engine in sides.items():  # warm up, and find out how often fits into a turn
                time.sleep(PAUSE)
                typical = min(engine.run(2))
                counts[side] = max(1, min(50, round(args.seconds / args.rounds / typical)))
            for _ in range(args.rounds):
                for side, engine in sides.items():
                    time.sleep(PAUSE)
                    others.start()
                    times = engine.run(counts[side])
                    turns[side].append((others.share() or 0.0, times))
        finally:
            for rival in rivals.values():
                rival.close()
    for side, taken in turns.items():
        quiet = [times for share, times in taken if share <= QUIET]
        values = [t for times in quiet or [times for _, times in taken] for t in times]
        row["ms"][side] = statistics.median(values) * 1e3
        row["best_ms"][side] = min(t for _, times in taken for t in times) * 1e3
        row["turns"][side] = [{"others": round(share, 3), "median_ms": statistics.median(times) * 1e3} for share, times in taken]
        row["runs"][side] = len(values)
        row["disturbed"] |= not quiet
    ratios = {side: row["ms"]["clsym"] / row["ms"][side] for side in rivals}
    row["ratio"] = {**ratios, **({"best": max(ratios.values())} if ratios else {})}
    plan = model.ex.plan(args.train)
    row["launches"] = sum(len(s.calls) for i, s in enumerate(plan.steps) if i not in plan.memory.aliased)
    row["arena_bytes"], row["bound_bytes"] = plan.memory.arena_bytes, plan.memory.bound_bytes
    row["workspace_bytes"] = plan.memory.workspace_bytes
    row["host_us"] = model.host_seconds() * 1e6
    return row


def report(rows: list[dict[str, Any]]) -> str:
    """The table, with the geometric means below."""
    against = [k for k in KINDS if any(k in r["ms"] for r in rows)]
    compared = ["/ best", "error"] if against else []
    header = ["model", "batch", "clsym ms", *(f"{k} ms" for k in against), *(f"/ {k}" for k in against), *compared, "host us"]
    body = [
        [
            r["model"] + (" !" if r["disturbed"] else ""), r["batch"], r["ms"]["clsym"],
            *(r["ms"].get(k) for k in against), *(r["ratio"].get(k) for k in against),
            *((r["ratio"].get("best"), max(r["error"].values(), default=None)) if against else ()), round(r["host_us"]),
        ]
        for r in rows
    ]  # fmt: skip
    if len(rows) > 1 and against:
        means = [geometric_mean([r["ratio"][k] for r in rows if k in r["ratio"]]) for k in (*against, "best")]
        body.append(["geometric mean", None, None, *(None for _ in against), *means, None, None])
    return table(header, body)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("symbols", nargs="+", type=Path, metavar="SYMBOL.json", help="graphs with an input named data")
    parser.add_argument("--batch", default="1", help="one or several, comma-separated (1)")
    parser.add_argument("--shape", default="", help="of one example (3,224,224; for inception 3,299,299)")
    parser.add_argument("--label-shape", default="", help="of one example's label, where it does not follow")
    parser.add_argument("--device", default="", help="as mx.cl() takes it; default cpu(0)")
    parser.add_argument("--against", default="", help=f"rivals, comma-separated: {','.join(KINDS)}")
    parser.add_argument("--train", action="store_true", help="time training steps")
    parser.add_argument("--rate", type=float, default=0.01, help="learning rate of those (0.01)")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each side (7)")
    parser.add_argument("--seconds", type=float, default=3, help="time of each side, all turns together (3); at least one run a turn")
    parser.add_argument("--threads", type=int, default=2, help="of each side (2)")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for a rival's start and for each of its turns (300)")
    parser.add_argument("--mxnet-python", default="", help="a Python that has mxnet")
    parser.add_argument("--mxnet-subgraph", default="", help="MXNET_SUBGRAPH_BACKEND: NONE or MKLDNN; MXNet's default if not given")
    parser.add_argument("--onnxruntime-python", default=sys.executable, help="a Python that has onnxruntime (this one)")
    parser.add_argument("--tinygrad-python", default=sys.executable, help="a Python that has tinygrad (this one)")
    parser.add_argument("--json", default="", help="write the figures to this file, after each model")
    args = parser.parse_args()
    args.against = [k.strip() for k in args.against.split(",") if k.strip()]
    if args.mxnet_python and not args.against:
        args.against = ["mxnet"]
    if unknown := [k for k in args.against if k not in KINDS]:
        parser.error(f"no rival {', '.join(unknown)}; known: {', '.join(KINDS)}")
    if "mxnet" in args.against and not args.mxnet_python:
        parser.error("MXNet runs in its own Python: give --mxnet-python")
    if missing := [str(p) for p in args.symbols if not p.is_file()]:
        parser.error(f"no such file: {', '.join(missing)}")
    os.environ.setdefault("POCL_MAX_PTHREAD_COUNT", str(args.threads))

    import clsym as mx
    from clsym.runtime.device import resolve

    ctx = mx.cl(args.device) if args.device else mx.cpu()
    result: dict[str, Any] = {**conditions(resolve(ctx), args.threads), "rows": []}
    for path in args.symbols:
        for batch in (int(b) for b in args.batch.split(",")):
            try:
                row = measure(path, batch, ctx, args)
            except RivalError as exc:
                print(f"{path.stem} batch {batch}: {exc}", file=sys.stderr)
                continue
            result["versions"].update(row.pop("versions"))
            result["rows"].append(row)
            shown = "  ".join(f"{k} {v:.2f}" for k, v in row["ms"].items())
            print(f"{path.stem} batch {batch}: {shown} ms", file=sys.stderr, flush=True)
            if args.json:
                write_json(args.json, result)
    print(report(result["rows"]))
    return 0 if result["rows"] else 1


if __name__ == "__main__":
    sys.exit(main())
