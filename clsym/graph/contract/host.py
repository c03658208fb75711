"""What the host does between the enqueues: steps that run there, for operators that users write and for loops.

Such code need not wait for the device: it may enqueue copies and whole bodies over the memory that was planned for the step.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from ...params import Params
from .facets import Facet
from .kernel_call import In, LowerContext, Out
from .spec import TensorSpec

__all__ = ["Body", "BodyRun", "HostCall", "HostRun", "Measured", "Memory", "OnHost"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Memory:
    """A stretch of a device's memory.

    Attributes
    ----------
    root : object
        The buffer.
    offset : int
        Where in it the stretch begins, in bytes.
    spec : TensorSpec
        What lies there.
    """

    root: Any
    offset: int
    spec: TensorSpec

    def row(self, index: int) -> Memory:
        """Element `index` along axis 0."""
        spec = TensorSpec(self.spec.shape[1:], self.spec.dtype)
        return Memory(self.root, self.offset + index * spec.nbytes, spec)


@dataclass(frozen=True)
class Body:
    """A graph inside a node, compiled; its arrays and its arena are planned as workspaces of the step that runs it.

    Attributes
    ----------
    plan : PlanData
        `clsym.graph.plan_data.PlanData`, for one device.
    borrowed : dict of str to (In or Out)
        Arrays of the plan, by key, that are the step's own inputs and outputs: nothing is copied for them.
    """

    plan: Any
    borrowed: Mapping[str, In | Out] = field(default_factory=dict)

    @cached_property
    def offsets(self) -> dict[str | int, int]:
        """Where its arrays (by key) and the chunks of its arena (by number) lie in the workspace, and its size under ``'end'``."""
        found: dict[str | int, int] = {}
        sizes: dict[str | int, int] = {k: self.plan.specs[e].nbytes for k, e in self.plan.externals.items() if k not in self.borrowed}
        for heights in self.plan.memory.arenas.values():
            sizes |= dict(enumerate(heights))
        end = 0
        for key, nbytes in sizes.items():
            if not (isinstance(key, str) and key.startswith("prep:")):
                found[key] = end
                end += -(-max(nbytes, 1) // self.plan.alignment) * self.plan.alignment
        return found | {"end": end}


class BodyRun(Protocol):
    """A body as the function of a `HostCall` sees it."""

    def array(self, key: str) -> Memory | None:
        """The memory of one of its arrays (``var:0``, ``out:0``, ``head:0``, ``grad:0``); None where its plan has no such array."""

    def run(self, turn: int = 0, backward: bool = False) -> None:
        """Enqueue it, or its backward part. Random operators draw by the number of the turn."""


class HostRun(Protocol):
    """What the function of a `HostCall` works with, once a run."""

    @property
    def context(self) -> Any:
        """Where the step runs (`clsym.context.Context`)."""

    @property
    def device(self) -> Any:
        """The same as the runtime knows it."""

    @property
    def states(self) -> dict[Any, Any] | None:
        """What outlives a run: one dictionary for all steps of an executor; None for an imperative call."""

    def read(self, index: int) -> Array:
        """The value of input `index`; waits for what computes it."""

    def write(self, index: int, value: Array) -> None:
        """Store output `index`, by its store mode; an output that nobody wants is dropped."""

    def memory(self, arg: In | Out) -> Memory | None:
        """Where an input or output lies; None for an output that nobody wants."""

    def value(self, memory: Memory) -> Array:
        """What lies there; waits for what computes it."""

    def copy(self, source: Memory, target: Memory) -> None:
        """Enqueue a copy of the bytes."""

    def zero(self, target: Memory) -> None:
        """Enqueue zeros."""

    def body(self, number: int) -> BodyRun:
        """One of its bodies."""

    def run_body(self, number: int, values: Sequence[Array]) -> list[Array]:
        """Run body `number` on values of its inputs, as often as the function likes; its outputs. Waits."""


@dataclass(frozen=True)
class HostCall:
    """The work of a step on the host.

    Attributes
    ----------
    function : callable
        Called with a `HostRun` when everything before the step has been enqueued.
    bodies : tuple of Body
        What it may run, compiled from the node's subgraphs by `LowerContext.body`.
    """

    function: Callable[[HostRun], None]
    bodies: tuple[Body, ...] = ()

    @property
    def temps(self) -> dict[int, int]:
        """Bytes of the workspace of each body."""
        return {i: body.offsets["end"] for i, body in enumerate(self.bodies)}

    @property
    def uses_rng(self) -> bool:
        """Whether a body draws random numbers."""
        return any(body.plan.uses_rng for body in self.bodies)


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
