"""Matrices: determinants, products with a part of themselves, diagonals and triangles."""

from __future__ import annotations

import numpy as np

from ..layer import Layer, converter


def _scaled(layer: Layer, x: str, factor: float) -> str:
    return x if factor == 1 else layer.emit("Mul", x, layer.const(factor))


def _scalars(layer: Layer, x: str, output: int = 0) -> str:
    """What has an element for each matrix; MXNet has no tensors without axes."""
    return layer.reshape(x, (1,)) if layer.rank == 2 else x


@converter("_linalg_det")
def _det(layer: Layer) -> list[str]:
    return [_scalars(layer, layer.emit("Det", layer.x))]


@converter("_linalg_slogdet")
def _slogdet(layer: Layer) -> list[str]:
    found = _scalars(layer, layer.emit("Det", layer.x))
    return [layer.emit("Sign", found), layer.emit("Log", layer.emit("Abs", found))]


@converter("_linalg_syrk")
def _syrk(layer: Layer) -> str:
    other = layer.swap_last(layer.x, layer.rank)
    pair = (other, layer.x) if layer.p.transpose else (layer.x, other)
    return _scaled(layer, layer.emit("MatMul", *pair), layer.p.alpha)


@converter("_linalg_trmm")
def _trmm(layer: Layer) -> str:
    triangle = layer.emit("Trilu", layer.x, upper=int(not layer.p.lower))
    if layer.p.transpose:
        triangle = layer.swap_last(triangle, layer.rank)
    pair = (layer.ins[1], triangle) if layer.p.rightside else (triangle, layer.ins[1])
    return _scaled(layer, layer.emit("MatMul", *pair), layer.p.alpha)


# ----------------------------------------------------------------------------------------------------------- diagonals and triangles


def _diagonal(n: int, offset: int) -> np.ndarray:
    """Places of a diagonal's elements in a matrix whose rows lie one behind the other."""
    rows = np.arange(n - abs(offset)) + max(-offset, 0)
    return rows * n + rows + offset


def _triangle(n: int, offset: int, lower: bool) -> np.ndarray:
    """The lower triangle row after row, the upper one column after column."""
    if offset > 0 or (offset == 0 and not lower):
        columns, rows = np.tril_indices(n, -offset)
    else:
        rows, columns = np.tril_indices(n, offset)
    return rows * n + columns


def _extract(layer: Layer, places: np.ndarray) -> str:
    n = layer.extent(0, layer.rank - 1)
    flat = layer.reshape(layer.x, (*layer.in_shapes[0][:-2], n * n))
    return layer.emit("Gather", flat, layer.const(places, "int64"), axis=-1)


def _spread(layer: Layer, places: np.ndarray, n: int) -> str:
    """The vector's elements at these places of a matrix of zeros."""
    source = np.zeros(n * n, np.int64)
    source[places] = np.arange(places.size)
    taken = np.zeros(n * n, bool)
    taken[places] = True
    whole = layer.emit("Gather", layer.x, layer.const(source.reshape(n, n), "int64"), axis=layer.rank - 1)
    return layer.emit("Where", layer.const(taken.reshape(n, n), "bool"), whole, layer.const(0))


@converter("_linalg_extractdiag")
def _extract_diagonal(layer: Layer) -> str:
    return _extract(layer, _diagonal(layer.extent(0, layer.rank - 1), layer.p.offset))


@converter("_linalg_extracttrian")
def _extract_triangle(layer: Layer) -> str:
    return _extract(layer, _triangle(layer.extent(0, layer.rank - 1), layer.p.offset, layer.p.lower))


@converter("_linalg_makediag")
def _make_diagonal(layer: Layer) -> str:
    n = layer.shape(layer.out_shapes[0][-1:])[0]
    return _spread(layer, _diagonal(n, layer.p.offset), n)


@converter("_linalg_maketrian")
def _make_triangle(layer: Layer) -> str:
    n = layer.shape(layer.out_shapes[0][-1:])[0]
    return _spread(layer, _triangle(n, layer.p.offset, layer.p.lower), n)


@converter("_linalg_sumlogdiag")
def _sum_log_diagonal(layer: Layer) -> str:
    elements = layer.emit("Log", _extract(layer, _diagonal(layer.extent(0, layer.rank - 1), 0)))
    return _scalars(layer, layer.emit("ReduceSum", elements, layer.ints(-1), keepdims=0))


@converter("diag")
def _diag(layer: Layer) -> str:
    k = layer.p.k
    if layer.rank == 1:
        n = layer.shape(layer.out_shapes[0])[0]
        return _spread(layer, _diagonal(n, k), n)
    first, second = layer.axis(layer.p.axis1), layer.axis(layer.p.axis2)
    rows, columns = layer.extent(0, first), layer.extent(0, second)
    rest = [a for a in range(layer.rank) if a not in (first, second)]
    at = np.arange(layer.shape(layer.out_shapes[0])[-1])
    places = (at + max(-k, 0)) * columns + at + max(k, 0)
    moved = layer.transpose(layer.x, [*rest, first, second])
    flat = layer.reshape(moved, (*(layer.in_shapes[0][a] for a in rest), rows * columns))
    return layer.emit("Gather", flat, layer.const(places, "int64"), axis=-1)
