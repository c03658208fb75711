"""The planner on random schedules: no two live ranges overlap, in-place only where the input dies, never under the bound."""

from __future__ import annotations

import random
from functools import partial

import pytest

from clsym.graph.memory.plan import MemoryPlan, StepUse, max_live, pack, plan_memory

ALIGN = 128


def random_schedule(seed: int) -> tuple[list[StepUse], list[int], dict[int, str], frozenset[int]]:
    """A chain of steps with random fan-in, views, in-place candidates and workspaces."""
    rnd = random.Random(seed)
    nbytes = [rnd.choice([4, 100, 128, 400, 1024, 4096]) for _ in range(3)]
    external = {i: f"var:{i}" for i in range(3)}
    steps = []
    for s in range(rnd.randint(1, 40)):
        ins = tuple(rnd.choices(range(len(nbytes)), k=rnd.randint(1, 3)))
        outs, pairs, views = [], [], {}
        for k in range(rnd.randint(1, 2)):
            size = nbytes[ins[0]] if rnd.random() < 0.6 else rnd.choice([4, 128, 640, 2048])
            if size == nbytes[ins[0]] and rnd.random() < 0.8:
                pairs += [(k, i) for i in range(len(ins))]
            elif size == nbytes[ins[0]]:
                views[k] = (0, 0)
            outs.append(len(nbytes))
            nbytes.append(size)
        temps = {0: rnd.choice([64, 1000])} if rnd.random() < 0.2 else {}
        steps.append(StepUse(f"s{s}", 0, ins, tuple(outs), tuple(pairs), views, temps=temps))
    produced = [e for st in steps for e in st.outs]
    outputs = rnd.sample(produced, min(2, len(produced)))
    external.update({e: f"out:{i}" for i, e in enumerate(outputs)})
    return steps, nbytes, external, frozenset(outputs)


@pytest.mark.parametrize("block", range(10))
def test_live_bytes_never_overlap(block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        steps, nbytes, external, pinned = random_schedule(seed)
        plan = plan_memory(steps, nbytes, external, pinned=pinned, alignment=ALIGN)
        inside = [st for st in plan.storages if st.external is None]
        for i, a in enumerate(inside):
            assert a.offset % ALIGN == 0
            assert a.offset + a.nbytes <= plan.arenas[0][a.chunk]
            for b in inside[:i]:
                alive = a.first <= b.last and b.first <= a.last
                apart = a.chunk != b.chunk or a.offset + a.nbytes <= b.offset or b.offset + b.nbytes <= a.offset
                assert apart or not alive, f"seed {seed}: {a} and {b}"
        for s, _out, inp in plan.inplace:
            entry = steps[s].ins[inp]
            storage = plan.entry[entry][0]
            readers = [t for t, st in enumerate(steps) for e in st.ins if plan.entry[e][0] == storage]
            later = [t for t in readers if t > s]
            # whoever reads that memory later reads what was written over it
            assert all(any(plan.entry[e][0] == storage and e not in (entry,) for e in steps[t].ins) for t in later), f"seed {seed} step {s}"
            assert entry not in external or not external[entry].startswith("var:")
        keys = [st.external for st in plan.storages if st.external is not None]
        assert len(keys) == len(set(keys)), f"seed {seed}: one of the caller's arrays holds two storages"
        assert plan.arena_bytes >= plan.bound_bytes


def cells_of(plan: MemoryPlan, nbytes: list[int], e: int) -> list[object]:
    """The four-byte cells that an entry occupies."""
    number, offset = plan.entry[e]
    st = plan.storages[number]
    base = (st.external, 0) if st.external else ((st.chunk, "arena"), st.offset)
    return [(base[0], base[1] + offset + b) for b in range(0, nbytes[e], 4)]


def test_values_survive_until_read() -> None:
    """Interpret schedules symbolically: each step must find in memory what its inputs were written as."""
    for seed in range(300):
        steps, nbytes, external, pinned = random_schedule(seed)
        plan = plan_memory(steps, nbytes, external, pinned=pinned, alignment=ALIGN)
        memory: dict[object, int] = {}
        cells = partial(cells_of, plan, nbytes)

        value = {}
        for e in range(3):
            value[e] = e
            memory.update(dict.fromkeys(cells(e), e))
        for s, step in enumerate(steps):
            for e in step.ins:
                assert all(memory.get(c) == value[e] for c in cells(e)), f"seed {seed} step {s} reads entry {e} after it was overwritten"
            if s in plan.aliased:
                for k, e in enumerate(step.outs):
                    value[e] = value[step.ins[step.views[k][0]]]
                continue
            for e in step.outs:
                value[e] = 1000 + e
                memory.update(dict.fromkeys(cells(e), 1000 + e))
            for index in step.temps:
                st = plan.storages[plan.temps[(s, index)]]
                memory.update({((st.chunk, "arena"), st.offset + b): -1 for b in range(0, st.nbytes, 4)})
        for e in pinned:
            assert all(memory[c] == value[e] for c in cells(e)), f"seed {seed}: output {e} was overwritten"


def test_bound_of_a_chain() -> None:
    assert max_live([(0, 1, 10), (1, 2, 20), (2, 3, 5)]) == 30
    where, heights = pack([(0, 1, 10), (1, 2, 20), (2, 3, 5)], 1 << 40)
    assert sum(heights) == 30
    assert len(where) == 3


def test_arena_is_cut_at_the_largest_allocation() -> None:
    _, heights = pack([(0, 5, 600), (0, 5, 600), (0, 5, 600)], 1300)
    assert heights == [1200, 600]
