"""A step of some parameters made ready: buffers set once, so that taking it is a few enqueues and at most one small upload."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base import MXNetError
from ..ndarray import NDArray
from ..ndarray.storage import ITEMSIZE
from ..runtime.buffer import allocate_pooled
from ..runtime.device import Device
from ..runtime.launch import Launch
from ..runtime.transfer import DeviceFailure, failure, upload
from ..runtime.versions import stretch_of, touch_stretches
from .rule import Numbers, Rule
from .table import FIXED, HEAD, ROW, Place, plan

__all__ = ["PreparedSteps", "Tensor", "packed"]

_MOST = 1024
"""Steps kept ready: one for each parameter where they come one by one."""
_TYPES = ("float32", "float64", "float16")


class Tensor:
    """What a step changes and reads of one parameter."""

    __slots__ = ("grad", "index", "master", "rule", "states", "weight")

    def __init__(
        self, index: Any, rule: Rule, weight: NDArray, grad: NDArray, states: Sequence[NDArray], master: NDArray | None = None
    ) -> None:
        self.index, self.rule, self.weight, self.grad, self.states, self.master = index, rule, weight, grad, states, master


class _Group:
    """The tensors of one device, type and rule."""

    def __init__(self, tensors: Sequence[tuple[int, Tensor]]) -> None:
        first = tensors[0][1]
        self.device: Device = first.weight._device
        self.rows = np.array([k for k, _ in tensors])
        master = first.master is not None
        dtype = first.weight._dtype
        roots: dict[int, int] = {}
        buffers: list[Any] = []

        def place(array: NDArray | None) -> Place | None:
            if array is None:
                return None
            at = roots.setdefault(id(array._root), len(buffers))
            if at == len(buffers):
                buffers.append(array._root)
            return Place(at, array._offset // ITEMSIZE[array._dtype])

        places = []
        for _, t in tensors:
            states = [*map(place, t.states), None, None, None][:3]
            places.append([place(t.weight), place(t.grad), *states, place(t.master)])
        done = plan(first.rule, dtype, master, [t.weight.size for _, t in tensors], places, self.device.traits)
        self.type = np.dtype("float64" if dtype == "float64" else "float32")
        room = HEAD + ROW * len(tensors)
        sizes = (
            done.table.nbytes,
            room * self.type.itemsize,
            done.chunks.nbytes,
            done.sums * self.type.itemsize,
            done.ratios * self.type.itemsize,
        )
        own = [allocate_pooled(self.device, n, "the tables of an optimizer's step") for n in sizes]
        assert len(own) == FIXED
        upload(self.device, own[0], 0, done.table, private=True)
        upload(self.device, own[2], 0, done.chunks, private=True)
        self.buffers = [*own, *buffers]  # kept alive: setting an argument does not
        self.launches = [Launch(self.device, call) for call in done.calls]
        for launch in self.launches:
            launch.set_buffers(lambda arg: self.buffers[arg.index])
        self.numbers = np.zeros(room, np.float32)
        self.sent = b""
        self.stretches = [stretch_of(a) for _, t in tensors for a in (t.weight, *t.states, *([t.master] if t.master is not None else []))]

    def run(self, n: Numbers) -> None:
        """Enqueue it."""
        head = (n.rescale, n.clip, *n.hyper, *(0.0,) * (3 - len(n.hyper)), n.clip_weights, *n.ratio)
        fresh = self.numbers
        fresh[:HEAD] = head
        columns = fresh[HEAD:].reshape(-1, ROW)
        for at, values in enumerate((n.lrs, n.wds, *n.own)):
            columns[:, at] = np.asarray(values)[self.rows]
        now = fresh.tobytes()
        device = self.device
        if now != self.sent:
            upload(device, self.buffers[1], 0, fresh.astype(self.type), private=True)
            self.sent = now
        touch_stretches(self.stretches)
        queue = device.queue
        try:
            for launch in self.launches:
                launch.enqueue(queue)
        except DeviceFailure as exc:
            raise failure(exc, device, "a step of the optimizer") from exc


class _Step:
    """Groups of tensors, and what tells that they are still those that are asked for."""

    def __init__(self, tensors: Sequence[Tensor], gone: Callable[[Any], None]) -> None:
        self.held = [weakref.ref(a, gone) for t in tensors for a in (t.weight, t.grad)]
        for t in tensors:
            _check(t)
        apart: dict[Any, list[tuple[int, Tensor]]] = {}
        for k, t in enumerate(tensors):
            apart.setdefault((id(t.weight._device), t.weight._dtype, t.master is None, t.rule), []).append((k, t))
        self.groups = [_Group(those) for those in apart.values()]


def _check(t: Tensor) -> None:
    weight = t.weight
    if weight._dtype not in _TYPES:
        raise MXNetError(f"parameter {t.index!r} is of type {weight._dtype}; optimizers take {', '.join(_TYPES)}")
    if t.grad._shape != weight._shape or t.grad._dtype != weight._dtype:
        raise MXNetError(
            f"parameter {t.index!r} has shape {weight._shape} and type {weight._dtype}, its gradient {t.grad._shape} and {t.grad._dtype}"
        )
    inner = weight._dtype if t.master is None else "float32"
    for array, kind in [
        (t.grad, weight._dtype),
        *((s, inner) for s in t.states),
        *([(t.master, "float32")] if t.master is not None else []),
    ]:
        if array._shape != weight._shape or array._dtype != kind:
            raise MXNetError(
                f"parameter {t.index!r} has shape {weight._shape}; a state of it has shape {array._shape} and type {array._dtype}, "
                f"but {kind} is needed: these are states of another parameter or optimizer"
            )
        if array._device is not weight._device:
            raise MXNetError(f"parameter {t.index!r} is on {weight._ctx}, its gradient or a state of it on {array._ctx}; copy it there")


class PreparedSteps:
    """Steps of one optimizer that are ready to be taken again."""

    def __init__(self) -> None:
        self.steps: OrderedDict[Any, tuple[_Step, list[Any]]] = OrderedDict()

    def run(
        self, key: Any, weights: Sequence[NDArray], grads: Sequence[NDArray], states: Sequence[Any], tensors: Callable[[], list[Tensor]],
        numbers: Numbers,
    ) -> None:  # fmt: skip
        """Take the step of some parameters.

        Parameters
        ----------
        key : hashable
            Changes with all that decides what is launched, beside the arrays.
        weights, grads, states
            The arrays as they are given: if they are the same objects as before, the step is ready.
        tensors : callable
            Makes the step's tensors, where it is not.
        numbers : Numbers
        """
        where = (key, len(weights), id(weights[0]), id(grads[0]))
        found = self.steps.get(where)
        if found is not None:
            step, held = found
            now = [r() for r in step.held]
            if not (all(map(_same, now[::2], weights)) and all(map(_same, now[1::2], grads)) and all(map(_same, held, states))):
                found = None
        if found is None:
            steps = self.steps

            def gone(_: Any) -> None:
                steps.pop(where, None)

            step = _Step(tensors(), gone)
            steps[where] = step, list(states)
            while len(steps) > _MOST:
                steps.popitem(last=False)
        for group in step.groups:
            group.run(numbers)


def _same(a: Any, b: Any) -> bool:
    return a is b


def packed(state: Any) -> Any:
    """A state with its arrays in one buffer, so that a launch has room for more parameters; as it is where that gains nothing."""
    leaves: list[NDArray] = []

    def collect(x: Any) -> None:
        if isinstance(x, NDArray):
            leaves.append(x)
        elif isinstance(x, (tuple, list)):
            for y in x:
                collect(y)

    collect(state)
    if len(leaves) < 2 or len({id(a._device) for a in leaves}) > 1 or len({id(a) for a in leaves}) < len(leaves):
        return state
    first = leaves[0]
    step = first._device.traits.alignment
    starts = [0]
    for a in leaves:
        starts.append(starts[-1] + -(-max(a.nbytes, 1) // step) * step)
    whole = NDArray._new((starts[-1],), "uint8", first._ctx, first._device)
    ready: list[NDArray] = []
    for a, start in zip(leaves, starts, strict=False):
        view = NDArray._wrap(whole._root, start, a._shape, a._dtype, a._ctx, a._device)
        view._copy_from(a)
        ready.append(view)
    left = iter(ready)

    def rebuilt(x: Any) -> Any:
        if isinstance(x, NDArray):
            return next(left)
        return type(x)(map(rebuilt, x)) if isinstance(x, (tuple, list)) else x

    return rebuilt(state)
