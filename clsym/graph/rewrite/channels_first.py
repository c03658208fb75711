"""Graphs whose layers have their channels last (NHWC), brought into the layout with the channels behind the images.

One walk, inputs first, before the other rewrites, which know that layout only. A layer that has its channels last is replaced by its
channels-first form, and its output exists in that form. Operators that work on each element alone, and those that have another form for
inputs that exist already (a normalisation over the last axis), follow. A transpose is made where somebody asks for the other layout, once
a tensor, so that pairs of them never arise.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...params import Params
from ..contract.facets import Facet, Pointwise
from ..contract.ir import topological
from ..contract.op import Entry, Node
from ..contract.registry import facet, find_op
from ..contract.spec import TensorSpec

__all__ = ["ChannelsLast", "LastForm", "channels_first_graph"]

Key = tuple[int, int]


@dataclass(frozen=True)
class LastForm:
    """How an operator with its channels last is written with the channels behind the images; its output 0 is transposed then.

    Attributes
    ----------
    params : dict
        Parameters that change.
    moved : tuple of int
        Inputs that are transposed.
    only_after : bool
        Whether it stays as it is unless input 0 exists in the other layout already.
    """

    params: Mapping[str, Any]
    moved: tuple[int, ...]
    only_after: bool = False


class ChannelsLast(Facet):
    """An operator that may have its channels last."""

    @abstractmethod
    def last_form(self, p: Params, ins: Sequence[TensorSpec]) -> LastForm | None:
        """None where its channels are not last."""


@dataclass
class _Forms:
    """An entry of the user's graph in the layouts that exist of it."""

    plain: Entry | None
    first: Entry | None
    ndim: int


def channels_first_graph(heads: Sequence[Entry], specs: Mapping[Key, TensorSpec]) -> list[Entry]:
    """The heads of the graph with its layers in the channels-first layout; `specs` are those of every entry."""
    order = topological(heads)
    if not any(found is not None and not found.only_after for found in (_last_form(node, specs) for node in order)):
        return list(heads)
    walk = _Walk(specs)
    for node in order:
        walk.visit(node)
    return [walk.plain(h) for h in heads]


def _specs(node: Node, specs: Mapping[Key, TensorSpec]) -> list[TensorSpec]:
    return [specs[e.node.serial, e.index] for e in node.inputs]


def _last_form(node: Node, specs: Mapping[Key, TensorSpec]) -> LastForm | None:
    rule = None if node.op is None else facet(node.op, ChannelsLast)
    return None if rule is None else rule.last_form(node.params, _specs(node, specs))


class _Walk:
    def __init__(self, specs: Mapping[Key, TensorSpec]) -> None:
        self.specs = specs
        self.forms: dict[Key, _Forms] = {}

    def visit(self, node: Node) -> None:
        """Write the node in the form that suits its inputs."""
        fresh, moved = node, False
        if node.op is not None:
            found = _last_form(node, self.specs)
            if found is not None and not (found.only_after and self._form(node.inputs[0]).first is None):
                inputs = [self.first(e) if i in found.moved else self.plain(e) for i, e in enumerate(node.inputs)]
                fresh, moved = node.become(node.op, node.op.parse({**dict(node.params.items()), **found.params}), inputs), True
            elif self._follows(node):
                fresh, moved = node.reading([self.first(e) for e in node.inputs]), True
            else:
                fresh = node.reading([self.plain(e) for e in node.inputs])
        for i in range(node.num_outputs):
            ndim = self.specs[node.serial, i].ndim
            first = moved and i == 0
            self.forms[node.serial, i] = _Forms(None if first else fresh.out(i), fresh.out(i) if first else None, ndim)

    def _follows(self, node: Node) -> bool:
        """Whether it works on each element alone, and on tensors of one shape that exist in the other layout."""
        rule = None if node.op is None else facet(node.op, Pointwise)
        if rule is None or not node.inputs or not rule.pointwise(node.params):
            return False
        ins = _specs(node, self.specs)
        return all(t.shape == ins[0].shape for t in ins) and all(self._form(e).first is not None for e in node.inputs)

    def _form(self, e: Entry) -> _Forms:
        return self.forms[e.node.serial, e.index]

    def first(self, e: Entry) -> Entry:
        """An entry with the channels behind the images."""
        form = self._form(e)
        if form.first is None:
            assert form.plain is not None
            form.first = _transposed(form.plain, (0, form.ndim - 1, *range(1, form.ndim - 1)), "first")
        return form.first

    def plain(self, e: Entry) -> Entry:
        """An entry in the layout that the user knows."""
        form = self._form(e)
        if form.plain is None:
            assert form.first is not None
            form.plain = _transposed(form.first, (0, *range(2, form.ndim), 1), "last")
        return form.plain


def _transposed(e: Entry, axes: tuple[int, ...], where: str) -> Entry:
    op = find_op("transpose")
    return Node(op, f"{e.name}_channels_{where}", op.parse({"axes": axes}), inputs=(e,), origin=e.node.origin).out(0)
