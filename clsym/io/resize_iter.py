"""An epoch of so many batches, whatever the iterator behind it has."""

from __future__ import annotations

from typing import Any

from .batch import DataBatch
from .data_iter import DataIter

__all__ = ["ResizeIter"]


class ResizeIter(DataIter):
    """Gives `size` batches an epoch; where the iterator has fewer, it starts again in between.

    Parameters
    ----------
    data_iter : DataIter
    size : int
        Batches an epoch.
    reset_internal : bool, default True
        Whether `reset` resets the iterator too; otherwise it goes on where it stands.

    Examples
    --------
    >>> import clsym as mx
    >>> import numpy as np
    >>> it = mx.io.ResizeIter(mx.io.NDArrayIter(np.zeros((4, 2)), batch_size=2), 5)
    >>> len(list(it))
    5
    """

    def __init__(self, data_iter: Any, size: int, reset_internal: bool = True) -> None:
        super().__init__()
        self.data_iter = data_iter
        self.size = size
        self.reset_internal = reset_internal
        self.cur = 0
        self.current_batch: DataBatch | None = None
        self.provide_data = data_iter.provide_data
        self.provide_label = data_iter.provide_label
        self.batch_size = data_iter.batch_size
        if hasattr(data_iter, "default_bucket_key"):
            self.default_bucket_key = data_iter.default_bucket_key

    def reset(self) -> None:
        """Start the next epoch."""
        self.cur = 0
        if self.reset_internal:
            self.data_iter.reset()

    def iter_next(self) -> bool:
        """Move on to the next batch."""
        if self.cur == self.size:
            return False
        try:
            self.current_batch = self.data_iter.next()
        except StopIteration:
            self.data_iter.reset()
            self.current_batch = self.data_iter.next()
        self.cur += 1
        return True

    def next(self) -> DataBatch:
        """The next batch, as the iterator gave it."""
        if not self.iter_next():
            raise StopIteration
        return self._batch()

    def _batch(self) -> DataBatch:
        if self.current_batch is None:
            raise AttributeError("there is no batch yet; call next() or iter_next() first")
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
