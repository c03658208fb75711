"""Device memory: exact allocations for arenas and arguments, a pool for short-lived arrays, and the count of what is alive.

Every allocation of clsym goes through here, so that "out of memory" always says which array, how big, and what the device allows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pyopencl as cl
import pyopencl.tools as cl_tools

from ..base import OutOfDeviceMemoryError
from ..context import Context, add_cache_emptier
from .device import Device, add_memory_counter, resolve
from .topology import on_fork_clear

__all__ = ["allocate", "allocate_pooled", "before_emptying", "free_pool", "live_bytes", "pooled_bytes", "sub_buffer"]

_lock = threading.RLock()
_pools: dict[Any, Any] = on_fork_clear({})
before_emptying: list[Callable[[Device], None]] = []
"""What holds on to pooled buffers and lets go of a device's when they are to be given back."""
_live: dict[str, int] = {}


def _show(nbytes: int) -> str:
    return f"{nbytes} bytes ({nbytes / 2**20:.1f} MiB)"


What = str | tuple[Any, ...]
"""What memory is for: words, or a format and what goes into it, which is put together only if they are needed."""


def _refuse(device: Device, nbytes: int, what: What, exc: Exception | None = None) -> OutOfDeviceMemoryError:
    t = device.traits
    if not isinstance(what, str):
        what = what[0].format(*what[1:])
    return OutOfDeviceMemoryError(
        f"out of memory on {device.name}: {what} needs {_show(nbytes)}; the device has {_show(t.global_mem)} and allows "
        f"{_show(t.max_alloc)} in one piece; clsym holds {_show(_live.get(device.selector, 0))} of it in exact allocations. "
        f"Use a smaller batch or shape, free arrays, or another context." + (f" [{exc}]" if exc else "")
    )


class CountedBuffer(cl.Buffer):
    """A buffer that is counted in `live_bytes` while it lives (pyopencl's own take no weak reference)."""

    reads = 0  # for `clsym.runtime.host_view`
    host_view: Any = None

    def __init__(self, device: Device, nbytes: int) -> None:
        self._counted = (device.selector, 0)
        super().__init__(device.cl_context, cl.mem_flags.READ_WRITE, nbytes)
        with _lock:
            _live[device.selector] = _live.get(device.selector, 0) + nbytes
        self._counted = (device.selector, nbytes)

    def __del__(self) -> None:
        selector, nbytes = self._counted
        if nbytes:  # no lock: the collector may run this inside the locked lines above, on the same thread
            _live[selector] -= nbytes


def allocate(device: Device, nbytes: int, what: What) -> cl.Buffer:
    """A buffer of exactly `nbytes` (1 for 0), counted in `live_bytes` until it is collected.

    Raises
    ------
    OutOfDeviceMemoryError
        With the array, its size and the device's limits.
    """
    size = max(nbytes, 1)
    if size > device.traits.max_alloc or size > device.traits.global_mem:
        raise _refuse(device, size, what)
    try:
        return CountedBuffer(device, size)
    except (cl.MemoryError, cl.LogicError, cl.RuntimeError):
        free_pool(device)
    try:
        return CountedBuffer(device, size)
    except (cl.MemoryError, cl.LogicError, cl.RuntimeError) as exc:
        raise _refuse(device, size, what, exc) from exc


def allocate_pooled(device: Device, nbytes: int, what: What) -> Any:
    """A buffer of at least `nbytes` from the device's pool; it goes back when collected.

    Safe without waiting: whoever gets it next enqueues on the same in-order queue.
    """
    pool = _pools.get(device)
    if pool is None:
        with _lock:
            pool = _pools.get(device)
            if pool is None:
                pool = _pools[device] = cl_tools.MemoryPool(cl_tools.ImmediateAllocator(device.queue))
    size = max(nbytes, 16)
    if size > device.traits.max_alloc or size > device.traits.global_mem:
        raise _refuse(device, size, what)
    try:
        return pool.allocate(size)
    except (cl.MemoryError, cl.LogicError, cl.RuntimeError) as exc:
        free_pool(device)
        try:
            return pool.allocate(size)
        except (cl.MemoryError, cl.LogicError, cl.RuntimeError):
            raise _refuse(device, size, what, exc) from exc


def sub_buffer(parent: Any, origin: int, nbytes: int) -> cl.Buffer:
    """A stretch of a buffer; `origin` is a multiple of the device's alignment."""
    if not isinstance(parent, cl.Buffer):  # a pooled buffer has no get_sub_region of its own
        parent = cl.Buffer.from_int_ptr(parent.int_ptr)
    region: cl.Buffer = parent.get_sub_region(origin, max(nbytes, 1))
    return region


def free_pool(device: Device) -> None:
    """Give the pool's unused buffers back to the device."""
    pool = _pools.get(device)
    if pool is not None:
        for let_go in before_emptying:
            let_go(device)
        pool.free_held()


def live_bytes(device: Device) -> int:
    """Bytes of exact allocations that are alive on a device."""
    return _live.get(device.selector, 0)


def pooled_bytes(device: Device) -> int:
    """Bytes of the pool's buffers on a device, those that wait for reuse included."""
    pool = _pools.get(device)
    return 0 if pool is None else int(pool.managed_bytes)


def _free_pool_of(ctx: Context) -> None:
    free_pool(resolve(ctx))


add_cache_emptier(_free_pool_of)
add_memory_counter(live_bytes)
add_memory_counter(pooled_bytes)
