"""Reading and writing items of an array by index."""

from __future__ import annotations

from typing import Any

import numpy as np

from .indexing import Selection, select
from .invoke import invoke
from .modes import modes
from .storage import ITEMSIZE, ArrayBase
from .strided import Walk, convert, move, row_major
from .tape import check_assignment, may_record, record_view

__all__ = ["get_items", "set_items", "to_array"]


def get_items(array: ArrayBase, key: Any) -> Any:
    """``array[key]``: a view where the items lie together, else a new array."""
    chosen = select(array._shape, key)
    shape = chosen.shape or (1,)
    if may_record(array):
        return _recorded(array, chosen, shape)
    return _taken(array, chosen, shape)


def _taken(array: ArrayBase, chosen: Selection, shape: tuple[int, ...]) -> Any:
    if chosen.contiguous:
        return array._view(chosen.start * ITEMSIZE[array._dtype], shape)
    result = type(array)._empty(shape, array._dtype, array._ctx)
    extents = [d for d, _ in chosen.dims]
    move(array, _walk(array, chosen), result, Walk(0, row_major(extents)), extents, chosen.table_dim)
    return result


def _recorded(array: Any, chosen: Selection, shape: tuple[int, ...]) -> Any:
    """The same by operators, whose gradients the tape knows."""
    if chosen.table is None:
        cut = tuple(count for _, count, _ in chosen.ranges)
        part = _taken(array, chosen, cut)
        ends = [b + n * s for b, n, s in chosen.ranges]
        given = {"begin": tuple(b for b, _, _ in chosen.ranges), "end": tuple(e if e >= 0 else None for e in ends)}
        steps = tuple(s for _, _, s in chosen.ranges)
        record_view("slice", given if set(steps) <= {1} else {**given, "step": steps}, array, part)
        return part if cut == shape else part._reshaped(shape)
    positions = np.full((), chosen.start, np.int64)
    for k, (extent, stride) in enumerate(chosen.dims):
        along = chosen.table if k == chosen.table_dim else np.arange(extent, dtype=np.int64) * stride
        positions = positions[..., None] + along
    flat = array._reshaped((array.size,))
    return invoke("take", (flat, _on_device(positions.reshape(-1), array)), {"axis": 0, "mode": "clip"})._reshaped(shape)


def set_items(array: ArrayBase, key: Any, value: Any) -> None:
    """``array[key] = value``, with the value broadcast and converted."""
    if isinstance(key, slice) and key == slice(None):
        chosen = Selection(0, list(zip(array._shape, row_major(array._shape), strict=True)), array._shape)
    else:
        chosen = select(array._shape, key)
    if modes.recording and _assign_recorded(array, chosen, value):
        return
    if isinstance(value, (int, float, np.generic)) and chosen.contiguous:
        size = 1
        for d in chosen.shape:
            size *= d
        target = array._view(chosen.start * ITEMSIZE[array._dtype], (size,))
        target._fill(value)
        return
    source = to_array(array, value)
    shape = source._shape
    while len(shape) > len(chosen.shape) and shape[0] == 1:
        shape = shape[1:]
    if len(shape) > len(chosen.shape) or any(d not in (1, w) for d, w in zip(shape[::-1], chosen.shape[::-1], strict=False)):
        raise ValueError(f"could not broadcast a value of shape {source._shape} to the indexed shape {chosen.shape}")
    if not all(chosen.shape):
        return
    if source._root is array._root:
        start = array._offset + chosen.start * ITEMSIZE[array._dtype]
        if chosen.contiguous and shape == chosen.shape and source._offset == start and source._dtype == array._dtype:
            return  # as in a[0] += 1, which assigns the view that was just changed
        source = _duplicate(source)
    if chosen.contiguous and shape == chosen.shape:
        target = array._view(chosen.start * ITEMSIZE[array._dtype], shape)
        if source._dtype == array._dtype:
            target._copy_from(source)
        else:
            convert(source, target)
        return
    _scatter(array, chosen, source, shape)


def _assign_recorded(array: Any, chosen: Selection, value: Any) -> bool:
    """Assign while calls are recorded, if the tape can tell: an array on the tape to a whole one that is not. Whether that was done.

    Raises
    ------
    MXNetError
        The array is on the tape, or the value is and goes to a part of the array.
    """
    whole = chosen.contiguous and chosen.shape == array._shape
    if whole and isinstance(value, (np.ndarray, list, tuple)):
        return False  # the values come from outside, which MXNet lets pass
    check_assignment(array, *(() if whole else (value,)))
    if not may_record(value):
        return False
    source = value
    while len(source._shape) > len(array._shape) and source._shape[0] == 1:
        source = source._reshaped(source._shape[1:])
    if source._shape != array._shape:
        source = source.broadcast_to(array._shape)
    source.copyto(array)
    return True


def _scatter(array: ArrayBase, chosen: Selection, source: ArrayBase, shape: tuple[int, ...]) -> None:
    strides = row_major(shape, chosen.shape)
    extents = [d for d, _ in chosen.dims]
    if chosen.table is None:
        move(source, Walk(0, strides), array, _walk(array, chosen), extents)
        return
    at, width = chosen.table_dim, len(chosen.lead)
    positions = np.zeros(chosen.lead, np.int64)
    for k, stride in enumerate(strides[at : at + width]):
        positions += (np.arange(chosen.lead[k]) * stride).reshape((-1,) + (1,) * (width - 1 - k))
    # of several values for one place the last counts, on any number of cores
    table, positions = chosen.table[::-1], positions.reshape(-1)[::-1]
    _, first = np.unique(table, return_index=True)
    extents[at] = len(first)
    walk = Selection(chosen.start, chosen.dims, chosen.shape, table[first], at)
    flat = (*strides[:at], 0, *strides[at + width :])
    move(source, Walk(0, flat, _on_device(positions[first], array)), array, _walk(array, walk), extents, at)


def _walk(array: ArrayBase, chosen: Selection) -> Walk:
    table = None if chosen.table is None else _on_device(chosen.table, array)
    return Walk(chosen.start, tuple(s for _, s in chosen.dims), table)


def _on_device(values: np.ndarray[Any, Any], like: ArrayBase) -> ArrayBase:
    """Host integers as an array beside `like`."""
    array: ArrayBase = type(like)._empty(values.shape, "int64", like._ctx)
    array._upload(np.ascontiguousarray(values), private=True, fresh=True)
    return array


def _duplicate(array: ArrayBase) -> ArrayBase:
    copied: ArrayBase = type(array)._empty(array._shape, array._dtype, array._ctx)
    copied._copy_from(array)
    return copied


def to_array(like: ArrayBase, value: Any) -> ArrayBase:
    """A value that is assigned, as an array on the device of `like`; of any element type if it was an array."""
    if isinstance(value, ArrayBase):
        if value._device is like._device:
            return value
        moved: ArrayBase = type(like)._empty(value._shape, value._dtype, like._ctx)
        moved._copy_from(value)
        return moved
    if isinstance(value, (int, float)):
        number: ArrayBase = type(like)._empty((), like._dtype, like._ctx)
        number._fill(value)
        return number
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            host = np.asarray(value)
            host = np.array(host, dtype=like._dtype if host.dtype.kind in "iufb" else None)
            if host.dtype != like._dtype:
                host = np.array(value, dtype=like._dtype)
    except (TypeError, ValueError) as exc:
        raise TypeError(f"NDArray does not support assignment with non-array-like object {value!r} of type {type(value)}") from exc
    array: ArrayBase = type(like)._empty(host.shape, like._dtype, like._ctx)
    array._upload(np.asarray(host, order="C"), private=True, fresh=True)
    return array
