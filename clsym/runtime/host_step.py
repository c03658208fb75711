"""A step on the host, bound to its buffers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyopencl as cl

from ..base import MXNetError
from ..graph.contract.host import HostCall
from ..graph.contract.kernel_call import In, Out
from ..graph.contract.spec import TensorSpec
from ..graph.lower import Step
from .device import Device
from .versions import Span, touch

__all__ = ["HostArray", "HostStep"]

Array = np.ndarray[Any, Any]
Body = Callable[[Sequence[Array]], list[Array]]


class HostStep:
    """What the function of a `HostCall` is called with (`clsym.graph.contract.host.HostRun`).

    Parameters
    ----------
    device : Device
    step : Step
    specs : list of TensorSpec
        Of the plan's entries.
    bodies : list of callable
        The step's bodies, bound.
    """

    def __init__(self, device: Device, step: Step, specs: Sequence[TensorSpec], bodies: Sequence[Body]) -> None:
        assert step.host is not None
        self._call: HostCall = step.host
        self._device, self._step, self._bodies = device, step, bodies
        self._ins = [specs[e] for e in step.ins]
        self._outs = [specs[e] if e >= 0 else None for e in step.outs]
        self._buffers: dict[In | Out, Any] = {}

    def set_buffers(self, find: Callable[[Any], Any]) -> None:
        """Set every buffer to what `find(arg)` returns."""
        ins: list[In | Out] = [In(i) for i in range(len(self._ins))]
        outs = [Out(i) for i, e in enumerate(self._step.outs) if e >= 0 and self._step.reqs[i] != "null"]
        self._buffers = {arg: find(arg) for arg in (*ins, *outs)}

    def run(self, wait_for: Sequence[cl.Event] | None = None) -> cl.Event:
        """Run it; the event stands for its end.

        Raises
        ------
        MXNetError
            The function raised; the message has the node, the cause its traceback.
        """
        if wait_for:
            cl.wait_for_events(list(wait_for))
        try:
            self._call.function(self)
        except Exception as exc:
            raise MXNetError(f"node {self._step.name!r} ({self._step.op}) failed on the host: {type(exc).__name__}: {exc}") from exc
        return cl.enqueue_marker(self._device.queue)

    def read(self, index: int) -> Array:
        """The value of an input."""
        spec = self._ins[index]
        value = np.empty(spec.shape, spec.dtype)
        if value.nbytes:
            cl.enqueue_copy(self._device.queue, value, self._buffers[In(index)])
        return value

    def write(self, index: int, value: Array) -> None:
        """Store an output."""
        spec, buffer = self._outs[index], self._buffers.get(Out(index))
        if spec is None or buffer is None:
            return
        value = np.asarray(value)
        if value.shape != spec.shape:
            raise ValueError(f"output {index} has shape {value.shape}, expected {spec.shape}")
        value = np.ascontiguousarray(value, spec.dtype).reshape(spec.shape)
        if self._step.reqs[index] == "add":
            before = np.empty_like(value)
            cl.enqueue_copy(self._device.queue, before, buffer)
            value = before + value
        if value.nbytes:
            cl.enqueue_copy(self._device.queue, buffer, value)

    def run_body(self, number: int, values: Sequence[Array]) -> list[Array]:
        """Run a body."""
        return self._bodies[number](values)


class HostArray:
    """An array of a body's, in a buffer of its own."""

    def __init__(self, device: Device, root: Any, spec: TensorSpec) -> None:
        self._device, self._root, self._offset, self.nbytes, self._spec = device, root, 0, spec.nbytes, spec

    def set(self, value: Array) -> None:
        """Copy from the host."""
        if np.shape(value) != self._spec.shape:
            raise ValueError(f"an input of a body has shape {np.shape(value)}, expected {self._spec.shape}")
        if self.nbytes:
            touch(self._root)
            cl.enqueue_copy(self._device.queue, self._root, np.ascontiguousarray(value, self._spec.dtype))

    def get(self) -> Array:
        """Copy to the host."""
        value = np.empty(self._spec.shape, self._spec.dtype)
        if self.nbytes:
            cl.enqueue_copy(self._device.queue, value, self._root)
        return value


_: type[Span] = HostArray
