"""A graph inside a node, bound to the workspace of the step that runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..graph.contract.host import Body, Memory
from ..graph.contract.kernel_call import Temp
from ..graph.contract.spec import TensorSpec
from .arena import Arena, ArenaPart
from .device import Device
from .versions import Span, touch

__all__ = ["BoundBody"]

Words = np.ndarray[Any, np.dtype[np.uint32]]
_MASK = (1 << 64) - 1


def turned(words: Words, *where: int) -> Words:
    """The random state of one turn of a loop: another key for each node that loops, each of its graphs and each turn; the same counter."""
    key = int(words[0]) | int(words[1]) << 32
    for value in where:  # SplitMix64's finaliser
        key = (key + (value + 1) * 0x9E3779B97F4A7C15) & _MASK
        key = ((key ^ key >> 30) * 0xBF58476D1CE4E5B9) & _MASK
        key = ((key ^ key >> 27) * 0x94D049BB133111EB) & _MASK
        key ^= key >> 31
    return np.array([key & 0xFFFFFFFF, key >> 32, words[2], words[3]], np.uint32)


class _Array:
    """A `Span` over memory of the plan outside."""

    def __init__(self, device: Device, memory: Memory) -> None:
        self._device, self._root, self._offset, self.nbytes = device, memory.root, memory.offset, memory.spec.nbytes


class BoundBody:
    """A body with memory and kernels (`clsym.graph.contract.host.BodyRun`), bound when it first runs.

    Parameters
    ----------
    device : Device
    body : Body
    place : callable
        Where an input, output or workspace of the step lies at the moment.
    index : int
        Which of the step's workspaces is the body's.
    outside : callable
        Of the plan outside: a number that changes when its memory does, the node's number, the words of its random state, and what its
        steps keep.
    ours : callable
        Whether writes to an array of the step's are told to those who watch: arguments', not intermediates'.
    bind : type
        `BoundPlan`.
    """

    def __init__(
        self,
        device: Device,
        body: Body,
        place: Callable[[Any], Memory | None],
        index: int,
        outside: Callable[[], tuple[int, int, Words, dict[Any, Any]]],
        ours: Callable[[Any], bool],
        bind: Callable[..., Any],
    ) -> None:
        self._device, self._body, self._place, self._outside, self._ours, self._bind = device, body, place, outside, ours, bind
        self._workspace = Temp(index, body.offsets["end"])
        self._bound: Any = None
        self._version = -1
        self._arrays: dict[str, Memory] = {}

    def _memory(self, where: str | int, spec: TensorSpec) -> Memory:
        space = self._place(self._workspace)
        assert space is not None
        return Memory(space.root, space.offset + self._body.offsets[where], spec)

    def begin(self) -> None:
        """Before a run of the step: the memory may be elsewhere since the last, and what is borrowed may hold other values."""
        version = self._outside()[0]
        if self._bound is None or version != self._version:
            self._rebind()
            self._version = version
        for key, arg in self._body.borrowed.items():
            if key in self._arrays and not self._ours(arg):
                memory = self._arrays[key]
                touch(memory.root, memory.offset, memory.spec.nbytes)

    def _rebind(self) -> None:
        plan, arrays = self._body.plan, {}
        for key, e in plan.externals.items():
            if key.startswith("prep:"):
                continue
            borrowed = self._body.borrowed.get(key)
            found = self._memory(key, plan.specs[e]) if borrowed is None else self._place(borrowed)
            assert found is not None, key
            arrays[key] = Memory(found.root, found.offset, plan.specs[e])
        self._arrays = arrays
        spans: Mapping[str, Span] = {key: _Array(self._device, memory) for key, memory in arrays.items()}
        arena: Arena = ArenaPart(lambda chunk: self._memory(chunk, TensorSpec((0,), "uint8")))
        _, number, _, states = self._outside()
        self._bound = self._bind(plan, [self._device] * len(plan.contexts), spans, arena, states.setdefault(("body", number), {}))

    def array(self, key: str) -> Memory | None:
        """The memory of one of its arrays."""
        return self._arrays.get(key)

    def run(self, turn: int = 0, backward: bool = False) -> None:
        """Enqueue it, or its backward part."""
        if self._body.plan.uses_rng:
            _, number, words, _ = self._outside()
            self._bound.write_rng(turned(words, number, self._workspace.index, turn))
        self._bound.run(backward)
