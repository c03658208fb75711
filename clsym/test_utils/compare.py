"""Comparing arrays, and saying where they differ."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ndarray import NDArray
from .tolerance import Tolerance, get_etol, get_tols

__all__ = [
    "almost_equal", "assert_allclose", "assert_almost_equal", "assert_almost_equal_ignore_nan", "assert_almost_equal_with_err",
    "assert_exception", "checkShapes", "compare_ndarray_tuple", "locationError", "same", "same_array", "same_symbol_structure",
]  # fmt: skip


def _numpy(value: Any) -> Any:
    return value.asnumpy() if isinstance(value, NDArray) else value


def same(a: Any, b: Any) -> bool:
    """Whether two arrays have the same shape and elements.

    >>> same(np.array([1, 2]), np.array([1, 2])), same(np.zeros(2), np.zeros(3))
    (True, False)
    """
    return bool(np.array_equal(_numpy(a), _numpy(b)))


def checkShapes(a: Any, b: Any) -> None:
    """Raise AssertionError unless two arrays have the same shape."""
    if a.shape != b.shape:
        note = f"a.shape = {a.shape} and b.shape = {b.shape} are not equal"
        raise AssertionError(np.testing.build_err_msg([a, b], err_msg=note))


def almost_equal(
    a: Any, b: Any, rtol: Tolerance = None, atol: Tolerance = None, equal_nan: bool = False, use_broadcast: bool = True
) -> bool:
    """Whether ``|a - b| <= atol + rtol * |b|`` everywhere.

    Parameters
    ----------
    a, b : numpy.ndarray, NDArray or number
    rtol, atol : number, dict or None
        See `get_tolerance`; None: by the element types.
    equal_nan : bool
        NaN equals NaN.
    use_broadcast : bool
        Shapes may differ if they broadcast.

    Raises
    ------
    AssertionError
        The shapes differ, and `use_broadcast` is False.
    """
    a, b = _numpy(a), _numpy(b)
    rtol, atol = get_tols(a, b, rtol, atol)
    if not use_broadcast:
        checkShapes(a, b)
    return bool(np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan))


def _violation(a: np.ndarray, b: np.ndarray, rtol: float, atol: float) -> np.ndarray:
    """By how much each element's difference exceeds what is allowed, as a factor; NaN where either is."""
    a, b = np.broadcast_arrays(a, b)
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = np.where(a == b, 0.0, np.abs(np.subtract(a, b, dtype=np.float64)))
        return difference / (atol + rtol * np.abs(b) + 1e-20)


def locationError(a: Any, b: Any, index: tuple[int, ...], names: tuple[str, str], maxError: bool = False) -> str:
    """The text that names one place of two arrays and both values.

    >>> locationError(np.array([1.0, 2.0]), np.array([1.0, 3.0]), (1,), ('a', 'b'))
    'Location of error: (1,), a=2.00000000, b=3.00000000'
    """
    kind = "maximum " if maxError else ""
    return f"Location of {kind}error: {index}, {names[0]}={a[index]:.8f}, {names[1]}={b[index]:.8f}"


def _places(wrong: np.ndarray, factors: np.ndarray) -> list[tuple[int, ...]]:
    """Where elements differ too much, the worst first, NaN before everything."""
    flat = np.flatnonzero(wrong)
    order = np.argsort(-np.where(np.isnan(factors.ravel()[flat]), np.inf, factors.ravel()[flat]), kind="stable")
    return [tuple(int(i) for i in np.unravel_index(flat[k], wrong.shape)) for k in order]


def _describe(a: Any, b: Any, rtol: float, atol: float, names: tuple[str, str], equal_nan: bool, mismatches: tuple[int, int]) -> str:
    """The message of a failed comparison; the worst places are printed as well, as many as `mismatches` says."""
    full_a, full_b = np.broadcast_arrays(np.asarray(a), np.asarray(b))
    factors = _violation(full_a, full_b, rtol, atol)
    wrong = ~np.isclose(full_a, full_b, rtol=rtol, atol=atol, equal_nan=equal_nan)
    places = _places(wrong, factors)
    if full_a.ndim:
        print(f"\n*** Maximum errors for vector of size {full_a.size}:  rtol={rtol}, atol={atol}\n")
        for number, place in enumerate(places[: max(mismatches[0], 0)], 1):
            print(f"{number:3d}: Error {factors[place]:f}  {locationError(full_a, full_b, place, names)}")
    worst = places[0]
    share = f" (mismatch {100 * len(places) / full_a.size:f}%)" if full_a.ndim else ""
    where = locationError(full_a, full_b, worst, names, maxError=True) if full_a.ndim else ""
    note = f"Error {factors[worst]:f} exceeds tolerance rtol={rtol:e}, atol={atol:e}{share}.\n{where}"
    edge = mismatches[1]
    with np.printoptions(threshold=max(2 * edge, 6), edgeitems=3) if full_a.size > 2 * max(edge, 3) else np.printoptions():
        return str(np.testing.build_err_msg([a, b], err_msg=note))


def assert_almost_equal(
    a: Any,
    b: Any,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    names: tuple[str, str] = ("a", "b"),
    equal_nan: bool = False,
    use_broadcast: bool = True,
    mismatches: tuple[int, int] = (10, 10),
) -> None:
    """Raise AssertionError, naming the worst element, unless two arrays are equal up to tolerances.

    Parameters
    ----------
    a, b : numpy.ndarray, NDArray or number
        What was computed and what it should be.
    rtol, atol : number, dict or None
        ``|a - b| <= atol + rtol * |b|``; None: by the element types (`default_rtols`, `default_atols`), the larger of both sides.
    names : tuple of str
        How the message calls them.
    equal_nan : bool
        NaN equals NaN.
    use_broadcast : bool
        Shapes may differ if they broadcast.
    mismatches : tuple of int
        How many elements to print, and how many the arrays in the message show.

    Examples
    --------
    >>> assert_almost_equal(np.float32([1, 2]), np.float32([1, 2.0001]))
    >>> assert_almost_equal(np.array([1]), np.array([2]), mismatches=(0, 10))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    AssertionError: ...
    """
    if almost_equal(a, b, rtol, atol, equal_nan, use_broadcast):
        return
    a, b = _numpy(a), _numpy(b)
    rtol, atol = get_tols(a, b, rtol, atol)
    raise AssertionError(_describe(a, b, rtol, atol, names, equal_nan, mismatches))


def assert_allclose(a: Any, b: Any, rtol: float = 1e-07, atol: float = 0, equal_nan: bool = True) -> None:
    """`assert_almost_equal` with numpy's defaults."""
    assert_almost_equal(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan)


def assert_almost_equal_with_err(
    a: Any,
    b: Any,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    etol: float | None = None,
    names: tuple[str, str] = ("a", "b"),
    equal_nan: bool = False,
    mismatches: tuple[int, int] = (10, 10),
) -> None:
    """`assert_almost_equal`, but a share `etol` of the elements may differ."""
    allowed = get_etol(etol)
    if not allowed:
        assert_almost_equal(a, b, rtol, atol, names, equal_nan, mismatches=mismatches)
        return
    a, b = np.broadcast_arrays(_numpy(a), _numpy(b))
    rtol, atol = get_tols(a, b, rtol, atol)
    wrong = ~np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan)
    if np.mean(wrong) > allowed:
        raise AssertionError(_describe(a, b, rtol, atol, names, equal_nan, mismatches))


def assert_almost_equal_ignore_nan(
    a: Any, b: Any, rtol: Tolerance = None, atol: Tolerance = None, names: tuple[str, str] = ("a", "b")
) -> None:
    """`assert_almost_equal` where neither is NaN."""
    a, b = np.copy(_numpy(a)), np.copy(_numpy(b))
    either = np.isnan(a) | np.isnan(b)
    a[either] = 0
    b[either] = 0
    assert_almost_equal(a, b, rtol, atol, names)


def assert_exception(f: Callable[..., Any], exception_type: type[BaseException], *args: Any, **kwargs: Any) -> None:
    """Raise AssertionError unless ``f(*args, **kwargs)`` raises `exception_type`."""
    try:
        f(*args, **kwargs)
    except exception_type:
        return
    raise AssertionError(f"{f} raised no {exception_type.__name__}")


def compare_ndarray_tuple(t1: Any, t2: Any, rtol: Tolerance = None, atol: Tolerance = None) -> None:
    """`assert_almost_equal` of nested tuples of arrays; None matches None."""
    if t1 is None or t2 is None:
        return
    if isinstance(t1, tuple):
        for s1, s2 in zip(t1, t2, strict=True):
            compare_ndarray_tuple(s1, s2, rtol, atol)
    else:
        assert_almost_equal(t1, t2, rtol, atol)


def same_array(array1: NDArray, array2: NDArray) -> bool:
    """Whether two NDArrays share their memory: a write to one is seen in the other."""
    array1[:] += 1
    if not same(array1, array2):
        array1[:] -= 1
        return False
    array1[:] -= 1
    return same(array1, array2)


def same_symbol_structure(sym1: Any, sym2: Any) -> bool:
    """Whether two symbols have the same operators with the same connections, whatever their nodes' names."""
    first, second = (json.loads(s.tojson()) for s in (sym1, sym2))
    nodes = [[(n["op"], n["inputs"]) for n in graph["nodes"]] for graph in (first, second)]
    return nodes[0] == nodes[1]
