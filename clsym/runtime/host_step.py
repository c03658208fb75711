"""A step on the host, bound to its memory."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyopencl as cl

from ..base import MXNetError
from ..context import Context
from ..graph.contract.host import HostCall, Memory
from ..graph.contract.kernel_call import In, Out
from ..graph.contract.spec import TensorSpec
from ..graph.lower import Step
from .body import BoundBody
from .device import Device
from .transfer import copy_bytes, download, fill, upload

__all__ = ["HostStep", "failed"]

Array = np.ndarray[Any, Any]
_ZERO = np.zeros(1, np.uint8)


def failed(who: str, exc: Exception) -> MXNetError:
    """The error of a function on the host: who it was, and where in the user's code."""
    last = traceback.extract_tb(exc.__traceback__)[-1]
    return MXNetError(f"{who} failed on the host: {type(exc).__name__}: {exc} (in {last.name}, {last.filename}:{last.lineno})")


class HostStep:
    """What the function of a `HostCall` is called with (`clsym.graph.contract.host.HostRun`).

    Parameters
    ----------
    device : Device
    context : Context
    step : Step
    specs : list of TensorSpec
        Of the plan's entries.
    place : callable
        Where an input, output or workspace of the step lies at the moment.
    bodies : list of BoundBody
    states : dict
        What the steps of an executor keep from run to run.
    """

    def __init__(
        self,
        device: Device,
        context: Context,
        step: Step,
        specs: Sequence[TensorSpec],
        place: Callable[[Any], Memory | None],
        bodies: Sequence[BoundBody],
        states: dict[Any, Any],
    ) -> None:
        assert step.host is not None
        self.device, self.context, self.states = device, context, states
        self._call: HostCall = step.host
        self._step, self._bodies = step, list(bodies)
        self._outs = [specs[e] if e >= 0 else None for e in step.outs]
        self._place = place

    def run(self, wait_for: Sequence[cl.Event] | None = None) -> cl.Event:
        """Run it; the event stands for its end.

        Raises
        ------
        MXNetError
            The function raised; the message has the node and the line, the cause its traceback.
        """
        if wait_for:
            cl.wait_for_events(list(wait_for))
        for body in self._bodies:
            body.begin()
        try:
            self._call.function(self)
        except Exception as exc:
            raise failed(f"node {self._step.name!r} ({self._step.op})", exc) from exc
        return cl.enqueue_marker(self.device.queue)

    def memory(self, arg: In | Out) -> Memory | None:
        """Where an input or output lies."""
        return self._place(arg)

    def value(self, memory: Memory) -> Array:
        """What lies there."""
        value = np.empty(memory.spec.shape, memory.spec.dtype)
        download(self.device, memory.root, memory.offset, value)
        return value

    def copy(self, source: Memory, target: Memory) -> None:
        """Enqueue a copy."""
        if (source.root, source.offset) != (target.root, target.offset):
            copy_bytes(source.root, source.offset, self.device, target.root, target.offset, self.device, target.spec.nbytes)

    def zero(self, target: Memory) -> None:
        """Enqueue zeros."""
        fill(self.device, target.root, target.offset, target.spec.nbytes, _ZERO)

    def body(self, number: int) -> BoundBody:
        """One of the bodies."""
        return self._bodies[number]

    def read(self, index: int) -> Array:
        """The value of an input."""
        found = self._place(In(index))
        assert found is not None
        return self.value(found)

    def write(self, index: int, value: Array) -> None:
        """Store an output."""
        spec, target = self._outs[index], self._place(Out(index))
        if spec is None or target is None:
            return
        value = np.asarray(value)
        if value.shape != spec.shape:
            raise ValueError(f"output {index} has shape {value.shape}, expected {spec.shape}")
        value = np.ascontiguousarray(value, spec.dtype).reshape(spec.shape)
        if self._step.reqs[index] == "add":
            value = self.value(target) + value
        upload(self.device, target.root, target.offset, value)

    def run_body(self, number: int, values: Sequence[Array]) -> list[Array]:
        """Run a body on values."""
        body = self._bodies[number]
        for i, value in enumerate(values):
            target = body.array(f"var:{i}")
            if target is not None:
                if np.shape(value) != target.spec.shape:
                    raise ValueError(f"an input of a body has shape {np.shape(value)}, expected {target.spec.shape}")
                upload(self.device, target.root, target.offset, np.ascontiguousarray(value, target.spec.dtype))
        body.run()
        results: list[Array] = []
        while (out := body.array(f"out:{len(results)}")) is not None:
            results.append(self.value(out))
        return results
