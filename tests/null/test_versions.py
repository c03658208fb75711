"""Who wrote which bytes: watches, overlaps, and stretches that hold something else than their arrays' values."""

from __future__ import annotations

import gc
import random
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from clsym.runtime import versions
from clsym.runtime.versions import Watch, clock, spoil, spoiled, stretch_of, touch


@dataclass
class Span:
    _root: Any
    _offset: int
    nbytes: int


def buffer(handle: int) -> Any:
    return SimpleNamespace(int_ptr=handle)


def test_a_watch_sees_the_bytes_it_watches_and_no_others() -> None:
    root = buffer(1)
    watch = Watch([Span(root, 100, 20), Span(root, 200, 20)])
    assert watch.changed()
    assert not watch.changed()
    for offset, nbytes, hit in [(0, 100, False), (120, 80, False), (119, 1, True), (0, 101, True), (210, 500, True), (220, 5, False)]:
        touch(root, offset, nbytes)
        assert watch.changed() == hit, (offset, nbytes)
    touch(buffer(2))
    assert not watch.changed()
    touch(root)
    assert watch.changed()
    when = clock()
    assert watch.since(when) == []
    touch(root, 215, 1)
    assert watch.since(when) == [1]


def test_what_is_lost_is_so_until_every_byte_was_written() -> None:
    root = buffer(3)
    rnd = random.Random(5)
    for _ in range(200):
        span = Span(root, rnd.randrange(20), rnd.randrange(1, 20))
        watch = Watch([span, Span(root, 0, 64)])
        lost: set[int] = set()
        for _ in range(12):
            a, n = rnd.randrange(40), rnd.randrange(1, 25)
            if rnd.random() < 0.3:
                spoil([(3, a, a + n)])
                lost |= set(range(a, min(a + n, 64)))
            else:
                touch(root, a, n)
                lost -= set(range(a, a + n))
            b, m = rnd.randrange(60), rnd.randrange(1, 4)
            assert (spoiled([(4, 0, 99), (3, b, b + m)]) == 1) == bool(lost & set(range(b, b + m)))
        del watch
        assert spoiled([(3, 0, 64)]) is None


def test_nothing_is_kept_once_nobody_watches() -> None:
    root = buffer(7)
    one, two = Watch([Span(root, 0, 8)]), Watch([Span(root, 0, 8), Span(root, 8, 8)])
    spoil([stretch_of(Span(root, 0, 8))])
    del one
    gc.collect()
    assert spoiled([(7, 0, 8)]) == 0
    del two
    gc.collect()
    assert 7 not in versions._watched
    assert 7 not in versions._spoiled


def test_others_who_share_the_memory_may_have_written_it() -> None:
    root = buffer(9)
    span = Span(root, 0, 8)
    watch = Watch([span])
    assert watch.changed()
    spoil([stretch_of(span)])
    when = clock()
    versions.expect_outside_writes(9)
    assert watch.changed()
    assert watch.changed()
    assert spoiled([(9, 0, 8)]) is None
    assert watch.since(when) == []
    versions.end_outside_writes(9)
    assert watch.changed()
    assert not watch.changed()
    assert watch.since(when) == []
    assert spoiled([(9, 0, 8)]) is None
