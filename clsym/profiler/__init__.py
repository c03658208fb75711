"""``mx.profiler``: where the time goes, by the devices' own clocks.

>>> import clsym as mx
>>> mx.profiler.set_state('run')
>>> mx.nd.dot(mx.nd.ones((4, 4)), mx.nd.ones((4, 4))).wait_to_read()
>>> mx.profiler.set_state('stop')
>>> 'dot' in mx.profiler.dumps(reset=True)
True
"""

from __future__ import annotations

from .control import dump, dump_profile, pause, profiler_set_config, profiler_set_state, resume, set_config, set_state
from .own import Counter, Domain, Event, Frame, Marker, Task
from .table import dumps, layers

__all__ = [
    "Counter", "Domain", "Event", "Frame", "Marker", "Task", "dump", "dump_profile", "dumps", "layers", "pause", "profiler_set_config",
    "profiler_set_state", "resume", "set_config", "set_state",
]  # fmt: skip
