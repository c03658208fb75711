"""Devices: which context each node runs on, and the copies between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...context import Context
from ...params import Params
from ..contract.ir import attribute, topological
from ..contract.kernel_call import KernelCall, LowerContext
from ..contract.op import Entry, Node, Op
from ..contract.registry import register
from ..contract.spec import TensorSpec

__all__ = ["Placement", "place"]


class CrossDeviceCopy(Op):
    """Copies a tensor to another device. Inserted by the compiler between nodes placed on different contexts."""

    name = "_CrossDeviceCopy"
    hidden = True
    recompute = "never"

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return []  # the runtime copies the bytes


CROSS_COPY = register(CrossDeviceCopy())


@dataclass(frozen=True)
class Placement:
    """Where everything runs.

    Attributes
    ----------
    contexts : tuple of Context
        Those in use; the first is the default.
    device : dict of int to int
        Identity of a node to a position in `contexts`.
    """

    contexts: tuple[Context, ...]
    device: Mapping[int, int]


def group_context(node: Node, default: Context, group2ctx: Mapping[str, Context]) -> Context:
    """The context that a node's ``ctx_group`` names; the default where it has none or an unlisted one."""
    group = attribute(node, "ctx_group")
    return group2ctx.get(group, default) if group else default


def place(
    heads: Sequence[Entry], default: Context, group2ctx: Mapping[str, Context], variables: Mapping[int, Context], origin: Mapping[int, int]
) -> tuple[list[Entry], Placement, dict[int, int]]:
    """Place every node and insert copies.

    Parameters
    ----------
    heads : list of Entry
        Of the whole graph, gradients included.
    variables : dict of int to Context
        Where the arrays of the variables lie, by node identity.
    origin : dict
        Of `differentiate`; extended for rewritten nodes.

    Returns
    -------
    heads, placement, origin
        The rewritten heads; nodes are new wherever an input changed.
    """
    order = topological(heads)
    contexts: list[Context] = [default]

    def slot(ctx: Context) -> int:
        if ctx not in contexts:
            contexts.append(ctx)
        return contexts.index(ctx)

    chosen: dict[int, int] = {}
    for node in order:
        if node.is_variable:
            chosen[id(node)] = slot(variables.get(id(node)) or group_context(node, default, group2ctx))
        else:
            chosen[id(node)] = slot(group_context(node, default, group2ctx))
    if len(contexts) == 1 or all(chosen[id(n)] == 0 for n in order):
        return list(heads), Placement((default,), dict.fromkeys(chosen, 0)), dict(origin)

    new_origin = dict(origin)
    rewritten: dict[int, Node] = {}
    copies: dict[tuple[int, int, int], Entry] = {}
    device: dict[int, int] = {}
    keep: list[Node] = list(order)  # identities are keys: the old nodes must outlive the walk
    for node in order:
        where = chosen[id(node)]
        inputs = []
        aux = set(node.aux_positions())
        for i, e in enumerate(node.inputs):
            entry = Entry(rewritten[id(e.node)], e.index)
            there = device[id(entry.node)]
            if there != where and i not in aux:
                k = (id(entry.node), entry.index, where)
                if k not in copies:
                    copy = Node(CROSS_COPY, f"{entry.name}_copy{where}", inputs=(entry,))
                    device[id(copy)] = where
                    if id(node) in origin:
                        new_origin[id(copy)] = origin[id(node)]
                    copies[k] = copy.out(0)
                entry = copies[k]
            inputs.append(entry)
        if node.is_variable or all(a.node is b.node for a, b in zip(inputs, node.inputs, strict=True)):
            fresh = node
        else:
            fresh = Node(node.op, node.name, node.params, node.attrs, inputs)
            if id(node) in origin:
                new_origin[id(fresh)] = origin[id(node)]
        rewritten[id(node)] = fresh
        device[id(fresh)] = where
    del keep
    new_heads = [Entry(rewritten[id(h.node)], h.index) for h in heads]
    return new_heads, Placement(tuple(contexts), device), new_origin
