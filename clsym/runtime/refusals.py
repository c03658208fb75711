"""What kernels refuse: an index out of range, a singular matrix. They cannot raise, so they note it, and the next who waits for a device
hears of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyopencl as cl

from ..base import MXNetError
from ..graph.contract.kernel_call import Refusal
from .buffer import allocate
from .device import Device
from .topology import on_fork_clear

__all__ = ["RefusalBox", "armed", "box_of", "hear_elsewhere", "raise_refused"]

_ERRORS = {"IndexError": IndexError, "MXNetError": MXNetError}
_NOTHING = np.zeros(4, np.int32)


class RefusalBox:
    """Four words on a device: whether something was refused, and the value, axis and extent that the message tells.

    Parameters
    ----------
    device : Device
    refusal : Refusal
    who : str
        Begins the message: the node and its operator.
    """

    __slots__ = ("buffer", "device", "heard", "refusal", "who")

    def __init__(self, device: Device, refusal: Refusal, who: str) -> None:
        self.device, self.refusal, self.who = device, refusal, who
        self.heard: set[Device] = set()
        self.buffer = allocate(device, _NOTHING.nbytes, "note of what is refused")
        cl.enqueue_copy(device.queue, self.buffer, _NOTHING)

    def arm(self, heard: Iterable[Device] = ()) -> None:
        """A kernel that may refuse was enqueued; who waits for one of the devices `heard`, or for its own, is told."""
        self.heard.update((self.device, *heard))
        armed[id(self)] = self

    def take(self) -> Exception | None:
        """The error of what was refused since, once all that is enqueued is done; forgets it."""
        self.heard.clear()
        found = np.empty_like(_NOTHING)
        cl.enqueue_copy(self.device.queue, found, self.buffer)
        if not found[0]:
            return None
        cl.enqueue_copy(self.device.queue, self.buffer, _NOTHING)
        value, axis, extent = (int(v) for v in found[1:])
        return _ERRORS[self.refusal.error](f"{self.who}: {self.refusal.text.format(value=value, axis=axis, extent=extent)}")


armed: dict[int, RefusalBox] = on_fork_clear({})
"""Those that were not looked at since a kernel that may refuse was enqueued."""
_boxes: dict[tuple[Device, Refusal, str], RefusalBox] = on_fork_clear({})


def box_of(device: Device, refusal: Refusal, who: str) -> RefusalBox:
    """The words of a device in which an operator that is called on arrays notes refusals of one kind."""
    found = _boxes.get((device, refusal, who))
    if found is None:
        found = _boxes[device, refusal, who] = RefusalBox(device, refusal, who)
    return found


def hear_elsewhere(source: Device, target: Device) -> None:
    """Something was copied between devices: who waits for the second hears what was refused on the first as well."""
    for box in list(armed.values()):
        if source in box.heard:
            box.heard.add(target)


def raise_refused(device: Any) -> None:
    """Raise what kernels refused whose results a device may hold; call it after waiting for the device.

    Of several errors the first is raised, with the others in its message, so that none is left for a later wait.

    Raises
    ------
    IndexError, MXNetError
        As the operator says.
    """
    errors: list[Exception] = []
    for key, box in list(armed.items()):
        if device in box.heard and armed.pop(key, None) is not None and (error := box.take()) is not None:
            errors.append(error)
    if errors:
        raise type(errors[0])("\n".join(dict.fromkeys(str(error) for error in errors)))
