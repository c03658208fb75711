"""Tuning a graph: its classes of steps, the most expensive first, then the graph as a whole with what was found."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..base import MXNetError
from ..context import Context
from ..graph.contract.traits import DeviceTraits
from ..runtime.device import Device, resolve
from ..runtime.traits import device_key
from ..runtime.tuning_file import DeviceKey, stored_tuning, tuning_path, write_tuning
from ..symbol import Symbol
from .job import Job
from .process import Child
from .search import Effort, Result, Search
from .steps import Class, find_classes, find_jobs

__all__ = ["Report", "device_key_of", "store", "tune"]

Shapes = Mapping[str, Sequence[int]]
WHOLE = Effort(41, 6.0)
"""Of the measurement of the whole graph, a pass or a training step at a time."""

WHOLE_PATIENCE = 10
"""Times as long as one step that a whole graph may take to be compiled and run."""


@dataclass
class Whole:
    """A graph with shapes, measured with the numbers before and after: seconds of a forward pass, or of a training step."""

    what: str
    before: float
    after: float


@dataclass
class Report:
    """What a session found.

    Attributes
    ----------
    device : DeviceKey
    results : list of Result
        Of the classes that were searched, the most expensive first.
    left : list of str
        Classes for which the time did not suffice.
    whole : list of Whole
    numbers : dict
        What is to be stored; empty if nothing held.
    dropped : str
        Why found numbers are not to be stored; '' if they are.
    interrupted : bool
        Ctrl-C ended the search; what had been found by then was still measured in the whole graph.
    """

    device: DeviceKey
    results: list[Result] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    whole: list[Whole] = field(default_factory=list)
    numbers: dict[str, dict[str, int]] = field(default_factory=dict)
    dropped: str = ""
    interrupted: bool = False


def device_key_of(device: Device) -> DeviceKey:
    """What the numbers of a device are stored under."""
    return device_key(device.cl_device, device.traits)


def _classes(net: Symbol, shapes: Sequence[Shapes], device: Device, train: bool, only: str) -> list[Class]:
    found: dict[Any, tuple[int, Any]] = {}
    for one in shapes:
        for training in (False, True) if train else (False,):
            for job, n, lookups in find_jobs(net.entries, one, device.traits, training):
                found[job] = (found.get(job, (0, None))[0] + n, lookups)
    classes = find_classes([(job, n, lookups) for job, (n, lookups) in found.items()])
    return [c for c in classes if only in c.key]


def tune(
    net: Symbol,
    shapes: Sequence[Shapes],
    ctx: Context,
    *,
    train: bool = False,
    budget: float = 600.0,
    effort: Effort | None = None,
    only: str = "",
    modules: Sequence[str] = (),
    timeout: float = 60.0,
    progress: Callable[[str, int], object] = lambda what, done: None,
) -> Report:
    """Search the tuned numbers of every step of a graph that has some; nothing is stored.

    Parameters
    ----------
    net : Symbol
    shapes : list of dict
        Shapes of the inputs by name, a dict for each way in which the graph is bound; all other variables are parameters.
    ctx : Context
        The device.
    train : bool
        The training step as well as inference.
    budget : float
        Seconds; the most expensive classes of steps come first, and what remains when they are over is left.
    effort : Effort
    only : str
        Only classes whose key contains this.
    modules : list of str
        Modules to import that define operators outside clsym.
    timeout : float
        Seconds after which a candidate that is compiled or run counts as hung.
    progress : callable
        Called with the class that is searched (or what else is done) and how many candidates were tried since the last call.

    Returns
    -------
    Report
        Ctrl-C (KeyboardInterrupt) ends the search: the report has what was found until then, measured in the whole graph. Another one
        during that measurement is not caught.

    Raises
    ------
    MXNetError
        The graph cannot be compiled with these shapes, or no process for measurements can be started.
    """
    effort = effort or Effort()
    device = resolve(ctx)
    begin = time.monotonic()
    classes = _classes(net, shapes, device, train, only)
    report = Report(device_key_of(device))
    if not classes:
        return report
    jobs = list({job: None for c in classes for job, _ in c.jobs})
    numbers = {job: i for i, job in enumerate(jobs)}
    with Child(device.selector, jobs, modules, timeout) as child:
        try:
            for result in _search(classes, child, numbers, device.traits, effort, begin + budget, report.left, progress):
                report.results.append(result)
        except KeyboardInterrupt:
            report.interrupted = True
            done = {r.key for r in report.results}
            report.left = [c.key for c in classes if c.key not in done]
        found = {r.key: r.best for r in report.results if r.best != r.start}
        if found:
            progress("the whole graph with what was found so far" if report.interrupted else "the whole graph", 0)
            report.dropped = _measure(report.whole, child, net, shapes, train, device.traits.tuning, {**device.traits.tuning, **found})
            report.numbers = {} if report.dropped else found
    return report


def _search(
    classes: Sequence[Class], child: Child, numbers: Mapping[Job, int], traits: DeviceTraits, effort: Effort, deadline: float,
    left: list[str], progress: Callable[[str, int], object],
) -> Iterator[Result]:  # fmt: skip
    """Search the classes, the most expensive first; those for which the time does not suffice are appended to `left`."""
    searches = []
    for c in classes:
        if time.monotonic() >= deadline:
            left.append(c.key)
            continue
        progress(c.key, 0)
        searches.append(Search(c, child, numbers, traits, effort, deadline, lambda: progress("", 1)))
        if searches[-1].cost() == 0.0:
            raise MXNetError(
                f"tune: {c.jobs[0][0].describe()} does not run with the numbers in force, or computes something else "
                f"({searches[-1].result.rejected}); `clsym tune --reset` removes numbers that were stored"
            )
    searches.sort(key=lambda s: -s.result.seconds)
    for search in searches:
        if time.monotonic() >= deadline:
            left.append(search.what.key)
            continue
        progress(search.what.key, 0)
        search.traits = traits
        result = search.run()
        yield result
        if search.interrupted:
            raise KeyboardInterrupt
        if result.best != result.start:
            traits = replace(traits, tuning={**traits.tuning, result.key: result.best})


def _measure(
    found: list[Whole], child: Child, net: Symbol, shapes: Sequence[Shapes], train: bool, a: Mapping[str, Any], b: Mapping[str, Any]
) -> str:  # fmt: skip
    """Measure the whole graph with the numbers `a` and `b`; why `b` is not to be used, or ''."""
    for one in shapes:
        for training in (False, True) if train else (False,):
            what = ("training " if training else "inference ") + " ".join(f"{n}={tuple(s)}" for n, s in one.items())
            request = {"do": "whole", "symbol": net.tojson(), "shapes": dict(one), "train": training, "a": a, "b": b}
            reply = child.ask({**request, "seconds": WHOLE.seconds, "rounds": WHOLE.rounds}, patience=WHOLE_PATIENCE)
            if reply["status"] != "ok":
                return f"{what} with them: {reply['why']}"
            found.append(Whole(what, reply["a"], reply["b"]))
    faster = sum(w.after for w in found) <= sum(w.before for w in found)
    return "" if faster else "the graph as a whole did not get faster"


def store(report: Report) -> str:
    """Add what was found to the stored numbers of the device; the path of the file."""
    path = tuning_path(report.device)
    content = stored_tuning(report.device)
    day = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    for result in report.results:
        if result.key in report.numbers:
            content.numbers[result.key] = report.numbers[result.key]
            content.record[result.key] = {"defaults": result.defaults, "speedup": round(result.speedup, 3), "measured": day}
    write_tuning(path, content)
    return str(path)
