"""Packing live ranges: valid by an independent check, optimal where brute force or the bound says so, fast."""

from __future__ import annotations

import csv
import itertools
import random
import time
from pathlib import Path

import pytest

from clsym.base import MXNetError
from clsym.graph.memory.pack import best_packing, max_live, pack, parse_effort
from clsym.graph.memory.pack_exact import fit, sections

BENCHMARKS = Path(__file__).parents[1] / "reference" / "minimalloc"
Items = list[tuple[int, int, int]]


def check(items: Items, where: list[tuple[int, int]], heights: list[int], limit: int = 1 << 62, alignment: int = 1) -> None:
    """No two items alive at the same step share a byte, everything ends below its chunk's height, and no height is in vain."""
    assert len(where) == len(items)
    tops = [0] * len(heights)
    for (_, _, size), (chunk, offset) in zip(items, where, strict=True):
        if size:
            assert offset >= 0
            assert not offset % alignment
            tops[chunk] = max(tops[chunk], offset + -(-size // alignment) * alignment)
    assert tops == heights
    assert all(h <= max(limit, max(-(-size // alignment) * alignment for _, _, size in items)) for h in heights)
    for step in {first for first, _, _ in items}:
        taken = sorted((*place, size) for (first, last, size), place in zip(items, where, strict=True) if first <= step <= last and size)
        for (chunk, offset, size), (next_chunk, next_offset, _) in itertools.pairwise(taken):
            assert chunk != next_chunk or offset + size <= next_offset


def random_items(rnd: random.Random, count: int, steps: int, sizes: int) -> Items:
    items = []
    for _ in range(count):
        first = rnd.randrange(steps)
        items.append((first, min(steps, first + int(rnd.expovariate(0.3))), rnd.randrange(sizes)))
    return items


def read(name: str) -> Items:
    with open(BENCHMARKS / name, newline="") as file:
        return [(int(row["lower"]), int(row["upper"]) - 1, int(row["size"])) for row in csv.DictReader(file)]


def smallest_height(items: Items) -> int:
    """By brute force: every offset of every item, the bytes of each step as a bit mask."""
    order = sorted((i for i in items if i[2]), key=lambda i: (i[0], -i[2]))

    def place(k: int, taken: dict[int, int], height: int) -> bool:
        if k == len(order):
            return True
        first, last, size = order[k]
        used = 0
        for step in range(first, last + 1):
            used |= taken.get(step, 0)
        for offset in range(height - size + 1):
            mask = ((1 << size) - 1) << offset
            if not used & mask and place(k + 1, taken | {step: taken.get(step, 0) | mask for step in range(first, last + 1)}, height):
                return True
        return False

    return next(h for h in itertools.count(max_live(items)) if place(0, {}, h))


def full_items(rnd: random.Random) -> Items:
    """Few bytes, and at every step as many alive: no slack, and often no plan of that height."""
    items = [(f := rnd.randrange(8), min(7, f + rnd.randint(1, 4)), rnd.randint(1, 5)) for _ in range(8)]
    peak = max_live(items)
    alive = [sum(size for first, last, size in items if first <= step <= last) for step in range(8)]
    return items + [(step, step, peak - n) for step, n in enumerate(alive) if n < peak]


@pytest.mark.parametrize("block", range(10))
def test_random_plans_are_valid(block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        rnd = random.Random(seed)
        items = random_items(rnd, rnd.randint(0, 60), rnd.randint(1, 40), rnd.choice([3, 20, 5000]))
        alignment = rnd.choice([1, 1, 64])
        limit = rnd.choice([1 << 60, max(1, max_live(items) // 2) + alignment])
        found = best_packing(items, limit, effort=rnd.choice(["fast", "default"]), alignment=alignment)
        check(items, found.where, found.heights, limit, alignment)
        assert sum(found.heights) >= found.bound
        assert (found.certificate == "optimal") == (sum(found.heights) == found.bound)


def test_tiny_ones_are_optimal() -> None:
    above = 0
    for seed in range(150):
        rnd = random.Random(seed)
        items = full_items(rnd) if seed % 3 else random_items(rnd, 8, 5, 6)
        found = best_packing(items, 1 << 60, effort="exact")
        check(items, found.where, found.heights)
        optimum = smallest_height(items)
        assert sum(found.heights) == optimum, f"seed {seed}: {items}"
        assert found.bound == optimum
        assert found.certificate == "optimal"
        above += optimum > max_live(items)
    assert above  # some where no plan reaches the bound, so that proofs are tested as well


def test_infeasible_is_proved() -> None:
    for seed in range(60):
        items = full_items(random.Random(seed))
        optimum = smallest_height(items)
        for capacity in range(max(0, optimum - 2), optimum + 3):
            found = fit(items, capacity)
            assert (found.offsets is not None) == (capacity >= optimum)
            assert found.infeasible == (capacity < optimum)


def test_perfect_drawings_are_found() -> None:
    """A rectangle cut into pieces again and again: the pieces fit without a gap."""
    for seed in range(20):
        rnd = random.Random(seed)
        pieces = [(0, 60, 0, 1000)]  # first step, after the last, offset, end
        while len(pieces) < 60:
            first, after, low, high = pieces.pop(rnd.randrange(len(pieces)))
            if (rnd.random() < 0.5 and high - low > 1) or after - first == 1:
                cut = rnd.randint(low, high)
                pieces += [(first, after, low, cut), (first, after, cut, high)]
            else:
                cut = rnd.randint(first + 1, after - 1)
                pieces += [(first, cut, low, high), (cut, after, low, high)]
        items = [(first, after - 1, high - low) for first, after, low, high in pieces]
        found = best_packing(items, 1 << 60, effort=20)
        check(items, found.where, found.heights)
        assert found.heights == [1000], f"seed {seed}"


@pytest.mark.parametrize("name", ["A.1048576.csv", "B.1048576.csv", "F.1048576.csv", "K.1048576.csv", "input.12.csv"])
def test_benchmarks(name: str) -> None:
    items, capacity = read(name), int(name.split(".")[1])
    quick = best_packing(items, 1 << 60, effort="fast")
    check(items, quick.where, quick.heights)
    assert sum(quick.heights) <= 1.15 * capacity
    found = best_packing(items, 1 << 60, effort=30)
    check(items, found.where, found.heights)
    assert found.heights == [capacity]
    assert found.certificate == "optimal"


def test_a_target_is_enough() -> None:
    items = read("A.1048576.csv")
    found = best_packing(items, 1 << 60, effort="exact", target=3 * 1048576)
    check(items, found.where, found.heights)
    assert found.method.startswith("sweep")


def chain(count: int) -> Items:
    """A long network: what a layer computes lives to the next, at times much longer."""
    rnd = random.Random(1)
    return [(i, i + (1 if rnd.random() < 0.9 else rnd.choice([2, 5, 30, 1000])), 128 * rnd.randint(50, 1000)) for i in range(count)]


def test_ten_thousand_are_planned_at_once() -> None:
    for items in (
        chain(10_000),
        [(i, 20_000 - i, 128 * (1 + i % 17)) for i in range(10_000)],
        [(i, i + 1, 128 * (1 + i % 17)) for i in range(10_000)],
    ):
        start = time.process_time()
        found = best_packing(items, 1 << 60, effort="default")
        assert time.process_time() - start < 3  # 0.1 s on an idle machine
        check(items[:300], found.where[:300], _tops(items[:300], found.where[:300]))
        assert sum(found.heights) <= 1.2 * found.bound
    assert found.certificate == "optimal"


def _tops(items: Items, where: list[tuple[int, int]]) -> list[int]:
    return [max(offset + size for (_, _, size), (_, offset) in zip(items, where, strict=True))]


def test_default_plans_are_reproducible() -> None:
    items = read("A.1048576.csv")
    assert pack(items, 1 << 60, effort="default") == pack(items, 1 << 60, effort="default")


def test_chunks() -> None:
    where, heights = pack([(0, 5, 600), (0, 5, 600), (0, 5, 600)], 1300)
    assert heights == [1200, 600]
    check([(0, 5, 600)] * 3, where, heights, 1300)
    where, heights = pack([(0, 5, 5000), (0, 5, 600), (6, 7, 600)], 1300)  # larger than any allocation: the device will refuse it, not we
    check([(0, 5, 5000), (0, 5, 600), (6, 7, 600)], where, heights, 1300)
    assert pack([], 100) == ([], [])


def test_sections() -> None:
    assert sections([(0, 3, 1), (1, 2, 1), (3, 5, 1), (4, 4, 1)]) == [0b0011, 0b0101, 0b1100]


def test_effort(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLSYM_PLAN_EFFORT", "exact")
    assert parse_effort(None) == "exact"
    monkeypatch.setenv("CLSYM_PLAN_EFFORT", "1.5")
    assert parse_effort(None) == 1.5
    monkeypatch.setenv("CLSYM_PLAN_EFFORT", "most")
    with pytest.raises(MXNetError, match="CLSYM_PLAN_EFFORT is 'most'; use 'fast'"):
        parse_effort(None)
    for bad in ("nan", "-1", "inf"):
        with pytest.raises(MXNetError, match="number of seconds"):
            parse_effort(bad)
