"""Lists of images: which label and which file belong to a key."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Number
from typing import Any

from ..ndarray import NDArray, array

__all__ = ["listed_in_file", "listed_in_memory"]

Listed = dict[Any, tuple[NDArray, str]]


def listed_in_file(path: str, dtype: str) -> Listed:
    """The lines of a list: key, labels, and a path, with tabs between them."""
    found: Listed = {}
    with open(path) as lines:
        for line in lines:
            fields = line.strip().split("\t")
            found[int(fields[0])] = array([float(f) for f in fields[1:-1]], dtype=dtype), fields[-1]
    return found


def listed_in_memory(images: Sequence[Sequence[Any]], dtype: str) -> Listed:
    """Labels and a path each; the keys are '1', '2', ..."""
    found: Listed = {}
    for number, (*labels, path) in enumerate(images, 1):
        label = labels if len(labels) > 1 or isinstance(labels[0], Number) else labels[0]
        found[str(number)] = array(label, dtype=dtype), path
    return found
