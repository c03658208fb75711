"""A step of a plan as a small graph of its own: plain data that goes to another process, and is compiled there as any graph is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..context import Context
from ..graph.contract.kernel_call import KernelCall, LowerContext
from ..graph.contract.op import Entry, Node, Op
from ..graph.contract.registry import find_op
from ..graph.contract.spec import TensorSpec
from ..graph.contract.traits import DeviceTraits
from ..graph.contract.tuning import Lookup, observe_lookups
from ..graph.plan import Binding, Plan, compile_plan
from ..params import Params

__all__ = ["Job", "JobInput", "JobNode"]


@dataclass(frozen=True)
class JobInput:
    """A tensor that the step is given.

    Attributes
    ----------
    fresh : bool
        The step before has just computed it, so that a cache may hold it; a parameter was last used a whole pass ago.
    """

    name: str
    spec: TensorSpec
    fresh: bool


@dataclass(frozen=True)
class JobNode:
    """An operator; its inputs are (number of node, output)."""

    op: str
    params: Params
    inputs: tuple[tuple[int, int], ...]
    ins: tuple[TensorSpec, ...]
    outs: tuple[TensorSpec, ...]
    reqs: tuple[str, ...]

    @property
    def operator(self) -> Op:
        """What it applies."""
        return find_op(self.op)


@dataclass(frozen=True)
class Job:
    """A step, the last of `nodes`, with the operators that prepare parameters for it in front.

    They belong to it since the numbers may change how they lay a parameter out. They run outside the time that is measured.
    """

    name: str = field(compare=False)
    nodes: tuple[JobInput | JobNode, ...]
    train: bool

    @property
    def step(self) -> JobNode:
        """The operator that is timed."""
        last = self.nodes[-1]
        assert isinstance(last, JobNode)
        return last

    def lower(self, traits: DeviceTraits) -> tuple[tuple[KernelCall, ...], ...]:
        """The launches of every node, the preparing ones included: equal where a choice of numbers makes no difference."""
        return tuple(
            tuple(n.operator.lower(n.params, n.ins, n.outs, LowerContext(traits, n.reqs, self.train, 0)))
            for n in self.nodes
            if isinstance(n, JobNode)
        )

    def lookups(self, traits: DeviceTraits) -> list[Lookup]:
        """What the step's lowering asks for, every key once."""
        n = self.step
        with observe_lookups() as seen:
            n.operator.lower(n.params, n.ins, n.outs, LowerContext(traits, n.reqs, self.train, 0))
        merged: dict[str, Lookup] = {}
        for s in seen:  # one key may be asked for different numbers
            old = merged.get(s.key)
            merged[s.key] = s if old is None else Lookup(s.family, s.shape_class, tuple(dict(old.defaults + s.defaults).items()))
        return list(merged.values())

    def compile(self, ctx: Context, traits: Callable[[Context], DeviceTraits]) -> tuple[Plan, list[JobInput], list[TensorSpec]]:
        """The plan of the small graph, its inputs and its outputs: ``var:i`` and ``out:k``."""
        built: list[Node] = []
        for i, n in enumerate(self.nodes):
            if isinstance(n, JobInput):
                built.append(Node(None, n.name))
            else:
                built.append(Node(n.operator, f"{self.name}_{i}", n.params, {}, [Entry(built[k], o) for k, o in n.inputs]))
        inputs = [n for n in self.nodes if isinstance(n, JobInput)]
        variables = [b for b in built if b.is_variable]
        wanted = [i for i, req in enumerate(self.step.reqs) if req != "null"]
        binding = Binding(variables, [n.spec for n in inputs], [ctx] * len(inputs), ["null"] * len(inputs))
        heads = [built[-1].out(i) for i in wanted]
        # the nodes are what the compiler made of a graph already; optimizing only sets what prepares parameters apart
        apart = sum(isinstance(n, JobNode) for n in self.nodes) > 1
        plan = compile_plan(heads, binding, train=self.train, default=ctx, traits=traits, optimize=apart)
        return plan, inputs, [self.step.outs[i] for i in wanted]

    def describe(self) -> str:
        """The operator and its shapes."""
        shapes = ", ".join("x".join(map(str, s.shape)) for s in self.step.ins)
        return f"{self.step.op}({shapes})"

    def __getstate__(self) -> dict[str, Any]:
        """Parameters as a plain dict: `Params` are made anew where they arrive, by the operator."""
        nodes = [n if isinstance(n, JobInput) else (n.op, dict(n.params.items()), n.inputs, n.ins, n.outs, n.reqs) for n in self.nodes]
        return {"name": self.name, "nodes": nodes, "train": self.train}

    def __setstate__(self, state: dict[str, Any]) -> None:
        nodes = tuple(n if isinstance(n, JobInput) else JobNode(n[0], find_op(n[0]).parse(n[1]), *n[2:]) for n in state["nodes"])
        for name, value in {**state, "nodes": nodes}.items():
            object.__setattr__(self, name, value)
