"""Making kernel objects without what pyopencl prepares for `kernel(queue, ...)`, a way of calling that nothing here uses.

For every kernel object pyopencl fetches the source of such a function from a database on disk, unpickles and compiles it: 130 of the 140
microseconds that an object takes. The functions depend only on the kernel's name and its number of arguments, so that here they are made
once for each of these, and a graph of 5,000 launches is bound in a tenth of the time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pyopencl as cl
from pyopencl import invoker

from ..base import MXNetError

__all__ = ["kernel_object"]

_GENERATOR = "generate_enqueue_and_set_args"

_lock = threading.Lock()
_made: dict[Any, Any] = {}


def _remembering(generate: Callable[..., Any]) -> Callable[..., Any]:
    """pyopencl's generator, with a memory."""

    def generate_once(*args: Any, devs: Any = None, **named: Any) -> Any:
        if any(a is not None for a in args[3:]):  # typed arguments: not ours
            return generate(*args, devs=devs, **named)
        key = (generate, args, tuple(named.items()))
        found = _made.get(key)
        if found is None:
            found = _made[key] = generate(*args, devs=devs, **named)
        return found

    return generate_once


def kernel_object(program: cl.Program, entry: str) -> cl.Kernel:
    """A kernel object of a built program.

    pyopencl looks the generator up in its module each time, which therefore has another one meanwhile; a thread that makes a kernel of its
    own at that moment gets the same functions.

    Raises
    ------
    MXNetError
        The program has no such kernel.
    """
    with _lock:
        generate = getattr(invoker, _GENERATOR, None)
        if generate is not None:  # else another pyopencl, which works without
            setattr(invoker, _GENERATOR, _remembering(generate))
        try:
            return cl.Kernel(program, entry)
        except cl.LogicError as exc:
            if exc.code != cl.status_code.INVALID_KERNEL_NAME:
                raise
            raise MXNetError(
                f"the driver built a program without the kernel {entry!r} that its source has; its folder of compiled kernels is damaged, "
                "as a process that was killed can leave it: `clsym cache --purge` empties it"
            ) from exc
        finally:
            if generate is not None:
                setattr(invoker, _GENERATOR, generate)
