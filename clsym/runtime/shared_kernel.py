"""One kernel object for all imperative calls of a kernel, its arguments set anew for each.

Making a kernel object takes some 5 microseconds, setting an argument 0.1: calls that differ in scalars or shapes share one.
An executor's steps have objects of their own, with arguments set once (`clsym.runtime.launch.Launch`).
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pyopencl as cl

from ..base import MXNetError
from ..graph.contract.kernel_call import KernelCall, Local, Scalar
from .device import Device
from .program import kernel_of, pack_scalar, value_setter
from .topology import on_fork_clear

__all__ = ["SharedKernel", "constants", "enqueue", "shared_kernel", "work_group"]

enqueue = cl.enqueue_nd_range_kernel
"""``enqueue(queue, kernel object, global size, local size)``, without another call between."""


class SharedKernel:
    """A kernel object that whoever holds its lock may set up and enqueue.

    Attributes
    ----------
    lock : threading.Lock
        Held from setting the first argument to the enqueue.
    set_buffer : callable
        ``set_buffer(position, buffer)``; also takes local memory.
    set_value : callable
        ``set_value(position, packed scalar)``.
    limit : int
        Most work-items in a group.
    """

    __slots__ = ("kernel", "limit", "lock", "set_buffer", "set_value")

    def __init__(self, device: Device, call: KernelCall) -> None:
        self.kernel = kernel_of(device, call)
        self.lock = threading.Lock()
        self.set_buffer = self.kernel.set_arg
        self.set_value = value_setter(self.kernel)
        self.limit = int(self.kernel.get_work_group_info(cl.kernel_work_group_info.WORK_GROUP_SIZE, device.cl_device))


_kernels: dict[tuple[Any, ...], SharedKernel] = on_fork_clear({})
_lock = threading.Lock()


def shared_kernel(device: Device, call: KernelCall) -> SharedKernel:
    """The kernel object of a call."""
    key = (device, call.source, call.entry, call.defines)
    found = _kernels.get(key)
    if found is None:
        with _lock:
            found = _kernels.get(key)
            if found is None:
                found = _kernels[key] = SharedKernel(device, call)
    return found


def work_group(device: Device, call: KernelCall, kernel: SharedKernel) -> tuple[int, ...] | None:
    """The local size of a call.

    Raises
    ------
    MXNetError
        The device cannot run groups of that size.
    """
    if device.traits.is_cpu:
        return call.local_size if call.local_size is not None else (1,) * len(call.global_size)
    if call.local_size is not None and int(np.prod(call.local_size)) > kernel.limit:
        raise MXNetError(
            f"kernel {call.entry} of {call.source} needs work-groups of {call.local_size}, {device.name} allows {kernel.limit}; "
            "set CLSYM_TRAITS=cpu to use the kernels that need none"
        )
    return call.local_size


def constants(call: KernelCall) -> tuple[list[tuple[int, Any]], list[tuple[int, Any]]]:
    """The scalars of a call and its local memories, packed, with their positions."""
    scalars = [(i, pack_scalar(arg)) for i, arg in enumerate(call.args) if isinstance(arg, Scalar)]
    local = [(i, cl.LocalMemory(max(arg.nbytes, 1))) for i, arg in enumerate(call.args) if isinstance(arg, Local)]
    return scalars, local
