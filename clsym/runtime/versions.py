"""Whether arrays were written: a count for each buffer that somebody watches.

Everything that writes to device memory on behalf of a user or a plan calls `touch`. What was computed from parameters is then computed
again only when one of them changed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

__all__ = ["Watch", "end_outside_writes", "expect_outside_writes", "touch"]

_lock = threading.Lock()
_watched: dict[int, int] = {}  # handle of a buffer to the number of watches on it
_version: dict[int, int] = {}
_clock = [0]
_outside: dict[int, int] = {}  # handle of a buffer to the number of views on it that others may write through


def touch(buffer: Any) -> None:
    """Note that a buffer, by its outermost object, is being written."""
    if _watched:
        touch_handles((buffer.int_ptr,))


def touch_handles(handles: Iterable[int]) -> None:
    """The same for handles (``int_ptr``)."""
    if not _watched:
        return
    for handle in handles:
        if handle in _watched:
            with _lock:
                _clock[0] += 1
                _version[handle] = _clock[0]


def expect_outside_writes(handle: int) -> None:
    """From now on somebody may write to this buffer without a word (another library that shares its memory)."""
    with _lock:
        _outside[handle] = _outside.get(handle, 0) + 1


def end_outside_writes(handle: int) -> None:
    """One of those who might write to the buffer is gone."""
    left = _outside.get(handle, 0) - 1  # no lock: the collector may run this anywhere
    if left > 0:
        _outside[handle] = left
    else:
        _outside.pop(handle, None)
    if handle in _watched:
        _clock[0] += 1
        _version[handle] = _clock[0]


class Watch:
    """Tells whether any of some buffers was written since it was last asked.

    The buffers must outlive it: their handles are what it knows them by.
    """

    def __init__(self, buffers: Iterable[Any]) -> None:
        self._handles = sorted({b.int_ptr for b in buffers})
        self._seen = -1
        self._clock = -1
        with _lock:
            for handle in self._handles:
                _watched[handle] = _watched.get(handle, 0) + 1
                _version.setdefault(handle, 0)

    def changed(self) -> bool:
        """Whether there was a write since the last call, or may have been one by others who share the memory; True at the first."""
        if _outside and not _outside.keys().isdisjoint(self._handles):
            return True
        clock = _clock[0]
        if clock == self._clock:
            return False
        self._clock = clock
        last = max((_version.get(h, 0) for h in self._handles), default=0)
        if last <= self._seen:
            return False
        self._seen = clock
        return True

    def __del__(self) -> None:
        for handle in self._handles:  # no lock: the collector may run this anywhere
            left = _watched.get(handle, 0) - 1
            if left > 0:
                _watched[handle] = left
            else:
                _watched.pop(handle, None)
                _version.pop(handle, None)
