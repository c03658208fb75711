"""Sums of products by labelled axes."""

from __future__ import annotations

import math

from .....symbol import Symbol
from ..node import Node, reads


def _labels(n: Node) -> tuple[list[str], str]:
    equation = n.attrs["equation"].replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    n.require(len(terms) == len(n.input_names), f"{len(n.input_names)} inputs for {equation!r}")
    spare = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in equation]
    longest = ""
    for i, term in enumerate(terms):
        if "..." in term:
            extra = n.rank(i) - len(term) + 3
            own = "".join(spare[:extra])[::-1]
            longest = max(longest, own, key=len)
            terms[i] = term.replace("...", own)
    if not arrow:
        every = "".join(terms)
        right = longest + "".join(sorted(c for c in set(every) if every.count(c) == 1 and c not in longest))
    return terms, right.replace("...", longest)


def _ordered(n: Node, x: Symbol, labels: str, wanted: str) -> Symbol:
    order = tuple(labels.index(c) for c in wanted)
    return x if order == tuple(range(len(order))) else n.op("transpose", x, axes=order)


def _diagonals(n: Node, x: Symbol, labels: str) -> tuple[Symbol, str]:
    """Labels that repeat within a term take the diagonal."""
    for c in dict.fromkeys(labels):
        while labels.count(c) > 1:
            first, second = labels.index(c), labels.rindex(c)
            x = n.op("diag", x, axis1=first, axis2=second)
            labels = labels[:first] + labels[first + 1 : second] + labels[second + 1 :] + c
    return x, labels


def _summed(n: Node, x: Symbol, labels: str, kept: str) -> tuple[Symbol, str]:
    gone = tuple(i for i, c in enumerate(labels) if c not in kept)
    if not gone:
        return x, labels
    return n.op("sum", x, axis=gone, keepdims=False), "".join(c for c in labels if c in kept)


@reads("Einsum")
def _einsum(n: Node) -> Symbol:
    terms, result = _labels(n)
    if all(n.value(i).scalar for i in range(len(terms))):
        first, *rest = n.all
        for s in rest:
            first = n.op("elemwise_mul", first, s)
        return n.out("_copy", first)
    extents = {c: d for i, t in enumerate(terms) for c, d in zip(t, n.shape(i), strict=True) if d != 1}
    extents = {**{c: 1 for t in terms for c in t}, **extents}
    x, labels = _diagonals(n, n[0], terms[0])
    for i in range(1, len(terms)):
        later = result + "".join(terms[i + 1 :])
        y, other = _diagonals(n, n[i], terms[i])
        x, labels = _summed(n, x, labels, later + other)
        y, other = _summed(n, y, other, later + labels)
        both = [c for c in labels if c in other]
        batch = "".join(c for c in both if c in later)
        inner = "".join(c for c in both if c not in later)
        rows, columns = "".join(c for c in labels if c not in other), "".join(c for c in other if c not in labels)

        def flat(s: Symbol, own: str, order: str, parts: tuple[str, str, str]) -> Symbol:
            return n.reshape(_ordered(n, s, own, order), tuple(math.prod(extents[c] for c in p) for p in parts))

        product = n.op("batch_dot", flat(x, labels, batch + rows + inner, (batch, rows, inner)),
                       flat(y, other, batch + inner + columns, (batch, inner, columns)))  # fmt: skip
        labels = batch + rows + columns
        x = n.reshape(product, tuple(extents[c] for c in labels))
    x, labels = _summed(n, x, labels, result)
    return n.out("_copy", _ordered(n, x, labels, result))
