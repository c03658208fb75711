"""What a training plan keeps from the forward part for the backward part, and what it computes again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .max_flow import INFINITE, Network
from .replay import Replay, Tape

__all__ = ["Candidate", "cheapest_keep", "evaluate", "fill", "split"]


@dataclass(frozen=True)
class Candidate:
    """A choice of what to keep.

    Attributes
    ----------
    keep, lasting : frozenset of int
        See `Tape.emit`.
    recent : int
        See `Tape.emit`.
    replay : Replay
    live : array of int
        Aligned bytes alive at each step.
    peak : int
        Most bytes alive at a step.
    at : int
        That step.
    cost : int
        Of all second runs, in multiply-adds.
    """

    keep: frozenset[int]
    lasting: frozenset[int]
    recent: int
    replay: Replay
    live: npt.NDArray[np.int64]
    peak: int
    at: int
    cost: int


def evaluate(tape: Tape, keep: Collection[int], lasting: Collection[int] = (), recent: int = 4) -> Candidate:
    """What keeping these entries comes to."""
    replay = tape.emit(frozenset(keep), frozenset(lasting), recent)
    live = tape.live(replay)
    at = int(live.argmax())
    return Candidate(frozenset(keep), frozenset(lasting), recent, replay, live, int(live[at]), at, tape.extra(replay))


def cheapest_keep(tape: Tape, price: float, allowed: Collection[int], forced: Collection[int] = ()) -> set[int]:
    """The entries to keep so that bytes kept + price * cost of what is run again is least, each step being run again at most once.

    A minimum cut: a step on the sink's side is run again and pays, and needs its inputs; an entry on the sink's side whose step is not
    is kept, and pays its bytes.

    Parameters
    ----------
    price : float
        Bytes that one multiply-add is worth.
    allowed : collection of int
        Steps that may be run again.
    forced : collection of int
        Entries that are kept in any case.
    """
    entries = sorted(tape.maker)
    vertex = {e: tape.forward + i for i, e in enumerate(entries)}
    source = tape.forward + len(entries)
    sink = source + 1
    network = Network(sink + 1)
    for s in range(tape.forward):
        fresh = tape.again[s]
        if fresh is None or s not in allowed:
            network.add(source, s, INFINITE)
            continue
        network.add(source, s, int(price * tape.cost[s]) + 1)
        for e in set(fresh[0].ins):
            if e in vertex:
                network.add(vertex[e], s, INFINITE)
    for e in entries:
        free = e in forced or e not in tape.droppable
        network.add(tape.maker[e], vertex[e], 0 if free else tape.sizes[e])
    for e in tape.needed:
        network.add(vertex[e], sink, INFINITE)
    side = network.source_side(source, sink)
    return {e for e in entries if side[tape.maker[e]] and not side[vertex[e]]} | set(forced)


def split(tape: Tape, found: Candidate) -> set[int]:
    """Entries to keep as well, so that the stretch of the graph that is run again around the peak is run in two parts.

    Cut where the larger part and what crosses the cut are smallest together.
    """
    replay, first = found.replay, len(tape.sizes)
    made: dict[int, int] = {}
    last: dict[int, int] = {}
    for i, (_, ins, outs) in enumerate(replay.steps[replay.forward :], replay.forward):
        for e in ins:
            if e >= first:
                last[e] = i
        for e in outs:
            if e >= first:
                made[e] = i
    alive = [e for e, i in made.items() if i <= found.at <= last.get(e, -1)]
    if len(alive) < 2:
        return set()
    weight: dict[int, int] = {}
    for e in alive:
        s = replay.steps[made[e]][0]
        weight[s] = weight.get(s, 0) + tape.sizes[replay.copies[e - first]]
    low, high = min(weight), max(weight)
    runs = sorted({s for s, _, _ in replay.steps[replay.forward : found.at + 1] if low <= s <= high})
    read: dict[int, int] = {}  # the last of these steps that reads each entry which they compute
    for s in runs:
        fresh = tape.again[s]
        for e in fresh[0].ins if fresh is not None else ():
            if e in tape.droppable and e not in found.keep:
                read[e] = max(read.get(e, -1), s)
    total = sum(weight.values())
    below = 0
    best: tuple[int, set[int]] = (total, set())
    for s in runs[:-1]:
        below += weight.get(s, 0)
        crossing = {e for e, reader in read.items() if tape.maker[e] <= s < reader}
        score = max(below, total - below) + sum(tape.sizes[e] for e in crossing)
        if score < best[0]:
            best = (score, crossing)
    return best[1]


def fill(tape: Tape, found: Candidate, limit: int, rounds: int = 8) -> Candidate:
    """Use what the limit leaves: keep what is dearest to compute again a byte, as long as it fits."""
    room = limit
    for _ in range(rounds):
        better = evaluate(tape, *_more(tape, found, room), found.recent)
        if better.keep == found.keep and better.lasting == found.lasting:
            break
        if better.peak > limit:  # what stays can no longer be overwritten in place
            room -= max(better.peak - limit, (limit - found.peak) // 4)
        elif better.cost < found.cost:
            found, room = better, limit
        else:
            break
    return found


def _more(tape: Tape, found: Candidate, limit: int) -> tuple[set[int], set[int]]:
    replay, first, a = found.replay, len(tape.sizes), tape.alignment
    live = found.live.copy()
    idle: list[tuple[float, int, int, int, bool]] = []  # (worth a byte, entry, from, to, whether from the forward part on)
    last: dict[int, int] = {}  # last step that had the value of an entry at hand
    again: set[int] = set()
    for i, (s, ins, outs) in enumerate(replay.steps):
        for e in ins:
            last[replay.copies[e - first] if e >= first else e] = i
        for e in outs:
            if e >= first:
                origin = replay.copies[e - first]
                if tape.sizes[origin]:
                    worth = tape.cost[s] / tape.sizes[origin]
                    idle.append((-worth, origin, last.get(origin, i) + 1, i, origin not in again))
                again.add(origin)
                last[origin] = i
            elif e >= 0:
                last[e] = i
    keep, lasting = set(found.keep), set(found.lasting)
    for _, e, begin, end, kept in sorted(idle):
        size = -(-tape.sizes[e] // a) * a
        if begin < end and int(live[begin : end + 1].max()) + size > limit:
            continue
        live[begin : end + 1] += size
        (keep if kept else lasting).add(e)
    return keep, lasting
