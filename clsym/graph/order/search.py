"""The order of an inference graph that needs the least memory, where the graph leaves freedom.

The graph is cut where a single tensor carries everything (no order crosses such a cut), and each part is searched: states are sets of
executed steps, expanded in the order of the largest memory that reaching them took, so that the first complete state is an optimum. A
step that frees at least what it takes, within the memory already paid for, is executed at once: no order can lose by it. Chains need no
search at all.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..contract.op import Entry, Node
from ..contract.spec import TensorSpec

__all__ = ["Order", "order_for_memory"]

Key = tuple[int, int]


@dataclass(frozen=True)
class Order:
    """An order and what is known of it.

    Attributes
    ----------
    nodes : tuple of Node
    peak : int
        Bytes alive at the worst step, by the model of this module (in-place and views counted, alignment and workspaces not).
    certificate : str
        'optimal' (proved, for this model), or 'best found'.
    """

    nodes: tuple[Node, ...]
    peak: int
    certificate: str


class _Graph:
    """Steps and tensors as numbers. A tensor is a group of entries that share memory as views."""

    def __init__(self, nodes: Sequence[Node], heads: Sequence[Entry], specs: Mapping[Key, TensorSpec]) -> None:
        self.nodes = list(nodes)
        index = {n.serial: i for i, n in enumerate(nodes)}
        group: dict[Key, int] = {}
        self.size: list[int] = []
        self.readers: list[int] = []  # mask of steps
        self.writer: list[int] = []
        self.reads: list[list[int]] = []
        self.writes: list[list[int]] = []
        self.takes: list[list[tuple[int, int]]] = []  # (written tensor, tensor it may take over)
        self.preds: list[int] = []
        for i, node in enumerate(self.nodes):
            assert node.op is not None
            ins = [specs[(e.node.serial, e.index)] for e in node.inputs]
            outs = [specs[(node.serial, k)] for k in range(node.num_outputs)]
            views = node.op.view(node.params, ins, outs)
            reads = []
            for e in node.inputs:
                g = group.get((e.node.serial, e.index))
                if g is not None and g not in reads:
                    reads.append(g)
                    self.readers[g] |= 1 << i
            writes = []
            for k, spec in enumerate(outs):
                source = views.get(k)
                g = group.get((node.inputs[source[0]].node.serial, node.inputs[source[0]].index)) if source is not None else None
                if g is None:
                    g = len(self.size)
                    self.size.append(spec.nbytes)
                    self.readers.append(0)
                    self.writer.append(i)
                    writes.append(g)
                group[(node.serial, k)] = g
            pairs = []
            for k, j in node.op.inplace(node.params, ins, outs):
                a, b = group[(node.serial, k)], group.get((node.inputs[j].node.serial, node.inputs[j].index))
                if b is not None and a in writes and self.size[a] == self.size[b]:
                    pairs.append((a, b))
            self.reads.append(reads)
            self.writes.append(writes)
            self.takes.append(pairs)
            self.preds.append(sum(1 << p for p in {index[e.node.serial] for e in node.inputs if e.node.serial in index}))
        self.kept = {group[(h.node.serial, h.index)] for h in heads if (h.node.serial, h.index) in group}

    def run(self, step: int, done: int, live: int) -> tuple[int, int]:
        """(bytes while the step runs, bytes alive after it)."""
        after = done | 1 << step
        freed = 0
        dying = []
        for g in self.reads[step]:
            if g not in self.kept and not self.readers[g] & ~after:
                freed += self.size[g]
                dying.append(g)
        taken: set[int] = set()
        saved = 0
        for a, b in self.takes[step]:
            if b in dying and b not in taken and a not in taken:
                taken.update((a, b))
                saved += self.size[a]
        made = 0
        kept = 0
        for g in self.writes[step]:
            made += self.size[g]
            if self.readers[g] or g in self.kept:
                kept += self.size[g]
        return live + made - saved, live + kept - freed


def _walk(graph: _Graph, order: Sequence[int]) -> int:
    done = live = peak = 0
    for s in order:
        now, live = graph.run(s, done, live)
        peak = max(peak, now)
        done |= 1 << s
    return peak


def _segments(graph: _Graph) -> list[list[int]]:
    """Cut the given order where at most one tensor is alive, and every step before is needed by every step after."""
    n = len(graph.nodes)
    parts: list[list[int]] = [[]]
    alive: set[int] = set()
    last = {g: (n if g in graph.kept else max(graph.readers[g].bit_length() - 1, graph.writer[g])) for g in range(len(graph.size))}
    for s in range(n):
        parts[-1].append(s)
        alive.update(graph.writes[s])
        alive = {g for g in alive if last[g] > s}
        if len(alive - graph.kept) <= 1 and s + 1 < n:
            parts.append([])
    return parts


def _ready(graph: _Graph, part: Sequence[int], done: int) -> list[int]:
    return [s for s in part if not done >> s & 1 and not graph.preds[s] & ~done]


def _settle(graph: _Graph, part: Sequence[int], done: int, live: int, peak: int, path: list[int]) -> tuple[int, int]:
    """Execute what costs nothing: steps that run within `peak` and leave no more alive than before."""
    changed = True
    while changed:
        changed = False
        for s in _ready(graph, part, done):
            now, after = graph.run(s, done, live)
            if now <= peak and after <= live:
                done |= 1 << s
                live = after
                path.append(s)
                changed = True
    return done, live


def _greedy(graph: _Graph, part: Sequence[int], done: int, live: int) -> tuple[int, list[int], int]:
    """The step that leaves least alive, each time."""
    peak, path = 0, []
    for _ in part:
        best = min(_ready(graph, part, done), key=lambda s: (graph.run(s, done, live)[1], graph.run(s, done, live)[0], s))
        now, live = graph.run(best, done, live)
        peak = max(peak, now)
        done |= 1 << best
        path.append(best)
    return peak, path, live


def _search(graph: _Graph, part: list[int], done: int, live: int, states: int, floor: int) -> tuple[list[int], bool]:
    """The best order of a part found by expanding at most `states` states, and whether it is proved optimal.

    A peak of `floor`, which another part needs in any case, is as good as any smaller one.
    """
    goal = done | sum(1 << s for s in part)
    best_peak, best = _peak_of(graph, part, done, live), list(part)
    greedy_peak, greedy, _ = _greedy(graph, part, done, live)
    if greedy_peak < best_peak:
        best_peak, best = greedy_peak, greedy
    if best_peak <= floor:
        return best, True
    # a path is a chain of (step, previous) pairs, so that states share their beginnings
    start_path: list[int] = []
    d, lv = _settle(graph, part, done, live, floor, start_path)
    heap: list[tuple[int, int, int, int, tuple[int, object] | None]] = []
    chain: tuple[int, object] | None = None
    for s in start_path:
        chain = (s, chain)
    heapq.heappush(heap, (floor, -d.bit_count(), d, lv, chain))
    seen: dict[int, int] = {d: floor}
    while heap and states > 0:
        peak, _, d, lv, chain = heapq.heappop(heap)
        if peak >= best_peak:
            return best, True
        if seen.get(d, peak) < peak:
            continue
        if d == goal:
            path = []
            while chain is not None:
                path.append(chain[0])
                chain = chain[1]  # type: ignore[assignment]
            return path[::-1], True
        states -= 1
        for s in _ready(graph, part, d):
            now, after = graph.run(s, d, lv)
            new_peak = max(peak, now)
            if new_peak >= best_peak:
                continue
            path = [s]
            d2, lv2 = _settle(graph, part, d | 1 << s, after, new_peak, path)
            if seen.get(d2, 1 << 62) <= new_peak:
                continue
            seen[d2] = new_peak
            new_chain = chain
            for step in path:
                new_chain = (step, new_chain)
            heapq.heappush(heap, (new_peak, -d2.bit_count(), d2, lv2, new_chain))
    return best, not heap


def _peak_of(graph: _Graph, part: Sequence[int], done: int, live: int) -> int:
    peak = 0
    for s in part:
        now, live = graph.run(s, done, live)
        peak = max(peak, now)
        done |= 1 << s
    return peak


def order_for_memory(nodes: Sequence[Node], heads: Sequence[Entry], specs: Mapping[Key, TensorSpec], states: int = 20_000) -> Order:
    """Reorder the steps of a graph without a backward part.

    Parameters
    ----------
    nodes : list of Node
        Operators in a topological order.
    heads : list of Entry
        What must survive.
    specs : dict
        Of every entry.
    states : int
        How many states the search may expand in all.
    """
    graph = _Graph(nodes, heads, specs)
    parts = _segments(graph)
    done = live = 0
    floors = []
    for part in parts:
        floors.append((done, live, _peak_of(graph, part, done, live)))
        for s in part:
            _, live = graph.run(s, done, live)
            done |= 1 << s
    # parts without freedom need what they need: no other part has to be better than the worst of them
    free = [
        any(len(_ready(graph, part, d | _mask(part[:i]))) > 1 for i in range(len(part)))
        for part, (d, _, _) in zip(parts, floors, strict=True)
    ]
    floor = max((p for (_, _, p), f in zip(floors, free, strict=True) if not f), default=0)
    result: list[int] = []
    proved = True
    # the worst parts first: what they need is the floor of the rest
    for i in sorted(range(len(parts)), key=lambda i: -floors[i][2]):
        if free[i] and floors[i][2] > floor:
            parts[i], optimal = _search(graph, parts[i], floors[i][0], floors[i][1], states, floor)
            proved &= optimal
            floor = max(floor, _peak_of(graph, parts[i], floors[i][0], floors[i][1]))
    for part in parts:
        result += part
    return Order(tuple(graph.nodes[s] for s in result), _walk(graph, result), "optimal" if proved else "best found")


def _mask(steps: Sequence[int]) -> int:
    return sum(1 << s for s in steps)
