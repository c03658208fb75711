"""How many bytes are alive at each step, as the memory planner would have it: fast enough to judge a hundred plans.

The rules are those of `memory.assign_storages` for views and results written over inputs, less what matters rarely: donated arguments, and
tensors assembled from their parts. The chosen plan is planned in full, so that a difference here costs bytes, never correctness.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ..memory.plan import StepUse

__all__ = ["Estimator"]


class Estimator:
    """Live bytes of sequences of steps that all consist of the same few.

    Parameters
    ----------
    uses : sequence of StepUse
        The steps; a sequence names each by its number.
    external, pinned : collection of int
        Entries that lie in arrays of the caller, and entries that must stay to the end.
    alignment : int
    """

    def __init__(self, uses: Sequence[StepUse], external: Mapping[int, str], pinned: Collection[int], alignment: int) -> None:
        self.external, self.pinned, self.alignment = external, pinned, alignment
        self.views = [use.views for use in uses]
        self.over: list[dict[int, list[int]]] = []
        self.workspace = [sum(self._aligned(t) for t in use.temps.values()) for use in uses]
        for use in uses:
            found: dict[int, list[int]] = {}
            for k, i in use.inplace:
                if k not in use.accumulates and i not in use.mutated:
                    found.setdefault(k, []).append(i)
            self.over.append(found)

    def _aligned(self, n: int) -> int:
        return -(-n // self.alignment) * self.alignment

    def live(self, steps: Sequence[tuple[int, tuple[int, ...], tuple[int, ...]]], sizes: Sequence[int]) -> npt.NDArray[np.int64]:
        """Aligned bytes alive at each step of a sequence of (step, inputs, outputs), entries being of the given sizes."""
        count, end = len(sizes), len(steps)
        last = [-1] * count
        for i, (_, ins, _) in enumerate(steps):
            for e in ins:
                last[e] = i
        for e in self.pinned:
            last[e] = end
        home = list(range(count))  # the entry that first lived in the same memory
        first, until = [-1] * count, last[:]
        outside = bytearray(count)
        for e in self.external:
            outside[e] = 1
        for i, (s, ins, outs) in enumerate(steps):
            views = self.views[s]
            wanted = [k for k, e in enumerate(outs) if e >= 0]
            if views and all(k in views and not outside[outs[k]] for k in wanted):
                for k in wanted:
                    e, h = outs[k], home[ins[views[k][0]]]
                    home[e] = h
                    until[h] = max(until[h], last[e])
                continue
            over, taken = self.over[s], -1
            for k in wanted:
                e = outs[k]
                for j in over.get(k, ()):
                    h = home[ins[j]]
                    if outside[h] or until[h] != i or sizes[h] != sizes[e] or h == taken:
                        continue
                    if any(home[x] == h and m not in over[k] for m, x in enumerate(ins)):
                        continue
                    home[e], until[h], taken, outside[h] = h, max(i, last[e]), h, outside[e]
                    break
                else:
                    first[e] = i
                    until[e] = max(i, last[e])
        change = np.zeros(end + 2, np.int64)
        for e, begin in enumerate(first):
            if begin >= 0 and not outside[e]:
                size = self._aligned(sizes[e])
                change[begin] += size
                change[min(until[e], end) + 1] -= size
        live = np.cumsum(change[: end + 1])
        live[:end] += np.fromiter((self.workspace[s] for s, _, _ in steps), np.int64, end)
        return live
