"""Devices: which context a node names, and the copies between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ...context import Context
from ...params import Params
from ..contract.facets import Recomputable
from ..contract.ir import attribute, topological
from ..contract.kernel_call import KernelCall, LowerContext
from ..contract.op import Entry, Node, Op
from ..contract.registry import register
from ..contract.spec import TensorSpec

__all__ = ["Placement", "bring_home", "group_context", "place"]


class CrossDeviceCopy(Op, Recomputable):
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
        Serial of a node to a position in `contexts`.
    """

    contexts: tuple[Context, ...]
    device: Mapping[int, int]


def group_context(node: Node, default: Context, group2ctx: Mapping[str, Context]) -> Context:
    """The context that a node's ``ctx_group`` names; the default where it has none or an unlisted one."""
    group = attribute(node, "ctx_group")
    return group2ctx.get(group, default) if group else default


def place(heads: Sequence[Entry], default: Context, context_of: Callable[[Node], Context]) -> tuple[list[Entry], Placement]:
    """Insert the copies between devices.

    Parameters
    ----------
    heads : list of Entry
        Of the whole graph, gradients included.
    default : Context
    context_of : callable
        Where a node runs, or the array of a variable lies; decided before, since the form of the graph depends on it.

    Returns
    -------
    heads, placement
        The rewritten heads; nodes are new wherever an input changed.
    """
    order = topological(heads)
    contexts: list[Context] = [default]
    chosen: dict[int, int] = {}
    for node in order:
        ctx = context_of(node)
        if ctx not in contexts:
            contexts.append(ctx)
        chosen[node.serial] = contexts.index(ctx)
    if len(contexts) == 1 or not any(chosen.values()):
        return list(heads), Placement((default,), dict.fromkeys(chosen, 0))

    rewritten: dict[int, Node] = {}
    copies: dict[tuple[int, int, int], Entry] = {}
    device: dict[int, int] = {}
    for node in order:
        where = chosen[node.serial]
        inputs = []
        aux = set(node.aux_positions())
        for i, e in enumerate(node.inputs):
            entry = Entry(rewritten[e.node.serial], e.index)
            if device[entry.node.serial] != where and i not in aux:
                k = (entry.node.serial, entry.index, where)
                if k not in copies:
                    copy = Node(CROSS_COPY, f"{entry.name}_copy{where}", inputs=(entry,), origin=node.origin)
                    device[copy.serial] = where
                    copies[k] = copy.out(0)
                entry = copies[k]
            inputs.append(entry)
        fresh = node.reading(inputs)
        rewritten[node.serial] = fresh
        device[fresh.serial] = where
    return [Entry(rewritten[h.node.serial], h.index) for h in heads], Placement(tuple(contexts), device)


def bring_home(entry: Entry, home: Context, placement: Placement) -> tuple[Entry, Placement]:
    """A gradient lies where its variable lies: copied there if it was computed elsewhere."""
    contexts = placement.contexts
    if home not in contexts or contexts[placement.device[entry.node.serial]] == home:
        return entry, placement
    node = Node(CROSS_COPY, f"{entry.name}_home", inputs=(entry,), origin=entry.node.origin)
    return node.out(0), Placement(contexts, {**placement.device, node.serial: contexts.index(home)})
