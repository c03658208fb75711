"""Outputs whose extent is known only after they were computed."""

from __future__ import annotations

from collections.abc import Sequence

from ..base import MXNetError
from ..graph.contract.host import Measured
from ..graph.contract.ir import topological
from ..graph.contract.op import Entry, Node
from ..graph.contract.registry import facet
from ..ndarray import NDArray

__all__ = ["counts_of", "cut"]


def _measured(node: Node) -> dict[int, int]:
    rule = facet(node.op, Measured) if node.op is not None else None
    return dict(rule.measures(node.params)) if rule is not None else {}


def counts_of(heads: Sequence[Entry]) -> dict[int, Entry]:
    """The number of each output that is measured, with the entry that tells its extent.

    Raises
    ------
    MXNetError
        Such an output is read by another node, which would take it for as long as it can get.
    """
    for node in topological(heads):
        for e in node.inputs:
            if e.index in _measured(e.node):
                raise MXNetError(
                    f"{e.name!r} is as long as its data say, which is known only after it was computed, so that node {node.name!r} "
                    "cannot read it: make it an output of the graph, and feed what it gives to a second one"
                )
    found = {}
    for k, h in enumerate(heads):
        counts = _measured(h.node)
        if h.index in counts:
            found[k] = h.node.out(counts[h.index])
    return found


def cut(whole: NDArray, count: NDArray) -> NDArray:
    """The part of an output that was computed; waits for it."""
    part: NDArray = whole[: int(count.asnumpy().reshape(-1)[0])]
    return part
