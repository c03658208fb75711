"""Devices that work on one plan: where their queues wait for one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyopencl as cl

from .device import Device

__all__ = ["meet", "usable_events"]


def meet(devices: Sequence[Device]) -> None:
    """Let each wait for what the others were given before: a run may still read what the caller, or the next run, writes."""
    distinct = {device.selector: device for device in devices}
    for selector, device in distinct.items():
        markers = []
        for other in distinct.values():
            if other.selector == selector:
                continue
            if other.group is device.group:
                markers.append(cl.enqueue_marker(other.queue))
                other.queue.flush()
            else:
                other.queue.finish()
        if markers:
            cl.enqueue_barrier(device.queue, wait_for=markers)


def usable_events(events: Sequence[Any], device: Device) -> list[cl.Event] | None:
    """Those that the device's queue can wait for; the others are waited for here, on the host."""
    usable = []
    for event in events:
        if event.context == device.cl_context:
            usable.append(event)
        else:
            event.wait()
    return usable or None
