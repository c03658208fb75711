"""Iterators over data sets in files, as MXNet's own in C++: typed parameters, and batches of rows made ahead by a thread."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import MXNetError
from ..ndarray import NDArray, array
from ..params import Dtype, Enum, Field, Int, parse_params
from .ahead import Ahead
from .batch import DataBatch, DataDesc
from .data_iter import DataIter

__all__ = ["COMMON", "MXDataIter", "RowIter"]

COMMON: dict[str, Field] = {
    "prefetch_buffer": Int(4, "how many batches are made ahead", low=0),
    "ctx": Enum(("cpu", "gpu"), "gpu", "taken and ignored; batches are on the current context"),
    "dtype": Dtype(None, "type of data and labels", none=True),
}


class MXDataIter(DataIter):
    """What iterators over files have in common.

    Parameters
    ----------
    data_name, label_name : str
    """

    def __init__(self, data_name: str = "data", label_name: str = "softmax_label", batch_size: int = 0) -> None:
        super().__init__(batch_size)
        self.data_name = data_name
        self.label_name = label_name
        self.provide_data: list[DataDesc] = []
        self.provide_label: list[DataDesc] = []
        self._current: DataBatch | None = None
        self._debug_at_begin = True
        self._debug_skip_load = False

    def debug_skip_load(self) -> None:
        """Give the first batch again and again, to measure everything but the loading."""
        self._debug_skip_load = True

    def _batch(self) -> DataBatch:
        if self._current is None:
            raise MXNetError("there is no batch yet; call next() or iter_next() first")
        return self._current

    def _make(self) -> DataBatch | None:
        """The next batch, or None at the end."""
        raise NotImplementedError

    def iter_next(self) -> bool:
        """Move on to the next batch."""
        if self._debug_skip_load and self._current is not None:
            return True
        batch = self._make()
        if batch is not None:
            self._current = batch
        return batch is not None

    def next(self) -> DataBatch:
        """The next batch."""
        if not self.iter_next():
            raise StopIteration
        return self._batch()

    def getdata(self) -> NDArray:
        """The input of the batch."""
        found: NDArray = self._batch().data[0]
        return found

    def getlabel(self) -> NDArray:
        """The labels of the batch."""
        found: NDArray = self._batch().label[0]
        return found

    def getindex(self) -> Any:
        """The numbers of its examples in the data set."""
        return self._batch().index

    def getpad(self) -> int | None:
        """How many of its examples only fill it up."""
        return self._batch().pad


class RowIter(MXDataIter):
    """Batches of rows that lie in memory, uploaded ahead by a thread.

    A subclass reads its file in `_read`, and has the table of its parameters in `fields`.
    """

    fields: Mapping[str, Field] = {}
    _discards = False

    def __init__(self, **kwargs: Any) -> None:
        names = {k: kwargs.pop(k) for k in ("data_name", "label_name") if k in kwargs}
        if unknown := sorted(kwargs.keys() - self.fields.keys()):  # scripts pass some; MXNet's take them silently
            logging.getLogger(__name__).warning("%s does not know %s, and ignores it", type(self).__name__, ", ".join(unknown))
        p = parse_params(type(self).__name__, self.fields, {k: v for k, v in kwargs.items() if k in self.fields})
        if p.batch_size < 1:
            raise MXNetError(f"{type(self).__name__}: batch_size is {p.batch_size}; it must be 1 or more")
        super().__init__(**names, batch_size=p.batch_size)
        self._data, self._label = self._read(p)
        self._wraps = not self._discards and p.round_batch
        self._depth = p.prefetch_buffer
        self.provide_data = [DataDesc(self.data_name, (p.batch_size, *self._data.shape[1:]), self._converted(self._data[:0]).dtype.type)]
        self.provide_label = [DataDesc(self.label_name, (p.batch_size, *self._label.shape[1:]), self._label.dtype.type)]
        if self._wraps and len(self._data) * 2 < p.batch_size:
            raise MXNetError(f"{type(self).__name__}: number of input must be bigger than batch size: {len(self._data)} and {p.batch_size}")
        self._begin = 0
        self._ahead = Ahead(self._walk(), self._depth)

    def _walk(self) -> Callable[[], Any]:
        """What gives the batches of an epoch. It does not know this iterator: a thread that did would keep it alive."""
        epoch = _Epoch(self._data, self._label, self.batch_size, self._begin, self._wraps, self._discards, self._converted)
        return epoch.batches().__next__

    @staticmethod
    def _converted(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Rows as a batch has them."""
        return values

    def _read(self, p: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        raise NotImplementedError

    def _make(self) -> DataBatch | None:
        found = self._ahead.take()
        if found is None:
            return None
        self._next_begin = found[1]
        batch: DataBatch = found[0]
        return batch

    _next_begin = 0

    def reset(self) -> None:
        """Start the next epoch; with `round_batch` behind the examples that filled the last batch up."""
        self._ahead.stop()
        self._begin, self._next_begin = self._next_begin % max(1, len(self._data)), 0
        self._ahead = Ahead(self._walk(), self._depth)


@dataclass(frozen=True)
class _Epoch:
    """The rows of the batches from one reset to the next."""

    data: np.ndarray[Any, Any]
    label: np.ndarray[Any, Any]
    size: int
    begin: int
    wraps: bool
    discards: bool
    converted: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]

    def batches(self) -> Iterator[tuple[DataBatch, int]]:
        """Each batch, with where the next epoch begins if it is the last."""
        count = len(self.data)
        rows = np.zeros(self.size, np.int64)
        for at in range(self.begin, count, self.size):
            pad = max(0, at + self.size - count)
            if pad and self.discards:
                return
            following = np.arange(at, at + self.size)
            if self.wraps:
                rows = following % count
            else:  # what the batch before had stays in the rows that are left
                rows = np.concatenate([following[: self.size - pad], rows[self.size - pad :]])
            index = (rows * 0 if self.discards else rows).astype(np.uint64)
            parts = [self.converted(values[rows]) for values in (self.data, self.label)]
            data, label = (array(part, dtype=part.dtype) for part in parts)
            yield DataBatch([data], [label], pad, index), pad if self.wraps else 0
