"""The first run of a plan on devices that compile kernels when they are launched.

PoCL compiles a kernel for its work-group size when the first launch begins, in a thread of its own: as much work again as building the
programs, during which everybody waits for the results without a word. Where somebody would see it, launches are therefore waited for
one kernel after the other, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pyopencl as cl

from .device import Device
from .launch import Launch
from .progress import counted

__all__ = ["counting_kernels"]

Enqueue = Callable[[cl.CommandQueue, cl.Kernel, Any, Any], object]

_launched: set[Any] = set()


def _key(device: Device, launch: Launch) -> Any:
    return device.selector, launch.call.source, launch.call.defines, launch.call.entry, launch.local_size


@contextmanager
def counting_kernels(device: Device, launches: Iterable[Launch]) -> Iterator[Enqueue]:
    """What enqueues these launches in the place of pyopencl's function, and waits for kernels that nobody waited for before.

    Parameters
    ----------
    device : Device
    launches : iterable of Launch
        All that will be enqueued.
    """
    new = {id(launch.kernel): key for launch in launches if (key := _key(device, launch)) not in _launched}
    with counted("compiling kernels, once", len(set(new.values()))) as step:

        def enqueue(queue: cl.CommandQueue, kernel: cl.Kernel, global_size: Any, local_size: Any) -> None:
            cl.enqueue_nd_range_kernel(queue, kernel, global_size, local_size)
            key = new.get(id(kernel))
            if key is not None and key not in _launched:
                queue.finish()
                _launched.add(key)
                step(key[3])

        yield enqueue
