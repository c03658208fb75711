"""Minimum cuts: Dinic's algorithm (Soviet Math. Doklady 11, 1970) with current-arc pointers, without recursion."""

from __future__ import annotations

__all__ = ["INFINITE", "Network"]

INFINITE = 1 << 62


class Network:
    """A directed graph with integer capacities; vertices are numbers."""

    def __init__(self, vertices: int) -> None:
        self.arcs: list[list[int]] = [[] for _ in range(vertices)]
        self.head: list[int] = []
        self.room: list[int] = []

    def add(self, tail: int, head: int, capacity: int) -> None:
        """An arc."""
        self.arcs[tail].append(len(self.head))
        self.head.append(head)
        self.room.append(capacity)
        self.arcs[head].append(len(self.head))
        self.head.append(tail)
        self.room.append(0)

    def source_side(self, source: int, sink: int) -> list[bool]:
        """Saturate the network; which vertices the source still reaches: the source's side of a minimum cut."""
        while True:
            level = self._levels(source)
            if level[sink] < 0:
                return [depth >= 0 for depth in level]
            self._blocking_flow(source, sink, level)

    def _levels(self, source: int) -> list[int]:
        level = [-1] * len(self.arcs)
        level[source] = 0
        queue = [source]
        for v in queue:
            for a in self.arcs[v]:
                w = self.head[a]
                if self.room[a] and level[w] < 0:
                    level[w] = level[v] + 1
                    queue.append(w)
        return level

    def _blocking_flow(self, source: int, sink: int, level: list[int]) -> None:
        arcs, head, room = self.arcs, self.head, self.room
        pointer = [0] * len(arcs)
        path: list[int] = []
        v = source
        while True:
            if v == sink:
                flow = min(room[a] for a in path)
                cut = len(path)
                for i in range(len(path) - 1, -1, -1):
                    a = path[i]
                    room[a] -= flow
                    room[a ^ 1] += flow
                    if not room[a]:
                        cut = i
                v = head[path[cut] ^ 1]
                del path[cut:]
                continue
            out = arcs[v]
            while pointer[v] < len(out):
                a = out[pointer[v]]
                if room[a] and level[head[a]] == level[v] + 1:
                    break
                pointer[v] += 1
            else:
                if v == source:
                    return
                v = head[path.pop() ^ 1]
                pointer[v] += 1
                continue
            path.append(a)
            v = head[a]
