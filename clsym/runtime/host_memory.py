"""Device memory that is the host's: where buffers of a CPU device can be shared with other libraries, without a copy.

OpenCL promises no more than that a mapped buffer may be read and written until it is unmapped. On the CPU runtimes a buffer simply *is*
host memory, whose address never changes and in which both sides see each other's writes at once. Whether a device is like that is asked of
the device itself, once.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pyopencl as cl

from .device import Device
from .refusals import armed, raise_refused
from .topology import on_fork_clear
from .transfer import failure
from .versions import end_outside_writes, expect_outside_writes

__all__ = ["HostBuffer", "Mapping", "map_buffer", "shares_host_memory"]

_shares: dict[Device, bool] = on_fork_clear({})


def shares_host_memory(device: Device) -> bool:
    """Whether the device's buffers are host memory: a CPU whose mapped and wrapped buffers pass a test in both directions."""
    found = _shares.get(device)
    if found is None:
        found = _shares[device] = bool(device.cl_device.type & cl.device_type.CPU) and _test(device)
    return found


def _test(device: Device) -> bool:
    n = 1024
    try:
        buffer = cl.Buffer(device.cl_context, cl.mem_flags.READ_WRITE, 4 * n)
        address, keep = map_buffer(device, buffer, 0, 4 * n)
        mapped: np.ndarray[Any, Any] = np.asarray((ctypes.c_int32 * n).from_address(address))
        again, keep_too = map_buffer(device, buffer, 0, 4 * n)
        wrapped = np.zeros(n, np.int32)
        host = cl.Buffer(device.cl_context, cl.mem_flags.READ_WRITE | cl.mem_flags.USE_HOST_PTR, hostbuf=wrapped)
        good = again == address and all(_both_ways(device, b, values) for b, values in ((buffer, mapped), (host, wrapped)))
        device.queue.finish()
        del keep, keep_too
        return good
    except cl.Error:
        return False


def _both_ways(device: Device, buffer: cl.Buffer, values: np.ndarray[Any, Any]) -> bool:
    cl.enqueue_fill_buffer(device.queue, buffer, np.int32(5), 0, values.nbytes)
    device.queue.finish()
    seen_here = bool((values == 5).all())
    values[:] = np.arange(len(values))
    found = np.empty_like(values)
    cl.enqueue_copy(device.queue, found, buffer, is_blocking=True)
    return seen_here and bool((found == np.arange(len(values))).all())


def map_buffer(device: Device, buffer: Any, offset: int, nbytes: int) -> tuple[int, Any]:
    """The address of a mapped stretch of a buffer, and its bytes as an array; unmapped when that is collected."""
    flags: Any = cl.map_flags.READ | cl.map_flags.WRITE
    bytes_type: Any = np.dtype(np.uint8)
    array: Any
    array, _ = cl.enqueue_map_buffer(device.queue, buffer, flags, offset, (nbytes,), bytes_type, is_blocking=True)
    return int(array.__array_interface__["data"][0]), array


class Mapping:
    """A stretch of a buffer, mapped while this object lives: whoever has its address may read and write.

    Making one waits for everything that was enqueued before. The buffer, pooled or not, is kept.

    Attributes
    ----------
    address : int
    """

    def __init__(self, device: Device, root: Any, offset: int, nbytes: int) -> None:
        self._handle = 0
        self._root = root  # a pooled buffer returns to its pool when its last owner goes
        self._device = device
        try:
            self.address, self._array = map_buffer(device, cl.Buffer.from_int_ptr(root.int_ptr), offset, nbytes)
        except cl.Error as exc:
            raise failure(exc, device, f"mapping {nbytes} bytes") from exc
        self._handle = int(root.int_ptr)
        expect_outside_writes(self._handle)
        if armed:
            raise_refused(device)

    def __del__(self) -> None:
        if self._handle:
            end_outside_writes(self._handle)


class HostBuffer(cl.Buffer):
    """A buffer over memory that somebody else owns, on a device that `shares_host_memory`.

    Parameters
    ----------
    device : Device
    address, nbytes : int
        The memory. The buffer begins at the address, or below it at the last multiple of the device's alignment; `lead` is the difference.
    owner : object
        Let go when the buffer is collected and everything that was enqueued by then is done.
    """

    def __init__(self, device: Device, address: int, nbytes: int, owner: Any) -> None:
        self._handle = 0
        self._device = device
        self._owner = owner
        self.lead = address % device.traits.alignment
        memory = (ctypes.c_char * (nbytes + self.lead)).from_address(address - self.lead)
        super().__init__(device.cl_context, cl.mem_flags.READ_WRITE | cl.mem_flags.USE_HOST_PTR, hostbuf=memory)
        self._handle = int(self.int_ptr)
        expect_outside_writes(self._handle)

    def __del__(self) -> None:
        if self._handle:
            end_outside_writes(self._handle)
            self._device.queue.finish()  # a kernel may still write to the memory, which its owner may free
