"""The search over the numbers of one class of shapes: every combination where they are few, else one number after the other."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..base import MXNetError
from ..graph.contract.traits import DeviceTraits
from ..graph.contract.tuning import find_tunable
from .job import Job
from .process import Child
from .steps import Class

__all__ = ["Effort", "Result", "Search"]

GAIN = 1.03
"""What a candidate must win by, in two measurements that follow one another, and again against the start when the search ends."""

FEW = 24
"""Up to so many combinations all are tried."""


@dataclass(frozen=True)
class Effort:
    """How long things may take.

    Attributes
    ----------
    rounds, seconds : int, float
        Of a measurement: at most so many turns of each side, and at least three.
    passes : int
        How often a search by coordinates goes through the numbers.
    """

    rounds: int = 15
    seconds: float = 1.0
    passes: int = 2

    @property
    def confirming(self) -> Effort:
        """For what decides."""
        return replace(self, rounds=2 * self.rounds, seconds=2 * self.seconds)


QUICK = Effort(7, 0.3, 1)


@dataclass
class Result:
    """What the search of a class found.

    Attributes
    ----------
    key : str
    defaults : dict of str to int
        What the lowering of the first step would choose.
    start, best : dict of str to int
        The numbers that overruled the lowering before and after.
    speedup : float
        Of the steps of the class, best against start; 1 where nothing was found.
    seconds : float
        That they took at the start, in one pass of the graph.
    tried : int
    rejected : dict of str to int
        Candidates that did not compute the right result, by what happened.
    finished : bool
        False where the time ran out.
    """

    key: str
    defaults: dict[str, int]
    start: dict[str, int]
    best: dict[str, int]
    speedup: float = 1.0
    seconds: float = 0.0
    tried: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    finished: bool = True


class Search:
    """Search one class.

    Parameters
    ----------
    child : Child
    numbers : dict of Job to int
        The jobs' numbers in the child.
    traits : DeviceTraits
        With the tuning in force for all other classes.
    deadline : float
        By `time.monotonic`; the candidate being measured is finished.
    step : callable
        Called after every candidate.
    """

    def __init__(
        self,
        what: Class,
        child: Child,
        numbers: Mapping[Job, int],
        traits: DeviceTraits,
        effort: Effort,
        deadline: float = math.inf,
        step: Callable[[], object] = lambda: None,
    ) -> None:
        self.what = what
        self.child = child
        self.numbers = numbers
        self.traits = traits
        self.effort = effort
        self.deadline = deadline
        self.step = step
        start = dict(traits.tuning.get(what.key, {}))
        self.result = Result(what.key, dict(what.defaults[0]), start, start)
        self.interrupted = False
        self._seen: set[Any] = set()
        self._seconds: dict[Job, float] = {}

    # ------------------------------------------------------------------------------------------------------------------ measuring

    def _tuning(self, chosen: Mapping[str, int]) -> dict[str, Mapping[str, int]]:
        others = {k: v for k, v in self.traits.tuning.items() if k != self.what.key}
        return {**others, self.what.key: chosen} if chosen else others

    def _launches(self, job: Job, tuning: Mapping[str, Mapping[str, int]]) -> Any:
        return job.lower(replace(self.traits, tuning=tuning))

    def compare(self, a: Mapping[str, int], b: Mapping[str, int], effort: Effort) -> tuple[float, float] | None:
        """Seconds in one pass with the numbers `a` and `b`; None where `b` does not work, which is noted."""
        total_a = total_b = 0.0
        tuning_a, tuning_b = self._tuning(a), self._tuning(b)
        for job, count in self.what.jobs:
            known = self._seconds.get(job)
            if known is not None and self._launches(job, tuning_a) == self._launches(job, tuning_b):
                total_a += count * known
                total_b += count * known
                continue
            request = {"do": "compare", "job": self.numbers[job], "a": tuning_a, "b": tuning_b}
            reply = self.child.ask({**request, "seconds": effort.seconds, "rounds": effort.rounds})
            if reply["status"] != "ok":
                why = reply["status"]
                self.result.rejected[why] = self.result.rejected.get(why, 0) + 1
                return None
            self._seconds[job] = reply["a"]
            total_a += count * reply["a"]
            total_b += count * reply["b"]
        return total_a, total_b

    def cost(self) -> float:
        """Seconds that the steps take in one pass as things are; 0 where they do not run."""
        found = self.compare(self.result.start, self.result.start, replace(self.effort, rounds=3, seconds=0.0))
        self.result.seconds = found[1] if found else 0.0
        return self.result.seconds

    # ------------------------------------------------------------------------------------------------------------------ searching

    def new(self, chosen: Mapping[str, int]) -> bool:
        """Whether numbers are allowed, can be lowered, and give launches that were not tried yet."""
        declared = find_tunable(self.what.key)
        assert declared is not None
        if declared.allowed is not None and not all(declared.allowed(self.traits, {**d, **chosen}) for d in self.what.defaults):
            return False
        tuning = self._tuning(chosen)
        try:
            launches = tuple(self._launches(job, tuning) for job, _ in self.what.jobs)
        except MXNetError:  # the lowering knows limits that depend on the shapes
            return False
        if launches in self._seen:
            return False
        self._seen.add(launches)
        return True

    def candidates(self) -> Iterator[dict[str, int]]:
        """What to try next, given the best so far."""
        values = self.what.candidates
        if math.prod(len(v) for v in values.values()) <= FEW:
            for combination in itertools.product(*values.values()):
                yield {**self.result.best, **dict(zip(values, combination, strict=True))}
            return
        for _ in range(self.effort.passes):
            before = self.result.best
            for name, tried in values.items():
                for value in tried:
                    yield {**self.result.best, name: value}
            if self.result.best == before:
                return

    def run(self) -> Result:
        """Search until all is tried, the time is over, or Ctrl-C; the best so far is confirmed in any case."""
        result = self.result
        self.new(result.start)
        try:
            self._try_candidates()
        except KeyboardInterrupt:
            self.interrupted, result.finished = True, False
        if result.best != result.start:
            found = self.compare(result.start, result.best, self.effort.confirming)
            if found is None or found[0] <= GAIN * found[1]:
                result.best = result.start
            else:
                result.speedup = found[0] / found[1]
                result.best = self._needed(result.best)
        return result

    def _try_candidates(self) -> None:
        result = self.result
        for chosen in self.candidates():
            if time.monotonic() >= self.deadline:
                result.finished = False
                break
            if not self.new(chosen):
                continue
            result.tried += 1
            if self._wins(result.best, chosen):
                result.best = chosen
            self.step()

    def _needed(self, chosen: Mapping[str, int]) -> dict[str, int]:
        """Numbers without those that each lowering chooses by itself."""
        return {n: v for n, v in chosen.items() if any(d.get(n, v) != v for d in self.what.defaults)}

    def _wins(self, a: Mapping[str, int], b: Mapping[str, int]) -> bool:
        for effort in (self.effort, self.effort.confirming):
            found = self.compare(a, b, effort)
            if found is None or found[0] <= GAIN * found[1]:
                return False
        return True
