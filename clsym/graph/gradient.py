"""Reverse-mode differentiation: new nodes that compute the gradient of the heads with respect to some variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..base import MXNetError
from .contract.ir import topological
from .contract.op import Entry, Gradient, Node
from .contract.registry import find_op
from .contract.spec import TensorSpec

__all__ = ["GradientGraph", "differentiate"]

Key = tuple[int, int]
_INHERITED = ("__ctx_group__", "ctx_group", "__force_mirroring__")


@dataclass
class GradientGraph:
    """The outcome of `differentiate`.

    Attributes
    ----------
    grads : list of Entry or None
        One for each variable asked for; None where the heads do not depend on it.
    origin : dict of int to int
        Identity of each new node to the position, in the forward order, of the node it differentiates.
    """

    grads: list[Entry | None]
    origin: dict[int, int] = field(default_factory=dict)


def _parse_typed(op_name: str, given: Mapping[str, Any]) -> Any:
    return find_op(op_name).parse(given)


def differentiate(
    heads: Sequence[Entry], head_grads: Sequence[Entry | None], variables: Sequence[Node], specs: Mapping[Key, TensorSpec]
) -> GradientGraph:
    """The gradient of ``sum(head * head_grad)`` with respect to `variables`.

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
    order = topological(heads)
    wanted = {id(v) for v in variables}
    depends: set[int] = set()
    for node in order:
        if id(node) in wanted or any(id(e.node) in depends for e in node.inputs):
            depends.add(id(node))

    result = GradientGraph([])
    position = 0
    counts: dict[str, int] = {}
    made: list[Node] = []  # by the operator that is being differentiated

    def make(op_name: str, inputs: Sequence[Entry], given: Mapping[str, Any], stem: str) -> Node:
        op = find_op(op_name, f" (needed for the gradient of node {stem!r})")
        base = f"{stem}_backward"
        counts[base] = counts.get(base, -1) + 1
        name = base if counts[base] == 0 else f"{base}{counts[base]}"
        given = dict(given)
        if op.variadic and op.variadic not in given:
            given[op.variadic] = len(inputs)
        attrs = {k: v for k, v in order[position].attrs.items() if k in _INHERITED}
        node = Node(op, name, op.parse(given), attrs, inputs)
        result.origin[id(node)] = position
        made.append(node)
        return node

    # Contributions are summed as they arrive, pairwise: each sum can take the memory of its first operand, and
    # no contribution waits for the last one.
    sums: dict[Key, Entry] = {}

    def contribute(target: Entry, grad: Entry, own: bool = False) -> None:  # own: of a node that nobody else reads
        k = (id(target.node), target.index)
        have = sums.get(k)
        if have is None:
            sums[k] = grad
            return
        added = grad.node.op.added(grad.node, have) if own and grad.node.op is not None and grad.index == 0 else None
        if added is None:
            sums[k] = make("_grad_add", (have, grad), {}, target.node.name).out(0)
        else:
            result.origin.pop(id(grad.node), None)
            sums[k] = make(*added, target.node.name).out(0)

    for head, grad in zip(heads, head_grads, strict=True):
        if grad is not None:
            position = 0
            contribute(head, grad)
    head_nodes = {id(h.node) for h in heads}

    for position in range(len(order) - 1, -1, -1):
        node = order[position]
        if node.op is None or id(node) not in depends:
            continue
        ograds = [sums.pop((id(node), i), None) for i in range(node.num_outputs)]
        if all(g is None for g in ograds) and not (node.op.is_loss and id(node) in head_nodes):
            continue
        needed = [id(e.node) in depends for e in node.inputs]
        for i in node.aux_positions():
            needed[i] = False
        context = Gradient(
            node=node,
            ograds=ograds,
            ins=[specs[(id(e.node), e.index)] for e in node.inputs],
            outs=[specs[(id(node), i)] for i in range(node.num_outputs)],
            needed=needed,
            make=make,
        )
        made.clear()
        try:
            grads = list(node.op.gradient(context))
        except MXNetError as exc:
            raise MXNetError(f"gradient of node {node.name!r} ({node.op.name}): {exc}") from exc
        if len(grads) != len(node.inputs):
            raise MXNetError(
                f"operator {node.op.name} returned {len(grads)} gradients for {len(node.inputs)} inputs; this is a defect of clsym"
            )
        read = [id(e.node) for n in made for e in n.inputs] + [id(g.node) for g in grads if g is not None]
        own = {id(n) for n in made if read.count(id(n)) == 1}
        for entry, grad_entry, need in zip(node.inputs, grads, needed, strict=True):
            if need and grad_entry is not None:
                contribute(entry, grad_entry, id(grad_entry.node) in own)
    result.grads = [sums.get((id(v), 0)) for v in variables]
    return result
