"""A graph as the order search sees it: steps and tensors are numbers, a tensor being a group of entries that share memory as views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from ..contract.op import Entry, Node
from ..contract.spec import TensorSpec

__all__ = ["Flow", "Window"]

Key = tuple[int, int]


class Flow:
    """Who writes and reads what, of steps in a topological order.

    Attributes
    ----------
    size, readers : list
        Bytes of each tensor, and the steps that read it, in order.
    reads, writes : list of list of int
        Tensors of each step; what it merely passes on as a view is not written.
    takes : list of list of (int, int)
        (written tensor, tensor that it may take the memory of) of each step.
    preds : list of list of int
        Steps that must run before.
    kept : set of int
        Tensors that must survive.
    """

    def __init__(self, nodes: Sequence[Node], heads: Sequence[Entry], specs: Mapping[Key, TensorSpec]) -> None:
        index = {n.serial: i for i, n in enumerate(nodes)}
        group: dict[Key, int] = {}
        self.size: list[int] = []
        self.readers: list[list[int]] = []
        self.reads: list[list[int]] = []
        self.writes: list[list[int]] = []
        self.takes: list[list[tuple[int, int]]] = []
        self.preds: list[list[int]] = []
        for i, node in enumerate(nodes):
            assert node.op is not None
            ins = [specs[(e.node.serial, e.index)] for e in node.inputs]
            outs = [specs[(node.serial, k)] for k in range(node.num_outputs)]
            views = node.op.view(node.params, ins, outs)
            found = [group.get((e.node.serial, e.index), -1) for e in node.inputs]
            reads = list(dict.fromkeys(g for g in found if g >= 0))
            for g in reads:
                self.readers[g].append(i)
            writes = []
            mine: list[int] = []
            for k, spec in enumerate(outs):
                g = found[views[k][0]] if k in views else -1
                if g < 0:
                    g = len(self.size)
                    self.size.append(spec.nbytes)
                    self.readers.append([])
                    writes.append(g)
                group[(node.serial, k)] = g
                mine.append(g)
            pairs = [
                (mine[k], found[j])
                for k, j in node.op.inplace(node.params, ins, outs)
                if found[j] >= 0 and mine[k] in writes and self.size[mine[k]] == self.size[found[j]]
            ]
            self.reads.append(reads)
            self.writes.append(writes)
            self.takes.append(pairs)
            self.preds.append(list(dict.fromkeys(index[e.node.serial] for e in node.inputs if e.node.serial in index)))
        self.kept = {group[(h.node.serial, h.index)] for h in heads if (h.node.serial, h.index) in group}

    def __len__(self) -> int:
        return len(self.reads)

    def last_reads(self, order: Sequence[int]) -> list[int]:
        """Where in an order each tensor is read last; its length where the tensor must survive, -1 where nobody reads it."""
        last = [-1] * len(self.size)
        for at, s in enumerate(order):
            for g in self.reads[s]:
                last[g] = at
        for g in self.kept:
            last[g] = len(order)
        return last

    def walk(self, order: Sequence[int]) -> tuple[list[int], list[int]]:
        """Bytes alive while each step of an order runs, and after it."""
        size, last = self.size, self.last_reads(order)
        during, after = [], []
        live = 0
        for at, s in enumerate(order):
            dying = [g for g in self.reads[s] if last[g] <= at]
            made = sum(size[g] for g in self.writes[s])
            during.append(live + made - (_taken(self.takes[s], dying, size) if dying else 0))
            live += sum(size[g] for g in self.writes[s] if last[g] >= 0) - sum(size[g] for g in dying)
            after.append(live)
        return during, after

    def lower_bound(self) -> int:
        """Bytes that no order goes below: of the largest step with its operands, and of all that must survive."""
        size = self.size
        alone = (
            sum(size[g] for g in (*reads, *writes)) - _taken(takes, [g for g in reads if g not in self.kept], size)
            for reads, writes, takes in zip(self.reads, self.writes, self.takes, strict=True)
        )
        return max(sum(size[g] for g in self.kept), max(alone, default=0))


def _taken(takes: Sequence[tuple[int, int]], dying: Sequence[int], size: Sequence[int]) -> int:
    """Bytes of results that lie where operands lay."""
    saved = 0
    used: set[int] = set()
    for a, b in takes:
        if b in dying and b not in used and a not in used:
            used.update((a, b))
            saved += size[a]
    return saved


class Window:
    """A stretch of an order whose steps may change places among themselves, numbered on its own.

    Attributes
    ----------
    steps : list of int
        Numbers in the flow.
    size, stays : list
        Of each tensor: bytes, and whether it outlives the window.
    readers : list of list of int
    reads, writes, takes, preds, nexts : list of list
        Of each step.
    made, left : list of int
        Bytes that each step writes, and those of them that somebody reads.
    signature : tuple
        The same for windows that are alike.
    """

    def __init__(self, flow: Flow, steps: Sequence[int], end: int, last: Sequence[int]) -> None:
        place = {s: i for i, s in enumerate(steps)}
        local: dict[int, int] = {}
        self.steps = list(steps)
        self.size: list[int] = []
        self.stays: list[bool] = []
        self.readers: list[list[int]] = []

        def tensor(g: int) -> int:
            number = local.get(g)
            if number is None:
                number = local[g] = len(self.size)
                self.size.append(flow.size[g])
                self.stays.append(last[g] >= end)
                self.readers.append([])
            return number

        self.reads = [[tensor(g) for g in flow.reads[s]] for s in steps]
        self.writes = [[tensor(g) for g in flow.writes[s]] for s in steps]
        self.takes = [[(tensor(a), tensor(b)) for a, b in flow.takes[s]] for s in steps]
        self.preds = [[place[p] for p in flow.preds[s] if p in place] for s in steps]
        self.nexts: list[list[int]] = [[] for _ in steps]
        for i in range(len(steps)):
            for g in self.reads[i]:
                self.readers[g].append(i)
            for p in self.preds[i]:
                self.nexts[p].append(i)
        self.made = [sum(self.size[g] for g in writes) for writes in self.writes]
        self.left = [sum(self.size[g] for g in writes if self.stays[g] or self.readers[g]) for writes in self.writes]
        ends = (
            (tuple(r), tuple(w), tuple(t), tuple(p)) for r, w, t, p in zip(self.reads, self.writes, self.takes, self.preds, strict=True)
        )
        self.signature: tuple[object, ...] = (tuple(self.size), tuple(self.stays), tuple(ends))

    def change(self, step: int, remaining: Sequence[int]) -> tuple[int, int]:
        """(bytes more after a step, bytes more while it runs), `remaining` being how many readers of each tensor are to come."""
        stays, size = self.stays, self.size
        dying = [g for g in self.reads[step] if remaining[g] == 1 and not stays[g]]
        if not dying:
            return self.left[step], self.made[step]
        return self.left[step] - sum(size[g] for g in dying), self.made[step] - _taken(self.takes[step], dying, size)

    def cost(self, order: Sequence[int]) -> tuple[int, int]:
        """Most bytes that an order has alive more than there were before the window; and their sum over its steps."""
        remaining = [len(r) for r in self.readers]
        live = peak = total = 0
        for i in order:
            after, now = self.change(i, remaining)
            peak = max(peak, live + now)
            live += after
            total += live
            for g in self.reads[i]:
                remaining[g] -= 1
        return peak, total

    def peak(self, order: Sequence[int]) -> int:
        """The first of `cost`."""
        return self.cost(order)[0]

    def has_choice(self) -> bool:
        """Whether the steps can be ordered otherwise at all."""
        return any(a not in self.preds[b] for a, b in pairwise(range(len(self.steps))))
