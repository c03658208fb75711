"""Small values read where they lie: on a device whose memory is the host's a blocking read costs two changes of thread, 20 to 50
microseconds, and a look at the memory, once the queue is empty, less than one.

A buffer is mapped for that when it is read for the second time, and stays so. A pooled buffer, which outlives the array that has it, is
retained meanwhile, so that its handle cannot come to mean another one; `forget_views` lets go of all when the pool is to return memory.
"""

from __future__ import annotations

import threading
from typing import Any

import pyopencl as cl

from .buffer import before_emptying
from .device import Device
from .host_memory import map_buffer, shares_host_memory
from .topology import on_fork_clear

__all__ = ["MOST_BYTES", "forget_views", "host_view"]

MOST_BYTES = 4096
"""Values above are copied by the driver, whose fixed cost no longer counts."""

MOST_BUFFER = 1 << 20
"""Buffers above are not mapped."""

KEPT = 512

_lock = threading.Lock()
_pooled: dict[tuple[Device, int], Any] = on_fork_clear(
    {}
)  # by handle: None for one that was read once, else the mapped memory and its owner


def host_view(device: Device, root: Any) -> Any:
    """The memory of a buffer as bytes on the host, to be read when the queue is empty; None where it is not, or not yet, to be had."""
    if isinstance(root, cl.Buffer):
        found = getattr(root, "host_view", None)
        return found if found is not None or root.size > MOST_BUFFER else _of_exact(device, root)
    key = (device, root.int_ptr)
    held = _pooled.get(key)
    if held is not None:
        return held[0]
    return None if root.size > MOST_BUFFER else _of_pooled(device, root, key)


def _of_exact(device: Device, root: Any) -> Any:
    """Kept by the buffer object itself, which is mapped at the second read."""
    if not hasattr(root, "reads") or not shares_host_memory(device):
        return None
    root.reads += 1
    if root.reads < 2:
        return None
    _, root.host_view = map_buffer(device, cl.Buffer.from_int_ptr(root.int_ptr), 0, root.size)  # `root` itself would keep itself alive
    return root.host_view


def _of_pooled(device: Device, root: Any, key: tuple[Device, int]) -> Any:
    with _lock:
        if not shares_host_memory(device):
            return None
        if len(_pooled) >= KEPT:
            _pooled.clear()
        if key not in _pooled:
            _pooled[key] = None
            return None
        owner: Any = cl.Buffer.from_int_ptr(root.int_ptr)
        _, view = map_buffer(device, owner, 0, owner.size)
        _pooled[key] = view, owner
        return view


def forget_views(device: Device) -> None:
    """Unmap the pooled buffers of a device."""
    with _lock:
        for key in [k for k in _pooled if k[0] is device]:
            del _pooled[key]


before_emptying.append(forget_views)
