"""A bounded cache that several threads may use."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from typing import Any, Generic, TypeVar

__all__ = ["LRU"]

V = TypeVar("V")


class LRU(Generic[V]):
    """Values by key; the least recently used goes when there are more than `limit`.

    No lock: each step is one operation of a dictionary, and losing a race costs a value made twice.

    >>> cache = LRU(2)
    >>> for key in 'aba': _ = cache.find(key) or cache.keep(key, key.upper())
    >>> _ = cache.keep('c', 'C')
    >>> list(cache.entries)
    ['a', 'c']
    """

    __slots__ = ("entries", "limit")

    def __init__(self, limit: int = 4096) -> None:
        self.entries: OrderedDict[Any, V] = OrderedDict()
        self.limit = limit

    def find(self, key: Any) -> V | None:
        """The value, made the most recently used; None where there is none."""
        value = self.entries.get(key)
        if value is not None:
            try:
                self.entries.move_to_end(key)
            except KeyError:  # another thread has just dropped it
                return value
        return value

    def keep(self, key: Any, value: V) -> V:
        """Store a value and return it."""
        self.entries[key] = value
        while len(self.entries) > self.limit:
            with contextlib.suppress(KeyError):
                self.entries.popitem(last=False)
        return value
