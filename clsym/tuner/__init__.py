"""The tuner: which tile sizes and thresholds are fastest on a device, by measuring (``clsym tune``).

Lowerings choose such numbers by a model of the device, through `clsym.graph.contract.tuning.tuned`. The tuner takes the distinct steps
of a graph (`steps`), tries other numbers in a process of its own (`child`, `process`), where each candidate is verified against the
built-in choice and timed against the best so far (`search`), and stores what held, one file a kind of device (`session`,
`clsym.runtime.tuning_file`).
"""

from .search import Effort, Result
from .session import Report, store, tune

__all__ = ["Effort", "Report", "Result", "store", "tune"]
