"""The graph that an executor computes, as a user can read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..base import env
from ..graph.contract.op import Entry, Node
from ..graph.contract.registry import find_op
from ..graph.contract.spec import TensorSpec
from ..graph.rewrite.eliminate import eliminate

__all__ = ["optimized_heads"]


def optimized_heads(heads: Sequence[Entry], specs: Mapping[tuple[int, int], TensorSpec]) -> list[Entry]:
    """The outputs of a graph without its repeated expressions.

    An output that became the same as one before it is a copy of that, as in MXNet: ``a_0_copy`` of output 0 of node ``a``.
    """
    if env("CLSYM_OPTIMIZE") == "0" or env("MXNET_ELIMINATE_COMMON_EXPR") == "0":
        return list(heads)
    result: list[Entry] = []
    stands: dict[tuple[int, int], tuple[int, int]] = {}  # entry now to the first of the user's that it stands for
    for before, now in zip(heads, eliminate(heads, specs).heads, strict=True):
        user = (before.node.serial, before.index)
        if stands.setdefault((now.node.serial, now.index), user) != user:
            op = find_op("_copy")
            now = Node(op, f"{now.node.name}_{now.index}_copy", op.parse({}), {}, (now,)).out(0)
        result.append(now)
    return result
