"""Reverse-mode differentiation: new nodes that compute the gradient of the heads with respect to some variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base import MXNetError
from .contract.facets import Accumulating
from .contract.ir import key, topological
from .contract.op import Entry, Gradient, Node, Op
from .contract.registry import facet, find_op
from .contract.spec import TensorSpec

__all__ = ["differentiate"]

Key = tuple[int, int]


class _Sweep:
    """The way from the heads to the variables, the last node first."""

    def __init__(self, order: Sequence[Node], variables: Sequence[Node], specs: Mapping[Key, TensorSpec]) -> None:
        self.order, self.specs = order, specs
        self.depends = {v.serial for v in variables}
        for node in order:
            if any(e.node.serial in self.depends for e in node.inputs):
                self.depends.add(node.serial)
        self.current = order[0] if order else None  # the node that is being differentiated
        self.counts: dict[str, int] = {}
        self.made: list[Node] = []  # for it
        # Contributions are summed as they arrive, pairwise: each sum can take the memory of its first operand, and
        # no contribution waits for the last one.
        self.sums: dict[Key, Entry] = {}

    def make(self, op_name: str, inputs: Sequence[Entry], given: Mapping[str, Any], stem: str) -> Node:
        """A node of the backward part, named after `stem`."""
        op = find_op(op_name, f" (needed for the gradient of node {stem!r})")
        base = f"{stem}_backward"
        number = self.counts[base] = self.counts.get(base, -1) + 1
        given = dict(given)
        if op.variadic and op.variadic not in given:
            given[op.variadic] = len(inputs)
        assert self.current is not None
        node = Node(op, f"{base}{number or ''}", op.parse(given), inputs=inputs, origin=self.current.origin)
        self.made.append(node)
        return node

    def contribute(self, target: Entry, grad: Entry, own: bool = False) -> None:
        """Add to the gradient of an entry; `own`: what nobody else reads."""
        k = key(target)
        have = self.sums.get(k)
        if have is None:
            self.sums[k] = grad
            return
        summing = facet(grad.node.op, Accumulating) if own and grad.node.op is not None and grad.index == 0 else None
        added = summing.added(grad.node, have) if summing is not None else None
        self.sums[k] = self.make(*(added or ("_grad_add", (have, grad), {})), target.node.name).out(0)

    def visit(self, node: Node, is_head: bool) -> None:
        """Hand the gradients of a node's outputs on to its inputs."""
        if node.op is None or node.serial not in self.depends:
            return
        ograds = [self.sums.pop((node.serial, i), None) for i in range(node.num_outputs)]
        if all(g is None for g in ograds) and not (node.op.is_loss and is_head):
            return
        self.current = node
        needed = [e.node.serial in self.depends for e in node.inputs]
        for i in node.aux_positions():
            needed[i] = False
        ins = [self.specs[key(e)] for e in node.inputs]
        outs = [self.specs[(node.serial, i)] for i in range(node.num_outputs)]
        self.made.clear()
        grads = _gradients_of(node, node.op, Gradient(node, ograds, ins, outs, needed, self.make))
        read = [e.node.serial for n in self.made for e in n.inputs] + [g.node.serial for g in grads if g is not None]
        own = {n.serial for n in self.made if read.count(n.serial) == 1}
        for entry, grad, need in zip(node.inputs, grads, needed, strict=True):
            if need and grad is not None:
                self.contribute(entry, grad, grad.node.serial in own)


def _gradients_of(node: Node, op: Op, context: Gradient) -> list[Entry | None]:
    try:
        grads = list(op.gradient(context))
    except MXNetError as exc:
        raise MXNetError(f"gradient of node {node.name!r} ({op.name}): {exc}") from exc
    if len(grads) != len(node.inputs):
        raise MXNetError(f"operator {op.name} returned {len(grads)} gradients for {len(node.inputs)} inputs; this is a defect of clsym")
    return grads


def differentiate(
    heads: Sequence[Entry], head_grads: Sequence[Entry | None], variables: Sequence[Node], specs: Mapping[Key, TensorSpec]
) -> list[Entry | None]:
    """The gradient of ``sum(head * head_grad)`` with respect to each of `variables`; None where the heads do not depend on it.

    Parameters
    ----------
    heads : list of Entry
    head_grads : list of Entry or None
        None: the head takes no part, unless its operator is a loss.
    variables : list of Node
    specs : dict
        Of every entry of the forward graph.

    Raises
    ------
    MXNetError
        An operator on the way has no gradient.
    """
    sweep = _Sweep(topological(heads), variables, specs)
    for head, grad in zip(heads, head_grads, strict=True):
        if grad is not None:
            sweep.contribute(head, grad)
    head_nodes = {h.node.serial for h in heads}
    for node in reversed(sweep.order):
        sweep.visit(node, node.serial in head_nodes)
    return [sweep.sums.get((v.serial, 0)) for v in variables]
