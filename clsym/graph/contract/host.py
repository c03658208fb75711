"""What the host does between the enqueues: steps that run there, for operators that users write and for loops; verdicts on data."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ...params import Params
from .facets import Facet
from .kernel_call import LowerContext, Temp
from .spec import TensorSpec

__all__ = ["HostCall", "HostRun", "Judging", "Measured", "OnHost", "Verdict"]

Array = np.ndarray[Any, Any]


class HostRun(Protocol):
    """What the function of a `HostCall` works with, once a run."""

    def read(self, index: int) -> Array:
        """The value of input `index`; waits for what computes it."""

    def write(self, index: int, value: Array) -> None:
        """Store output `index`, by its store mode; an output that nobody wants is dropped."""

    def run_body(self, number: int, values: Sequence[Array]) -> list[Array]:
        """Run body `number` on values of its inputs, as often as the function likes; its outputs."""


@dataclass(frozen=True)
class HostCall:
    """The work of a step on the host.

    Attributes
    ----------
    function : callable
        Called with a `HostRun` when everything before the step has been enqueued.
    bodies : tuple
        Plans (`clsym.graph.plan_data.PlanData`) that it may run, compiled from the node's subgraphs.
    """

    function: Callable[[HostRun], None]
    bodies: tuple[Any, ...] = ()


class OnHost(Facet):
    """The operator runs on the host instead of being lowered to kernels."""

    @abstractmethod
    def host(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> HostCall:
        """What it does there; ``ctx.body`` compiles the graphs that the node holds."""


class Measured(Facet):
    """Outputs whose extent along axis 0 is known only after the operator ran; their inferred shape is the largest that they can have.

    Such an output can be an output of the whole graph, not the input of another node.
    """

    @abstractmethod
    def measures(self, p: Params) -> Mapping[int, int]:
        """Output to the output, of shape (1,) and an integer type, that tells its extent."""


@dataclass(frozen=True)
class Verdict:
    """What kernels tell of the data that they met.

    Attributes
    ----------
    status : Temp
        Workspace of int32 numbers, all of which they write.
    error : callable
        From those numbers to the exception that they stand for; None where the data were good.
    """

    status: Temp
    error: Callable[[Array], Exception | None]


class Judging(Facet):
    """Its kernels find out whether the data are good (a matrix that has no inverse): the host reads their verdict behind them, and raises.

    A run that holds such an operator waits for it, as nothing after it may see what it left.
    """

    @abstractmethod
    def verdict(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Verdict | None:
        """Where the numbers are and what they mean; None: nothing can be wrong with these parameters."""
