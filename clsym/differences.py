"""Where a result is meant to be another one than MXNet 1.9.1's; `clsym doctor --differences` lists them.

Each is declared beside what it belongs to, with a line of code that shows it and what both print. A test runs every line.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Difference", "all_differences", "describe", "differs"]


@dataclass(frozen=True)
class Difference:
    """One difference from MXNet 1.9.1.

    Attributes
    ----------
    owner : str
        The operator, or the part, that it belongs to.
    title : str
        What differs, in a few words.
    code : str
        A line that prints something, for either library as `mx`.
    ours, mxnet : str
        What it prints with clsym, and with MXNet, or what MXNet does instead.
    why : str
        What is wrong with MXNet's; may be empty.
    build : {'', 'oneDNN', 'plain'}
        Whether only MXNet's oneDNN kernels (its default on CPUs) differ, or only its own (``MXNET_MKLDNN_ENABLED=0``).
    """

    owner: str
    title: str
    code: str
    ours: str
    mxnet: str
    why: str = ""
    build: str = ""


_DECLARED: list[Difference] = []


def differs(owner: str, title: str, code: str, *, ours: str, mxnet: str, why: str = "", build: str = "") -> None:
    """Declare a `Difference`, at the end of the module that makes it."""
    _DECLARED.append(Difference(owner, title, code, ours, mxnet, why, build))


def all_differences() -> list[Difference]:
    """Every declared difference, by owner and title."""
    return sorted(_DECLARED, key=lambda d: (d.owner.lower().lstrip("_"), d.title))


_BUILDS = {"": "MXNet", "oneDNN": "MXNet (oneDNN)", "plain": "MXNet (no oneDNN)"}


def describe(found: Sequence[Difference]) -> str:
    """Differences as text: a paragraph each.

    >>> print(describe([Difference("relu", "NaN stays", "print(mx.nd.relu(mx.nd.array([float('nan')])))", "nan", "0", "It is lost.")]))
    relu: NaN stays
        print(mx.nd.relu(mx.nd.array([float('nan')])))
        clsym              nan
        MXNet              0
        It is lost.
    """
    paragraphs = []
    for d in found:
        lines = [f"{d.owner}: {d.title}", *(f"    {line}" for line in d.code.split("; ")), f"    {'clsym':18} {d.ours}"]
        lines.append(f"    {_BUILDS[d.build]:18} {d.mxnet}")
        lines += [f"    {line}" for line in textwrap.wrap(d.why, 100)]
        paragraphs.append("\n".join(lines))
    return "\n\n".join(paragraphs)
