"""What kernels refuse: an index out of range, say. They cannot raise, so they note it, and the next who waits for a device hears of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyopencl as cl

from ..base import MXNetError
from ..graph.contract.kernel_call import Refusal
from .buffer import allocate
from .device import Device
from .topology import on_fork_clear

__all__ = ["RefusalBox", "armed", "box_of", "raise_refused"]

_ERRORS = {"IndexError": IndexError, "MXNetError": MXNetError}
_NOTHING = np.zeros(4, np.int32)


class RefusalBox:
    """Four words on a device: whether something was refused, and the value, axis and extent that the message tells."""

    __slots__ = ("buffer", "device", "refusal")

    def __init__(self, device: Device, refusal: Refusal) -> None:
        self.device, self.refusal = device, refusal
        self.buffer = allocate(device, _NOTHING.nbytes, "note of what is refused")
        cl.enqueue_copy(device.queue, self.buffer, _NOTHING)

    def arm(self) -> None:
        """A kernel that may refuse was enqueued."""
        armed[id(self)] = self

    def take(self) -> Exception | None:
        """The error of what was refused since, once all that is enqueued is done; forgets it."""
        found = np.empty_like(_NOTHING)
        cl.enqueue_copy(self.device.queue, found, self.buffer)
        if not found[0]:
            return None
        cl.enqueue_copy(self.device.queue, self.buffer, _NOTHING)
        value, axis, extent = (int(v) for v in found[1:])
        return _ERRORS[self.refusal.error](self.refusal.text.format(value=value, axis=axis, extent=extent))


armed: dict[int, RefusalBox] = on_fork_clear({})
"""Those that were not looked at since a kernel that may refuse was enqueued."""
_boxes: dict[tuple[Device, Refusal], RefusalBox] = on_fork_clear({})


def box_of(device: Device, refusal: Refusal) -> RefusalBox:
    """The words of a device in which its kernels note refusals of one kind."""
    found = _boxes.get((device, refusal))
    if found is None:
        found = _boxes[device, refusal] = RefusalBox(device, refusal)
    return found


def raise_refused(device: Any) -> None:
    """Raise what a kernel of that device refused; call it after waiting for the device.

    Raises
    ------
    IndexError, MXNetError
        As the operator says.
    """
    for key, box in list(armed.items()):
        if box.device is device:
            armed.pop(key, None)
            error = box.take()
            if error is not None:
                raise error
