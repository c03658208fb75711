"""Rewriting a graph for the device it runs on, before differentiation: blocked layouts, folding, epilogues.

One walk, inputs first. Each operator may offer another form of itself (`Rewriting`); it sees its inputs as they stand after the walk so
far, in either layout, and may ask the producer of an input that nobody else reads to take over what it would do (`Absorbing`): a
convolution takes the batch normalisation, the addition and the activation behind it. Operators without another form stay as they are:
on blocked tensors if they work element by element, else on tensors in the layout that the user knows.

A reorder is made where somebody asks for the other layout, once a tensor, so that pairs of them never arise.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...params import Params
from ..contract.facets import Facet, Pointwise, Prepares
from ..contract.ir import topological
from ..contract.op import Entry, Node
from ..contract.registry import facet, facets, find_op
from ..contract.spec import TensorSpec
from ..contract.traits import DeviceTraits
from .requests import Add, Blocked, Request

__all__ = ["Absorbing", "Rewrite", "Rewriting", "rewrite_graph"]

Key = tuple[int, int]
_REORDERS = ("_to_blocked", "_from_blocked")


@dataclass
class _Form:
    """An entry of the user's graph in the layouts that exist of it."""

    plain: Entry | None
    blocked: Entry | None
    spec: TensorSpec


class Rewriting(Facet):
    """Another form of an operator, for the device it will run on; several may be attached, the first that gives one is taken."""

    @abstractmethod
    def rewrite(self, r: Rewrite) -> Sequence[Entry | Blocked] | None:
        """Another form of ``r.node``, one result an output; None: it has none here."""


class Absorbing(Facet):
    """An operator that can take over what its only reader does to its output."""

    @abstractmethod
    def absorb(self, node: Node, request: Request, r: Rewrite) -> Node | None:
        """A node that computes what `node` does and then what `request` asks for; None where it cannot."""


class Rewrite:
    """What `Rewriting.rewrite` works with: one node of the user's graph, its inputs rewritten already.

    Attributes
    ----------
    node : Node
        As the user wrote it.
    ins, outs : list of TensorSpec
        Of the user's node.
    traits : DeviceTraits
        Of the device that the node will run on.
    train : bool
    """

    def __init__(self, walk: _Walk, node: Node, traits: DeviceTraits) -> None:
        self._walk = walk
        self.node = node
        self.traits = traits
        self.train = walk.train
        self.ins = [walk.specs[(e.node.serial, e.index)] for e in node.inputs]
        self.outs = [walk.specs[(node.serial, i)] for i in range(node.num_outputs)]

    @property
    def p(self) -> Params:
        """Typed parameters of the node."""
        return self.node.params

    @property
    def block(self) -> int:
        """Channels a block on this device; 0 where blocked layouts are not used."""
        return self.traits.vector_width if self.traits.is_cpu and self.traits.vector_width in (4, 8, 16) else 0

    def _form(self, i: int) -> _Form:
        e = self.node.inputs[i]
        return self._walk.forms[(e.node.serial, e.index)]

    def is_blocked(self, i: int) -> bool:
        """Whether input `i` exists in blocked layout on this device."""
        blocked = self._form(i).blocked
        return blocked is not None and self._walk.group(blocked.node) == self._walk.group(self.node)

    def is_variable(self, i: int) -> bool:
        """Whether input `i` is a variable of the graph, in inference most likely a parameter."""
        return self.node.inputs[i].node.is_variable

    def plain(self, i: int) -> Entry:
        """Input `i` in the layout that the user knows."""
        form = self._form(i)
        if form.plain is None:
            assert form.blocked is not None
            form.plain = self.apply("_from_blocked", form.blocked, channels=form.spec.shape[1])
        return form.plain

    def blocked(self, i: int) -> Entry:
        """Input `i`, of four dimensions, in blocked layout."""
        if self.is_blocked(i):
            entry = self._form(i).blocked
            assert entry is not None
            return entry
        entry = self.apply("_to_blocked", self.plain(i), block=self.block)
        self._form(i).blocked = entry
        return entry

    def passed(self, i: int) -> Entry | Blocked:
        """Input `i` in whichever layout it exists: the result of an operator that changes nothing."""
        return Blocked(self.blocked(i)) if self.is_blocked(i) else self.plain(i)

    def used(self, output: int) -> bool:
        """Whether anybody reads an output of the node."""
        return self._walk.readers.get((self.node.serial, output), 0) > 0

    def apply(self, op: str, *inputs: Entry, **params: Any) -> Entry:
        """Output 0 of a new node; parameters are typed values."""
        return self.node_of(op, inputs, params).out(0)

    def node_of(self, op_name: str, inputs: Sequence[Entry], params: Mapping[str, Any]) -> Node:
        """A new node in the place of the one that is rewritten."""
        op = find_op(op_name)
        # what prepares something beside the node has a name of its own
        stem = inputs[0].name if op_name in _REORDERS else self.node.name
        name = f"{stem}{op_name}" if op_name in _REORDERS or facet(op, Prepares) else stem
        return Node(op, name, op.parse(params), inputs=inputs, origin=self.node.origin)

    def alike(self, node: Node, op_name: str) -> Node:
        """The same node with another operator that has its parameters and more."""
        op = find_op(op_name)
        return node.become(op, op.parse(dict(node.params.items())), node.inputs)

    def add(self, i: int, other: int) -> list[Entry | Blocked] | None:
        """Let the producer of input `i` add input `other`, of the same shape and type; see `absorb`."""
        if self.ins[i] != self.ins[other] or self.node.inputs[i] == self.node.inputs[other]:
            return None
        if self._form(i).blocked is None:
            return self.absorb(i, Add(self.plain(other))) if self._form(other).plain is not None else None
        return self.absorb(i, Add(self.blocked(other))) if self.is_blocked(other) else None

    def absorb(self, i: int, *requests: Request) -> list[Entry | Blocked] | None:
        """Let the producer of input `i` take this node over, if nobody else reads that input; the rewritten output, or None.

        Several requests are taken one after the other, all or none.
        """
        e = self.node.inputs[i]
        form = self._form(i)
        entry = form.blocked if form.blocked is not None else form.plain
        assert entry is not None
        if self._walk.readers.get((e.node.serial, e.index), 0) != 1 or entry.index != 0 or entry.node.op is None:
            return None
        if self._walk.group(entry.node) != self._walk.group(self.node) or (form.plain is not None and form.blocked is not None):
            return None
        node: Node | None = entry.node
        for request in requests:
            assert node is not None
            assert node.op is not None
            taken = (a.absorb(node, request, self) for a in facets(node.op, Absorbing))
            node = next((n for n in taken if n is not None), None)
            if node is None:
                return None
        assert node is not None
        node.stand_for(self.node, (*(entry.node.fused or (entry.node.name,)), self.node.name))
        return [Blocked(node.out(0)) if form.blocked is not None else node.out(0)]


class _Walk:
    def __init__(
        self,
        heads: Sequence[Entry],
        specs: Mapping[Key, TensorSpec],
        train: bool,
        traits_of: Callable[[Node], DeviceTraits],
        group: Callable[[Node], Any],
    ) -> None:
        self.heads = heads
        self.specs = specs
        self.train = train
        self.traits_of = traits_of
        self.group = group
        self.forms: dict[Key, _Form] = {}
        self.order = topological(heads)
        self.readers: dict[Key, int] = {}
        for e in [*heads, *(e for node in self.order for e in node.inputs)]:
            self.readers[(e.node.serial, e.index)] = self.readers.get((e.node.serial, e.index), 0) + 1

    def run(self) -> list[Entry]:
        for node in self.order:
            if node.op is None:
                self.forms[(node.serial, 0)] = _Form(node.out(0), None, self.specs[(node.serial, 0)])
                continue
            r = Rewrite(self, node, self.traits_of(node))
            forms = (f.rewrite(r) for f in facets(node.op, Rewriting))
            results = next((f for f in forms if f is not None), None)
            if results is None:
                results = self.as_it_is(r)
            for i, result in enumerate(results):
                spec = self.specs[(node.serial, i)]
                form = _Form(None, result.entry, spec) if isinstance(result, Blocked) else _Form(result, None, spec)
                self.forms[(node.serial, i)] = form
        heads = []
        for h in self.heads:
            form = self.forms[(h.node.serial, h.index)]
            if form.plain is None:
                assert form.blocked is not None
                op = find_op("_from_blocked")
                params = op.parse({"channels": form.spec.shape[1]})
                form.plain = Node(op, f"{h.name}_from_blocked", params, inputs=(form.blocked,), origin=form.blocked.node.origin).out(0)
            heads.append(form.plain)
        return heads

    def as_it_is(self, r: Rewrite) -> list[Entry | Blocked]:
        """The node itself, on rewritten inputs: blocked ones if it works on each element alone."""
        node, op = r.node, r.node.op
        assert op is not None
        n = len(node.inputs)
        rule = facet(op, Pointwise)
        alike = n > 0 and rule is not None and all(r.is_blocked(i) and r.ins[i].shape == r.ins[0].shape for i in range(n))
        kind = rule.pointwise(node.params) if alike and rule is not None else ""
        if kind and (r.ins[0].shape[1] % r.block == 0 or kind == "zero"):
            inputs = [r.blocked(i) for i in range(n)]
            return [Blocked(node.reading(inputs).out(0))]
        node = node.reading([r.plain(i) for i in range(n)])
        return [node.out(i) for i in range(node.num_outputs)]


def rewrite_graph(
    heads: Sequence[Entry],
    specs: Mapping[Key, TensorSpec],
    *,
    train: bool,
    traits_of: Callable[[Node], DeviceTraits],
    group: Callable[[Node], Any],
) -> list[Entry]:
    """The heads of a graph rewritten, before differentiation.

    Parameters
    ----------
    heads : list of Entry
    specs : dict
        Of every entry.
    train : bool
        Whether gradients may be asked for: then nothing is folded that has none.
    traits_of : callable
        A node to the traits of the device that it will run on.
    group : callable
        A node to what must be equal for two nodes to be merged: where they run.
    """
    return _Walk(heads, specs, train, traits_of, group).run()
