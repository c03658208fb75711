"""Steps of many tensors as few launches: which buffers each takes, and the tables that say where the tensors lie in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph.contract.kernel_call import Arg, In, KernelCall, Scalar, defines_for, grid
from ..graph.contract.traits import DeviceTraits
from .rule import LAMB, Rule

__all__ = ["Place", "Plan", "plan"]

SLOTS = 122
"""Buffers a launch: FOR_SLOTS of ``kernels/optimizer/step_table.cl``."""
COLUMNS, HEAD, ROW = 16, 8, 8
FIXED = 5
"""Buffers of the plan's own, before those of the tensors: table, numbers, chunks, sums of squares, ratios."""
_STEP, _MEASURE, _DIRECTION, _APPLY = range(4)
_MEMBERS = 64  # GROUP_MOST of kernels/include/group.h
_SOURCE = "optimizer/step_table.cl"

Ints = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Place:
    """Where an array lies: the number of its buffer, and the element that it begins at."""

    buffer: int
    start: int


@dataclass
class Plan:
    """Launches, and what they read.

    Attributes
    ----------
    calls : list of KernelCall
        ``In(i)`` being table, numbers, chunks, sums, ratios, then the buffers.
    table, chunks : numpy.ndarray
    sums, ratios : int
        Elements of the workspaces.
    """

    calls: list[KernelCall]
    table: Ints
    chunks: Ints
    sums: int
    ratios: int


def _packed(wanted: Sequence[Sequence[Place]]) -> Iterable[tuple[int, int, dict[int, int]]]:
    """Ranges of tensors that a launch takes, and the slot of each of their buffers."""
    first, slots = 0, dict[int, int]()
    for k, places in enumerate(wanted):
        new = list(dict.fromkeys(p.buffer for p in places if p.buffer not in slots))
        if len(slots) + len(new) > SLOTS:
            yield first, k, slots
            first, slots = k, {}
            new = list(dict.fromkeys(p.buffer for p in places))
        for buffer in new:
            slots[buffer] = len(slots)
    if first < len(wanted):
        yield first, len(wanted), slots


def plan(
    rule: Rule, dtype: str, master: bool, sizes: Sequence[int], places: Sequence[Sequence[Place | None]], traits: DeviceTraits
) -> Plan:
    """The launches of a step.

    Parameters
    ----------
    rule : Rule
    dtype : str
        Of weights and gradients.
    master : bool
        Whether there are weights in full precision.
    sizes : sequence of int
        Elements of each tensor.
    places : sequence of six Place or None
        Of weight, gradient, three states and the weight in full precision, for each tensor.
    traits : DeviceTraits
    """
    length = 16384 if traits.is_cpu else 4096
    counts = [-(-n // length) for n in sizes]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    total = int(starts[-1])
    chunks = np.empty((total, 2), np.int32)
    chunks[:, 0] = np.repeat(np.arange(len(sizes)), counts)
    chunks[:, 1] = np.arange(total) - np.repeat(starts[:-1], counts)
    calls: list[KernelCall] = []
    tables: list[Ints] = []

    def launches(mode: int, columns: Sequence[int], scaled: bool = False) -> None:
        """Launches in which each tensor takes the places in some columns. They have a part of the table of their own, with their slots."""
        at = len(tables) * len(sizes)
        table = np.zeros((len(sizes), COLUMNS), np.int64)
        table[:, 0], table[:, 13], table[:, 14] = sizes, starts[:-1], counts
        tables.append(table)
        wanted = [[p for c in columns if (p := where[c]) is not None] for where in places]
        for lo, hi, slots in _packed(wanted):
            for k in range(lo, hi):
                for c in columns:
                    if (p := places[k][c]) is not None:
                        table[k, 1 + 2 * c] = slots[p.buffer]
                        table[k, 2 + 2 * c] = p.start
            first, count = int(starts[lo]), int(starts[hi] - starts[lo])
            if not count:
                continue
            buffers = [In(FIXED + b) for b in slots]
            args: tuple[Arg, ...] = (
                In(0), In(1), In(2), In(4 if mode == _APPLY or scaled else 3), *(Scalar("int", v) for v in (at, first, count)),
                *buffers, *[buffers[0]] * (SLOTS - len(buffers)),
            )  # fmt: skip
            defines = defines_for(
                dtype, RULE=rule.number, STATES=rule.states + master, MASTER=int(master), MODE=mode, SCALED=int(scaled),
                FORM=rule.scaled or 0, CHUNK=length,
            )  # fmt: skip
            size = ((count,), (1,)) if traits.is_cpu else ((count * _MEMBERS,), (_MEMBERS,))
            calls.append(KernelCall(_SOURCE, "step_table", args, defines, *size))

    def ratios() -> None:
        args = (In(0), In(1), In(3), In(4), Scalar("int", len(sizes)))
        calls.append(KernelCall(_SOURCE, "ratios", args, calls[-1].defines, *grid(len(sizes), traits, 64)))

    states = tuple(range(2, 2 + rule.states))
    weight = (5,) if master else (0,)
    if rule.number == LAMB:
        launches(_DIRECTION, (1, *states, *weight))
        ratios()
        launches(_APPLY, (0, *states, *weight[: int(master)]))
    elif rule.scaled is not None:
        launches(_MEASURE, (1, *weight))
        ratios()
        launches(_STEP, (0, 1, *states, *weight[: int(master)]), scaled=True)
    else:
        launches(_STEP, (0, 1, *states, *weight[: int(master)]))
    if not total:
        calls.clear()
    scaled = rule.scaled is not None
    return Plan(calls, np.concatenate(tables), chunks, 2 * total if scaled else 1, len(sizes) if scaled else 1)
