"""Which steps of a graph ask for tuned numbers: the graph as the compiler rewrites and differentiates it, each distinct step once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..base import MXNetError, env
from ..executor.inputs import graph_inputs
from ..executor.shapes import infer_inputs
from ..graph.contract.facets import Prepares
from ..graph.contract.ir import topological
from ..graph.contract.op import Entry, Node
from ..graph.contract.registry import facet
from ..graph.contract.spec import TensorSpec
from ..graph.contract.traits import DeviceTraits
from ..graph.contract.tuning import Lookup, find_tunable
from ..graph.gradient import differentiate
from ..graph.infer import infer_specs
from ..graph.rewrite.rewrite import rewrite_graph
from .job import Job, JobInput, JobNode

__all__ = ["Class", "find_classes", "find_jobs"]

Key = tuple[int, int]


@dataclass
class Class:
    """A class of shapes of a family of kernels, and the steps of the graph that ask for its numbers.

    Attributes
    ----------
    key : str
        ``family/class``.
    jobs : list of (Job, int)
        With how often each stands in the graph.
    defaults : list of dict
        What the lowering of each job would choose by itself.
    """

    key: str
    jobs: list[tuple[Job, int]]
    defaults: list[dict[str, int]]

    @property
    def candidates(self) -> dict[str, tuple[int, ...]]:
        """What may be tried, of the numbers that these steps ask for."""
        declared = find_tunable(self.key)
        asked = {name for d in self.defaults for name in d}
        return {n: v for n, v in declared.candidates.items() if n in asked} if declared else {}


class _Graph:
    """A graph's nodes in the form in which they are lowered."""

    def __init__(self, heads: Sequence[Entry], shapes: Mapping[str, Sequence[int]], traits: DeviceTraits, train: bool) -> None:
        arguments, states = graph_inputs(heads)
        nodes = [*arguments, *states]
        unknown = sorted(set(shapes) - {n.name for n in nodes})
        if unknown:
            raise MXNetError(f"tune: {unknown} are no inputs of the graph; the inputs are {[n.name for n in arguments]}")
        self.train = train
        self.traits = traits
        known = {(n.serial, 0): s for n, s in zip(nodes, infer_inputs(heads, nodes, shapes, None, "tune"), strict=True)}
        self.specs: dict[Key, TensorSpec] = infer_specs(topological(heads), known)
        if env("CLSYM_OPTIMIZE") != "0":
            heads = rewrite_graph(heads, self.specs, train=train, traits_of=lambda _: traits, group=lambda _: None)
            self.specs = infer_specs(topological(heads), known)
        ends = list(heads)
        if train:
            head_grads = [Node(None, f"_head_grad_{k}") for k in range(len(heads))]
            wanted = [n for n in arguments if n.name not in shapes]
            grads = differentiate(heads, [v.out(0) for v in head_grads], wanted, self.specs)
            self.specs |= {(v.serial, 0): self.specs[(h.node.serial, h.index)] for v, h in zip(head_grads, heads, strict=True)}
            ends += [g for g in grads if g is not None]
        self.order = topological(ends)
        self.specs = infer_specs([n for n in self.order if (n.serial, 0) not in self.specs], self.specs)
        self.read = {(e.node.serial, e.index) for e in [*ends, *(e for n in self.order for e in n.inputs)]}
        self.parameters = {n.serial for n in nodes if n.name not in shapes}

    def job(self, node: Node) -> Job:
        """A node as a job."""
        nodes: list[JobInput | JobNode] = []
        placed: dict[Key, tuple[int, int]] = {}

        def place(e: Entry) -> tuple[int, int]:
            k = (e.node.serial, e.index)
            if k not in placed:
                if e.node.op is not None and facet(e.node.op, Prepares) and not self.train:
                    nodes.append(self._node(e.node, tuple(place(i) for i in e.node.inputs)))
                    placed.update({(e.node.serial, i): (len(nodes) - 1, i) for i in range(e.node.num_outputs)})
                else:
                    nodes.append(JobInput(f"input{len(nodes)}", self.specs[k], e.node.serial not in self.parameters))
                    placed[k] = (len(nodes) - 1, 0)
            return placed[k]

        inputs = tuple(place(e) for e in node.inputs)
        nodes.append(self._node(node, inputs))
        return Job(node.name, tuple(nodes), self.train)

    def _node(self, node: Node, inputs: tuple[tuple[int, int], ...]) -> JobNode:
        assert node.op is not None
        outs = tuple(self.specs[(node.serial, i)] for i in range(node.num_outputs))
        reqs = tuple("write" if (node.serial, i) in self.read and o.size else "null" for i, o in enumerate(outs))
        ins = tuple(self.specs[(e.node.serial, e.index)] for e in node.inputs)
        return JobNode(node.op.name, node.params, inputs, ins, outs, reqs)


def find_jobs(
    heads: Sequence[Entry], shapes: Mapping[str, Sequence[int]], traits: DeviceTraits, train: bool
) -> list[tuple[Job, int, list[Lookup]]]:
    """Every distinct step whose lowering asks for tuned numbers, how often it stands in the graph, and what it asks for.

    Parameters
    ----------
    heads : list of Entry
    shapes : dict of str to tuple of int
        Of the inputs; all others are parameters, and in training get a gradient.
    traits : DeviceTraits
    train : bool
        The training plan, backward included.
    """
    graph = _Graph(heads, shapes, traits, train)
    count: dict[Job, int] = {}
    for node in graph.order:
        if node.op is None or facet(node.op, Prepares):
            continue
        job = graph.job(node)
        if any(r != "null" for r in job.step.reqs):
            count[job] = count.get(job, 0) + 1
    found = [(job, n, job.lookups(traits)) for job, n in count.items()]
    return [f for f in found if f[2]]


def find_classes(jobs: Sequence[tuple[Job, int, list[Lookup]]]) -> list[Class]:
    """The keys that jobs ask for and that may be tuned, with the jobs of each."""
    found: dict[str, Class] = {}
    for job, n, lookups in jobs:
        for lookup in lookups:
            if find_tunable(lookup.key) is not None:
                c = found.setdefault(lookup.key, Class(lookup.key, [], []))
                c.jobs.append((job, n))
                c.defaults.append(dict(lookup.defaults))
    return [c for c in found.values() if c.candidates]
