"""From a `KernelCall` to an enqueue: kernel objects with their arguments set, and the random state they read."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyopencl as cl

from ..base import MXNetError
from ..graph.contract.kernel_call import In, KernelCall, Local, LowerContext, Out, Refusal, Rng, Scalar, Temp
from ..graph.contract.registry import find_op
from ..graph.contract.spec import TensorSpec
from .buffer import allocate
from .device import Device
from .program import new_kernel
from .refusals import box_of, raise_refused

__all__ = ["Launch", "RandomState", "random_state", "run_op"]


class RandomState:
    """The key that `mx.random.seed` sets and the counter that every draw advances (Philox, counter-based)."""

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Restart the stream."""
        with self._lock:
            self._key = seed & (2**64 - 1)
            self._counter = itertools.count(1)

    def peek(self) -> np.ndarray[Any, np.dtype[np.uint32]]:
        """The words of a draw that no run has had: counter zero."""
        return np.array([self._key & 0xFFFFFFFF, self._key >> 32, 0, 0], np.uint32)

    def draw(self) -> np.ndarray[Any, np.dtype[np.uint32]]:
        """The four words of the next draw: key low, key high, counter low, counter high."""
        with self._lock:
            counter = next(self._counter)
            key = self._key
        return np.array([key & 0xFFFFFFFF, key >> 32, counter & 0xFFFFFFFF, counter >> 32], np.uint32)


random_state = RandomState()


class Launch:
    """One kernel object with its scalars set, ready to be enqueued with buffers."""

    __slots__ = ("call", "global_size", "kernel", "local_size", "slots")

    def __init__(self, device: Device, call: KernelCall) -> None:
        self.call = call
        self.kernel = new_kernel(device, call)
        self.global_size = call.global_size
        self.local_size = call.local_size if call.local_size is not None or not device.traits.is_cpu else (1,) * len(call.global_size)
        if self.local_size is not None and not device.traits.is_cpu:
            limit = self.kernel.get_work_group_info(cl.kernel_work_group_info.WORK_GROUP_SIZE, device.cl_device)
            if int(np.prod(self.local_size)) > limit:
                raise MXNetError(
                    f"kernel {call.entry} of {call.source} needs work-groups of {self.local_size}, {device.name} allows {limit}; "
                    "set CLSYM_TRAITS=cpu to use the kernels that need none"
                )
        self.slots: list[tuple[int, Any]] = []
        for i, arg in enumerate(call.args):
            if isinstance(arg, Local):
                self.kernel.set_arg(i, cl.LocalMemory(max(arg.nbytes, 1)))  # type: ignore[arg-type]  # the stub forgets it
            elif not isinstance(arg, Scalar):
                self.slots.append((i, arg))

    def set_buffers(self, find: Callable[[Any], Any]) -> None:
        """Set every buffer argument to what `find(arg)` returns."""
        set_arg = self.kernel.set_arg
        for i, arg in self.slots:
            set_arg(i, find(arg))

    def enqueue(self, queue: cl.CommandQueue) -> cl.Event:
        """Enqueue it."""
        return cl.enqueue_nd_range_kernel(queue, self.kernel, self.global_size, self.local_size)


def temp_sizes(calls: Sequence[KernelCall]) -> dict[int, int]:
    """Bytes of each workspace of a node's calls."""
    sizes: dict[int, int] = {}
    for call in calls:
        for arg in call.args:
            if isinstance(arg, Temp):
                sizes[arg.index] = max(sizes.get(arg.index, 0), arg.nbytes)
    return sizes


def run_op(
    device: Device,
    op_name: str,
    arrays: Sequence[np.ndarray[Any, Any]],
    params: Mapping[str, Any] | None = None,
    *,
    train: bool = False,
    reqs: Sequence[str] | None = None,
    stream: int = 0,
) -> list[np.ndarray[Any, Any]]:
    """Run one operator on numpy arrays: upload, launch, download. For tests and tools.

    Returns all outputs, hidden ones included; inputs that the operator mutates are written back into `arrays`.
    """
    op = find_op(op_name)
    given = dict(params or {})
    if op.variadic and op.variadic not in given:
        given[op.variadic] = len(arrays)
    p = op.parse(given)
    arrays = [np.ascontiguousarray(a).reshape(np.shape(a)) for a in arrays]
    ins = [TensorSpec(a.shape, a.dtype.name) for a in arrays]
    count = len(op.output_names(p))
    _, shapes = op.infer_shape(p, [s.shape for s in ins], [None] * count)
    _, types = op.infer_type(p, [s.dtype for s in ins], [None] * count)
    outs = []
    for shape, dtype in zip(shapes, types, strict=True):
        if shape is None or any(d < 0 for d in shape):
            raise MXNetError(f"{op_name}: output shape {shape} does not follow from the inputs {[s.shape for s in ins]}")
        outs.append(TensorSpec(shape, dtype or "float32"))
    modes = tuple(reqs) if reqs is not None else ("write",) * count
    results = [np.zeros(o.shape, o.dtype) for o in outs]
    if outs and all(o.size == 0 for o in outs):
        return results
    calls = op.lower(p, ins, outs, LowerContext(device.traits, modes, train, stream))
    queue = device.queue
    buffers: dict[Any, Any] = {}
    for i, a in enumerate(arrays):
        buffers[In(i)] = allocate(device, a.nbytes, f"input {i}")
        if a.nbytes:
            cl.enqueue_copy(queue, buffers[In(i)], a)
    for i, o in enumerate(outs):
        buffers[Out(i)] = allocate(device, o.nbytes, f"output {i}")
        if o.nbytes:
            cl.enqueue_copy(queue, buffers[Out(i)], results[i])
    rng = allocate(device, 16, "random state")
    cl.enqueue_copy(queue, rng, random_state.draw())
    temps = {index: allocate(device, n, f"workspace {index}") for index, n in temp_sizes(calls).items()}

    def find(arg: Any) -> Any:
        if isinstance(arg, Temp):
            return temps[arg.index]
        if isinstance(arg, Rng):
            return rng
        if isinstance(arg, Refusal):
            box = box_of(device, arg, f"operator {op_name}")
            box.arm()
            return box.buffer
        return buffers[arg]

    for call in calls:
        launch = Launch(device, call)
        launch.set_buffers(find)
        launch.enqueue(queue)
    for i, r in enumerate(results):
        if r.nbytes:
            cl.enqueue_copy(queue, r, buffers[Out(i)])
    for i in op.mutates(p, train):
        cl.enqueue_copy(queue, arrays[i], buffers[In(i)])
    queue.finish()
    raise_refused(device)
    return results
