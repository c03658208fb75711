"""``mx.executor_manager``: how a batch is shared out among devices, and how it reaches the arrays of executors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import MXNetError
from .ndarray import NDArray

__all__: list[str] = []

Target = tuple[slice, NDArray]
"""Part of a batch, and the array of an executor that it goes to."""


def _split_input_slice(batch_size: int, work_load_list: Sequence[float]) -> list[slice]:
    """The part of a batch that each device gets, in proportion to its work load.

    Raises
    ------
    ValueError
        A device would get nothing.

    Examples
    --------
    >>> _split_input_slice(10, [1, 2])
    [slice(0, 3, None), slice(3, 10, None)]
    """
    total = sum(work_load_list)
    counts = [round(load * batch_size / total) for load in work_load_list]
    if (left := batch_size - sum(counts)) > 0:
        counts[-1] += left
    parts, end = [], 0
    for count in counts:
        begin, end = end, min(end + int(count), batch_size)
        if begin >= end:
            raise ValueError(
                "Too many slices. Some splits are empty. "
                f"A batch of {batch_size} cannot be shared out by the work loads {list(work_load_list)}."
            )
        parts.append(slice(begin, end))
    return parts


def _check_arguments(symbol: Any) -> None:
    """Refuse a symbol of which two arguments, or two auxiliary states, have one name.

    Raises
    ------
    ValueError
    """
    for names, what, kind in (
        (symbol.list_arguments(), "argument", "weight"),
        (symbol.list_auxiliary_states(), "auxiliary param", "auxiliary"),
    ):
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(
                f'Find duplicated {what} name "{twice[0]}", please make the {kind} name non-duplicated(using name arguments), '
                f"{what}s are {names}"
            )


def _assign(target: NDArray, value: Any) -> None:
    """Bring a batch's values to an executor's array: no host wait, conversion on the way."""
    if isinstance(value, NDArray) and value.shape == target.shape:
        value.copyto(target)
    else:
        target[:] = value


def _load_general(data: Sequence[Any], targets: Sequence[Any], major_axis: Sequence[int] | None = None) -> None:
    """Copy the arrays of a batch to the devices, each its part along the batch's axis; an array without such an axis goes to all whole.

    Parameters
    ----------
    data : list
        Of arrays, or of lists with one array a device.
    targets : list
        For each array either one NDArray, or the devices' parts as (slice, NDArray).
    major_axis : list of int
        Of each array the axis along which the batch lies, -1 for none.
    """
    for i, (source, target) in enumerate(zip(data, targets, strict=False)):
        axis = 0 if major_axis is None else major_axis[i]
        if isinstance(target, NDArray):
            _assign(target, source)
        elif isinstance(source, list):
            if len(source) != len(target):
                raise MXNetError(f"a batch comes as {len(source)} parts, there are {len(target)} devices")
            for part, (_, array) in zip(source, target, strict=True):
                _assign(array, part)
        else:
            _load_parts(source, target, axis)


def _load_parts(source: Any, targets: Sequence[Target], axis: int) -> None:
    extent = source.shape[axis] if axis >= 0 else 0
    for where, array in targets:
        if axis < 0 or (where.start == 0 and where.stop == extent):
            _assign(array, source)
        elif axis == 0:
            _assign(array, source[where])
        else:
            _assign(array, source[(slice(None),) * axis + (where,)])


def _load_data(batch: Any, targets: Sequence[Any], major_axis: Sequence[int] | None = None) -> None:
    """Copy a batch's data to the devices."""
    _load_general(batch.data, targets, major_axis)


def _load_label(batch: Any, targets: Sequence[Any], major_axis: Sequence[int] | None = None) -> None:
    """Copy a batch's labels to the devices."""
    _load_general(batch.label, targets, major_axis)
