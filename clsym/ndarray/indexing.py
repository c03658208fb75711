"""What an index means: which items of an array, as offsets and strides, and of what shape the result is.

Basic indices (integers, slices, ``...``, None) and integer arrays follow numpy, with MXNet's habits: an integer index of the last dimension
left leaves an array of one element, arrays of truth values count as the integers 0 and 1, and only an NDArray of type bool is a mask.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..differences import differs
from .storage import ArrayBase
from .strided import row_major

__all__ = ["Selection", "select"]


@dataclass
class Selection:
    """The items that an index picks.

    Attributes
    ----------
    start : int
        Element offset of the first.
    dims : list of (int, int)
        Extent and stride of each dimension walked; the advanced indices together are one of them.
    shape : tuple of int
        Of the result, without MXNet's extra dimension for single elements.
    table : numpy.ndarray or None
        Element offsets of the items along dimension `table_dim` of `dims`.
    lead : tuple of int
        The shape that dimension `table_dim` stands for.
    ranges : tuple of (int, int, int)
        Without a table: begin, number of items and step along each axis of the array.
    """

    start: int
    dims: list[tuple[int, int]]
    shape: tuple[int, ...]
    table: np.ndarray[Any, Any] | None = None
    table_dim: int = -1
    lead: tuple[int, ...] = ()
    ranges: tuple[tuple[int, int, int], ...] = ()

    @property
    def contiguous(self) -> bool:
        """Whether the items lie one behind the other."""
        if self.table is not None:
            return False
        step = 1
        for extent, stride in reversed(self.dims):
            if extent == 0:
                return False
            if extent != 1:
                if stride != step:
                    return False
                step *= extent
        return True


def select(shape: tuple[int, ...], key: Any) -> Selection:
    """The items of an array of `shape` that `key` picks.

    Raises
    ------
    IndexError
        Out of bounds, or too many indices.
    ValueError
        Something that is no index, or index arrays that do not broadcast.
    """
    parts = _expand(shape, key if isinstance(key, tuple) else (key,))
    advanced = any(kind == "array" for kind, _ in parts)
    strides = row_major(shape)
    start = 0
    dims: list[tuple[int, int]] = []
    ranges: list[tuple[int, int, int]] = []
    arrays: list[tuple[np.ndarray[Any, Any], int]] = []
    places: list[int] = []
    spots: list[int] = []
    axis = 0
    for place, (kind, value) in enumerate(parts):
        if kind == "new":
            dims.append((1, 0))
            continue
        extent, stride = shape[axis], strides[axis]
        if kind == "slice":
            begin, stop, step = value.indices(extent)
            count = len(range(begin, stop, step))
            start += begin * stride if count else 0
            dims.append((count, step * stride))
            ranges.append((begin, count, step))
        elif kind == "int" and not advanced:
            at = _bounded(value, extent, axis)
            start += at * stride
            ranges.append((at, 1, 1))
        else:
            index = np.asarray(value)
            _check_bounds(index, extent, axis)
            arrays.append((np.where(index < 0, index + extent, index), stride))
            places.append(place)
            spots.append(len(dims))
        axis += 1
    if not advanced:
        return Selection(start, dims, tuple(d for d, _ in dims), ranges=tuple(ranges))
    try:
        lead = np.broadcast_shapes(*(a.shape for a, _ in arrays))
    except ValueError as exc:
        raise ValueError(f"index arrays of shapes {[a.shape for a, _ in arrays]} do not broadcast: {exc}") from exc
    table = np.zeros(lead, np.int64)
    for index, stride in arrays:
        table += index.astype(np.int64) * stride
    adjacent = places[-1] - places[0] == len(places) - 1
    at = spots[0] if adjacent else 0
    before, after = [d for d, _ in dims[:at]], [d for d, _ in dims[at:]]
    dims.insert(at, (table.size, 0))
    return Selection(start, dims, (*before, *lead, *after), table.reshape(-1), at, lead)


def _expand(shape: tuple[int, ...], key: tuple[Any, ...]) -> list[tuple[str, Any]]:
    """The kind and value of each part of an index, with the ellipsis and what is left out written out."""
    parts: list[tuple[str, Any]] = []
    dots = -1
    used = 0
    for item in key:
        if item is None:
            parts.append(("new", None))
        elif item is Ellipsis:
            if dots >= 0:
                raise IndexError("Cannot use more than one ellipsis (`...`) for indexing")
            dots = len(parts)
        elif isinstance(item, slice):
            parts.append(("slice", _checked_slice(item)))
            used += 1
        elif isinstance(item, ArrayBase) and item._dtype == "bool":
            used += _mask(parts, shape, used, item._download())
        elif isinstance(item, (ArrayBase, np.ndarray, list, tuple, range)):
            parts.append(("array", _index_array(item)))
            used += 1
        else:
            parts.append(("int", _integer(item)))
            used += 1
    if used > len(shape):
        raise IndexError(f"too many indices ({used}) for array with {len(shape)} dimensions")
    missing = [("slice", slice(None))] * (len(shape) - used)
    at = dots if dots >= 0 else len(parts)
    return parts[:at] + missing + parts[at:]


def _integer(item: Any) -> int:
    try:
        return operator.index(item)
    except TypeError:
        raise ValueError(f"NDArray does not support slicing with key {item} of type {type(item)}.") from None


def _checked_slice(item: slice) -> slice:
    if item.step is not None and operator.index(item.step) == 0:
        raise ValueError("slice step cannot be zero")
    return slice(*(None if v is None else operator.index(v) for v in (item.start, item.stop, item.step)))


def _index_array(item: Any) -> np.ndarray[Any, Any]:
    """Integers from what a user indexes with; real numbers are cut off, as MXNet does."""
    if isinstance(item, ArrayBase):
        found = item._download()
    else:
        found = np.asarray(list(item) if isinstance(item, range) else item)
    if found.size == 0:
        return found.astype(np.int64)
    if found.dtype.kind not in "iufb":
        raise IndexError(f"an index array holds {found.dtype}, not integers: {item!r}")
    return found.astype(np.int64)


def _mask(parts: list[tuple[str, Any]], shape: tuple[int, ...], used: int, mask: np.ndarray[Any, Any]) -> int:
    """Index arrays for a mask; returns how many dimensions it covers."""
    for k, (have, extent) in enumerate(zip(mask.shape, shape[used:], strict=False)):
        if have != extent:
            raise IndexError(
                f"boolean index did not match indexed array along axis {used + k}; size is {extent} "
                f"but corresponding boolean size is {have}"
            )
    parts.extend(("array", index) for index in np.nonzero(mask))
    return mask.ndim


def _bounded(index: int, extent: int, axis: int) -> int:
    if not -extent <= index < extent:
        raise IndexError(f"index {index} is out of bounds for axis {axis} with size {extent}")
    return index + extent if index < 0 else index


def _check_bounds(index: np.ndarray[Any, Any], extent: int, axis: int) -> None:
    wrong = index[(index < -extent) | (index >= extent)]
    if wrong.size:
        raise IndexError(f"index {int(wrong.flat[0])} is out of bounds for axis {axis} with size {extent}")


differs(
    "NDArray",
    "assignment with a list that holds negative indices",
    "x = mx.nd.array([1, 2, 3]); x[[-1]] = 9; print(x.asnumpy().tolist())",
    ours="[1.0, 2.0, 9.0]",
    mxnet="the process aborts",
    why="Reading such a list works in MXNet.",
)
