"""Every value of a forward, shown to a callback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..context import Context
from ..graph.lower import Step
from ..ndarray import NDArray
from ..ndarray import array as nd_array
from ..runtime.bound import BoundPlan
from ..runtime.check import read_entry
from .unnamed_inputs import shown_input_names

__all__ = ["Monitor"]


class NodeName(str):
    """The name of a value. MXNet gives callbacks bytes; scripts written for it decode them."""

    __slots__ = ()

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The name itself."""
        return str(self)


class Monitor:
    """Calls ``callback(name, value)`` for every output of every node, and with `inputs_too` for the inputs before it."""

    def __init__(self, callback: Callable[[str, NDArray], Any], inputs_too: bool) -> None:
        self.callback = callback
        self.inputs_too = inputs_too

    def run(self, bound: BoundPlan, ctx: Context) -> None:
        """Run the forward part step by step."""
        plan = bound.plan
        variables = {e for key, e in plan.externals.items() if key.startswith("var:")}

        def report(name: str, entry: int) -> None:
            self.callback(NodeName(name), nd_array(read_entry(bound, entry), ctx=ctx, dtype=plan.specs[entry].dtype))

        def before(s: int, step: Step) -> None:
            for name, e in zip(shown_input_names(step.op, step.in_names), step.ins, strict=True):
                if plan.memory.entry[e] is not None:
                    if e in variables:
                        report(plan.names[e], e)
                    report(f"{step.name}_{name}", e)

        def after(s: int, step: Step) -> None:
            for e in step.outs:
                if e >= 0 and plan.memory.entry[e] is not None:
                    report(plan.names[e], e)

        bound.run_steps(False, after, before if self.inputs_too else None)
