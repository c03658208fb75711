"""Loops of known length whose turns are few enough become part of the graph, turn behind turn.

Planned with everything else, a recurrent layer of 35 turns trains 1.4 (256 units) to 3.5 times (64) as fast as a loop of enqueues on a
Zen 4, since nothing is copied between turns, what repeats is computed once, and the backward needs no forward of its own. Planning takes
0.4 ms a node and turn, though, and the arena doubles: so only graphs of up to `ROOM` such nodes are unrolled, and none under a memory
limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..contract.facets import Unrollable
from ..contract.ir import key, topological
from ..contract.op import Entry
from ..contract.registry import facet
from ..contract.spec import TensorSpec

__all__ = ["ROOM", "unroll"]

ROOM = 512
"""Most nodes that the loops of a graph may become."""

Key = tuple[int, int]


def unroll(heads: Sequence[Entry], specs: Mapping[Key, TensorSpec], room: int) -> tuple[list[Entry], dict[Key, TensorSpec], int]:
    """The graph with the loops at its surface unrolled, as far as there is room.

    Parameters
    ----------
    heads : list of Entry
    specs : dict
        Of the entries.
    room : int
        How many nodes may be made.

    Returns
    -------
    heads, specs, room
        What is known of nodes that are the same but for their inputs, and the room that is left. Where it is what it was, nothing changed.
    """
    now: dict[Key, Entry] = {}
    more: dict[Key, TensorSpec] = {}
    left = room
    for node in topological(heads):
        inputs = [now.get(key(e), e) for e in node.inputs]
        how = facet(node.op, Unrollable) if node.op is not None else None
        outs = how.unrolled(node, inputs, [specs[key(e)] for e in node.inputs], left) if how is not None else None
        if outs is not None:
            now |= {(node.serial, i): e for i, e in enumerate(outs.entries)}
            left -= outs.nodes
            continue
        fresh = node.reading(inputs)
        if fresh is not node:
            now |= {(node.serial, i): fresh.out(i) for i in range(node.num_outputs)}
            more |= {(fresh.serial, i): specs[node.serial, i] for i in range(node.num_outputs) if (node.serial, i) in specs}
    return [now.get(key(h), h) for h in heads], more, left
