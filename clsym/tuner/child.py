"""The process that compiles and runs candidates: ``python -m clsym.tuner.child``, spoken to through its standard input and output.

Messages are pickles behind their length (8 bytes, little-endian), from and to the process that started it. A compiler that crashes or a
kernel that never ends takes this process along, nothing else.
"""

from __future__ import annotations

import importlib
import math
import os
import pickle
import signal
import statistics
import sys
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np

from ..base import MXNetError
from ..context import Context
from ..executor.arrays import new_array
from ..graph.contract.spec import TensorSpec
from ..runtime.bound import Arena, BoundPlan
from ..runtime.device import resolve
from ..symbol import load_json
from .job import Job

__all__ = ["Worker", "main"]

Numbers = Mapping[str, Mapping[str, int]]

TOLERANCE = {"float16": 1e-2, "float32": 1e-4, "float64": 1e-11}
"""Of the largest value: what another order of summation may change."""

KEPT = 6
"""Compiled candidates that are kept: the best so far of the steps of a class is compared with each candidate."""

LOST = {3: 1.1, 7: 1.0}
"""A candidate that takes more than so many times as long after so many turns is not measured any further."""

EVICT_BYTES = (32 << 20, 256 << 20)
"""Least and most memory that is written between two runs, so that parameters are as far away as they are a whole pass later."""


def _sample(spec: TensorSpec, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    if spec.dtype.startswith("float"):
        # vectors are often variances or scales; what is added up has both signs, so that a wrong sum is seen
        value = rng.random(spec.shape, np.float32) + np.float32(0.5)
        return (value if len(spec.shape) == 1 else 2 * (value - 1)).astype(spec.dtype, copy=False)
    return rng.integers(0, 2, spec.shape).astype(spec.dtype)


def _same(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    """Whether the bits are the same."""
    return a.tobytes() == b.tobytes()


def _difference(found: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]) -> float:
    """The largest difference over the largest value; infinite where one is not a number and the other is."""
    if _same(found, wanted):
        return 0.0
    if not np.issubdtype(wanted.dtype, np.floating):
        return float("inf")
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return float("inf")
    finite = np.isfinite(b)
    return float(np.abs(a - b)[finite].max(initial=0.0) / max(np.abs(b[finite]).max(initial=0.0), 1e-30))


class _Bound:
    """A job compiled with some numbers and bound to arrays."""

    def __init__(self, job: Job, worker: Worker, numbers: Numbers) -> None:
        traits = replace(worker.device.traits, tuning=numbers)
        ctx = worker.ctx
        self.plan, inputs, outs = job.compile(ctx, lambda _: traits)
        rng = np.random.default_rng(1)
        self.values = [_sample(n.spec, rng) for n in inputs]
        self.arrays = [new_array(n.spec.shape, ctx, n.spec.dtype, n.name) for n in inputs]
        self.outs = [new_array(o.shape, ctx, o.dtype, "output") for o in outs]
        given: dict[str, Any] = {f"var:{i}": a for i, a in enumerate(self.arrays)} | {f"out:{k}": a for k, a in enumerate(self.outs)}
        arena = Arena()
        self.bound = BoundPlan(self.plan, [worker.device], given, arena)
        self.write()
        copies = {f"var:{i}": a.copy() for i, (n, a) in enumerate(zip(inputs, self.arrays, strict=True)) if not n.fresh}
        self.other = BoundPlan(self.plan, [worker.device], {**given, **copies}, arena) if copies else self.bound

    def write(self) -> None:
        """Give the inputs their values, and the outputs none."""
        for array, value in zip(self.arrays, self.values, strict=True):
            array[:] = value
        for out in self.outs:
            if np.issubdtype(out.dtype, np.floating):
                out[:] = float("nan")

    def run(self, bound: BoundPlan | None = None) -> None:
        """Run it to its end."""
        bound = bound or self.bound
        if self.plan.uses_rng:
            bound.write_rng(np.array([7, 11, 13, 0], np.uint32))
        bound.run(False)
        bound.finish()

    def results(self) -> list[np.ndarray[Any, Any]]:
        """Outputs, and inputs since some are written, of a run from the start."""
        self.write()
        self.run()
        return [a.asnumpy() for a in (*self.outs, *self.arrays)]

    def time(self, worker: Worker) -> float:
        """Seconds of one run in caches as they are within a pass of a graph.

        A run with other parameters, which stands for the layers before, leaves the data and the workspaces there, and not the parameters.
        """
        worker.evict()
        self.run(self.other)
        begin = time.perf_counter()
        self.run()
        return time.perf_counter() - begin


class _Whole:
    """A whole graph with some numbers, one pass of it or a training step."""

    def __init__(self, request: Mapping[str, Any], worker: Worker, numbers: Numbers) -> None:
        self.train = request["train"]
        net = load_json(request["symbol"])
        shapes = request["shapes"]
        known = worker.device.traits
        worker.device.traits = replace(known, tuning=numbers)
        try:
            reqs = {n: "write" if self.train and n not in shapes else "null" for n in net.list_arguments()}
            self.executor = net.simple_bind(worker.ctx, grad_req=reqs, **shapes)
            rng = np.random.default_rng(0)
            for name, array in {**self.executor.arg_dict, **self.executor.aux_dict}.items():
                ones = name.endswith(("gamma", "_var"))
                scale = (2 / max(1, int(np.prod(array.shape[1:])))) ** 0.5
                array[:] = 1 if ones else rng.normal(0, scale, array.shape) if len(array.shape) > 1 else 0
            self.executor.forward(is_train=self.train)
            self.heads = [o.copy() for o in self.executor.outputs]
            self.run()
        finally:
            worker.device.traits = known

    def run(self) -> None:
        """Run it to its end."""
        self.executor.forward(is_train=self.train)
        if self.train:
            self.executor.backward(self.heads)
        self.executor.outputs[0].wait_to_read()
        for grad in self.executor.grad_dict.values():
            if grad is not None:
                grad.wait_to_read()

    def time(self, worker: Worker) -> float:
        """Seconds of one run."""
        begin = time.perf_counter()
        self.run()
        return time.perf_counter() - begin


class Worker:
    """One device, and what is compiled for it."""

    def __init__(self, selector: str, jobs: list[Job]) -> None:
        self.ctx = Context("cl", 0, selector)
        self.device = resolve(self.ctx)
        self.jobs = jobs
        self._bound: OrderedDict[tuple[int, Any], _Bound] = OrderedDict()
        self._wanted: dict[int, list[np.ndarray[Any, Any]]] = {}
        cache = int(getattr(self.device.cl_device, "global_mem_cache_size", 0))
        size = min(max(2 * cache, EVICT_BYTES[0]), EVICT_BYTES[1], self.device.traits.max_alloc // 2)
        self._scratch = new_array((size // 4,), self.ctx, "float32", "memory to fill the caches with")

    def evict(self) -> None:
        """Fill the caches with something else."""
        self._scratch._fill(1.0)

    def bound(self, number: int, numbers: Numbers) -> _Bound:
        """A job with some numbers, compiled and bound."""
        key = (number, replace(self.device.traits, tuning=numbers).tuning_key)
        if key not in self._bound:
            while len(self._bound) >= KEPT:
                self._bound.popitem(last=False)
            self._bound[key] = _Bound(self.jobs[number], self, numbers)
        self._bound.move_to_end(key)
        return self._bound[key]

    def compare(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Verify the numbers ``b`` of job ``job`` against the built-in choices, and time them against ``a``."""
        number = request["job"]
        if number not in self._wanted:
            self._wanted = {number: self.bound(number, {}).results()}
        a, b = self.bound(number, request["a"]), self.bound(number, request["b"])
        first = b.results()
        for found, wanted in zip(first, self._wanted[number], strict=True):
            error = _difference(found, wanted)
            if error > TOLERANCE.get(wanted.dtype.name, 0.0):
                return {"status": "wrong", "why": f"differs from the built-in choice by {error:.1e} of the largest value"}
        a.run()
        times = self._interleave(a, b, request)
        if not all(map(_same, first, b.results())):
            return {"status": "wrong", "why": "two runs differ"}
        return times

    def whole(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Time a whole graph with the numbers ``a`` and ``b``."""
        self._bound.clear()
        a, b = _Whole(request, self, request["a"]), _Whole(request, self, request["b"])
        a.run()  # the caches hold what `b` read when it was bound
        return self._interleave(a, b, request, lost={})

    def _interleave(
        self, a: _Bound | _Whole, b: _Bound | _Whole, request: Mapping[str, Any], lost: Mapping[int, float] = LOST
    ) -> dict[str, Any]:
        """Medians of turns that alternate, so that what slows the machine down for a while slows both."""
        of_a: list[float] = []
        of_b: list[float] = []
        end = time.perf_counter() + request["seconds"]
        while len(of_a) < 3 or (len(of_a) < request["rounds"] and time.perf_counter() < end):
            for which, times in ((a, of_a), (b, of_b)) if len(of_a) % 2 else ((b, of_b), (a, of_a)):
                times.append(which.time(self))
            if statistics.median(of_b) > lost.get(len(of_a), math.inf) * statistics.median(of_a):
                break
        return {"status": "ok", "a": statistics.median(of_a), "b": statistics.median(of_b), "rounds": len(of_a)}


def read_message(stream: BinaryIO) -> Any:
    """The next message; EOFError at the end."""
    head = stream.read(8)
    size = int.from_bytes(head, "little")
    body = stream.read(size) if len(head) == 8 else b""
    if len(head) < 8 or len(body) < size:
        raise EOFError
    return pickle.loads(body)


def write_message(stream: BinaryIO, message: Any) -> None:
    """Send a message."""
    body = pickle.dumps(message)
    stream.write(len(body).to_bytes(8, "little") + body)
    stream.flush()


def main() -> int:
    """Answer until the end of the input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches this process, too; the one that started it decides
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # drivers print where they like
    source = sys.stdin.buffer
    worker: Worker | None = None
    while True:
        try:
            request = read_message(source)
        except EOFError:
            return 0
        try:
            if request["do"] == "open":
                sys.path[:] = request["path"]
                for name in request["modules"]:
                    importlib.import_module(name)
                worker = Worker(request["selector"], pickle.loads(request["jobs"]))
                reply: dict[str, Any] = {"status": "ok"}
            else:
                assert worker is not None, "the first request must be 'open'"
                reply = worker.compare(request) if request["do"] == "compare" else worker.whole(request)
        except (MXNetError, MemoryError) as exc:
            reply = {"status": "failed", "why": str(exc).splitlines()[0][:300]}
        write_message(out, reply)


if __name__ == "__main__":
    sys.exit(main())
