"""``mx.engine``: MXNet's bulking of operators, which clsym's queues need not be told of.

OpenCL's queues take launches one after the other without the host waiting; the size is remembered and has no effect.
"""

from __future__ import annotations

import threading
from types import TracebackType

__all__ = ["bulk", "set_bulk_size"]

_state = threading.local()


def set_bulk_size(size: int) -> int:
    """Remember how many operators MXNet would hand over at once; returns the size before.

    >>> before = set_bulk_size(10)
    >>> set_bulk_size(before)
    10
    """
    before: int = getattr(_state, "size", 0)
    _state.size = int(size)
    return before


class bulk:
    """A ``with`` block with another bulk size.

    >>> with bulk(10):
    ...     set_bulk_size(10)
    10
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._before: list[int] = []

    def __enter__(self) -> bulk:
        self._before.append(set_bulk_size(self._size))
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        set_bulk_size(self._before.pop())
