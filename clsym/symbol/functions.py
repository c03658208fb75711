"""Functions of ``mx.sym`` that are no operators themselves: constants, and functions of two numbers or symbols."""

from __future__ import annotations

import math
from numbers import Number
from typing import Any

from .arithmetic import binary
from .register import operator
from .symbol import Symbol

__all__ = ["arange", "eye", "full", "histogram", "hypot", "linspace", "maximum", "minimum", "ones", "pow", "power", "split_v2", "zeros"]

_DTYPE = "float32"


def _of_two(kind: str, left: Any, right: Any, numbers: Any, swapped: str) -> Any:
    """`binary`, whichever of the two is the symbol; plain numbers are computed at once."""
    if isinstance(left, Symbol) and isinstance(right, (Symbol, Number)):
        return binary(kind, left, right)
    if isinstance(right, Symbol) and isinstance(left, Number):
        return binary(swapped, right, left)
    if isinstance(left, Number) and isinstance(right, Number):
        return numbers(left, right)
    raise TypeError(f"types ({type(left)}, {type(right)}) not supported: give Symbols and numbers")


def pow(base: Any, exp: Any) -> Any:
    """`base` to the power of `exp`, of symbols of the same shape, or of a symbol and a number.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.sym.pow(mx.sym.var('x'), 2), mx.sym.pow(2, 3)
    (<Symbol _powerscalar0>, 8)
    """
    return _of_two("power", base, exp, lambda b, e: b**e, "rpower")


def power(base: Any, exp: Any) -> Any:
    """The same as `pow`."""
    return pow(base, exp)


def maximum(left: Any, right: Any) -> Any:
    """The larger of two symbols of the same shape, element by element, or of a symbol and a number."""
    return _of_two("maximum", left, right, lambda a, b: a if a > b else b, "maximum")


def minimum(left: Any, right: Any) -> Any:
    """The smaller of two symbols of the same shape, element by element, or of a symbol and a number."""
    return _of_two("minimum", left, right, lambda a, b: a if a < b else b, "minimum")


def hypot(left: Any, right: Any) -> Any:
    """The hypotenuse, sqrt(left^2 + right^2), of symbols of the same shape, or of a symbol and a number."""
    return _of_two("hypot", left, right, math.hypot, "hypot")


def zeros(shape: Any, dtype: Any = None, **kwargs: Any) -> Symbol:
    """A tensor of zeros.

    Parameters
    ----------
    shape : int or tuple of int
        Its shape.
    dtype : str or numpy type, default float32
    kwargs
        ``name`` and ``attr``.
    """
    return operator("_zeros")(shape=shape, dtype=dtype or _DTYPE, **kwargs)


def ones(shape: Any, dtype: Any = None, **kwargs: Any) -> Symbol:
    """A tensor of ones; see `zeros`."""
    return operator("_ones")(shape=shape, dtype=dtype or _DTYPE, **kwargs)


def full(shape: Any, val: float, dtype: Any = None, **kwargs: Any) -> Symbol:
    """A tensor filled with `val`; see `zeros`."""
    return operator("_full")(shape=shape, dtype=dtype or _DTYPE, value=float(val), **kwargs)


def eye(N: int, M: int = 0, k: int = 0, dtype: Any = None, **kwargs: Any) -> Symbol:
    """A matrix with ones on a diagonal and zeros elsewhere.

    Parameters
    ----------
    N, M : int
        Rows and columns; 0 columns: as many as rows.
    k : int
        Which diagonal; above the main one where positive.
    dtype : str or numpy type, default float32
    """
    return operator("_eye")(N, M, k, dtype=dtype or _DTYPE, **kwargs)


def arange(
    start: float,
    stop: float | None = None,
    step: float = 1.0,
    repeat: int = 1,
    infer_range: bool = False,
    name: str | None = None,
    dtype: Any = None,
) -> Symbol:
    """Evenly spaced values from `start` up to `stop` (exclusive), each `repeat` times; with one number, from 0 up to it.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.sym.arange(2, 6, repeat=2).infer_shape()
    ([], [(8,)], [])
    """
    return operator("_arange")(start=start, stop=stop, step=step, repeat=repeat, infer_range=infer_range, name=name, dtype=dtype or _DTYPE)


def linspace(start: float, stop: float, num: int, endpoint: bool = True, name: str | None = None, dtype: Any = None) -> Symbol:
    """`num` evenly spaced values from `start` to `stop`, the last one included with `endpoint`."""
    return operator("_linspace")(start=start, stop=stop, num=num, endpoint=endpoint, name=name, dtype=dtype or _DTYPE)


def histogram(a: Symbol, bins: Any = 10, range: tuple[float, float] | None = None, **kwargs: Any) -> Symbol:
    """Counts of the values of `a` in `bins` (a number, with `range`, or a symbol of the edges), and the edges."""
    if isinstance(bins, Symbol):
        return operator("_histogram")(data=a, bins=bins, **kwargs)
    if not isinstance(bins, int):
        raise ValueError("bins argument should be either an integer or a Symbol")
    if range is None:
        raise ValueError("null range is not supported in symbol mode: the data are not known yet")
    return operator("_histogram")(data=a, bin_cnt=bins, range=range, **kwargs)


def split_v2(ary: Symbol, indices_or_sections: Any, axis: int = 0, squeeze_axis: bool = False) -> Symbol:
    """`ary` cut along `axis`: into equal parts (an int), or before each of some indices (a tuple).

    Examples
    --------
    >>> import clsym as mx
    >>> len(mx.sym.split_v2(mx.sym.var('x'), (2, 5)))
    3
    """
    if isinstance(indices_or_sections, int):
        return operator("_split_v2")(ary, [], axis, squeeze_axis, indices_or_sections)
    if isinstance(indices_or_sections, (tuple, list)):
        return operator("_split_v2")(ary, [0, *indices_or_sections], axis, squeeze_axis, 0)
    raise ValueError("indices_or_sections must either int or tuple of ints")
