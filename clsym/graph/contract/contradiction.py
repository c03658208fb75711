"""Who is to blame where shapes or types contradict one another: the argument, what it was given and what the operator derives for it.

An operator's rule only says what must hold. Which of its tensors is at fault is found here, from the outside: the rule is asked again
without that tensor, and what it then derives is what was expected. So no rule can confuse *expected* and *got*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ...base import DTYPE_FLAGS
from .spec import PartialShape, PlainShapeError, ShapeError, show_shape, unify_shape

__all__ = ["Contradiction", "of_shapes", "of_types", "unify_type"]

T = TypeVar("T")
Rule = Callable[[list[T | None], list[T | None]], tuple[list[T | None], list[T | None]]]

_MOST_INPUTS = 64
"""With more inputs than this the search goes through them once, not once for each."""
_RANKS = range(8)


@dataclass(frozen=True)
class Contradiction:
    """One tensor of a node that contradicts the others, or the parameters.

    Attributes
    ----------
    kind : {'input', 'output', ''}
        Empty: the parameters contradict themselves, whatever the tensors.
    position : int
    expected : str
        What the rule derives from the other tensors; empty where that is no single shape or type.
    got : str
    note : str
        What the operator says must hold; may be empty.
    """

    kind: str
    position: int
    expected: str
    got: str
    note: str

    def text(self, name: str, origin: str = "") -> str:
        """The sentence of an error message; `origin` says where what was got comes from."""
        if not self.kind:
            return self.note
        note = f"; {self.note}" if self.note else ""
        if not self.expected:
            return f"{name}: got {self.got}{origin}{note}"
        return f"{name}: expected {self.expected}, got {self.got}{origin}{note}"


def unify_type(a: str | None, b: str | None) -> str | None:
    """The element type that is both, None being unknown.

    Raises
    ------
    ShapeError
        They are different ones.
    """
    if a is not None and b is not None and a != b:
        raise PlainShapeError(f"{a} and {b} are different types")
    return b if a is None else a


@dataclass(frozen=True)
class _Search(Generic[T]):
    """The rule of a node, asked again and again.

    `guesses` are what an input may be instead, each with whether no other need be tried if the rule accepts it.
    """

    rule: Rule[T]
    unify: Callable[[T | None, T | None], T | None]
    guesses: Callable[[T], Iterator[tuple[bool, T]]]
    outputs: int

    def complete(self, ins: Sequence[T | None], outs: Sequence[T | None]) -> tuple[list[T | None], list[T | None]]:
        """All that follows."""
        state = [*ins], [*outs]
        while True:
            found = self.rule([*state[0]], [*state[1]])
            merged = tuple([self.unify(a, b) for a, b in zip(old, new, strict=True)] for old, new in zip(state, found, strict=True))
            if merged == state:
                return state
            state = merged[0], merged[1]

    def agrees(self, ins: Sequence[T | None], outs: Sequence[T | None]) -> bool:
        try:
            self.complete(ins, outs)
        except ShapeError:
            return False
        return True

    def clashes(self, a: T | None, b: T | None) -> bool:
        try:
            self.unify(a, b)
        except ShapeError:
            return True
        return False

    def instead(self, ins: Sequence[T | None], k: int) -> list[T] | None:
        """What input `k` could be beside the others (empty: anything); None if the others contradict one another without it."""
        got = ins[k]
        assert got is not None
        without = [*ins]
        without[k] = None
        try:
            derived = self.complete(without, self.nothing())[0][k]
        except ShapeError:
            return None
        if derived is not None and self.clashes(derived, got):
            return [derived]
        accepted: list[T] = []
        for likely, guess in self.guesses(got):  # a rule may say nothing at all without this input, and may not check the others
            without[k] = guess
            try:
                found = self.complete(without, self.nothing())[0][k]
            except ShapeError:
                continue
            if found is None or not self.clashes(found, got):
                return []
            if likely:
                return [found]
            accepted.append(found)
        return accepted or None

    def nothing(self) -> list[T | None]:
        return [None] * self.outputs


def _shape_guesses(got: tuple[int, ...]) -> Iterator[tuple[bool, tuple[int, ...]]]:
    yield True, (-1,) * len(got)
    yield from ((False, (-1,) * r) for r in _RANKS if r != len(got))


def _type_guesses(got: str) -> Iterator[tuple[bool, str]]:
    yield from ((False, t) for t in sorted(DTYPE_FLAGS) if t != got)


def _find(
    search: _Search[T], ins: list[T | None], outs: list[T | None], given: Sequence[bool], show: Callable[[list[T]], str]
) -> Contradiction | None:
    try:
        search.complete(ins, outs)
    except ShapeError as exc:
        plain = str(exc)
        note = "" if isinstance(exc, PlainShapeError) else plain
    else:
        return None
    if search.agrees(ins, search.nothing()):
        return _of_output(search, ins, outs, note, show)
    places = [k for k, t in enumerate(ins) if t is not None]
    # what the user gave comes before what others derived, a clear expectation before none, and the data are right rather than what follows
    best: tuple[tuple[bool, bool, int], list[T]] | None = None
    for k in places if len(places) <= _MOST_INPUTS else ():
        found = search.instead(ins, k)
        if found is not None:
            rank = (given[k], len(found) == 1, k)
            if best is None or rank > best[0]:
                best = rank, found
    if best is not None:
        k = best[0][2]
        got = ins[k]
        assert got is not None
        expected = show(best[1])
        return Contradiction("input", k, expected, show([got]), note or ("" if expected else plain))
    return _in_turn(search, ins, note, show)


def _of_output(search: _Search[T], ins: list[T | None], outs: list[T | None], note: str, show: Callable[[list[T]], str]) -> Contradiction:
    derived = search.complete(ins, search.nothing())[1]
    for k, (a, b) in enumerate(zip(derived, outs, strict=True)):
        if b is not None and search.clashes(a, b):
            assert a is not None
            return Contradiction("output", k, show([b]), show([a]), note)
    k = next(k for k, t in enumerate(outs) if t is not None)
    wanted = outs[k]
    assert wanted is not None
    return Contradiction("output", k, "", show([wanted]), note)


def _in_turn(search: _Search[T], ins: list[T | None], note: str, show: Callable[[list[T]], str]) -> Contradiction:
    """The first input that contradicts those before it."""
    before: list[T | None] = [None] * len(ins)
    try:
        derived = search.complete(before, search.nothing())[0]
    except ShapeError as exc:
        return Contradiction("", 0, "", "", str(exc))
    for k, got in enumerate(ins):
        if got is None:
            continue
        expected = derived[k]
        before[k] = got
        try:
            derived = search.complete(before, search.nothing())[0]
        except ShapeError as exc:
            clear = expected is not None and search.clashes(expected, got)
            return Contradiction("input", k, show([expected]) if clear and expected is not None else "", show([got]), note or str(exc))
    raise AssertionError("nothing contradicts")


def of_shapes(
    rule: Rule[tuple[int, ...]], ins: list[PartialShape], outs: list[PartialShape], given: Sequence[bool]
) -> Contradiction | None:
    """What contradicts in the shapes of a node; None if nothing does.

    Parameters
    ----------
    rule : callable
        ``Op.infer_shape`` for its parameters.
    ins, outs : list of shape or None
        For which the rule raises, or returns something else.
    given : list of bool
        Which inputs a user gave: they are blamed rather than what was derived.
    """

    def show(found: list[tuple[int, ...]]) -> str:
        return show_shape(found[0]) if len(found) == 1 else " or ".join(show_shape(s) for s in found) if len(found) == 2 else ""

    return _find(_Search(rule, unify_shape, _shape_guesses, len(outs)), ins, outs, given, show)


def of_types(rule: Rule[str], ins: list[str | None], outs: list[str | None], given: Sequence[bool]) -> Contradiction | None:
    """The same for element types and ``Op.infer_type``."""

    def show(found: list[str]) -> str:
        return ", ".join(found[:-1]) + " or " + found[-1] if 1 < len(found) < 5 else found[0] if len(found) == 1 else ""

    return _find(_Search(rule, unify_type, _type_guesses, len(outs)), ins, outs, given, show)
