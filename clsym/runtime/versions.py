"""Whether arrays were written, and whether they still hold what was written: kept for each stretch of a buffer that somebody watches.

Everything that writes to device memory on behalf of a user or a plan calls `touch`. What was computed from parameters is then computed
again only when one of them changed. A plan that leaves intermediates in an argument that was donated to it calls `spoil`; until somebody
writes those bytes again nothing may be computed from them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any, Protocol

__all__ = [
    "Span", "Stretch", "Watch", "anything_spoiled", "clock", "end_outside_writes", "expect_outside_writes", "spoil", "spoiled",
    "stretch_of", "touch", "touch_stretches",
]  # fmt: skip

Stretch = tuple[int, int, int]
"""Handle of a buffer (``int_ptr``), first byte, and the byte behind the last."""

WHOLE = 1 << 62

_lock = threading.Lock()
_now = [0]


class Span(Protocol):
    """An array: a stretch of a buffer."""

    _root: Any
    _offset: int

    @property
    def nbytes(self) -> int: ...


class _Record:
    """What is known of one watched stretch; shared by all watches of it."""

    __slots__ = ("doubt", "lost", "start", "stop", "version", "watches")

    def __init__(self, start: int, stop: int) -> None:
        self.start = start
        self.stop = stop
        self.version = 0  # the clock at the last write
        self.doubt = 0  # and when somebody else was last able to write unseen
        self.watches = 0
        self.lost: list[tuple[int, int]] = []  # bytes that hold something else than the array's values


_watched: dict[int, dict[tuple[int, int], _Record]] = {}  # by handle, then by bytes
_spoiled: dict[int, int] = {}  # handles of which a stretch is lost, to the number of such stretches
_outside: dict[int, int] = {}  # handle of a buffer to the number of views on it that others may write through


def stretch_of(array: Span) -> Stretch:
    """The stretch that an array occupies."""
    return array._root.int_ptr, array._offset, array._offset + array.nbytes


def clock() -> int:
    """The number of the last write that anybody watched."""
    return _now[0]


def touch(buffer: Any, offset: int = 0, nbytes: int = WHOLE) -> None:
    """Note that bytes of a buffer, by its outermost object, are being written; without a range, all of them."""
    if _watched:
        touch_stretches(((buffer.int_ptr, offset, offset + nbytes),))


def touch_stretches(stretches: Iterable[Stretch]) -> None:
    """The same for several stretches."""
    if not _watched:
        return
    for handle, start, stop in stretches:
        if handle in _watched:
            _write(handle, start, stop, False)


def spoil(stretches: Iterable[Stretch]) -> None:
    """Note that stretches, which must be watched, now hold something else than their arrays' values."""
    for handle, start, stop in stretches:
        _write(handle, start, stop, True)


def anything_spoiled() -> bool:
    """Whether any stretch is lost: quick, for what runs often."""
    return bool(_spoiled)


def spoiled(stretches: Iterable[Stretch]) -> int | None:
    """The place, among some stretches, of the first of which a byte is lost; None where all hold their values."""
    if not _spoiled:
        return None
    for i, (handle, start, stop) in enumerate(stretches):
        if handle in _spoiled and handle not in _outside:
            with _lock:
                for record in tuple(_watched.get(handle, {}).values()):
                    if any(a < stop and start < b for a, b in record.lost):
                        return i
    return None


def _write(handle: int, start: int, stop: int, lost: bool) -> None:
    with _lock:
        _now[0] += 1
        for record in tuple(_watched.get(handle, {}).values()):
            a, b = max(start, record.start), min(stop, record.stop)
            if a >= b:
                continue
            record.version = _now[0]
            if record.lost or lost:
                left = [(p, q) for x, y in record.lost for p, q in ((x, min(y, a)), (max(x, b), y)) if p < q]
                _set_lost(handle, record, [*left, (a, b)] if lost else left)


def _set_lost(handle: int, record: _Record, lost: list[tuple[int, int]]) -> None:
    change = bool(lost) - bool(record.lost)
    record.lost = lost
    if change:
        count = _spoiled.get(handle, 0) + change
        if count:
            _spoiled[handle] = count
        else:
            _spoiled.pop(handle, None)


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
        _now[0] += 1
        for record in tuple(_watched[handle].values()):
            record.doubt = _now[0]
            _set_lost(handle, record, [])  # it may have been written again


class Watch:
    """Tells whether any of some arrays was written since it was last asked.

    Their buffers must outlive it: handles are what it knows them by.
    """

    def __init__(self, arrays: Iterable[Span]) -> None:
        self.stretches = [stretch_of(a) for a in arrays]
        self._seen = -1
        self._clock = -1
        self._records: list[_Record] = []
        with _lock:
            for handle, start, stop in self.stretches:
                key, fresh = (start, stop), _Record(start, stop)
                empty: dict[tuple[int, int], _Record] = {}  # made first: the collector may run a __del__ meanwhile
                of_buffer = _watched.setdefault(handle, empty)
                record = of_buffer.setdefault(key, fresh)
                record.watches += 1
                self._records.append(record)

    def changed(self) -> bool:
        """Whether there was a write since the last call, or may have been one by others who share the memory; True at the first."""
        if _outside and any(handle in _outside for handle, _, _ in self.stretches):
            return True
        now = _now[0]
        if now == self._clock:
            return False
        self._clock = now
        last = max((max(record.version, record.doubt) for record in self._records), default=0)
        if last <= self._seen:
            return False
        self._seen = now
        return True

    def since(self, when: int) -> list[int]:
        """The places of the arrays that were written after `clock` had said `when`; writes by others who share the memory are not seen."""
        return [i for i, record in enumerate(self._records) if record.version > when]

    def __del__(self) -> None:
        for (handle, start, stop), record in zip(self.stretches, self._records, strict=False):
            record.watches -= 1  # no lock: the collector may run this anywhere
            if not record.watches and (of_buffer := _watched.get(handle)) is not None:
                _set_lost(handle, record, [])
                of_buffer.pop((start, stop), None)
                if not of_buffer:
                    _watched.pop(handle, None)
