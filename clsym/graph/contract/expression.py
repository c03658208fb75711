"""What an element-wise operator computes, as data: an expression in C, and how each operand is walked beside the result."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

__all__ = ["CALLS", "Expression", "Walk", "line_length", "substitute", "walk_of"]

CALLS = re.compile(r"\b(m_(gamma|gammaln|digamma|fmod|sin|cos|tan)|modulo)\(")
"""Functions of the kernels' headers that hold a call or a loop, and so keep the loop around them from being vectorised."""
SHORTEST_LINE = 16
"""Elements that must share a value of a repeated operand: the loop over them is what is vectorised."""


@dataclass(frozen=True)
class Expression:
    """One output element from the elements at the same place of the inputs.

    Attributes
    ----------
    text : str
        OpenCL C of compute type ``CT``, with the functions and macros of ``kernels/include``; never holds text from a user.
    operands : tuple of str
        The name that the text gives to each input.
    numbers : tuple of (str, float)
        Names in the text for values that follow from the parameters: they become arguments of the kernel.
    """

    text: str
    operands: tuple[str, ...]
    numbers: tuple[tuple[str, float], ...] = ()


def substitute(text: str, names: Mapping[str, str]) -> str:
    """The text with other names, whole words only.

    >>> substitute("m_max(x, s) - x", {"x": "v0", "s": "s1"})
    'm_max(v0, s1) - v0'
    """
    return re.sub(r"\b[A-Za-z_]\w*\b", lambda found: names.get(found.group(), found.group()), text)


class Walk(NamedTuple):
    """Which element of an operand belongs to element `i` of the result.

    ``full``: `i`; ``one``: always 0; ``line``: the results are lines of `inner` elements, and it is line number modulo `channels`;
    ``row``: the place within such a line.
    """

    kind: Literal["full", "one", "line", "row"]
    inner: int = 0
    channels: int = 0


def walk_of(shape: Sequence[int], full: Sequence[int]) -> Walk | None:
    """How an operand of that shape, padded with ones in front, is repeated to `full`; None where it is in none of these ways.

    >>> walk_of((1, 8, 1, 1), (2, 8, 5, 5)), walk_of((4,), (3, 4)), walk_of((3, 4), (3, 4)), walk_of((1,), (3, 4))
    (Walk(kind='line', inner=25, channels=8), Walk(kind='row', inner=4, channels=0), Walk(kind='full', inner=0, channels=0), \
Walk(kind='one', inner=0, channels=0))
    """
    if len(shape) > len(full):
        return None
    runs: list[tuple[bool, int]] = []  # (whether the operand goes along, extent), neighbours merged
    for have, extent in zip((1,) * (len(full) - len(shape)) + tuple(shape), full, strict=True):
        if have not in (1, extent):
            return None
        if extent == 1:
            continue
        along = have == extent
        if runs and runs[-1][0] == along:
            runs[-1] = (along, runs[-1][1] * extent)
        else:
            runs.append((along, extent))
    goes = [along for along, _ in runs]
    if all(goes):
        return Walk("full")
    if not any(goes):
        return Walk("one")
    if goes == [False, True]:
        return Walk("row", runs[-1][1])
    if goes in ([True, False], [False, True, False]):
        return Walk("line", runs[-1][1], runs[-2][1])
    return None


def line_length(shapes: Iterable[Sequence[int]], full: Sequence[int]) -> int | None:
    """How many neighbouring results share values of repeated operands, 0 where none does; None where operands do not go together."""
    found = 0
    for shape in shapes:
        walk = walk_of(shape, full)
        if walk is None or (walk.inner and (found not in (0, walk.inner) or walk.inner < SHORTEST_LINE)):
            return None
        found = walk.inner or found
    return found
