"""Bytes between host and device, and between devices, ordered with everything that was enqueued before.

A small upload is a fill with the bytes as the pattern: the driver takes the pattern at the call, so nothing is kept alive and nobody waits.
A larger one reads a private copy of the source, which is kept until the device has it.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from typing import Any

import numpy as np
import pyopencl as cl

from ..base import MXNetError, OutOfDeviceMemoryError
from .device import Device
from .refusals import armed, hear_elsewhere, raise_refused
from .topology import on_fork_clear
from .versions import touch

__all__ = ["DeviceFailure", "copy_bytes", "download", "failure", "fill", "upload", "wait_all", "wait_for"]

HostArray = np.ndarray[Any, np.dtype[Any]]

PATTERN_LIMIT = 128
"""Bytes of the largest pattern that every device takes in a fill: that of a double16."""

COPY_LIMIT = 1 << 26
"""Sources above this many bytes are waited for instead of copied."""

KEEP_LIMIT = 1 << 28
"""Bytes of private copies that may wait for a device at a time."""

_COMPLETE = cl.command_execution_status.COMPLETE


DeviceFailure = cl.Error
"""What pyopencl raises; `failure` turns it into an error of clsym."""


def failure(exc: Exception, device: Device, what: str) -> MXNetError:
    """The error to raise when a call to the driver failed; a device may find at any enqueue that memory it promised is not there."""
    if isinstance(exc, cl.MemoryError):
        return OutOfDeviceMemoryError(
            f"out of memory on {device.name}: {what} ({exc}); free arrays, or use smaller ones or another context"
        )
    return MXNetError(f"{what} failed on {device.name}: {exc}; if work enqueued before is to blame, CLSYM_CHECK=1 finds the step")


class _Pending:
    """Private copies that a device's queue still reads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.events: deque[tuple[Any, int]] = deque()
        self.nbytes = 0

    def add(self, event: Any, nbytes: int) -> None:
        """Keep what `event` holds until it is complete; wait for the oldest where too much is kept."""
        with self.lock:
            self.events.append((event, nbytes))
            self.nbytes += nbytes
            while self.events and (self.nbytes > KEEP_LIMIT or self.events[0][0].command_execution_status <= _COMPLETE):
                oldest, size = self.events.popleft()
                oldest.wait()
                self.nbytes -= size


_pending: dict[Device, _Pending] = on_fork_clear({})


def upload(device: Device, buffer: Any, offset: int, source: HostArray, *, room: int = 0, private: bool = False) -> None:
    """Write a contiguous host array into a buffer, after everything enqueued before; the caller may change `source` at once.

    Parameters
    ----------
    device, buffer, offset
        Where to; `offset` in bytes.
    source : numpy.ndarray
        C-contiguous.
    room : int
        Bytes from `offset` on that may be overwritten, at least the source's; lets odd sizes go as one pattern.
    private : bool
        Nobody else holds `source`: it need not be copied.
    """
    nbytes = source.nbytes
    if nbytes == 0:
        return
    touch(buffer, offset, nbytes)
    queue = device.queue
    if nbytes <= PATTERN_LIMIT and (pieces := _pieces(offset, nbytes, room)):
        flat = np.zeros(PATTERN_LIMIT, np.uint8)
        flat[:nbytes] = source.reshape(-1).view(np.uint8)
        try:
            for start, size in pieces:
                cl.enqueue_fill_buffer(queue, buffer, flat[start : start + size], offset + start, size)
        except cl.Error as exc:
            raise failure(exc, device, f"an upload of {nbytes} bytes") from exc
        return
    waits = nbytes > COPY_LIMIT
    kept = source if private or waits else source.copy()
    try:
        event = cl.enqueue_copy(queue, buffer, kept, dst_offset=offset, is_blocking=waits)
    except cl.Error as exc:
        raise failure(exc, device, f"an upload of {nbytes} bytes") from exc
    if waits:
        return
    pending = _pending.get(device)
    if pending is None:
        pending = _pending.setdefault(device, _Pending())
    pending.add(event, nbytes)


def _pieces(offset: int, nbytes: int, room: int) -> list[tuple[int, int]]:
    """Starts and sizes of the patterns that write so many bytes; none where they would be too many.

    A pattern has a power of two of bytes and lies at a multiple of its size.
    """
    whole = 1 << (nbytes - 1).bit_length()
    if whole <= max(room, nbytes) and offset % whole == 0:
        return [(0, whole)]
    pieces: list[tuple[int, int]] = []
    start = 0
    while start < nbytes:
        size = 1 << (nbytes - start).bit_length() - 1
        while (offset + start) % size:
            size >>= 1
        pieces.append((start, size))
        start += size
    return pieces if len(pieces) <= 4 else []


def download(device: Device, buffer: Any, offset: int, target: HostArray) -> None:
    """Read bytes of a buffer into a contiguous host array, once everything enqueued before is done."""
    if target.nbytes:
        try:
            cl.enqueue_copy(device.queue, target, buffer, src_offset=offset, is_blocking=True)
        except cl.Error as exc:
            raise failure(exc, device, f"a download of {target.nbytes} bytes") from exc
        if armed:
            raise_refused(device)


def fill(device: Device, buffer: Any, offset: int, nbytes: int, value: HostArray) -> None:
    """Repeat the bytes of `value` (an array of one element) over a stretch of a buffer."""
    if nbytes:
        touch(buffer, offset, nbytes)
        try:
            cl.enqueue_fill_buffer(device.queue, buffer, value, offset, nbytes)
        except cl.Error as exc:
            raise failure(exc, device, f"a fill of {nbytes} bytes") from exc


def copy_bytes(src: Any, src_offset: int, src_device: Device, dst: Any, dst_offset: int, dst_device: Device, nbytes: int) -> None:
    """Copy bytes between buffers, on one device or across.

    Ordered with both devices' queues: after all that either had enqueued, before all that either enqueues later. On one device and between
    devices of one OpenCL context nobody waits on the host; between contexts the host carries the bytes and waits for the source.

    Parameters
    ----------
    src, src_offset, src_device
        Where from; the offset is in bytes and needs no alignment.
    dst, dst_offset, dst_device
        Where to. On one buffer the stretches must not overlap.
    """
    if nbytes == 0:
        return
    if src_device.group is not dst_device.group:
        host = np.empty(nbytes, np.uint8)
        download(src_device, src, src_offset, host)
        upload(dst_device, dst, dst_offset, host, private=True)
        return
    touch(dst, dst_offset, nbytes)
    queue = dst_device.queue
    try:
        if src_device is dst_device:
            cl.enqueue_copy(queue, dst, src, byte_count=nbytes, src_offset=src_offset, dst_offset=dst_offset)
            return
        other = src_device.queue
        ready = cl.enqueue_marker(other)
        other.flush()
        done = cl.enqueue_copy(queue, dst, src, byte_count=nbytes, src_offset=src_offset, dst_offset=dst_offset, wait_for=[ready])
        queue.flush()
        if armed:
            hear_elsewhere(src_device, dst_device)
        cl.enqueue_barrier(other, wait_for=[done])  # the source may be overwritten, or go back to its pool, only after the copy
    except cl.Error as exc:
        raise failure(exc, dst_device, f"a copy of {nbytes} bytes") from exc


def wait_for(device: Device) -> None:
    """Return when everything enqueued on a device is done; an error of a kernel surfaces here."""
    try:
        device.queue.finish()
    except cl.Error as exc:
        raise failure(exc, device, "work enqueued before") from exc
    pending = _pending.get(device)
    if pending is not None:
        with pending.lock:
            pending.events.clear()
            pending.nbytes = 0
    if armed:
        raise_refused(device)


def wait_all(devices: list[Device]) -> None:
    """Wait for several devices; every one is waited for, then the first error is raised."""
    with contextlib.ExitStack() as stack:
        for device in devices:
            stack.callback(wait_for, device)
