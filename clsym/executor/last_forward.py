"""What an executor remembers of its last forward, so that `backward` differentiates that one or refuses."""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np

from ..base import MXNetError
from ..ndarray import NDArray
from ..runtime.bound import BoundPlan
from ..runtime.launch import random_state
from ..runtime.versions import Watch, clock

__all__ = ["LastForward"]


class LastForward:
    """The draws, the mode, and whether the inputs are still those of the last forward.

    Attributes
    ----------
    words : numpy.ndarray
        The random state that it had.
    train : bool
    """

    def __init__(self) -> None:
        self.words: np.ndarray[tuple[int], np.dtype[np.uint32]] = random_state.peek()
        self.train = False
        self._names: list[str] = []
        self._watch: Watch | None = None
        self._at = 0  # the clock of writes
        self._spoiled: frozenset[str] = frozenset()  # donated arguments that lost their values since, by key

    def watch(self, names: Sequence[str], inputs: Sequence[NDArray]) -> None:
        """Note from now on which inputs are written; for executors whose backward may be asked for."""
        self._names = list(names)
        self._watch = Watch(inputs)

    @property
    def watched(self) -> bool:
        """Whether `watch` was called."""
        return self._watch is not None

    def note(self, bound: BoundPlan, words: np.ndarray[tuple[int], np.dtype[np.uint32]], train: bool) -> None:
        """A forward was enqueued."""
        self.words, self.train = words, train
        self._spoiled = bound.custody.spoils[False]
        self._at = clock()

    def spoil(self, bound: BoundPlan, backward: bool) -> None:
        """A part of a plan was enqueued that belongs to no new forward."""
        self._spoiled |= bound.custody.spoils[backward]

    def refuse_mixed(self, bound: BoundPlan) -> None:
        """Raise if what the forward left in the memory of a donated argument, for the backward, was overwritten."""
        self._refuse_written(bound.custody.kept, "was donated, and the forward left in its memory what backward() reads")

    def refuse_other(self, bound: BoundPlan) -> None:
        """Raise if a forward run now would be another than the last one.

        States that a training forward writes itself do not matter to it. An argument that a run took had to be written again: whoever
        did so gave it anew.
        """
        mutated = {step.ins[i] for step in bound.plan.steps for i in step.mutates}
        read = {k for k, e in bound.plan.externals.items() if k.startswith("var:") and e not in mutated}
        self._refuse_written(read - self._spoiled, "is needed to run the forward again, since what it left is gone")

    def _refuse_written(self, keys: Container[str], why: str) -> None:
        for i in self._watch.since(self._at) if self._watch is not None else ():
            if f"var:{i}" in keys:
                raise MXNetError(
                    f"backward: {self._names[i]!r} was written after the last forward, but {why}; "
                    "call forward(is_train=True) again, or write it only after backward()"
                )
