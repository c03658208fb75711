"""compile_plan(): runs the passes and returns a `Plan`, plain data that says which kernel runs when, where, and at which bytes."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from ..base import env
from ..context import Context
from .compilation import Compilation, Placer
from .contract.op import Entry
from .contract.spec import TensorSpec, show_shape
from .contract.traits import DeviceTraits
from .lower import Step
from .passes import PASSES
from .plan_data import Binding, PlanData
from .report.memory_report import MemoryReport
from .report.progress import told

__all__ = ["Binding", "Plan", "Step", "compile_plan"]

Key = tuple[int, int]


class Plan(PlanData):
    """A compiled graph, and what can be told of it."""

    def memory_report(self) -> MemoryReport:
        """Where every byte goes and when: sums, live ranges, the peak, what was computed in place and what could not be."""
        return MemoryReport(self)

    def dump(self) -> str:
        """A step a line: device, what it computes with shapes, where its outputs live, and what they took over in place."""
        taken = {(s, o): i for s, o, i in self.memory.inplace}
        lines = []
        for s, step in enumerate(self.steps):
            if s == self.forward:
                lines.append("-- backward")
            ins = ", ".join(self.names[e] for e in step.ins)
            outs = []
            for k, e in enumerate(step.outs):
                if e < 0:
                    continue
                spec = self.specs[e]
                text = f"{self.names[e]} {spec.dtype}{show_shape(spec.shape)} {self._where(e)}"
                if step.reqs[k] == "add":
                    text += " +="
                if (s, k) in taken:
                    text += f" in place of {self.names[step.ins[taken[s, k]]]}"
                outs.append(text)
            work = "on the host" if step.host is not None else f"{len(step.calls)} launches"
            how = "view" if s in self.memory.aliased else "copy" if step.copy else work
            waits = f" waits for {list(self.waits.before[s])}" if self.waits.before[s] else ""
            told = step.name not in self.fused or step.op.endswith("]")
            what = step.op if told else f"{step.op}[{'+'.join(self.fused[step.name])}]"
            lines.append(f"{s:4d} {self.contexts[step.lane]} {what}({ins}) -> {'; '.join(outs) or 'nothing'} [{how}]{waits}")
        m = self.memory
        lines.append(
            f"arena {m.arena_bytes} bytes, bound {m.bound_bytes}, naive {m.naive_bytes}, {len(m.inplace)} in place, "
            f"{len(m.aliased)} views, largest workspace {m.workspace_bytes}"
        )
        if self.preparation is not None:
            values = [k for k in self.externals if k.startswith("prep:")]
            size = sum(self.specs[self.externals[k]].nbytes for k in values)
            lines.append(f"{len(values)} values of {size} bytes are prepared from parameters, again only after one was written")
        if self.recomputed:
            lines.append(f"{self.recomputed} steps recomputed, {self.extra_work:.1%} more multiply-adds")
        return "\n".join(lines)

    def _where(self, e: int) -> str:
        place_ = self.memory.entry[e]
        if place_ is None:
            return "nowhere"
        st = self.memory.storages[place_[0]]
        if st.external is not None:
            return f"@{st.external}+{place_[1]}"
        return f"@arena{st.lane}.{st.chunk}+{st.offset + place_[1]}"


def compile_plan(
    heads: Sequence[Entry],
    binding: Binding,
    *,
    train: bool,
    default: Context,
    group2ctx: Mapping[str, Context] | None = None,
    traits: Callable[[Context], DeviceTraits],
    reuse: bool = True,
    positions: Mapping[int, int] | None = None,
    specs: Mapping[Key, TensorSpec] | None = None,
    memory_limit: int | None = None,
    optimize: bool | None = None,
    placer: Placer | None = None,
) -> Plan:
    """Run the passes: infer, compute once, rewrite, hoist, gradient, place, schedule, fuse, lower, recompute, memory, sync.

    Parameters
    ----------
    heads : list of Entry
        The outputs of the graph.
    binding : Binding
    train : bool
        Training plan: training behaviour of the operators, and the backward part for every gradient wanted.
    default : Context
        Where nodes without a ``ctx_group`` run.
    group2ctx : dict of str to Context
    traits : callable
        Context to `DeviceTraits`.
    reuse : bool
        False: no memory is shared between intermediates (to compare with).
    positions : dict of int to int
        A number for every node, by serial, which its random draws depend on; default: its place in this graph. Give the numbers of
        the whole graph when compiling a part of it, so that the part draws what the whole draws.
    specs : dict
        Of every entry of the graph, where the caller has inferred it already.
    memory_limit : int
        The most bytes that the arenas (intermediates and workspaces) may have; parts of the forward are computed again in the backward
        where that is needed. The environment variable ``MXNET_BACKWARD_DO_MIRROR`` and the attribute ``__force_mirroring__`` of nodes ask
        for computing again without a limit.
    optimize : bool
        Whether the graph may be rewritten: blocked layouts, fusion, parameters prepared ahead. The default is what the environment variable
        ``CLSYM_OPTIMIZE`` says.
    placer : callable
        Chooses where operators run, before the graph is rewritten for the devices; see `clsym.graph.compilation.Placer`.

    Raises
    ------
    MXNetError
        Shapes contradict, an operator is unknown or lacks a gradient, a variable was not bound, or no plan within `memory_limit` was found.
    """
    c = Compilation(
        list(heads), binding, train, default, dict(group2ctx or {}), traits, reuse, memory_limit,
        optimize=env("CLSYM_OPTIMIZE") != "0" if optimize is None else optimize, numbers=positions, specs=dict(specs or {}), placer=placer,
    )  # fmt: skip
    with _no_collection(), told(len(PASSES)) as tell:
        for run in PASSES:
            tell(run.__name__)
            run(c)
        return Plan(**c.result())


@contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage collection: a compilation makes a million objects and no cycles, and looking for some takes a third of its time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
