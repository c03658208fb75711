"""A thread that computes the next item while the last one is used."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable
from typing import Any

__all__ = ["Ahead"]

_END = object()
_PATIENCE = 5.0  # seconds that a thread has to finish the item it is at, when nobody needs it any longer


class Ahead:
    """Calls a function again and again in a thread of its own, up to `depth` results ahead of who takes them.

    Parameters
    ----------
    function : callable
        Gives the next item. StopIteration is the end; whatever else it raises reaches who asks for the item.
    depth : int, default 1

    Examples
    --------
    >>> numbers = iter([1, 2])
    >>> ahead = Ahead(lambda: next(numbers))
    >>> ahead.take(), ahead.take(), ahead.take()
    (1, 2, None)
    """

    def __init__(self, function: Callable[[], Any], depth: int = 1) -> None:
        self._items: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(max(1, depth))
        self._stopping = threading.Event()
        self._last: tuple[Any, BaseException | None] | None = None
        self._thread = threading.Thread(target=_work, args=(function, self._items, self._stopping), daemon=True)
        self._thread.start()
        # at exit too: a thread that still computes while the interpreter takes itself apart would crash it
        self._finalizer = weakref.finalize(self, _stop, self._thread, self._items, self._stopping)

    def take(self) -> Any:
        """The next item, or None at the end, however often it is asked for.

        Raises
        ------
        Exception
            What the function raised; each further call raises it again.
        """
        item, error = self._items.get() if self._last is None else self._last
        if error is not None:
            self._last = item, error
            raise error
        if item is _END:
            self._last = item, error
            return None
        return item

    def stop(self) -> None:
        """Return once the thread no longer runs; items that nobody took are dropped."""
        self._finalizer()


def _work(function: Callable[[], Any], items: queue.Queue[tuple[Any, BaseException | None]], stopping: threading.Event) -> None:
    """The thread. It does not know the `Ahead`, so that dropping that one ends it."""
    while not stopping.is_set():
        try:
            items.put((function(), None))
        except StopIteration:
            items.put((_END, None))
            return
        except BaseException as exc:
            items.put((_END, exc))
            return


def _stop(thread: threading.Thread, items: queue.Queue[tuple[Any, BaseException | None]], stopping: threading.Event) -> None:
    stopping.set()
    # the thread may wait for room, and may then put one more item
    for _ in range(int(_PATIENCE / 0.05)):
        while not items.empty():
            items.get_nowait()
        if thread is threading.current_thread():  # collected by the thread itself
            return
        thread.join(0.05)
        if not thread.is_alive():
            return
