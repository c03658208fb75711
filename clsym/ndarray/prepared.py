"""An operator lowered for given inputs on one device, ready to be enqueued again and again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ..base import MXNetError
from ..graph.contract.contradiction import Contradiction, of_shapes, of_types, unify_type
from ..graph.contract.host import HostCall, Measured, OnHost
from ..graph.contract.kernel_call import KernelCall, Local, LowerContext, Out, Refusal, Rng, Scalar, Temp
from ..graph.contract.op import Op
from ..graph.contract.registry import facet
from ..graph.contract.spec import ShapeError, TensorSpec, known, show_shape, unify_shape
from ..params import Params
from ..runtime import profiling
from ..runtime.buffer import allocate_pooled
from ..runtime.device import Device
from ..runtime.launch import random_state, temp_sizes
from ..runtime.refusals import box_of
from ..runtime.shared_kernel import constants, enqueue, shared_kernel, work_group
from ..runtime.topology import on_fork_clear
from ..runtime.transfer import DeviceFailure, copy_bytes, failure, upload
from ..runtime.versions import touch
from .host_run import run_on_host
from .lru import LRU
from .storage import ArrayBase

__all__ = ["Prepared", "prepare"]

_prepared: LRU[Prepared] = LRU()
on_fork_clear(_prepared.entries)


class Enqueue:
    """One launch of a prepared operator.

    Attributes
    ----------
    slots : list of (int, int, int)
        Position, kind and index of each buffer argument; kinds: 0 input, 1 output, 2 workspace, 3 random state, 4 note of a refusal.
    """

    __slots__ = ("global_size", "kernel", "local", "local_size", "refusals", "scalars", "slots")

    def __init__(self, device: Device, call: KernelCall) -> None:
        self.kernel = shared_kernel(device, call)
        self.global_size = call.global_size
        self.local_size = work_group(device, call, self.kernel)
        self.scalars, self.local = constants(call)
        self.refusals = [arg for arg in call.args if isinstance(arg, Refusal)]
        self.slots = [(i, *_slot(arg)) for i, arg in enumerate(call.args) if not isinstance(arg, (Scalar, Local))]


class Prepared:
    """An operator lowered for given inputs on one device.

    Attributes
    ----------
    outs : list of TensorSpec
    visible : int
    plan : list of Enqueue
    temps : dict of int to int
        Bytes of each workspace.
    host : HostCall or None
        What it does on the host, instead of launches.
    views : dict
        Outputs that are a stretch of an input: copied here, since an operator's result is an array of its own.
    written : tuple of int
        The outputs that are wanted.
    added : frozenset of int
        Those of them that are added to what their arrays hold.
    slope : object or None
        Room for what the tape knows of the operator's gradient.
    """

    __slots__ = (
        "added", "device", "host", "inplace", "ins", "measures", "mutates", "name", "op", "outs", "params", "plain", "plan", "refusals",
        "slope", "temps", "train", "views", "visible", "written",
    )  # fmt: skip

    def __init__(
        self,
        op: Op,
        p: Params,
        ins: list[TensorSpec],
        outs: list[TensorSpec],
        device: Device,
        train: bool,
        reqs: tuple[str, ...] | None = None,
    ) -> None:
        self.op, self.params, self.device, self.train = op, p, device, train
        self.name = op.name
        self.ins, self.outs = ins, outs
        self.slope: Any = None
        self.visible = op.num_visible(p)
        reqs = reqs if reqs is not None else ("write",) * len(outs)
        self.written = tuple(k for k, r in enumerate(reqs) if r != "null")
        self.added = frozenset(k for k, r in enumerate(reqs) if r == "add")
        self.inplace = frozenset(op.inplace(p, ins, outs))
        self.mutates = tuple(op.mutates(p, train))
        self.views = {k: v for k, v in op.view(p, ins, outs).items() if reqs[k] == "write"} if any(o.size for o in outs) else {}
        self.plan: list[Enqueue] = []
        self.temps: dict[int, int] = {}
        self.host: HostCall | None = None
        if not outs or any(outs[k].size and k not in self.views for k in self.written):
            stores = tuple("null" if o.size == 0 else r for o, r in zip(outs, reqs, strict=True))
            ctx = LowerContext(device.traits, stores, train)
            on_host = facet(op, OnHost)
            if on_host is not None:
                self.host = on_host.host(p, ins, outs, ctx)
            calls = op.lower(p, ins, outs, ctx) if on_host is None else []
            self.temps = temp_sizes(calls)
            self.plan = [Enqueue(device, call) for call in calls]
        noted = dict.fromkeys(arg for step in self.plan for arg in step.refusals)
        self.refusals = [box_of(device, arg, f"operator {op.name}") for arg in noted]
        measured = facet(op, Measured)
        self.measures = dict(measured.measures(p)) if measured is not None else {}
        self.plain = not (self.views or self.temps or self.mutates or op.random or self.refusals)

    def run(self, inputs: Sequence[ArrayBase], outputs: Sequence[Any]) -> None:
        """Enqueue it: results go to `outputs`, all of them, hidden ones included; what is not wanted may be None."""
        device = self.device
        if self.host is not None:
            self._run_on_host(self.host, inputs, outputs)
            return
        ins = [a._root if a._offset == 0 else self._staged(a) for a in inputs]
        outs: list[Any] = [None] * len(outputs)
        back: list[tuple[Any, int]] = []
        for k in self.written:
            out = outputs[k]
            root, start = out._root, out._offset
            touch(root, start, self.outs[k].nbytes)
            buffer = root if start == 0 else out._buffer()
            if buffer is None or self._clashes(k, out, inputs):
                buffer = allocate_pooled(device, self.outs[k].nbytes, f"output {k} of {self.name}")
                back.append((buffer, k))
                if k in self.added:
                    self._copy(root, start, buffer, 0, self.outs[k].nbytes)
            outs[k] = buffer
        for i in self.mutates:
            touch(inputs[i]._root, inputs[i]._offset, inputs[i].nbytes)
        pools: list[Any] = [ins, outs]
        if not self.plain:
            pools.append({i: allocate_pooled(device, n, f"workspace of {self.name}") for i, n in self.temps.items()})
            for k, (i, start) in self.views.items():
                self._copy(ins[i], start, outs[k], 0, self.outs[k].nbytes)
            pools.append(_DrawnOnce(device))
            pools.append([box.buffer for box in self.refusals])
        try:
            self._enqueue(pools)
        except DeviceFailure as exc:
            raise failure(exc, device, f"operator {self.name}") from exc
        finally:
            for box in self.refusals:
                box.arm()
        for buffer, k in back:
            self._copy(buffer, 0, outputs[k]._root, outputs[k]._offset, self.outs[k].nbytes)
        for i in self.mutates:
            if inputs[i]._offset and inputs[i]._buffer() is None:
                self._copy(ins[i], 0, inputs[i]._root, inputs[i]._offset, inputs[i].nbytes)

    def _run_on_host(self, call: HostCall, inputs: Sequence[ArrayBase], outputs: Sequence[Any]) -> None:
        """Results go through memory of their own where they would overwrite an input."""
        places: list[tuple[Any, int, TensorSpec] | None] = [None] * len(outputs)
        for k in self.written:
            out, spec = outputs[k], self.outs[k]
            touch(out._root, out._offset, spec.nbytes)
            places[k] = out._root, out._offset, spec
            if self._clashes(k, out, inputs):
                buffer = allocate_pooled(self.device, spec.nbytes, f"output {k} of {self.name}")
                places[k] = buffer, 0, spec
                if k in self.added:
                    self._copy(out._root, out._offset, buffer, 0, spec.nbytes)
        for i in self.mutates:
            touch(inputs[i]._root, inputs[i]._offset, inputs[i].nbytes)
        context = (*inputs, *(outputs[k] for k in self.written))[0]._ctx
        run_on_host(self.name, call, self.device, context, inputs, places, self.added)
        for k in self.written:
            place, out = places[k], outputs[k]
            if place is not None and place[0] is not out._root:
                self._copy(place[0], place[1], out._root, out._offset, self.outs[k].nbytes)

    def _enqueue(self, pools: list[Any]) -> None:
        recorder = profiling.active
        if recorder is not None:
            recorder.adopt(self.device)
        queue = self.device.queue
        for step in self.plan:
            kernel = step.kernel
            set_buffer, set_value = kernel.set_buffer, kernel.set_value
            with kernel.lock:
                for position, kind, index in step.slots:
                    set_buffer(position, pools[kind][index])
                for position, value in step.scalars:
                    set_value(position, value)
                for position, memory in step.local:
                    set_buffer(position, memory)
                event = enqueue(queue, kernel.kernel, step.global_size, step.local_size)
            if recorder is not None:
                recorder.imperative(event, self.device, self.name, self.outs)

    def _copy(self, src: Any, src_offset: int, dst: Any, dst_offset: int, nbytes: int) -> None:
        from_device = self.device
        copy_bytes(src, src_offset, from_device, dst, dst_offset, from_device, nbytes)

    def _staged(self, array: ArrayBase) -> Any:
        """The buffer of an input, a copy where its start is not aligned."""
        buffer = array._buffer()
        if buffer is None:
            buffer = allocate_pooled(self.device, array.nbytes, f"an aligned input of {self.name}")
            self._copy(array._root, array._offset, buffer, 0, array.nbytes)
        return buffer

    def _clashes(self, k: int, out: ArrayBase, inputs: Sequence[ArrayBase]) -> bool:
        """Whether output `k` would overwrite an input that the operator may still read."""
        root, start = out._root, out._offset
        for i, array in enumerate(inputs):
            if array._root is root:
                end = start + self.outs[k].nbytes
                if array._offset < end and start < array._offset + array.nbytes:
                    same = array._offset == start and array.nbytes == end - start
                    if not same or (k, i) not in self.inplace:
                        return True
        return False


class _DrawnOnce:
    """The random state of one call: the same four words for each of its kernels."""

    __slots__ = ("buffer", "device")

    def __init__(self, device: Device) -> None:
        self.device = device
        self.buffer: Any = None

    def __getitem__(self, index: int) -> Any:
        if self.buffer is None:
            self.buffer = allocate_pooled(self.device, 16, "random state")
            upload(self.device, self.buffer, 0, random_state.draw(), private=True)
        return self.buffer


def _slot(arg: Any) -> tuple[int, int]:
    if isinstance(arg, Temp):
        return 2, arg.index
    if isinstance(arg, Rng):
        return 3, 0
    if isinstance(arg, Refusal):
        return 4, 0  # an operator has one kind at most
    return (1 if isinstance(arg, Out) else 0), arg.index


def prepare(
    op: Op,
    p: Params,
    ins: Sequence[tuple[Any, str]],
    wanted: Sequence[tuple[Any, str]] | None,
    device: Device,
    train: bool,
    reqs: tuple[str, ...] | None = None,
) -> Prepared:
    """The prepared call for inputs of these shapes and types; `wanted` are those of given outputs, `reqs` how outputs are stored."""
    # by identity, which tells 0.0 from -0.0; the value keeps `p` alive, so that its id is not reused
    key = (id(p), tuple(ins), None if wanted is None else tuple(wanted), device, train, reqs)
    found = _prepared.find(key)
    if found is None:
        found = _prepared.keep(key, _prepare(op, p, ins, wanted, device, train, reqs))
    return found


def _error(op: Op, names: Sequence[str], found: Contradiction | None, given: str, advice: str) -> MXNetError:
    assert found is not None
    name = f"argument {names[found.position]!r}" if found.kind == "input" else f"output {found.position}"
    return MXNetError(f"Error in operator {op.name}: {found.text(name)}. Inputs: {given or 'none'}.{advice if found.kind else ''}")


def _prepare(
    op: Op,
    p: Params,
    ins: Sequence[tuple[Any, str]],
    wanted: Sequence[tuple[Any, str]] | None,
    device: Device,
    train: bool,
    reqs: tuple[str, ...] | None,
) -> Prepared:
    names = op.input_names(p)
    if len(ins) != len(names):
        raise MXNetError(f"Operator {op.name} expects {len(names)} inputs ({', '.join(names)}), but got {len(ins)} instead.")
    count = len(op.output_names(p))
    hints: list[Any] = [None] * count
    kinds: list[str | None] = [None] * count
    for k, (shape, dtype) in enumerate(wanted or ()):
        hints[k], kinds[k] = shape, dtype
    given = ", ".join(f"{n}={show_shape(s)} {t}" for n, (s, t) in zip(names, ins, strict=True))
    in_shapes, in_types = [s for s, _ in ins], [t for _, t in ins]
    out_types: list[str | None] = list(kinds) if not ins else [None] * count
    try:
        shapes_in, shapes = op.infer_shape(p, list(in_shapes), list(hints))
        for have, must in zip(in_shapes, shapes_in, strict=True):
            unify_shape(have, must)
    except ShapeError as exc:
        found = of_shapes(partial(op.infer_shape, p), list(in_shapes), list(hints), [True] * len(ins))
        raise _error(op, names, found, given, "") from exc
    try:
        types_in, types = op.infer_type(p, list(in_types), list(out_types))
        for kind_given, kind_needed in zip(in_types, types_in, strict=True):
            unify_type(kind_given, kind_needed)
    except ShapeError as exc:
        found = of_types(partial(op.infer_type, p), list(in_types), out_types, [True] * len(ins))
        raise _error(op, names, found, given, " Convert it with astype.") from exc
    outs = []
    for k, (shape, kind) in enumerate(zip(shapes, types, strict=True)):
        if shape is None or not known(shape):
            raise MXNetError(
                f"Error in operator {op.name}: the shape of output {k} ({show_shape(shape)}) does not follow from the inputs. "
                f"Inputs: {given or 'none'}."
            )
        spec = TensorSpec(tuple(shape), kind or kinds[k] or "float32")
        if wanted is not None and k < len(wanted) and wanted[k] != (spec.shape, spec.dtype):
            raise MXNetError(
                f"Error in operator {op.name}: out= has shape {wanted[k][0]} and type {wanted[k][1]}, but the result has {spec.shape} "
                f"and {spec.dtype}."
            )
        outs.append(spec)
    return Prepared(op, p, [TensorSpec(s, t) for s, t in ins], outs, device, train, reqs)
