"""How close is close: tolerances by element type."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = [
    "default_atols", "default_dtype", "default_numeric_eps", "default_rtols", "effective_dtype", "get_atol", "get_etol", "get_rtol",
    "get_tolerance", "get_tols",
]  # fmt: skip

Tolerance = float | Mapping[Any, float] | None

_EXACT: dict[np.dtype[Any], float] = {np.dtype(t): 0.0 for t in ("bool", "int8", "uint8", "int32", "uint32", "int64", "uint64")}
_RELATIVE: dict[np.dtype[Any], float] = {np.dtype("float16"): 1e-2, np.dtype("float32"): 1e-4, np.dtype("float64"): 1e-5, **_EXACT}
_ABSOLUTE: dict[np.dtype[Any], float] = {np.dtype("float16"): 1e-1, np.dtype("float32"): 1e-3, np.dtype("float64"): 1e-20, **_EXACT}
# A third of the digits of each type, as a power of two, so that steps are exact.
_STEP: dict[np.dtype[Any], float] = {np.dtype("float16"): 2.0**-6, np.dtype("float32"): 2.0**-9, np.dtype("float64"): 2.0**-14}


def default_dtype() -> type:
    """The type of arrays whose type is not said: float32."""
    return np.float32


def default_rtols() -> dict[np.dtype[Any], float]:
    """Relative tolerance by element type; integers must be equal.

    >>> default_rtols()[np.dtype('float32')], default_atols()[np.dtype('float16')]
    (0.0001, 0.1)
    """
    return dict(_RELATIVE)


def default_atols() -> dict[np.dtype[Any], float]:
    """Absolute tolerance by element type."""
    return dict(_ABSOLUTE)


def default_numeric_eps() -> dict[np.dtype[Any], float]:
    """Step of finite differences by element type."""
    return dict(_STEP)


def effective_dtype(dat: Any) -> np.dtype[Any]:
    """The type that decides the tolerances of an array: its own."""
    return np.dtype(dat.dtype)


def get_tolerance(dat: Any, tol: Tolerance, default_tol: Mapping[np.dtype[Any], float]) -> float:
    """The tolerance for one array.

    Parameters
    ----------
    dat : array
    tol : number, dict or None
        A number counts for every type; a dict has numbers by type; None takes `default_tol`.
    default_tol : dict
    """
    if isinstance(tol, (int, float)):
        return tol
    return (default_tol if tol is None else {np.dtype(k): v for k, v in tol.items()}).get(effective_dtype(dat), 0.0)


def get_tols(x: Any, y: Any, rtol: Tolerance, atol: Tolerance) -> tuple[float, float]:
    """Relative and absolute tolerance of a comparison: the larger of both sides', plain numbers counting as float64.

    >>> get_tols(np.zeros(2, 'float32'), np.zeros(2, 'float16'), None, None)
    (0.01, 0.1)
    """
    both = [np.array(v) if isinstance(v, numbers.Number) else v for v in (x, y)]
    return max(get_tolerance(v, rtol, _RELATIVE) for v in both), max(get_tolerance(v, atol, _ABSOLUTE) for v in both)


def get_rtol(rtol: Tolerance = None, dtype: Any = "float64") -> Any:
    """`rtol`, or the default of the type."""
    return _RELATIVE[np.dtype(dtype)] if rtol is None else rtol


def get_atol(atol: Tolerance = None, dtype: Any = "float64") -> Any:
    """`atol`, or the default of the type."""
    return _ABSOLUTE[np.dtype(dtype)] if atol is None else atol


def get_etol(etol: float | None = None) -> float:
    """`etol`, the share of elements that may differ, or 0."""
    return 0 if etol is None else etol
