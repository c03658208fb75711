"""The process of `check_kernels.py` that the simulator runs in: cases by their number in, lines of JSON out.

One line says which case begins, one a kernel that is launched (so that a crash names it), one how the case ended with what the simulator
wrote to its log meanwhile. Every storage of a plan gets a buffer of its own, so that a kernel that leaves its array is seen, and small
cases are shared among several work-items, so that races are. A case runs over memory that holds one pattern where nobody wrote, and then
another: results that differ were computed from it. Where the simulator's own check for uninitialised values is on, it runs without, too.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

FEW = 16  # elements that are worth a work-item of a CPU, so that small cases have several
UNITS = 4
RNG_WORDS = np.array([7, 11, 13, 0], np.uint32)
POISONS = (0xFF, 0x3F)  # bytes: NaN or -1, and 0.74 or a large number


def poison(device: Any, buffer: Any, byte: int | None) -> None:
    """Fill a buffer with a byte, where one is given."""
    import pyopencl as cl

    if byte is not None:
        cl.enqueue_copy(device.queue, buffer, np.full(buffer.size, byte, np.uint8))


def say(**what: Any) -> None:
    """One line to the parent."""
    print(json.dumps(what), flush=True)


def prepare() -> Any:
    """The simulator as a device of the library, made strict."""
    import clsym.ops  # noqa: F401  (registers the operators)
    from clsym.context import cl
    from clsym.graph.contract import kernel_call
    from clsym.ops.shared import rows
    from clsym.runtime import bound, launch
    from clsym.runtime.buffer import allocate
    from clsym.runtime.device import resolve
    from clsym.runtime.topology import Device

    Device.compiles_at_launch = property(lambda self: True)  # type: ignore[method-assign,assignment]  # threads of builders crash the simulator
    kernel_call.grid.__defaults__ = (FEW, 64)
    rows.column_grid.__defaults__ = (FEW,)

    def location(self: Any, entry: int) -> tuple[Any, int, int]:
        place = self.plan.memory.entry[entry]
        storage = self.plan.memory.storages[place[0]]
        nbytes = self.plan.specs[entry].nbytes
        if storage.external is not None:
            root, offset = self.external(storage.external)
            return root, offset + place[1], nbytes
        return own(self, place[0]), place[1], nbytes

    def own(self: Any, number: int) -> Any:
        buffers = self.__dict__.setdefault("_own", {})
        if number not in buffers:
            storage = self.plan.memory.storages[number]
            buffers[number] = allocate(self.devices[storage.lane], storage.nbytes, "a storage of its own")
            poison(self.devices[storage.lane], buffers[number], getattr(self, "_poison", None))
        return buffers[number]

    bound.BoundPlan.location = location  # type: ignore[method-assign]
    bound.BoundPlan.temp_of = lambda self, s, index: own(self, self.plan.memory.temps[(s, index)])  # type: ignore[method-assign]

    class Told(launch.Launch):
        __slots__ = ()

        def __init__(self, device: Any, call: Any) -> None:
            say(launch=[call.source, call.entry])
            super().__init__(device, call)

    bound.Launch = Told  # type: ignore[misc]
    device = resolve(cl("Oclgrind"))
    device.traits = dataclasses.replace(device.traits, vector_width=8, compute_units=UNITS)
    return device


def input_types(op: Any, params: Any, count: int, first: str) -> list[str] | None:
    """Types of the inputs where the first has type `first`; None where it cannot have."""
    from clsym.base import MXNetError
    from clsym.graph.contract.spec import ShapeError

    try:
        types, _ = op.infer_type(params, [first, *[None] * (count - 1)][:count], [None] * len(op.output_names(params)))
    except (MXNetError, ShapeError, TypeError, ValueError):
        return None
    return [t or first for t in types]


def values(rng: Any, shape: tuple[int, ...], dtype: str, high: float) -> Any:
    """Numbers that every function is defined for, and that are indices into small extents as well; square matrices are definite."""
    drawn = rng.uniform(0.1, high, shape)
    if len(shape) > 1 and shape[-1] == shape[-2]:
        drawn += 9 * np.eye(shape[-1])  # positive definite in each triangle
    return drawn.astype(dtype) if np.dtype(dtype).kind in "fb" else np.floor(drawn).astype(dtype)


class Graph:
    """A graph bound to the simulator, each array in a buffer of its own."""

    def __init__(
        self, device: Any, heads: Any, variables: Any, arrays: Any, train: bool, reqs: list[str], optimize: bool, byte: int | None
    ) -> None:
        import pyopencl as cl

        from clsym.context import Context
        from clsym.graph.contract.spec import TensorSpec
        from clsym.graph.plan import Binding, compile_plan
        from clsym.runtime.arena import Arena
        from clsym.runtime.bound import BoundPlan
        from clsym.runtime.buffer import allocate

        ctx = Context("cl", 0, device.selector)
        specs = [TensorSpec(a.shape, a.dtype.name) for a in arrays]
        binding = Binding(variables, specs, [ctx] * len(specs), reqs)
        plan = compile_plan(heads, binding, train=train, default=ctx, traits=lambda c: device.traits, reuse=False, optimize=optimize)
        externals = {}
        self._results = {}
        rng = np.random.RandomState(1)
        for key, e in plan.externals.items():
            spec = plan.specs[e]
            number = int(key.partition(":")[2])
            host = arrays[number] if key.startswith("var:") else values(rng, spec.shape, spec.dtype, 1)
            external = type(
                "External", (), {"_offset": 0, "nbytes": host.nbytes, "_root": allocate(device, host.nbytes, key), "_device": device}
            )()
            written = key.startswith("out:") or (key.startswith("grad:") and reqs[number] == "write")
            if written or key.startswith("grad:"):
                self._results[key] = external
            if written and host.nbytes:
                poison(device, external._root, byte)
            elif host.nbytes:
                cl.enqueue_copy(device.queue, external._root, np.ascontiguousarray(host))
            externals[key] = external
        self._bound = BoundPlan(plan, [device] * len(plan.contexts), externals, Arena())
        self._bound._poison = byte  # type: ignore[attr-defined]
        self._backward = plan.forward < len(plan.steps)
        self._device = device

    def run(self) -> dict[str, bytes]:
        """Run it; the bytes of the results."""
        import pyopencl as cl

        self._bound.write_rng(RNG_WORDS)
        self._bound.run(False)
        if self._backward:
            self._bound.run(True)
        found = {}
        for key, external in self._results.items():
            host = np.empty(external.nbytes, np.uint8)
            if host.nbytes:
                cl.enqueue_copy(self._device.queue, host, external._root)
            found[key] = host.tobytes()
        self._device.queue.finish()
        return found


def nodes_of(case: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """Heads, variables and arrays of a case."""
    from clsym.graph.contract.op import Node
    from clsym.graph.contract.registry import find_op

    rng = np.random.RandomState(0)
    variables: list[Any] = []
    made: list[Any] = []
    arrays = []
    for name, params, inputs in case.steps:
        op = find_op(name)
        given = dict(params)
        if op.variadic and op.variadic not in given:
            given[op.variadic] = len(inputs)
        p = op.parse(given)
        types = input_types(op, p, len(inputs), case.dtype)
        if types is None:
            raise LookupError(f"{name} has no inputs of {case.dtype}")
        entries = []
        for given_input, dtype in zip(inputs, types, strict=True):
            if isinstance(given_input, int):  # what an earlier step gives
                entries.append(made[given_input].out(0))
                continue
            variables.append(Node(None, f"v{len(variables)}"))
            arrays.append(values(rng, given_input, dtype, case.high))
            entries.append(variables[-1].out(0))
        made.append(Node(op, f"n{len(made)}", p, {}, entries))
    last = made[-1]
    return [last.out(i) for i in range(last.op.num_visible(last.params))], variables, arrays


def run_case(device: Any, case: Any, unwritten: list[str]) -> str:
    """Inference, a training step, and one whose gradients are added; why it cannot run, or ''. Results of unwritten memory are listed."""
    from clsym.base import MXNetError

    try:
        heads, variables, arrays = nodes_of(case)
    except LookupError as exc:
        return str(exc)
    nulls = ["null"] * len(arrays)
    floating = ["write" if a.dtype.kind == "f" else "null" for a in arrays]
    last = heads[0].node
    if len(case.steps) == 1 and (aux := len(last.op.aux_names(last.params))):
        floating[-aux:] = ["null"] * aux
    forms = [(False, nulls, case.optimize), (True, floating, True), (True, ["add" if r == "write" else r for r in floating], False)]
    for train, reqs, optimize in forms[: 1 if floating == nulls else 3]:
        try:
            if "OCLGRIND_UNINITIALIZED" in os.environ:
                Graph(device, heads, variables, arrays, train, reqs, optimize, None).run()
            one, other = (Graph(device, heads, variables, arrays, train, reqs, optimize, byte).run() for byte in POISONS)
            for key in one:
                if one[key] != other[key]:
                    unwritten.append(f"{key} of the {'training' if train else 'inference'} plan")
        except MXNetError as exc:
            if not train or "INVALID" in str(exc) or "driver" in str(exc):
                return f"{type(exc).__name__}: {exc}"
            return ""  # no gradient, as for the optimizers' updates
    return ""


def main() -> None:
    """Run the cases whose numbers stand on the command line, as JSON."""
    from check_kernels_cases import all_cases

    device = prepare()
    cases = all_cases()
    log = Path(os.environ["OCLGRIND_LOG"])
    for number in json.loads(sys.argv[1]):
        say(begin=number)
        unwritten: list[str] = []
        start, before = time.perf_counter(), log.stat().st_size if log.exists() else 0
        try:
            trouble = run_case(device, cases[number], unwritten)
        except Exception as exc:  # the parent tells it
            trouble = f"{type(exc).__name__}: {exc}"
        said = log.read_bytes()[before:].decode(errors="replace") if log.exists() else ""
        if not trouble and (fatal := re.search(r"FATAL ERROR.*\n(.*)", said)):  # a launch was given up, so that what follows reads nothing
            trouble = fatal[1]
        say(end=number, seconds=time.perf_counter() - start, said=said, trouble=trouble, unwritten=unwritten)


if __name__ == "__main__":
    main()
