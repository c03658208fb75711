"""Parameters in the form that a plan wants them in, brought into it again only after they were written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..graph.plan_data import PlanData
from .arena import Arena
from .buffer import allocate
from .device import Device
from .versions import Span, Watch

__all__ = ["Preparation"]


class Prepared:
    """A value prepared from parameters: an exact allocation of its own."""

    def __init__(self, device: Device, nbytes: int, what: str) -> None:
        self._device = device
        self._root = allocate(device, nbytes, what)
        self._offset = 0
        self.nbytes = nbytes


class Preparation:
    """The plan that brings parameters into the form that another plan wants them in, and its results.

    It runs when one of its inputs was written since it last ran; its kernels and intermediates are given back at once.

    Parameters
    ----------
    plan : PlanData
    devices : list of Device
        One a lane.
    externals : dict of str to Span
        The arrays of the other plan, by key.
    bind : type
        `BoundPlan`.
    """

    def __init__(self, plan: PlanData, devices: Sequence[Device], externals: Mapping[str, Span], bind: Callable[..., Any]) -> None:
        self.results: dict[str, Span] = {}
        self._bind = bind
        self._plan = plan
        self._devices = list(devices)
        self._given = {k: externals[k] for k in plan.externals if k.startswith("var:")}
        home = dict(zip(plan.contexts, devices, strict=True))
        for key, e in plan.externals.items():
            if key.startswith("out:"):
                what = f"prepared parameter {plan.names[e]!r}"
                self.results["prep:" + key[4:]] = Prepared(home[plan.homes[key]], plan.specs[e].nbytes, what)
        self._watch = Watch(self._given.values())

    def update(self) -> None:
        """Prepare again if anything was written."""
        if self._watch.changed():
            self._run()

    def _run(self) -> None:
        outs = {"out:" + k[5:]: a for k, a in self.results.items()}
        self._bind(self._plan, self._devices, {**self._given, **outs}, Arena()).run(False)
