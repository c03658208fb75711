"""What ran when, by the devices' own clocks.

While somebody records, every device has another queue, one that notes times; before and after it has its plain one, so that it costs
nothing. Nobody waits while recording: events are kept, and read when the record is. Times of devices are brought onto the host's clock by
one marker each.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import pyopencl as cl

from ..graph.contract.spec import TensorSpec
from ..graph.lower import Step
from .topology import Device, opened_devices

__all__ = ["Recorder", "Span", "active", "start", "stop"]

_KEPT = 1 << 16
"""Events not yet read; more are read before the next is noted, which waits for the device."""


class Span(NamedTuple):
    """One thing that ran.

    Attributes
    ----------
    track : str
        The device, or the thread on the host.
    name, category : str
        Node and kind: 'operator', 'imperative', 'copy', 'host' or a domain of the user's.
    operator : str
        What the node computes, or ''.
    start, end : int
        Nanoseconds on the host's `time.perf_counter_ns`.
    told : dict
        Kernel, shapes, operations, bytes.
    """

    track: str
    name: str
    category: str
    operator: str
    start: int
    end: int
    told: dict[str, Any]


class Recorder:
    """Notes what is enqueued between `start` and `stop`; `spans` reads what was noted."""

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._pending: list[tuple[cl.Event, Device, str, str, str, dict[str, Any]]] = []
        self._plain: dict[Device, Any] = {}
        self._ahead: dict[Device, int] = {}
        self._open: list[tuple[str, int]] = []
        self._lock = threading.Lock()

    # ------------------------------------------------------------------------------------------------------------- queues

    def adopt(self, device: Device) -> None:
        """Give a device the queue that notes times."""
        if device in self._plain:
            return
        plain = device.queue
        plain.finish()
        queue = cl.CommandQueue(device.cl_context, device.cl_device, properties=cl.command_queue_properties.PROFILING_ENABLE)
        marker = cl.enqueue_marker(queue)
        marker.wait()
        self._ahead[device] = time.perf_counter_ns() - int(marker.profile.end)
        self._plain[device] = plain
        device.queue = queue

    def release(self) -> None:
        """Give all devices their plain queues back."""
        self._drain()
        for device, plain in self._plain.items():
            device.queue.finish()
            device.queue = plain
        self._plain.clear()

    # ------------------------------------------------------------------------------------------------------------- noting

    def begin(self, name: str, devices: Sequence[Device]) -> None:
        """A plan starts to be enqueued."""
        for device in devices:
            self.adopt(device)
        self._open.append((name, time.perf_counter_ns()))

    def end(self) -> None:
        """It has been."""
        name, since = self._open.pop()
        self.add(Span("host", name, "host", "", since, time.perf_counter_ns(), {}))

    def step(self, event: cl.Event, device: Device, step: Step, entry: str, specs: Sequence[TensorSpec], launches: int) -> None:
        """A launch of a plan's step; its estimated work is shared out over the step's launches."""
        told = {
            "kernel": entry,
            "inputs": [list(specs[e].shape) for e in step.ins],
            "outputs": [list(specs[e].shape) for e in step.outs if e >= 0],
            "flop": step.work[0] / launches,
            "bytes": step.work[1] / launches,
            "node": step.number,
        }
        self._note(event, device, step.name, "copy" if step.copy else "operator", step.op, told)

    def imperative(self, event: cl.Event, device: Device, name: str, outs: Sequence[TensorSpec]) -> None:
        """A launch of a call on arrays."""
        self._note(event, device, name, "imperative", name, {"outputs": [list(o.shape) for o in outs]})

    def add(self, span: Span) -> None:
        """Something whose times are known."""
        with self._lock:
            self._spans.append(span)

    def _note(self, event: cl.Event, device: Device, name: str, category: str, operator: str, told: dict[str, Any]) -> None:
        with self._lock:
            self._pending.append((event, device, name, category, operator, told))
        if len(self._pending) >= _KEPT:
            self._drain()

    # ------------------------------------------------------------------------------------------------------------ reading

    def _drain(self) -> None:
        with self._lock:
            pending, self._pending = self._pending, []
            for event, device, name, category, operator, told in pending:
                event.wait()
                ahead = self._ahead[device]
                times = event.profile
                track = f"{device.selector} {device.name}"
                self._spans.append(Span(track, name, category, operator, int(times.start) + ahead, int(times.end) + ahead, told))

    def spans(self) -> list[Span]:
        """All that was noted, by time; waits for what still runs."""
        self._drain()
        with self._lock:
            return sorted(self._spans, key=lambda s: s.start)

    def clear(self) -> None:
        """Forget what was noted."""
        self._drain()
        with self._lock:
            self._spans.clear()


active: Recorder | None = None
"""Who records now, if anybody does."""


def start(recorder: Recorder) -> None:
    """Record from now on."""
    global active
    for device in opened_devices():
        recorder.adopt(device)
    active = recorder


def stop() -> None:
    """Record no longer."""
    global active
    recorder, active = active, None
    if recorder is not None:
        recorder.release()
