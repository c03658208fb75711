"""Random shapes and arrays, and reductions to compare with; all drawn from ``numpy.random``."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import ndarray as nd
from ..base import MXNetError
from .surroundings import default_context
from .tolerance import default_dtype

__all__ = [
    "assign_each", "assign_each2", "collapse_sum_like", "create_sparse_array", "create_sparse_array_zd", "np_reduce", "rand_coord_2d",
    "rand_ndarray", "rand_shape_2d", "rand_shape_3d", "rand_shape_nd", "rand_sparse_ndarray", "random_arrays", "random_sample",
    "random_uniform_arrays",
]  # fmt: skip


def rand_shape_nd(num_dim: int, dim: int = 10, allow_zero_size: bool = False) -> tuple[int, ...]:
    """A random shape with `num_dim` extents from 1 (or 0) to `dim`."""
    return tuple(int(d) for d in np.random.randint(0 if allow_zero_size else 1, dim + 1, size=num_dim))


def rand_shape_2d(dim0: int = 10, dim1: int = 10, allow_zero_size: bool = False) -> tuple[int, ...]:
    """A random shape with two extents, up to `dim0` and `dim1`."""
    low = 0 if allow_zero_size else 1
    return tuple(int(np.random.randint(low, d + 1)) for d in (dim0, dim1))


def rand_shape_3d(dim0: int = 10, dim1: int = 10, dim2: int = 10, allow_zero_size: bool = False) -> tuple[int, ...]:
    """A random shape with three extents, up to `dim0`, `dim1` and `dim2`."""
    low = 0 if allow_zero_size else 1
    return tuple(int(np.random.randint(low, d + 1)) for d in (dim0, dim1, dim2))


def rand_coord_2d(x_low: int, x_high: int, y_low: int, y_high: int) -> tuple[int, int]:
    """A random place in a matrix; the upper ends are not reached."""
    return int(np.random.randint(x_low, x_high)), int(np.random.randint(y_low, y_high))


def random_arrays(*shapes: tuple[int, ...]) -> Any:
    """Normally distributed numpy arrays of the default type: one for one shape, else a list; a number for ``()``."""
    arrays: list[np.ndarray] = [
        np.array(np.random.randn(), dtype=default_dtype()) if not s else np.random.randn(*s).astype(default_dtype()) for s in shapes
    ]
    return arrays[0] if len(arrays) == 1 else arrays


def random_uniform_arrays(*shapes: tuple[int, ...], **kwargs: Any) -> list[np.ndarray]:
    """Uniformly distributed numpy arrays, a list.

    Parameters
    ----------
    shapes : tuples of int
    low, high : float
        0 and 1 where not given.
    dtype : numpy type
        float32 where not given.
    """
    low, high, dtype = kwargs.pop("low", 0.0), kwargs.pop("high", 1.0), kwargs.pop("dtype", default_dtype())
    if kwargs:
        raise TypeError(f"Got unexpected argument/s : {list(kwargs)}")
    return [np.random.uniform(low, high, size=s).astype(dtype) for s in shapes]


def random_sample(population: Sequence[Any], k: int) -> list[Any]:
    """`k` different elements in random order, by Python's generator."""
    copy = list(population)
    random.shuffle(copy)
    return copy[:k]


def rand_ndarray(
    shape: tuple[int, ...],
    stype: str = "default",
    density: float | None = None,
    dtype: Any = None,
    modifier_func: Callable[[float], float] | None = None,
    shuffle_csr_indices: bool = False,
    distribution: str | None = None,
    ctx: Any = None,
) -> nd.NDArray:
    """A random NDArray, normally distributed unless `distribution` is ``'uniform'``.

    Raises
    ------
    MXNetError
        The storage type is not ``'default'``: clsym has dense arrays only.
    """
    if stype != "default":
        _no_sparse(stype)
    if distribution not in (None, "normal", "uniform"):
        raise MXNetError(f"distribution {distribution!r} is not 'normal' or 'uniform'")
    draw = np.random.uniform(-1.0, 1.0, size=shape) if distribution == "uniform" else np.random.standard_normal(shape)
    if modifier_func is not None:
        draw = assign_each(draw, modifier_func)
    return nd.array(draw, dtype=default_dtype() if dtype is None else dtype, ctx=default_context() if ctx is None else ctx)


def _no_sparse(stype: str) -> None:
    raise MXNetError(f"storage type {stype!r}: clsym has dense arrays only; use stype='default'")


def rand_sparse_ndarray(shape: tuple[int, ...], stype: str, *args: Any, **kwargs: Any) -> None:
    """Raises MXNetError: clsym has dense arrays only."""
    _no_sparse(stype)


def create_sparse_array(shape: tuple[int, ...], stype: str, *args: Any, **kwargs: Any) -> None:
    """Raises MXNetError: clsym has dense arrays only."""
    _no_sparse(stype)


def create_sparse_array_zd(shape: tuple[int, ...], stype: str, *args: Any, **kwargs: Any) -> None:
    """Raises MXNetError: clsym has dense arrays only."""
    _no_sparse(stype)


def assign_each(the_input: np.ndarray, function: Callable[[float], float] | None) -> np.ndarray:
    """The function of each element, as a new numpy array; a copy if it is None."""
    return np.array(the_input) if function is None else np.array(np.vectorize(function)(the_input))


def assign_each2(input1: np.ndarray, input2: np.ndarray, function: Callable[[float, float], float] | None) -> np.ndarray:
    """The function of the elements of two arrays, as a new numpy array; a copy of the first if it is None."""
    return np.array(input1) if function is None else np.array(np.vectorize(function)(input1, input2))


def collapse_sum_like(a: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The sum over the axes that broadcasting of `shape` to the shape of `a` added or stretched.

    >>> collapse_sum_like(np.ones((2, 3)), (1, 3)).tolist()
    [[2.0, 2.0, 2.0]]
    """
    assert len(a.shape) >= len(shape), f"{shape} has more axes than {a.shape}"
    if np.prod(shape) == 0 or a.size == 0:
        return np.zeros(shape, dtype=a.dtype)
    lead = a.ndim - len(shape)
    axes = [*range(lead), *(lead + i for i, d in enumerate(shape) if d == 1 and a.shape[lead + i] != 1)]
    return np.sum(a, axis=tuple(axes)).reshape(shape)


def np_reduce(
    dat: np.ndarray, axis: int | Sequence[int] | None, keepdims: bool, numpy_reduce_func: Callable[..., np.ndarray]
) -> np.ndarray:
    """A numpy reduction over several axes, one after the other.

    >>> np_reduce(np.ones((2, 3)), (0, 1), True, np.sum).tolist()
    [[6.0]]
    """
    axes = range(dat.ndim) if axis is None else [axis] if isinstance(axis, int) else list(axis)
    chosen = sorted({a % dat.ndim for a in axes}, reverse=True)
    result = dat
    for a in chosen:
        result = np.asarray(numpy_reduce_func(result, axis=a))
    if keepdims:
        result = result.reshape(tuple(1 if i in chosen else d for i, d in enumerate(dat.shape)))
    return result
