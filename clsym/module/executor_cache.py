"""Executors for shapes of batches that were seen before."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from ..executor import Executor

__all__ = ["ExecutorCache", "Shapes"]

Shapes = tuple[tuple[str, tuple[int, ...]], ...]
"""Names and shapes of an executor's inputs."""

MOST = 32
"""Sets of executors that are kept; of more, the one that was used longest ago is let go."""


class ExecutorCache:
    """Executors by the shapes of their inputs, and the monitors that look at those in use.

    Attributes
    ----------
    monitors : list of Monitor
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Shapes, ...], list[Executor]] = OrderedDict()
        self.monitors: list[Any] = []

    def keep(self, key: tuple[Shapes, ...], executors: list[Executor]) -> None:
        """Keep executors, one a device."""
        self._kept[key] = executors
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)

    def get(self, key: tuple[Shapes, ...]) -> list[Executor] | None:
        """Those for shapes, if they are there."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def hand_over_monitor(self, before: list[Executor], now: list[Executor]) -> None:
        """Let the monitors look at other executors instead."""
        for mon in self.monitors:
            for executor in before:
                executor.set_monitor_callback(None)
            mon.exes = [e for e in mon.exes if not any(e is b for b in before)]
            for executor in now:
                mon.install(executor)
