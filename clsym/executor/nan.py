"""The hunt for NaN: the graph run as it was written, step by step, over the executor's arguments and into arrays of its own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..graph.plan_data import PlanData
from ..ndarray import NDArray
from ..runtime.bound import Arena, BoundPlan
from ..runtime.check import find_nan
from ..runtime.device import resolve
from .arrays import new_array

__all__ = ["first_nan"]


def first_nan(
    plan: PlanData, arrays: Mapping[str, NDArray], arena: Arena, words: np.ndarray[tuple[int], np.dtype[np.uint32]]
) -> str | None:
    """Run a plan that takes over no argument, with its backward part if it has one; what made the first NaN.

    Parameters
    ----------
    plan : Plan
    arrays : dict of str to NDArray
        The executor's own, by key: read, and not written. Where the plan writes, it has arrays for the time of the run.
    arena : Arena
        Where to run; what was in it is gone afterwards.
    words : numpy.ndarray
        The random state of the run.
    """
    mutated = {step.ins[i] for step in plan.steps for i in step.mutates}
    own: dict[str, NDArray] = {}
    for key, e in plan.externals.items():
        if key.startswith(("out:", "grad:")):
            own[key] = new_array(plan.specs[e].shape, plan.homes[key], plan.specs[e].dtype, f"the copy of {plan.names[e]!r} for find_nan")
        elif key in arrays:
            own[key] = arrays[key].copy() if e in mutated else arrays[key]
    bound = BoundPlan(plan, [resolve(c) for c in plan.contexts], own, arena)
    if plan.uses_rng:
        bound.write_rng(words)
    found = find_nan(bound, False)
    if found is None and len(plan.steps) > plan.forward:
        found = find_nan(bound, True)
    return found
