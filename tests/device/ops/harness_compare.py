"""How near two results must be, by element type."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

TOLERANCE = {"float64": 1e-9, "float32": 1e-5, "float16": 4e-3}
"""Values against a reference of the test's, relative and absolute."""

REWRITTEN = {"float64": 4e-15, "float32": 2e-6, "float16": 1e-3}
"""Another form of the same graph against the graph as written, of the largest value: some 16 roundings, in float16 one."""

GRADIENT = {"float64": (1e-12, 1e-13), "float32": (1e-5, 2e-6), "float16": (4e-3, 2e-3)}
"""A gradient against that in float64 at the same point, or the test's own: of each element, and of the largest, since terms cancel."""


def assert_close(got: Array, want: Array, rtol: float, atol: float, what: str) -> None:
    want = np.asarray(want)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    np.testing.assert_allclose(
        got.astype(np.float64) if got.dtype.kind == "f" else got,
        want.astype(np.float64) if want.dtype.kind == "f" else want,
        rtol=rtol, atol=atol, err_msg=what,
    )  # fmt: skip


def largest(values: Array) -> float:
    """Of the finite elements."""
    wide = np.abs(values.astype(np.float64))
    return float(wide[np.isfinite(wide)].max(initial=0))


def assert_as_good(got: Array, want: Array, what: str) -> None:
    """Whether another order of summation explains the difference."""
    assert_close(got, want, 0, REWRITTEN.get(str(want.dtype), 0) * largest(want), what)


def assert_same_gradient(got: Array, want: Array, what: str, terms: float = 0) -> None:
    """Whether rounding explains the difference to a better gradient; `terms`: the size of what is summed, where that nearly cancels."""
    want = np.asarray(want)
    coarser = min((a.dtype for a in (got, want) if a.dtype.kind == "f"), key=lambda t: t.itemsize)
    relative, scaled = GRADIENT[str(coarser)]
    assert_close(got, want, relative, scaled * max(largest(want), terms), what)
