"""What a step does to each element, as the kernels number it, and the numbers that it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Numbers", "Rule"]


@dataclass(frozen=True)
class Rule:
    """A rule of ``kernels/include/optimizer_step.h``.

    Attributes
    ----------
    number : int
    states : int
        Arrays that it changes beside the weight.
    scaled : int or None
        The form of ``ratios`` in ``kernels/optimizer/step_table.cl`` that scales each tensor's rate by norms; None where nothing does.
    """

    number: int
    states: int
    scaled: int | None = None


SGD, SGD_MOM, NAG, ADAM, RMSPROP, RMSPROP_ALEX, SIGNSGD, SIGNUM, FTRL, ADAMW = range(10)
LAMB, FTML, ADAGRAD, ADADELTA, ADAMAX, NADAM, DCASGD, SGLD, TEST = range(10, 19)
BY_LARS, BY_ROOT, BY_TRUST = range(3)


@dataclass
class Numbers:
    """What a step computes with.

    Attributes
    ----------
    lrs, wds : sequence of float
        One for each tensor.
    own : sequence of sequence of float
        The rule's further numbers, of each a list with one for each tensor; three at most.
    rescale, clip : float
        Factor and bound of the gradient; a negative bound is none.
    hyper : tuple of float
        h0, h1 and h2.
    clip_weights : float
    ratio : tuple of float
        r0 and r1 of ``ratios``.
    """

    lrs: Sequence[float]
    wds: Sequence[float]
    own: Sequence[Sequence[float]] = ()
    rescale: float = 1.0
    clip: float = -1.0
    hyper: Sequence[float] = ()
    clip_weights: float = -1.0
    ratio: Sequence[float] = field(default=(0.0, 0.0))
