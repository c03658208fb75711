"""What goes into a compilation and what comes out: the caller's arrays, and a plan as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..context import Context
from .contract.op import Node
from .contract.spec import TensorSpec
from .lower import Step
from .memory.plan import MemoryPlan, StepUse
from .order.sync import Waits

__all__ = ["Binding", "PlanData"]


@dataclass(frozen=True)
class Binding:
    """What the caller's arrays are, for `compile_plan`.

    Attributes
    ----------
    variables : list of Node
        In a fixed order; number i is external ``var:i``.
    specs : list of TensorSpec
        Of the variables.
    contexts : list of Context
        Where their arrays lie.
    reqs : list of str
        What is wanted of the gradient of each: write, add or null.
    donated : set of int
        Numbers of variables whose arrays may be overwritten.
    grad_types : list of (str or None)
        Element type of the array of each gradient; none, or None: that of its variable. Values are converted as they are stored.
    """

    variables: Sequence[Node]
    specs: Sequence[TensorSpec]
    contexts: Sequence[Context]
    reqs: Sequence[str]
    donated: frozenset[int] = frozenset()
    grad_types: Sequence[str | None] = ()

    def grad_spec(self, i: int) -> TensorSpec:
        """What the array of a variable's gradient holds."""
        dtype = self.grad_types[i] if self.grad_types else None
        return self.specs[i] if dtype is None else TensorSpec(self.specs[i].shape, dtype)


@dataclass(frozen=True)
class PlanData:
    """A compiled graph: no OpenCL object, nothing allocated.

    Attributes
    ----------
    steps : tuple of Step
        The forward part first.
    forward : int
        How many steps it has.
    names : tuple of str
        Of the entries.
    specs : tuple of TensorSpec
        Of the entries.
    memory : MemoryPlan
    waits : Waits
    contexts : tuple of Context
        One a lane.
    externals : dict of str to int
        Key of each of the caller's arrays to the entry it holds: ``var:3``, ``out:0``, ``grad:3``, ``head:0``.
    uses_rng : bool
    train : bool
    uses : tuple of StepUse
        What the memory planner was told of each step.
    homes : dict of str to Context
        Where the caller's arrays lie, by key; a gradient that is wanted but that no step writes (``add`` of nothing) among them.
    states : frozenset of str
        Keys of the arrays that are auxiliary states.
    alignment : int
        Bytes to which sizes and offsets in the arena are rounded.
    certificate : str
        What is known of the order's peak; see `Schedule`.
    memory_limit : int or None
        Bytes that the arenas were to fit into.
    recomputed : int
        How many steps of the forward part are run again in the backward part.
    extra_work : float
        The multiply-adds of those, relative to all that the plan needs without them.
    preparation : Plan or None
        What brings parameters into the forms that the steps read (``prep:0`` ...): its inputs are variables of this plan, its outputs
        those forms, in order. To be run first, and again when one of its inputs was written.
    fused : dict of str to (tuple of str)
        By step's name, the nodes of the user's graph that a step stands for, where they are several.
    """

    steps: tuple[Step, ...]
    forward: int
    names: tuple[str, ...]
    specs: tuple[TensorSpec, ...]
    memory: MemoryPlan
    waits: Waits
    contexts: tuple[Context, ...]
    externals: Mapping[str, int]
    uses_rng: bool
    train: bool
    uses: tuple[StepUse, ...] = ()
    homes: Mapping[str, Context] = field(default_factory=dict)
    states: frozenset[str] = frozenset()
    alignment: int = 128
    certificate: str = "as given"
    memory_limit: int | None = None
    recomputed: int = 0
    extra_work: float = 0.0
    preparation: PlanData | None = None
    fused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
