"""The order of the steps, and the lane (queue) of each: one lane a device."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ...base import env
from ..contract.ir import topological
from ..contract.op import Entry, Node
from ..contract.spec import TensorSpec
from .place import Placement
from .search import order_for_memory

__all__ = ["Schedule", "schedule"]


@dataclass(frozen=True)
class Schedule:
    """When each operator runs.

    Attributes
    ----------
    steps : tuple of Node
        Operators in order; the forward part first.
    forward : int
        How many of them are the forward part.
    lanes : tuple of int
        The device slot of each step.
    certificate : str
        What is known of the order's peak: 'optimal' (proved), 'best found', or 'as given' (not searched).
    """

    steps: tuple[Node, ...]
    forward: int
    lanes: tuple[int, ...]
    certificate: str = "as given"


# Steps that the search for the best inference order may look at, by CLSYM_PLAN_EFFORT: so many, and so many more for each step of the
# graph. Graphs of the usual kind need none.
_WORK = {"fast": (0, 0), "default": (20_000, 4), "exact": (4_000_000, 1_000)}


def schedule(
    heads: Sequence[Entry],
    grads: Sequence[Entry],
    number: Callable[[Node], int],
    placement: Placement,
    specs: Mapping[tuple[int, int], TensorSpec],
) -> Schedule:
    """Order the graph: the forward part as the user built it, then the backward part from the last layer to the first.

    A graph without backward part, on one device, is put into the order that needs the least memory (`order_for_memory`).

    Within the backward of one layer, what nobody waits for (gradients of parameters) comes first: the head gradient is then dead
    by the time the gradient of the data is computed, which can take its memory. `number` tells the place of a node's origin in the graph.
    """
    forward = [n for n in topological(heads) if n.op is not None]
    done = {n.serial for n in forward}
    backward = [n for n in topological(grads) if n.op is not None and n.serial not in done]
    certificate = "as given"
    if not backward and len(placement.contexts) == 1:
        base, each = _WORK.get(env("CLSYM_PLAN_EFFORT"), _WORK["default"])
        found = order_for_memory(forward, heads, specs, base + each * len(forward))
        forward, certificate = list(found.nodes), found.certificate
    result = list(forward)
    if backward:
        result += _order_backward(backward, number)
    return Schedule(tuple(result), len(forward), tuple(placement.device.get(n.serial, 0) for n in result), certificate)


def _order_backward(nodes: list[Node], number: Callable[[Node], int]) -> list[Node]:
    """Kahn's algorithm, taking the ready node of the latest layer first."""
    inside = {n.serial: n for n in nodes}
    readers: dict[int, list[Node]] = {}
    missing: dict[int, int] = {}
    for n in nodes:
        producers = {e.node.serial for e in n.inputs if e.node.serial in inside}
        missing[n.serial] = len(producers)
        for p in producers:
            readers.setdefault(p, []).append(n)
    rank = {n.serial: i for i, n in enumerate(nodes)}
    heap: list[tuple[int, int, int, Node]] = []

    def push(n: Node) -> None:
        heapq.heappush(heap, (-number(n), 1 if n.serial in readers else 0, rank[n.serial], n))

    for n in nodes:
        if missing[n.serial] == 0:
            push(n)
    result: list[Node] = []
    while heap:
        n = heapq.heappop(heap)[3]
        result.append(n)
        for r in readers.get(n.serial, ()):
            missing[r.serial] -= 1
            if missing[r.serial] == 0:
                push(r)
    return result
