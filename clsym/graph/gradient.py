"""Reverse-mode differentiation: new nodes that compute the gradient of the heads with respect to some variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base import MXNetError
from .contract.facets import Accumulating
from .contract.ir import topological
from .contract.op import Entry, Gradient, Node
from .contract.registry import facet, find_op
from .contract.spec import TensorSpec

__all__ = ["differentiate"]

Key = tuple[int, int]


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
    order = topological(heads)
    wanted = {v.serial for v in variables}
    depends: set[int] = set()
    for node in order:
        if node.serial in wanted or any(e.node.serial in depends for e in node.inputs):
            depends.add(node.serial)

    current = order[0] if order else None  # the node that is being differentiated
    counts: dict[str, int] = {}
    made: list[Node] = []  # for it

    def make(op_name: str, inputs: Sequence[Entry], given: Mapping[str, Any], stem: str) -> Node:
        op = find_op(op_name, f" (needed for the gradient of node {stem!r})")
        base = f"{stem}_backward"
        counts[base] = counts.get(base, -1) + 1
        name = base if counts[base] == 0 else f"{base}{counts[base]}"
        given = dict(given)
        if op.variadic and op.variadic not in given:
            given[op.variadic] = len(inputs)
        assert current is not None
        node = Node(op, name, op.parse(given), inputs=inputs, origin=current.origin)
        made.append(node)
        return node

    # Contributions are summed as they arrive, pairwise: each sum can take the memory of its first operand, and
    # no contribution waits for the last one.
    sums: dict[Key, Entry] = {}

    def contribute(target: Entry, grad: Entry, own: bool = False) -> None:  # own: of a node that nobody else reads
        k = (target.node.serial, target.index)
        have = sums.get(k)
        if have is None:
            sums[k] = grad
            return
        summing = facet(grad.node.op, Accumulating) if own and grad.node.op is not None and grad.index == 0 else None
        added = summing.added(grad.node, have) if summing is not None else None
        if added is None:
            sums[k] = make("_grad_add", (have, grad), {}, target.node.name).out(0)
        else:
            sums[k] = make(*added, target.node.name).out(0)

    for head, grad in zip(heads, head_grads, strict=True):
        if grad is not None:
            contribute(head, grad)
    head_nodes = {h.node.serial for h in heads}

    for node in reversed(order):
        current = node
        if node.op is None or node.serial not in depends:
            continue
        ograds = [sums.pop((node.serial, i), None) for i in range(node.num_outputs)]
        if all(g is None for g in ograds) and not (node.op.is_loss and node.serial in head_nodes):
            continue
        needed = [e.node.serial in depends for e in node.inputs]
        for i in node.aux_positions():
            needed[i] = False
        context = Gradient(
            node=node,
            ograds=ograds,
            ins=[specs[(e.node.serial, e.index)] for e in node.inputs],
            outs=[specs[(node.serial, i)] for i in range(node.num_outputs)],
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
        read = [e.node.serial for n in made for e in n.inputs] + [g.node.serial for g in grads if g is not None]
        own = {n.serial for n in made if read.count(n.serial) == 1}
        for entry, grad_entry, need in zip(node.inputs, grads, needed, strict=True):
            if need and grad_entry is not None:
                contribute(entry, grad_entry, grad_entry.node.serial in own)
    return [sums.get((v.serial, 0)) for v in variables]
