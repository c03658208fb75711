"""``mx.nd.sparse``: the operators ``_sparse_...`` on dense arrays; clsym has no sparse ones, and says so where one is asked for."""

from __future__ import annotations

from typing import Any, NoReturn

from ..base import MXNetError
from .creation import array as _array
from .creation import empty as _empty
from .creation import zeros as _zeros
from .ndarray import NDArray
from .register import array_namespace as _array_namespace

__all__ = ["BaseSparseNDArray", "CSRNDArray", "RowSparseNDArray", "array", "csr_matrix", "empty", "retain", "row_sparse_array", "zeros"]

_dispatch, __dir__ = _array_namespace("sparse", __name__)


def __getattr__(name: str) -> Any:
    return _dispatch(name)


def _refuse(what: str) -> NoReturn:
    raise MXNetError(f"{what}: clsym has dense arrays only; pass the values to mx.nd.array")


class BaseSparseNDArray(NDArray):
    """The type of sparse arrays, for ``isinstance``; none is ever made.

    >>> import clsym as mx
    >>> isinstance(mx.nd.ones(2), mx.nd.sparse.CSRNDArray)
    False
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse(type(self).__name__)


class CSRNDArray(BaseSparseNDArray):
    """The type of arrays in compressed rows; none is ever made."""


class RowSparseNDArray(BaseSparseNDArray):
    """The type of arrays of which only some rows are stored; none is ever made."""


def csr_matrix(arg1: Any, shape: Any = None, ctx: Any = None, dtype: Any = None) -> NoReturn:
    """Raises MXNetError: clsym has dense arrays only."""
    _refuse("csr_matrix")


def row_sparse_array(arg1: Any, shape: Any = None, ctx: Any = None, dtype: Any = None) -> NoReturn:
    """Raises MXNetError: clsym has dense arrays only."""
    _refuse("row_sparse_array")


def retain(data: Any, indices: Any) -> NoReturn:
    """Raises MXNetError: clsym has dense arrays only."""
    _refuse("sparse.retain")


def zeros(stype: str, shape: Any, ctx: Any = None, dtype: Any = None, **kwargs: Any) -> NDArray:
    """An array of zeros of storage type ``'default'``; `MXNetError` for others."""
    return _zeros(shape, ctx, dtype, stype, **kwargs)


def empty(stype: str, shape: Any, ctx: Any = None, dtype: Any = None) -> NDArray:
    """An array of storage type ``'default'`` with any values; `MXNetError` for others."""
    return _empty(shape, ctx, dtype, stype)


def array(source_array: Any, ctx: Any = None, dtype: Any = None) -> NDArray:
    """A dense array from a dense source.

    Raises
    ------
    MXNetError
        The source is a sparse matrix of SciPy.
    """
    if hasattr(source_array, "tocsr"):
        _refuse("sparse.array of a sparse matrix")
    return _array(source_array, ctx, dtype)
