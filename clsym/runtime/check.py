"""The checking executor (``CLSYM_CHECK=1``) and the hunt for NaN: a plan run step by step, with a look at memory after each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyopencl as cl

from ..base import MXNetError
from ..graph.contract.host import Memory
from ..graph.contract.kernel_call import In, Out, Temp
from ..graph.contract.spec import TensorSpec
from ..graph.lower import Step
from .bound import BoundPlan
from .buffer import allocate
from .launch import Launch, temp_sizes

__all__ = ["check_run", "find_nan"]

_POISON = np.uint8(0xFF)  # every float of such bytes is a NaN


def _read(bound: BoundPlan, entry: int) -> np.ndarray[Any, Any]:
    root, offset, nbytes = bound.location(entry)
    host = np.empty(nbytes, np.uint8)
    if nbytes:
        cl.enqueue_copy(bound.devices[bound._lane[entry]].queue, host, root, src_offset=offset)
    return host


def read_entry(bound: BoundPlan, entry: int) -> np.ndarray[Any, Any]:
    """The present value of an entry; only right while its step is the last that wrote those bytes."""
    spec = bound.plan.specs[entry]
    return _read(bound, entry).view(spec.dtype).reshape(spec.shape)


def _poison(bound: BoundPlan, storage: int) -> None:
    st = bound.plan.memory.storages[storage]
    device = bound.devices[st.lane]
    if st.external is None and st.nbytes:
        start = bound.arena.start(st.chunk) + st.offset
        cl.enqueue_fill_buffer(device.queue, bound.arena.chunk(device, st.chunk), _POISON, start, st.nbytes)


def _apart(bound: BoundPlan, s: int, step: Step) -> dict[int, np.ndarray[Any, Any]]:
    """What the step's kernels compute with every output, workspace and mutated input in memory of its own."""
    device = bound.devices[step.lane]
    queue = device.queue
    own: dict[Any, cl.Buffer] = {}
    for k, e in enumerate(step.outs):
        if e >= 0 and step.reqs[k] != "null":
            nbytes = bound.plan.specs[e].nbytes
            own[Out(k)] = allocate(device, nbytes, f"check of output {k} of {step.name}")
            if step.reqs[k] == "add":
                root, offset, _ = bound.location(e)
                cl.enqueue_copy(queue, own[Out(k)], root, byte_count=nbytes, src_offset=offset, dst_offset=0)
            else:
                cl.enqueue_fill_buffer(queue, own[Out(k)], _POISON, 0, nbytes)
    for i in step.mutates:
        root, offset, nbytes = bound.location(step.ins[i])
        own[In(i)] = allocate(device, nbytes, f"check of input {i} of {step.name}")
        cl.enqueue_copy(queue, own[In(i)], root, byte_count=nbytes, src_offset=offset, dst_offset=0)
    usual = bound.finder(s, step)
    for index, nbytes in (temp_sizes(step.calls) if step.host is None else step.host.temps).items():
        own[index] = allocate(device, nbytes, f"check of workspace {index} of {step.name}")

    def find(arg: Any) -> Any:
        return own[arg.index] if isinstance(arg, Temp) else own.get(arg) or usual(arg)

    for call in step.calls:
        launch = Launch(device, call)
        launch.set_buffers(find)
        launch.enqueue(queue)
    if step.host is not None:
        planned = bound.placer(s, step)

        def place(arg: Any) -> Memory | None:
            buffer = own.get(arg.index if isinstance(arg, Temp) else arg)
            if buffer is None:
                return planned(arg)
            if isinstance(arg, Temp):
                return Memory(buffer, 0, TensorSpec((arg.nbytes,), "uint8"))
            return Memory(buffer, 0, bound.plan.specs[step.ins[arg.index] if isinstance(arg, In) else step.outs[arg.index]])

        bound.host_step(step, place).run()
    results = {}
    for k, e in enumerate(step.outs):
        if Out(k) in own:
            results[k] = np.empty(bound.plan.specs[e].nbytes, np.uint8)
            cl.enqueue_copy(queue, results[k], own[Out(k)])
    return results


def check_run(bound: BoundPlan, backward: bool) -> None:
    """Run a part of the plan, verifying what its operators declared.

    Before each step its kernels are run with all outputs in memory of their own; then in place as planned. The bytes must agree, inputs
    that were neither taken over nor declared as mutated must be unchanged, and what dies with the step is overwritten with NaN, so that a
    later reader of dead bytes shows.

    Raises
    ------
    MXNetError
        Naming the step that broke its word.
    """
    plan, memory = bound.plan, bound.plan.memory
    expected: dict[int, np.ndarray[Any, Any]] = {}
    before: dict[int, np.ndarray[Any, Any]] = {}
    dying: dict[int, list[int]] = {}
    for number, st in enumerate(memory.storages):
        if st.external is None:
            dying.setdefault(st.last, []).append(number)

    if not backward:
        for lane, heights in memory.arenas.items():
            for chunk, height in enumerate(heights):
                if height:
                    device = bound.devices[lane]
                    cl.enqueue_fill_buffer(device.queue, bound.arena.chunk(device, chunk), _POISON, bound.arena.start(chunk), height)

    def prepare(s: int, step: Step) -> None:
        expected.clear()
        before.clear()
        if step.calls or step.host is not None:
            expected.update(_apart(bound, s, step))
        outs = {memory.entry[e][0] for e in step.outs if e >= 0 and memory.entry[e] is not None}  # type: ignore[index]
        for i, e in enumerate(step.ins):
            place = memory.entry[e]
            if place is not None and i not in step.mutates and (place[0] not in outs or s in memory.aliased):
                before[e] = _read(bound, e)

    def verify(s: int, step: Step) -> None:
        for k, want in expected.items():
            got = _read(bound, step.outs[k])
            if not np.array_equal(got, want):
                first = int(np.flatnonzero(got != want)[0]) // plan.specs[step.outs[k]].itemsize
                how = "a view" if s in memory.aliased else "in the memory that was planned"
                raise MXNetError(
                    f"CLSYM_CHECK: step {s}, node {step.name!r} ({step.op}): output {k} differs from element {first} on "
                    f"when it is computed as {how}; "
                    f"the operator's inplace, view or lower is wrong"
                )
        for e, want in before.items():
            if not np.array_equal(_read(bound, e), want):
                raise MXNetError(
                    f"CLSYM_CHECK: step {s}, node {step.name!r} ({step.op}) changed its input {plan.names[e]!r} without declaring it"
                )
        for number in dying.get(s, ()):
            _poison(bound, number)

    def after(s: int, step: Step) -> None:
        bound.finish()
        verify(s, step)

    _ = bound.launches  # binds, so that locations are final
    bound.run_steps(backward, after, prepare)


def find_nan(bound: BoundPlan, backward: bool) -> str | None:
    """Run a part of the plan; the name of the first output that holds a NaN though none of its inputs did, or None."""
    plan = bound.plan
    sick: set[int] = set()
    found: list[str] = []

    def has_nan(entry: int) -> bool:
        value = read_entry(bound, entry)
        return value.dtype.kind == "f" and bool(np.isnan(value).any())

    for e in plan.externals.values():
        if plan.memory.entry[e] is not None and e not in bound._written and has_nan(e):
            sick.add(e)
            found.append(f"argument {plan.names[e]!r}")

    def after(s: int, step: Step) -> None:
        bound.finish()
        for e in step.outs:
            if e >= 0 and plan.memory.entry[e] is not None and has_nan(e):
                sick.add(e)
                if not found:
                    found.append(f"{plan.names[e]!r}, made by node {step.name!r} ({step.op})")

    bound.run_steps(backward, after)
    return found[0] if found else None
