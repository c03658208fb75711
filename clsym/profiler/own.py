"""What users record themselves: tasks, frames, events, counters, markers.

>>> import clsym as mx
>>> domain = mx.profiler.Domain('reading')
>>> batches = domain.new_counter('batches', 0)
>>> batches += 1
>>> str(batches)
'batches'
"""

from __future__ import annotations

import time
from typing import Any

from ..runtime import profiling
from ..runtime.profiling import Span

__all__ = ["Counter", "Domain", "Event", "Frame", "Marker", "Task"]


class Domain:
    """A group of tasks, frames, counters and markers.

    Parameters
    ----------
    name
        Of the group.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        return self.name

    def new_task(self, name: str) -> Task:
        """A `Task` of this domain."""
        return Task(self, name)

    def new_frame(self, name: str) -> Frame:
        """A `Frame` of this domain."""
        return Frame(self, name)

    def new_counter(self, name: str, value: int | None = None) -> Counter:
        """A `Counter` of this domain."""
        return Counter(self, name, value)

    def new_marker(self, name: str) -> Marker:
        """A `Marker` of this domain."""
        return Marker(self, name)


class _Timed:
    """Something with a start and an end, recorded if somebody records when it ends."""

    def __init__(self, category: str, name: str) -> None:
        self._category = category
        self.name = name
        self._since: int | None = None

    def start(self) -> None:
        """It begins now."""
        self._since = time.perf_counter_ns()

    def stop(self) -> None:
        """It ends now; without a start nothing is recorded."""
        since, self._since = self._since, None
        if since is not None and profiling.active is not None:
            profiling.active.add(Span("host", self.name, self._category, "", since, time.perf_counter_ns(), {}))

    def __str__(self) -> str:
        return self.name


class Task(_Timed):
    """A piece of work, from `start` to `stop`.

    Parameters
    ----------
    domain
        Its group.
    name
        Its name.
    """

    def __init__(self, domain: Domain, name: str) -> None:
        super().__init__(str(domain), name)
        self.domain = domain


class Frame(Task):
    """One of a row of alike pieces, as the batches of an epoch are; arguments as `Task`'s."""


class Event(_Timed):
    """A piece of work of no domain.

    Parameters
    ----------
    name
        Its name.
    """

    def __init__(self, name: str) -> None:
        super().__init__("event", name)


class Counter:
    """A number over time.

    Parameters
    ----------
    domain
        Its group.
    name
        Its name.
    value
        To begin with.
    """

    def __init__(self, domain: Domain, name: str, value: int | None = None) -> None:
        self.name = name
        self.domain = domain
        self._value = 0
        if value is not None:
            self.set_value(value)

    def set_value(self, value: int) -> None:
        """The number is this now."""
        self._value = value
        if profiling.active is not None:
            now = time.perf_counter_ns()
            profiling.active.add(Span("host", self.name, "counter", "", now, now, {str(self.domain): value}))

    def increment(self, delta: int = 1) -> None:
        """So much more."""
        self.set_value(self._value + delta)

    def decrement(self, delta: int = 1) -> None:
        """So much less."""
        self.set_value(self._value - delta)

    def __iadd__(self, delta: int) -> Counter:
        self.increment(delta)
        return self

    def __isub__(self, delta: int) -> Counter:
        self.decrement(delta)
        return self

    def __str__(self) -> str:
        return self.name


_SCOPES = {"global": "g", "process": "p", "thread": "t", "task": "t", "marker": "t"}


class Marker:
    """A moment.

    Parameters
    ----------
    domain
        Its group.
    name
        Its name.
    """

    def __init__(self, domain: Domain, name: str) -> None:
        self.name = name
        self.domain = domain

    def mark(self, scope: str = "process") -> None:
        """Now; `scope` says how far the line in the picture reaches: 'global', 'process', 'thread', 'task' or 'marker'."""
        told: dict[str, Any] = {"scope": _SCOPES.get(scope, "p")}
        if profiling.active is not None:
            now = time.perf_counter_ns()
            profiling.active.add(Span("host", self.name, "marker", "", now, now, told))
