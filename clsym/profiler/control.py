"""Starting and stopping, and the file: events in Chrome's trace format, for chrome://tracing and ui.perfetto.dev."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

from ..base import MXNetError
from ..runtime import profiling
from ..runtime.profiling import Recorder

__all__ = [
    "dump", "dump_profile", "pause", "profiler_set_config", "profiler_set_state", "recorder", "resume", "set_config", "set_state", "trace",
]  # fmt: skip

recorder = Recorder()

_FLAGS = (
    "aggregate_stats", "continuous_dump", "profile_all", "profile_api", "profile_imperative", "profile_memory", "profile_symbolic",
)  # fmt: skip
_config: dict[str, Any] = {"filename": "profile.json", "dump_period": 1.0, "profile_process": "worker", **dict.fromkeys(_FLAGS, False)}


def set_config(**kwargs: Any) -> None:
    """What is recorded, and where it is written.

    Parameters
    ----------
    filename : str
        Of `dump`; by default ``profile.json``.
    profile_all, profile_symbolic, profile_imperative, profile_memory, profile_api, aggregate_stats, continuous_dump : bool
        As in MXNet. clsym records executors and calls on arrays both, and can always sum up.
    dump_period : float
        Taken for MXNet's sake.
    profile_process : str
        'worker'.

    Raises
    ------
    MXNetError
        Another name.
    """
    unknown = sorted(set(kwargs) - set(_config) - {"gpu_memory_profile_filename_prefix"})
    if unknown:
        raise MXNetError(f"profiler.set_config: cannot find argument {unknown[0]!r}; there are {', '.join(sorted(_config))}")
    _config.update(kwargs)


def profiler_set_config(mode: str = "symbolic", filename: str = "profile.json") -> None:
    """The older form of `set_config`."""
    warnings.warn("profiler.profiler_set_config() is deprecated. Please use profiler.set_config() instead", stacklevel=2)
    set_config(**{"profile_symbolic" if mode == "symbolic" else "profile_all": True, "filename": filename})


def set_state(state: str = "stop", profile_process: str = "worker") -> None:
    """'run' records from now on, 'stop' ends it; what was recorded stays until `dump` or `dumps(reset=True)`.

    Raises
    ------
    KeyError
        Another state.
    """
    {"run": resume, "stop": pause}[state](profile_process)


def profiler_set_state(state: str = "stop") -> None:
    """The older form of `set_state`."""
    warnings.warn("profiler.profiler_set_state() is deprecated. Please use profiler.set_state() instead", stacklevel=2)
    set_state(state)


def pause(profile_process: str = "worker") -> None:
    """Record nothing until `resume`."""
    if profiling.active is recorder:
        profiling.stop()


def resume(profile_process: str = "worker") -> None:
    """Go on recording."""
    if profiling.active is None:
        profiling.start(recorder)


def trace() -> dict[str, Any]:
    """What was recorded, in Chrome's trace format: a process for the host and one a device; node, operator, shapes with each event."""
    spans = recorder.spans()
    tracks = {name: i for i, name in enumerate(["host", *sorted({s.track for s in spans} - {"host"})])}
    events: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": name}} for name, pid in tracks.items()
    ]
    for s in spans:
        event = {"name": s.name, "cat": s.category, "pid": tracks[s.track], "tid": 0, "ts": s.start / 1000}
        if s.category == "counter":
            event |= {"ph": "C", "args": s.told}
        elif s.category == "marker":
            event |= {"ph": "i", "s": s.told["scope"], "args": {}}
        else:
            event |= {"ph": "X", "dur": (s.end - s.start) / 1000, "args": {**s.told, **({"operator": s.operator} if s.operator else {})}}
        events.append(event)
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def dump(finished: bool = True, profile_process: str = "worker") -> None:
    """Write the file that `set_config` names: whole or not at all.

    Parameters
    ----------
    finished
        Whether recording ends with it.
    profile_process
        'worker'.
    """
    if finished:
        pause()
    target = Path(_config["filename"])
    beside = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        beside.write_text(json.dumps(trace()), encoding="utf-8")
        beside.replace(target)
    except OSError as exc:
        raise MXNetError(f"profiler.dump cannot write {target}: {exc}") from exc
    finally:
        beside.unlink(missing_ok=True)


def dump_profile() -> None:
    """The older form of `dump`."""
    warnings.warn("profiler.dump_profile() is deprecated. Please use profiler.dump() instead", stacklevel=2)
    dump(True)
