"""The state of a compilation: what the passes hand on to one another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..base import MXNetError
from ..context import Context
from .contract.ir import aux_variables, key, topological
from .contract.op import Entry, Node
from .contract.spec import TensorSpec
from .contract.traits import DeviceTraits
from .lower import Lowered
from .memory.plan import MemoryPlan, Planning
from .order.place import Placement, group_context
from .order.sync import find_waits
from .plan_data import Binding, PlanData
from .recompute.choose import Recomputed
from .rewrite.fuse_elementwise import Fused

__all__ = ["Compilation", "Placer", "WantedGradient"]

Key = tuple[int, int]


Placer = Callable[[Sequence[Node], Mapping[Key, TensorSpec]], Mapping[int, Context]]
"""From the nodes of the user's graph, inputs first, and the specs of their entries, to where operators run, by serial.

Operators that it leaves out, and those that a ``ctx_group`` names a place for, run where they would without it."""


class WantedGradient(NamedTuple):
    """A gradient that the caller asked for: of which variable, how it is stored, and what computes it."""

    variable: int
    req: str
    entry: Entry


@dataclass
class Compilation:
    """A graph on its way to a plan.

    Attributes
    ----------
    heads : list of Entry
        The outputs, as the passes so far have made them.
    binding : Binding
    train : bool
    default : Context
        Where nodes without a ``ctx_group`` run.
    group2ctx : dict of str to Context
    traits : callable
        Context to `DeviceTraits`.
    reuse : bool
        Whether intermediates share memory.
    memory_limit : int or None
    optimize : bool
        Whether the graph may be rewritten.
    numbers : dict of int to int or None
        Serial of a node of the user's graph to the number that its random draws depend on; None: its place in this graph.
    specs : dict
        Of every entry, by its key.
    placer : callable or None
        Chooses where operators run; see `Placer`.
    where : dict of int to Context
        Serial of a node of the user's graph to where it runs, or where a variable's array lies; and of nodes that passes made, where that
        is not where their origin is.
    preparation : PlanData or None
        The plan that prepares parameters, and `prepared`, the variables that hold its results.
    grads : list of WantedGradient
    head_grads : list of Node
        A variable for the gradient of each head.
    states : frozenset of str
        Keys of the caller's arrays that are auxiliary states.
    out_contexts : list of Context
        Where the caller's array of each output lies.
    placement : Placement
    form : Fused
        The scheduled graph.
    lowered : Lowered
        Its steps.
    chosen : Recomputed
        The same with what is computed again, and their memory.
    plannings : dict of Lowered to Planning
        Of every form that was looked at.
    bodies : dict
        Plans of graphs inside nodes, by graph, device, specs and store modes: every form of the graph holds the same.
    """

    heads: list[Entry]
    binding: Binding
    train: bool
    default: Context
    group2ctx: Mapping[str, Context]
    traits: Callable[[Context], DeviceTraits]
    reuse: bool
    memory_limit: int | None
    optimize: bool
    numbers: Mapping[int, int] | None
    specs: dict[Key, TensorSpec]
    placer: Placer | None = None
    where: dict[int, Context] = field(default_factory=dict)
    preparation: PlanData | None = None
    prepared: list[Node] = field(default_factory=list)
    grads: list[WantedGradient] = field(default_factory=list)
    head_grads: list[Node] = field(default_factory=list)
    states: frozenset[str] = frozenset()
    out_contexts: list[Context] = field(default_factory=list)
    placement: Placement = field(init=False)
    form: Fused = field(init=False)
    lowered: Lowered = field(init=False)
    chosen: Recomputed = field(init=False)
    plannings: dict[Lowered, Planning] = field(default_factory=dict)
    bodies: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        order = topological(self.heads)
        bound = {v.serial for v in self.binding.variables}
        for node in order:
            if node.is_variable and node.serial not in bound:
                raise MXNetError(f"variable {node.name!r} is not bound to an array; give it in args, or its shape to simple_bind")
        if self.numbers is None:
            self.numbers = {node.serial: i for i, node in enumerate(order)}
        states = aux_variables(order)
        self.states = frozenset(f"var:{i}" for i, v in enumerate(self.binding.variables) if v.serial in states)

    # ------------------------------------------------------------------------------------------------ what passes ask for

    def number(self, node: Node) -> int:
        """The number of the node of the user's graph that a node was made for."""
        assert self.numbers is not None
        return self.numbers.get(node.origin.serial, 0)

    def context_of(self, node: Node) -> Context:
        """Where a node runs, or the array of a variable lies."""
        found = self.where.get(node.serial) or self.where.get(node.origin.serial)
        return found if found is not None else group_context(node, self.default, self.group2ctx)

    @property
    def ends(self) -> list[Entry]:
        """The outputs and the gradients."""
        return [*self.heads, *(g.entry for g in self.grads)]

    @property
    def lane_traits(self) -> list[DeviceTraits]:
        """Traits of the device of each lane."""
        return [self.traits(c) for c in self.placement.contexts]

    @property
    def alignment(self) -> int:
        """Bytes to which offsets are rounded: a value may be read on any of the devices."""
        return max(t.alignment for t in self.lane_traits)

    def planning(self, lowered: Lowered) -> Planning:
        """The memory of a form of the graph."""
        found = self.plannings.get(lowered)
        if found is None:
            found = self.plannings[lowered] = Planning(
                lowered.uses,
                [spec.nbytes for spec in lowered.specs],
                lowered.external,
                donated=frozenset(e for e, k in lowered.external.items() if k.startswith("var:") and int(k[4:]) in self.binding.donated),
                pinned=self.pinned(lowered),
                alignment=self.alignment,
                limits={lane: t.max_alloc for lane, t in enumerate(self.lane_traits)},
                reuse=self.reuse,
                not_before={e: lowered.forward for e, k in lowered.external.items() if k.startswith("grad:")},
            )
        return found

    def plan_memory(self, lowered: Lowered) -> MemoryPlan:
        """The same with all offsets."""
        return self.planning(lowered).plan

    @staticmethod
    def pinned(lowered: Lowered) -> frozenset[int]:
        """The entries that lie in arrays which the caller reads."""
        return frozenset(e for e, k in lowered.external.items() if k.startswith(("out:", "grad:")))

    def given(self) -> dict[int, str]:
        """Serial of each variable to the key of its array."""
        return (
            {v.serial: f"var:{i}" for i, v in enumerate(self.binding.variables)}
            | {v.serial: f"head:{k}" for k, v in enumerate(self.head_grads)}
            | {v.serial: f"prep:{k}" for k, v in enumerate(self.prepared)}
        )

    def wanted(self, form: Fused) -> dict[Key, tuple[str, str]]:
        """Each entry that the caller receives: the key of its array, and how it is stored."""
        found: dict[Key, tuple[str, str]] = {key(h): (f"out:{k}", "write") for k, h in enumerate(form.heads)}
        return found | {key(e): (f"grad:{g.variable}", g.req) for g, e in zip(self.grads, form.grads, strict=True)}

    def read_ahead(self) -> list[Node]:
        """The variables that the preparation reads."""
        keys: Sequence[str] = () if self.preparation is None else list(self.preparation.externals)
        return [self.binding.variables[int(k[4:])] for k in keys if k.startswith("var:")]

    def homes(self) -> dict[str, Context]:
        """Where the caller's arrays lie, by key."""
        binding = self.binding
        found = {f"var:{i}": c for i, c in enumerate(binding.contexts)}
        found |= {f"grad:{i}": binding.contexts[i] for i, req in enumerate(binding.reqs) if self.train and req != "null"}
        for k, ctx in enumerate(self.out_contexts):
            found[f"out:{k}"] = found[f"head:{k}"] = ctx
        return found | {f"prep:{k}": self.where[v.serial] for k, v in enumerate(self.prepared)}

    def result(self) -> dict[str, Any]:
        """The fields of the plan."""
        lowered, memory = self.chosen.lowered, self.chosen.memory
        order = self.form.schedule
        return {
            "steps": tuple(lowered.steps), "forward": order.forward, "names": tuple(lowered.names), "specs": tuple(lowered.specs),
            "memory": memory, "waits": find_waits(lowered.uses, memory), "contexts": self.placement.contexts,
            "externals": {k: e for e, k in lowered.external.items()}, "uses_rng": lowered.uses_rng, "train": self.train,
            "uses": tuple(lowered.uses), "homes": self.homes(), "states": self.states, "alignment": self.alignment,
            "certificate": order.certificate, "memory_limit": self.memory_limit, "recomputed": self.chosen.steps,
            "extra_work": self.chosen.work, "preparation": self.preparation,
            "fused": {node.name: node.fused for node in order.steps if node.fused},
        }  # fmt: skip
