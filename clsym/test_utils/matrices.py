"""Matrices with known properties, and large arrays of plain values."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ndarray as nd

__all__ = [
    "create_2d_tensor", "create_vector", "get_identity_mat", "get_identity_mat_batch", "new_matrix_with_real_eigvals_2d",
    "new_matrix_with_real_eigvals_nd", "new_orthonormal_matrix_2d", "new_sym_matrix_with_real_eigvals_2d",
    "new_sym_matrix_with_real_eigvals_nd",
]  # fmt: skip


def create_2d_tensor(rows: int, columns: int, dtype: Any = np.int64) -> nd.NDArray:
    """An array of that shape whose row i holds i.

    >>> create_2d_tensor(2, 3).asnumpy().tolist()
    [[0, 0, 0], [1, 1, 1]]
    """
    return nd.array(np.broadcast_to(np.arange(rows).reshape(rows, 1), (rows, columns)), dtype=dtype)


def create_vector(size: int, dtype: Any = np.int64) -> nd.NDArray:
    """0, 1, 2 ... as a vector."""
    return nd.array(np.arange(size, dtype=dtype), dtype=dtype)


def get_identity_mat(size: int) -> nd.NDArray:
    """A unit matrix."""
    return nd.array(np.eye(size))


def get_identity_mat_batch(size: int) -> nd.NDArray:
    """Two unit matrices, one behind the other."""
    return nd.array(np.stack([np.eye(size)] * 2))


def new_orthonormal_matrix_2d(n: int) -> np.ndarray:
    """A random orthonormal matrix of size n x n."""
    return np.linalg.qr(np.random.randn(n, n))[0]


def new_matrix_with_real_eigvals_2d(n: int) -> np.ndarray:
    """A random matrix of size n x n whose eigenvalues are real."""
    vectors, values = np.random.randn(n, n) + n * np.eye(n), np.diag(np.random.randn(n))
    return vectors @ values @ np.linalg.inv(vectors)


def new_sym_matrix_with_real_eigvals_2d(n: int) -> np.ndarray:
    """A random symmetric matrix of size n x n."""
    q = new_orthonormal_matrix_2d(n)
    return q @ np.diag(np.random.uniform(-1.0, 1.0, n)) @ q.T


def _stack(shape: tuple[int, ...], one: Any) -> np.ndarray:
    count = int(np.prod(shape[:-2]))
    return np.array([one(shape[-1]) for _ in range(count)]).reshape(shape)


def new_matrix_with_real_eigvals_nd(shape: tuple[int, ...]) -> np.ndarray:
    """Such matrices in an array, in its last two axes."""
    return _stack(shape, new_matrix_with_real_eigvals_2d)


def new_sym_matrix_with_real_eigvals_nd(shape: tuple[int, ...]) -> np.ndarray:
    """Such symmetric matrices in an array, in its last two axes."""
    return _stack(shape, new_sym_matrix_with_real_eigvals_2d)
