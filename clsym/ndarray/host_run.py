"""An operator that runs on the host, called on arrays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NoReturn

import numpy as np

from ..base import MXNetError
from ..context import Context
from ..graph.contract.host import HostCall, HostRun, Memory
from ..graph.contract.kernel_call import In, Out
from ..graph.contract.spec import TensorSpec
from ..runtime.device import Device
from ..runtime.host_step import failed
from ..runtime.transfer import copy_bytes, download, fill, upload
from .storage import ArrayBase

__all__ = ["run_on_host"]

Array = np.ndarray[Any, Any]


class _Run:
    """One call (`clsym.graph.contract.host.HostRun`)."""

    states = None

    def __init__(
        self, name: str, device: Device, context: Context, ins: list[Memory], outs: list[Memory | None], added: Collection[int]
    ) -> None:
        self.device, self.context = device, context
        self._name, self._ins, self._outs, self._added = name, ins, outs, added

    def memory(self, arg: In | Out) -> Memory | None:
        """Where an input or output lies; None for an output that nobody wants."""
        return self._ins[arg.index] if isinstance(arg, In) else self._outs[arg.index]

    def value(self, memory: Memory) -> Array:
        """What lies there."""
        value = np.empty(memory.spec.shape, memory.spec.dtype)
        download(self.device, memory.root, memory.offset, value)
        return value

    def copy(self, source: Memory, target: Memory) -> None:
        """Enqueue a copy."""
        copy_bytes(source.root, source.offset, self.device, target.root, target.offset, self.device, target.spec.nbytes)

    def zero(self, target: Memory) -> None:
        """Enqueue zeros."""
        fill(self.device, target.root, target.offset, target.spec.nbytes, np.zeros(1, np.uint8))

    def read(self, index: int) -> Array:
        """The value of an input."""
        return self.value(self._ins[index])

    def write(self, index: int, value: Array) -> None:
        """Store an output."""
        target = self._outs[index]
        if target is None:
            return
        value = np.asarray(value)
        if value.shape != target.spec.shape:
            raise ValueError(f"output {index} has shape {value.shape}, expected {target.spec.shape}")
        if index in self._added:
            value = self.value(target) + value
        upload(self.device, target.root, target.offset, np.ascontiguousarray(value, target.spec.dtype))

    def body(self, number: int) -> NoReturn:
        """Refuses: graphs inside nodes are compiled with the graph around them."""
        raise MXNetError(f"operator {self._name} holds graphs, which a call on arrays has not; use the functions of mx.nd.contrib")

    def run_body(self, number: int, values: Sequence[Array]) -> NoReturn:
        """Refuses, as `body`."""
        self.body(number)


def run_on_host(
    name: str,
    call: HostCall,
    device: Device,
    context: Context,
    ins: Sequence[ArrayBase],
    outs: Sequence[tuple[Any, int, TensorSpec] | None],
    added: Collection[int] = (),
) -> None:
    """Run the function of a `HostCall` over arrays, and results given as (buffer, offset, spec); None for those that nobody wants.

    Those of `added` are added to what is there.

    Raises
    ------
    MXNetError
        It raised; the cause has its traceback.
    """
    inputs = [Memory(a._root, a._offset, TensorSpec(a._shape, a._dtype)) for a in ins]
    run: HostRun = _Run(name, device, context, inputs, [None if out is None else Memory(*out) for out in outs], added)
    try:
        call.function(run)
    except Exception as exc:
        raise failed(f"operator {name}", exc) from exc
