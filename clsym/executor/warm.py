"""warm: build a graph's kernels before they are needed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..base import MXNetError
from ..context import Context
from ..graph.contract.op import Entry
from ..ndarray import NDArray
from ..runtime.cache import CacheFolder, kernel_folder
from ..runtime.device import resolve
from ..runtime.program import program_count
from .bind import simple_bind
from .executor import Executor
from .inputs import graph_inputs

__all__ = ["Warmth", "warm"]


@dataclass(frozen=True)
class Warmth:
    """What `Symbol.warm` did.

    Attributes
    ----------
    kernels : int
        Different kernels that the graph launches.
    programs : int
        Programs that this process did not have before, compiled or read from the folder.
    seconds : float
        That it took to plan, build and run everything once.
    folder : CacheFolder
        Where the driver, or pyopencl for it, keeps what was compiled.
    files, nbytes : int
        What was added to the folder; 0 if all was there.
    """

    kernels: int
    programs: int
    seconds: float
    folder: CacheFolder
    files: int
    nbytes: int

    def __str__(self) -> str:
        new = f"{self.files} new files, {self.nbytes / 2**20:.1f} MiB, in" if self.files else "nothing new for"
        return f"{self.kernels} kernels in {self.programs} programs, {self.seconds:.1f} s; {new} {self.folder.path}"


def warm(
    heads: Sequence[Entry],
    ctx: Context,
    train: bool = False,
    grad_req: Any = None,
    type_dict: Mapping[str, Any] | None = None,
    params: Mapping[str, NDArray] | None = None,
    **shapes: Sequence[int],
) -> Warmth:
    """Run a graph once over arrays of its own; see `Symbol.warm`."""
    names = [n.name for n in graph_inputs(heads)[0]]
    given = {n.partition(":")[2] if n.startswith(("arg:", "aux:")) else n: a for n, a in (params or {}).items()}
    if grad_req is None:
        grad_req = {n: "null" if n in shapes or not train else "write" for n in names}
    known = {n.name for nodes in graph_inputs(heads) for n in nodes}
    if given and not known & set(given):
        raise MXNetError(f"warm: none of {sorted(given)[:5]} is an input of the graph, which has {names[:5]}; these are another model's")
    types = {n: a.dtype for n, a in given.items() if n in known} | dict(type_dict or {})
    known_shapes: dict[str, Any] = {n: a.shape for n, a in given.items() if n in known} | shapes
    folder = kernel_folder(resolve(ctx).platform_name)
    before, programs, start = folder.size(), program_count(), time.perf_counter()
    executor = simple_bind(heads, ctx, grad_req=grad_req, type_dict=types, **known_shapes)
    executor.copy_params_from(
        {n: a for n, a in given.items() if n in executor.arg_dict}, {n: a for n, a in given.items() if n in executor.aux_dict}
    )
    kernels = _run(executor, False)
    if train:
        kernels |= _run(executor, True)
    after = folder.size()
    return Warmth(
        len(kernels), program_count() - programs, time.perf_counter() - start, folder,
        max(0, after[0] - before[0]), max(0, after[1] - before[1]),
    )  # fmt: skip


def _run(executor: Executor, train: bool) -> set[Any]:
    """Run the graph to its end; the kernels that it launches."""
    outputs = executor.forward(is_train=train)
    if train:
        executor.backward(outputs)  # head gradients, where it needs some: any values will do
    for array in [*outputs, *(g for g in executor.grad_dict.values() if g is not None)]:
        array.wait_to_read()
    plan = executor.plan(is_train=train)
    plans = [plan] if plan.preparation is None else [plan, plan.preparation]
    calls = [call for p in plans for s, step in enumerate(p.steps) if s not in p.memory.aliased for call in step.calls]
    return {(call.source, call.defines, call.entry, call.local_size) for call in calls}
