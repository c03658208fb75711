"""A plan bound to devices: arenas, sub-buffers, kernel objects with their arguments set, and the loop of enqueues."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyopencl as cl

from ..base import MXNetError
from ..graph.contract.host import Memory
from ..graph.contract.kernel_call import In, Out, Refusal, Rng, Temp
from ..graph.contract.spec import TensorSpec
from ..graph.lower import Step
from ..graph.plan_data import PlanData
from . import profiling
from .arena import Arena
from .body import BoundBody
from .buffer import allocate, sub_buffer
from .custody import Custody
from .device import Device, check_fork, resolve
from .first_run import counting_kernels
from .host_step import HostStep
from .lanes import meet, usable_events
from .launch import Launch
from .preparation import Preparation
from .program import build_programs
from .progress import visible
from .refusals import RefusalBox
from .transfer import upload
from .versions import Span, anything_spoiled

__all__ = ["Arena", "BoundPlan", "External"]


External = Span
"""An array of the caller's: a stretch of a buffer."""


class BoundPlan:
    """A plan with memory and kernels.

    Parameters
    ----------
    plan : Plan
    devices : list of Device
        One a lane.
    externals : dict of str to External
        The caller's arrays by key.
    arena : Arena
        Where intermediates go; may be shared with plans that never run at the same time.
    states : dict, optional
        What steps on the host keep from run to run; plans of one executor share it.
    """

    def __init__(
        self,
        plan: PlanData,
        devices: Sequence[Device],
        externals: Mapping[str, External],
        arena: Arena,
        states: dict[Any, Any] | None = None,
    ) -> None:
        self.plan = plan
        self.devices = list(devices)
        self.externals = dict(externals)
        self.arena = arena
        self._subs: dict[tuple[int, int, int], Any] = {}
        self._staging: dict[str, tuple[cl.Buffer, External]] = {}
        self._launches: list[list[Launch]] | None = None
        self._states = {} if states is None else states
        self._words = np.zeros(4, np.uint32)
        self._on_host = {s: self.host_step(step, self.placer(s, step)) for s, step in enumerate(plan.steps) if step.host is not None}
        self._version = -1
        self._rng: dict[int, cl.Buffer] = {}
        self._refusals: dict[int, dict[Refusal, RefusalBox]] = {}
        self._fresh: set[bool] = set()  # parts that wait for kernels to be compiled: False the forward, True the backward
        self._loops: dict[bool, list[tuple[cl.CommandQueue, cl.Kernel, Any, Any]]] = {}
        self._events: dict[int, cl.Event] = {}
        self.preparation: Preparation | None = None
        if plan.preparation is not None:
            by_context = dict(zip(plan.contexts, self.devices, strict=True))
            self.preparation = Preparation(
                plan.preparation, [by_context.get(c) or resolve(c) for c in plan.preparation.contexts], self.externals, BoundPlan
            )
            self.externals |= self.preparation.results
        for lane, heights in plan.memory.arenas.items():
            for chunk, height in enumerate(heights):
                arena.need(self.devices[lane], chunk, height, f"the arena of the graph's intermediates (chunk {chunk})")
        self._lane: dict[int, int] = {}  # entry to the lane that writes it, or for a variable the first that reads it in a kernel
        for step in plan.steps:
            for e in step.outs:
                self._lane[e] = step.lane
            if not step.copy:
                for e in step.ins:
                    self._lane.setdefault(e, step.lane)
        for key, e in plan.externals.items():
            if e not in self._lane:  # only copied to another device: it stays where its array is
                home = getattr(self.externals.get(key), "_device", None)
                self._lane[e] = next((i for i, d in enumerate(self.devices) if d is home), 0)
        self._written = {e for step in plan.steps for e in step.outs if e >= 0} | {step.ins[i] for step in plan.steps for i in step.mutates}
        unaligned = [
            k for k in plan.externals if k in self.externals and self.externals[k]._offset % self.devices[self._lane_of(k)].traits.alignment
        ]
        self.custody = Custody(plan, self.externals, unaligned)

    # ------------------------------------------------------------------------------------------------------------ where things are

    def external(self, key: str) -> tuple[Any, int]:
        """Buffer and byte offset of one of the caller's arrays; a staging copy where it is not aligned for a kernel."""
        array = self.externals[key]
        entry = self.plan.externals[key]
        lane = self._lane_of(key)
        if array._offset % self.devices[lane].traits.alignment == 0:
            return array._root, array._offset
        if key not in self._staging:
            self._staging[key] = (allocate(self.devices[lane], self.plan.specs[entry].nbytes, f"aligned copy of {key}"), array)
        return self._staging[key][0], 0

    def _lane_of(self, key: str) -> int:
        return self._lane[self.plan.externals[key]]

    def location(self, entry: int) -> tuple[Any, int, int]:
        """(root buffer, byte offset, bytes) of an entry."""
        place = self.plan.memory.entry[entry]
        if place is None:
            raise MXNetError(f"entry {self.plan.names[entry]!r} has no memory in this plan")
        st = self.plan.memory.storages[place[0]]
        nbytes = self.plan.specs[entry].nbytes
        if st.external is not None:
            root, offset = self.external(st.external)
            return root, offset + place[1], nbytes
        return self.arena.chunk(self.devices[st.lane], st.chunk), self.arena.start(st.chunk) + st.offset + place[1], nbytes

    def staging_bytes(self) -> int:
        """Bytes of the aligned copies that the caller's unaligned arrays need."""
        used: set[int] = set()
        for s, step in enumerate(self.plan.steps):
            if step.copy and s not in self.plan.memory.aliased:
                used.update((step.ins[0], step.outs[0]))
            elif s not in self.plan.memory.aliased:
                if step.host is not None:
                    used.update((*step.ins, *(e for e in step.outs if e >= 0)))
                for arg in (a for call in step.calls for a in call.args):
                    if isinstance(arg, (In, Out)):
                        used.add(step.ins[arg.index] if isinstance(arg, In) else step.outs[arg.index])
        keys = {self.plan.memory.storages[p[0]].external for e in used if (p := self.plan.memory.entry[e]) is not None}
        return sum(
            max(self.plan.specs[self.plan.externals[k]].nbytes, 1)
            for k in keys
            if k is not None and self.externals[k]._offset % self.devices[self._lane_of(k)].traits.alignment
        )

    def _sub(self, root: Any, offset: int, nbytes: int) -> Any:
        if offset == 0 and root.size <= nbytes:
            return root
        k = (root.int_ptr, offset, nbytes)
        found = self._subs.get(k)
        if found is None:
            found = self._subs[k] = sub_buffer(root, offset, min(max(nbytes, 1), root.size - offset))
        return found

    def buffer_of(self, entry: int) -> Any:
        """What a kernel takes for an entry."""
        return self._sub(*self.location(entry))

    def temp_of(self, s: int, index: int) -> Any:
        """What a kernel takes for a workspace."""
        memory = self.workspace(s, index)
        return self._sub(memory.root, memory.offset, memory.spec.nbytes)

    def workspace(self, s: int, index: int) -> Memory:
        """Where a workspace of a step lies."""
        st = self.plan.memory.storages[self.plan.memory.temps[(s, index)]]
        spec = TensorSpec((st.nbytes,), "uint8")
        return Memory(self.arena.chunk(self.devices[st.lane], st.chunk), self.arena.start(st.chunk) + st.offset, spec)

    def rng_of(self, lane: int) -> cl.Buffer:
        """The random state of a lane."""
        if lane not in self._rng:
            self._rng[lane] = allocate(self.devices[lane], 16, "random state")
        return self._rng[lane]

    # ------------------------------------------------------------------------------------------------------------------- binding

    def finder(self, s: int, step: Step) -> Callable[[Any], Any]:
        """The function from a buffer argument of a step to its buffer."""

        def find(arg: Any) -> Any:
            if isinstance(arg, In):
                return self.buffer_of(step.ins[arg.index])
            if isinstance(arg, Out):
                return self.buffer_of(step.outs[arg.index])
            if isinstance(arg, Temp):
                return self.temp_of(s, arg.index)
            if isinstance(arg, Refusal):
                boxes = self._refusals.setdefault(s, {})
                if arg not in boxes:
                    boxes[arg] = RefusalBox(self.devices[step.lane], arg, f"node {step.name!r} ({step.op})")
                return boxes[arg].buffer
            assert isinstance(arg, Rng)
            return self.rng_of(step.lane)

        return find

    def placer(self, s: int, step: Step) -> Callable[[Any], Memory | None]:
        """The function from an argument of a step on the host to where it lies; None for an output that nobody wants."""

        def place(arg: Any) -> Memory | None:
            if isinstance(arg, Temp):
                return self.workspace(s, arg.index)
            e = step.ins[arg.index] if isinstance(arg, In) else step.outs[arg.index]
            if e < 0 or (isinstance(arg, Out) and step.reqs[arg.index] == "null"):
                return None
            root, offset, _ = self.location(e)
            return Memory(root, offset, self.plan.specs[e])

        return place

    def _bind(self) -> None:
        if self._launches is None:
            kept = [step for s, step in enumerate(self.plan.steps) if s not in self.plan.memory.aliased]
            built = build_programs((self.devices[step.lane], call) for step in kept for call in step.calls)
            if built and len(self.devices) == 1 and self.devices[0].compiles_at_launch:
                self._fresh = {False, True}
            self._launches = [
                [] if s in self.plan.memory.aliased else [Launch(self.devices[step.lane], call) for call in step.calls]
                for s, step in enumerate(self.plan.steps)
            ]
        self._subs.clear()
        for s, (step, launches) in enumerate(zip(self.plan.steps, self._launches, strict=True)):
            find = self.finder(s, step)
            for launch in launches:
                launch.set_buffers(find)
            if s in self._on_host:
                for e in (*step.ins, *(e for e in step.outs if e >= 0)):
                    self.location(e)  # makes the aligned copies that it will need
        self._loops.clear()
        self._version = self.arena.version

    @property
    def launches(self) -> list[list[Launch]]:
        """Kernel objects of each step, bound to the present memory."""
        if self._version != self.arena.version or self._launches is None:
            self._bind()
        assert self._launches is not None
        return self._launches

    def host_step(self, step: Step, place: Callable[[Any], Memory | None]) -> HostStep:
        """A step on the host, its bodies bound to the step's device."""
        device = self.devices[step.lane]
        assert step.host is not None

        def outside() -> tuple[int, int, np.ndarray[Any, Any], dict[Any, Any]]:
            return self.arena.version, step.number, self._words, self._states

        def ours(arg: Any) -> bool:
            home = self.plan.memory.entry[step.ins[arg.index]] if isinstance(arg, In) else None
            return home is not None and self.plan.memory.storages[home[0]].external is not None

        bodies = [BoundBody(device, body, place, i, outside, ours, BoundPlan) for i, body in enumerate(step.host.bodies)]
        return HostStep(device, self.plan.contexts[step.lane], step, self.plan.specs, place, bodies, self._states)

    # ------------------------------------------------------------------------------------------------------------------- running

    def _part(self, backward: bool) -> range:
        return range(self.plan.forward, len(self.plan.steps)) if backward else range(self.plan.forward)

    def _loop(self, backward: bool) -> list[tuple[cl.CommandQueue, cl.Kernel, Any, Any]]:
        launches = self.launches
        loop = self._loops.get(backward)
        if loop is None:
            queue = self.devices[0].queue
            loop = self._loops[backward] = [
                (queue, launch.kernel, launch.global_size, launch.local_size) for s in self._part(backward) for launch in launches[s]
            ]
        return loop

    def write_rng(self, words: np.ndarray[Any, Any]) -> None:
        """Give the random operators of the next run their state; the words are taken at the call, and nobody waits."""
        self._words = words
        for lane in {step.lane for step in self.plan.steps}:
            upload(self.devices[lane], self.rng_of(lane), 0, words, room=16)

    def _stage_in(self, backward: bool) -> None:
        """Bring the present values of unaligned arrays into their aligned copies."""
        for key, (buffer, array) in self._staging.items():
            if backward and key in self.custody.staged_away:
                continue  # the copy of a donated argument, in which the forward part left something
            queue = self.devices[self._lane_of(key)].queue
            cl.enqueue_copy(queue, buffer, array._root, byte_count=array.nbytes, src_offset=array._offset, dst_offset=0)

    def _stage_out(self) -> None:
        """Bring what was written into aligned copies back into the caller's arrays."""
        for key, (buffer, array) in self._staging.items():
            if self.plan.externals[key] in self._written:
                queue = self.devices[self._lane_of(key)].queue
                cl.enqueue_copy(queue, array._root, buffer, byte_count=array.nbytes, src_offset=0, dst_offset=array._offset)

    @property
    def ready(self) -> bool:
        """Whether the arena holds what the backward part reads: a forward of this plan was the last run there."""
        return self.arena.holder is self

    def _take_arena(self, backward: bool) -> None:
        """Before any run: whatever was left in the arena is gone by it, and nothing may be computed from what is not there any more."""
        check_fork()
        if backward and self.arena.holder is not self:
            raise MXNetError("the backward part of a plan must follow its forward part: something else ran in this arena since")
        if anything_spoiled() and (lost := self.custody.lost_input(backward)) is not None:
            raise MXNetError(
                f"argument {lost!r} was donated, and a run since then left an intermediate result in its memory: "
                f"write it again before the next run (arg_dict[{lost!r}][:] = ..., or forward({lost}=...)), or bind without donating it"
            )
        self.arena.holder = None
        if self.preparation is not None:
            self.preparation.update()

    def _ran(self, backward: bool) -> None:
        """After any run."""
        self.custody.ran(backward)
        if not backward and self.plan.train:
            self.arena.holder = self

    def _arm(self, s: int) -> None:
        """After the kernels of a step, which may refuse what they meet; its results may go to any of the devices."""
        for box in self._refusals.get(s, {}).values():
            box.arm(self.devices)

    def run(self, backward: bool) -> None:
        """Enqueue the forward or the backward part; returns without waiting for the devices, unless steps run on the host.

        Raises
        ------
        MXNetError
            The arena does not hold what the forward part left, an argument's memory was given to something else.
        """
        if len(self.devices) > 1 or self._on_host or profiling.active is not None:
            self.run_steps(backward)
            return
        self._take_arena(backward)
        loop = self._loop(backward)
        if self._staging:
            self._stage_in(backward)
        try:
            if backward in self._fresh:
                self._run_fresh(backward, loop)
            else:
                enqueue = cl.enqueue_nd_range_kernel
                for queue, kernel, global_size, local_size in loop:
                    enqueue(queue, kernel, global_size, local_size)
        finally:
            if self._refusals:
                for s in self._part(backward):
                    self._arm(s)
        if self._staging:
            self._stage_out()
        self._ran(backward)

    def _run_fresh(self, backward: bool, loop: list[tuple[cl.CommandQueue, cl.Kernel, Any, Any]]) -> None:
        """The first run of a part whose programs were just built; where somebody sees it, kernels are counted as they are compiled."""
        self._fresh.discard(backward)
        launches = [launch for s in self._part(backward) for launch in self.launches[s]] if visible() else []
        with counting_kernels(self.devices[0], launches) as enqueue:
            for queue, kernel, global_size, local_size in loop:
                enqueue(queue, kernel, global_size, local_size)

    def run_steps(
        self, backward: bool, after: Callable[[int, Step], None] | None = None, before: Callable[[int, Step], None] | None = None
    ) -> None:
        """The same a step at a time: over several lanes, or to look at every step with `before` and `after`, called with (number, step)."""
        self._take_arena(backward)
        launches = self.launches
        recorder = profiling.active
        if recorder is not None:
            recorder.begin("backward" if backward else "forward", self.devices)
        if self._staging:
            self._stage_in(backward)
        if len(self.devices) > 1:
            self._events.clear()
            meet(self.devices)
        sources = self.plan.waits.sources
        for s in self._part(backward):
            step = self.plan.steps[s]
            if before is not None:
                before(s, step)
            queue = self.devices[step.lane].queue
            waits = [self._events[w] for w in self.plan.waits.before[s] if w in self._events]
            last: cl.Event | None = None
            if step.copy and s not in self.plan.memory.aliased:
                last = self._copy(s, step, waits)
                if recorder is not None and last is not None:
                    recorder.step(last, self.devices[step.lane], step, "copy", self.plan.specs, 1)
            elif s in self._on_host:
                last = self._on_host[s].run(usable_events(waits, self.devices[step.lane]))
            elif launches[s]:
                foreign = usable_events(waits, self.devices[step.lane])
                for launch in launches[s]:
                    last = cl.enqueue_nd_range_kernel(queue, launch.kernel, launch.global_size, launch.local_size, wait_for=foreign)
                    foreign = None
                    if recorder is not None:
                        recorder.step(last, self.devices[step.lane], step, launch.call.entry, self.plan.specs, len(launches[s]))
                self._arm(s)
            if s in sources and last is not None:
                self._events[s] = last
                queue.flush()
            if after is not None:
                after(s, step)
        if len(self.devices) > 1:
            self._events.clear()
            meet(self.devices)
        if self._staging:
            self._stage_out()
        if recorder is not None:
            recorder.end()
        self._ran(backward)

    def _copy(self, s: int, step: Step, waits: list[cl.Event]) -> cl.Event | None:
        """Bring an entry from another lane's device."""
        source, src_offset, nbytes = self.location(step.ins[0])
        target, dst_offset, _ = self.location(step.outs[0])
        if nbytes == 0:
            return None
        here = self.devices[step.lane]
        there = self._lane_device(step.ins[0])
        if here.group is there.group:
            foreign = usable_events(waits, self.devices[step.lane])
            if foreign is None and there is not here:
                foreign = [cl.enqueue_marker(there.queue)]  # a variable: whatever wrote it last
                there.queue.flush()
            return cl.enqueue_copy(
                here.queue, target, source, byte_count=nbytes, src_offset=src_offset, dst_offset=dst_offset, wait_for=foreign
            )
        host = np.empty(nbytes, np.uint8)
        cl.enqueue_copy(there.queue, host, source, src_offset=src_offset)
        usable_events(waits, self.devices[step.lane])
        return cl.enqueue_copy(here.queue, target, host, dst_offset=dst_offset, is_blocking=False)

    def _lane_device(self, entry: int) -> Device:
        """The device on whose queue an entry is written."""
        return self.devices[self._lane[entry]]

    def finish(self) -> None:
        """Wait for every lane."""
        for device in self.devices:
            device.queue.finish()
