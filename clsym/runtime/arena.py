"""The memory of intermediates, and whose they are at the moment."""

from __future__ import annotations

from collections.abc import Callable

import pyopencl as cl

from ..graph.contract.host import Memory
from .buffer import allocate
from .device import Device

__all__ = ["Arena", "ArenaPart"]


class Arena:
    """The memory that the plans of one executor (and of executors that share with it) use one after the other.

    It grows to the largest that any of them needs; `version` changes when it does, and plans bind their kernels anew.

    Attributes
    ----------
    holder : object
        The bound plan whose forward part left here what its backward part reads; None where no such thing is here. Only `BoundPlan`
        sets it: any run in the arena, of whatever plan, takes the arena over.
    """

    def __init__(self) -> None:
        self.buffers: dict[tuple[str, int], cl.Buffer] = {}
        self.version = 0
        self.holder: object = None

    def need(self, device: Device, chunk: int, nbytes: int, what: str) -> None:
        """Make a chunk at least `nbytes` large; what it held is lost if it grows."""
        key = (device.selector, chunk)
        have = self.buffers.get(key)
        if have is None or have.size < nbytes:
            self.holder = None
            self.version += 1
            self.buffers[key] = have = None  # type: ignore[assignment]  # free the old one first
            self.buffers[key] = allocate(device, nbytes, what)

    def chunk(self, device: Device, chunk: int) -> cl.Buffer:
        """The buffer of a chunk."""
        return self.buffers[(device.selector, chunk)]

    def start(self, chunk: int) -> int:
        """Where in its buffer a chunk begins."""
        return 0

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(int(b.size) for b in self.buffers.values())


class ArenaPart(Arena):
    """The arena of a body: stretches of the workspace of the step that runs it.

    Parameters
    ----------
    place : callable
        Number of a chunk to its memory.
    """

    def __init__(self, place: Callable[[int], Memory]) -> None:
        super().__init__()
        self._place = place

    def need(self, device: Device, chunk: int, nbytes: int, what: str) -> None:
        """The memory is there: it was planned."""

    def chunk(self, device: Device, chunk: int) -> cl.Buffer:
        """The buffer that holds the workspace."""
        root: cl.Buffer = self._place(chunk).root
        return root

    def start(self, chunk: int) -> int:
        """Where in it the chunk begins."""
        return self._place(chunk).offset
