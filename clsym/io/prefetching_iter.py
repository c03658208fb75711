"""Batches of one or several iterators, computed by threads while the last batch is used."""

from __future__ import annotations

from typing import Any

from ..base import MXNetError
from .ahead import Ahead
from .batch import DataBatch, DataDesc
from .data_iter import DataIter

__all__ = ["PrefetchingIter"]


class PrefetchingIter(DataIter):
    """Takes the next batch of every iterator in a thread of its own, and makes one batch of them.

    Parameters
    ----------
    iters : DataIter or list of DataIter
        They are reset, and asked, by this iterator alone from now on.
    rename_data, rename_label : list of dict, optional
        For each iterator, new names of its inputs and of its labels by the old ones.

    Raises
    ------
    Exception
        What an iterator raised in its thread, when the batch is asked for; `reset` starts anew.

    Examples
    --------
    >>> import clsym as mx
    >>> import numpy as np
    >>> left, right = (mx.io.NDArrayIter(np.full((4, 2), i), batch_size=2) for i in (1, 2))
    >>> it = mx.io.PrefetchingIter([left, right], rename_data=[{'data': 'left'}, {'data': 'right'}])
    >>> [d.name for d in it.provide_data]
    ['left', 'right']
    >>> [[float(x.asnumpy()[0, 0]) for x in batch.data] for batch in it]
    [[1.0, 2.0], [1.0, 2.0]]
    """

    def __init__(self, iters: Any, rename_data: Any = None, rename_label: Any = None) -> None:
        super().__init__()
        self.iters = list(iters) if isinstance(iters, list | tuple) else [iters]
        self.n_iter = len(self.iters)
        if not self.iters:
            raise AssertionError("PrefetchingIter needs one iterator or more")
        self.rename_data = rename_data
        self.rename_label = rename_label
        self.batch_size = self.provide_data[0][1][0]
        self.current_batch: Any = [None] * self.n_iter
        self._start()

    def _start(self) -> None:
        self._ahead = [Ahead(it.next) for it in self.iters]

    @property
    def provide_data(self) -> list[Any]:
        """Name, shape and type of each input, of all iterators in their order."""
        return _described([it.provide_data for it in self.iters], self.rename_data)

    @property
    def provide_label(self) -> list[Any]:
        """Name, shape and type of each label."""
        return _described([it.provide_label for it in self.iters], self.rename_label)

    def reset(self) -> None:
        """Start the next epoch, of all iterators."""
        for ahead in self._ahead:
            ahead.stop()
        for it in self.iters:
            it.reset()
        self._start()

    def iter_next(self) -> bool:
        """Move on to the next batch."""
        batches = [ahead.take() for ahead in self._ahead]
        ended = [b is None for b in batches]
        if any(ended):
            if not all(ended):
                raise AssertionError("Number of entry mismatches between iterators")
            return False
        if len({b.pad for b in batches}) > 1:
            raise AssertionError("Number of entry mismatches between iterators")
        self.current_batch = DataBatch(
            [x for b in batches for x in b.data],
            [x for b in batches for x in b.label or []],
            batches[0].pad,
            batches[0].index,
            bucket_key=batches[0].bucket_key,
            provide_data=self.provide_data,
            provide_label=self.provide_label,
        )
        return True

    def next(self) -> DataBatch:
        """The next batch."""
        if not self.iter_next():
            raise StopIteration
        return self._batch()

    def _batch(self) -> DataBatch:
        if not isinstance(self.current_batch, DataBatch):
            raise MXNetError("there is no batch yet; call next() or iter_next() first")
        return self.current_batch

    def getdata(self) -> Any:
        """The inputs of the batch."""
        return self._batch().data

    def getlabel(self) -> Any:
        """The labels of the batch."""
        return self._batch().label

    def getindex(self) -> Any:
        """The numbers of its examples."""
        return self._batch().index

    def getpad(self) -> int | None:
        """How many of its examples only fill it up."""
        return self._batch().pad


def _described(provided: list[Any], names: Any) -> list[Any]:
    """All descriptions, renamed where a dictionary an iterator says so; plain (name, shape) pairs become descriptions."""
    if names is None:
        return [d for one in provided for d in one]
    if not isinstance(names, list | tuple) or len(names) != len(provided):
        raise MXNetError(f"PrefetchingIter: renames must be a list of {len(provided)} dictionaries, one an iterator")
    found = []
    for renamed, one in zip(names, provided, strict=True):
        for d in one:
            d = d if isinstance(d, DataDesc) else DataDesc(*d)
            found.append(DataDesc(renamed[d.name], d.shape, d.dtype))
    return found
