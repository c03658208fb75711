"""Ctrl-C while a network is trained: between steps, with nothing left in the queues."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from ..ndarray import waitall

__all__ = ["drained", "whole_steps"]


@contextlib.contextmanager
def drained() -> Iterator[None]:
    """An exception leaves with the queues of all devices empty, so that what they still had to do is done."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):  # an error of the work that is waited for would hide what happened
            waitall()
        raise


@contextlib.contextmanager
def whole_steps() -> Iterator[None]:
    """A Ctrl-C within becomes a `KeyboardInterrupt` at the end, so that no half of the parameters is updated; a second one acts at once.

    Only where Python's own handler is in place, in the main thread.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    pending = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal pending
        if pending:
            signal.default_int_handler(number, frame)
        pending = True

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pending:
        raise KeyboardInterrupt
