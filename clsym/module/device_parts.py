"""Batches in parts: one a device, and together again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .. import ndarray as nd
from ..base import MXNetError
from ..io import DataBatch, DataDesc
from ..ndarray import NDArray

__all__ = ["batch_axes", "input_order", "merge", "part_of", "parts_of"]


def batch_axes(layouts: Iterable[str | None]) -> list[int]:
    """The axis of each layout along which the batch lies; -1 for none."""
    return [DataDesc.get_batch_axis(layout) for layout in layouts]


def part_of(shape: Sequence[int], axis: int, where: slice) -> tuple[int, ...]:
    """The shape of a part of an array of that shape."""
    extents = list(shape)
    if axis >= 0:
        extents[axis] = where.stop - where.start
    return tuple(extents)


def parts_of(data_batch: Any) -> Any:
    """A batch that came as a list of batches, one a device, as one whose arrays are lists of parts."""
    if not isinstance(data_batch, list):
        return data_batch
    if not data_batch:
        raise AssertionError("Encountered empty data batch")
    labels = [list(b.label or ()) for b in data_batch]
    first = data_batch[0]
    return DataBatch(
        data=[list(parts) for parts in zip(*(b.data for b in data_batch), strict=True)],
        label=[list(parts) for parts in zip(*labels, strict=True)],
        provide_data=getattr(first, "provide_data", None),
        provide_label=getattr(first, "provide_label", None),
    )


def input_order(batch: Any, names: Sequence[str], kind: str, bound: Sequence[DataDesc]) -> list[int]:
    """For each array of a batch, which of the bound inputs it is: by name where the batch tells names, else as they come.

    Raises
    ------
    MXNetError
        The batch has other arrays than were bound, by number, name or shape.
    """
    arrays = getattr(batch, kind)
    provided = getattr(batch, f"provide_{kind}", None)
    if len(arrays) != len(names):
        raise MXNetError(f"the batch has {len(arrays)} arrays of {kind}, the module was bound for {len(names)}: {list(names)}")
    order = list(range(len(names)))
    if provided:
        given = [p[0] for p in provided]
        if given != list(names):
            if sorted(given) != sorted(names):
                raise MXNetError(f"the batch brings {kind} named {given}, the module was bound for {list(names)}")
            order = [list(names).index(n) for n in given]
    for array, i in zip(arrays, order, strict=True):
        shape = None if isinstance(array, list) else tuple(array.shape)
        if shape is not None and shape != tuple(bound[i].shape):
            raise MXNetError(
                f"the batch's {kind} {names[i]!r} has shape {shape}, the module was bound for {tuple(bound[i].shape)}: {list(bound)}"
            )
    return order


def merge(outputs: Sequence[Sequence[NDArray]], axes: Sequence[int]) -> list[NDArray]:
    """The devices' parts put together, on the first device; what has no batch axis is the first device's."""
    merged = []
    for parts, axis in zip(outputs, axes, strict=True):
        if axis >= 0 and len(parts) > 1:
            where = parts[0].context
            merged.append(nd.concatenate([p.as_in_context(where) for p in parts], axis=axis))
        else:
            merged.append(parts[0])
    return merged
