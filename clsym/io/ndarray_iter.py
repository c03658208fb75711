"""Batches of arrays that are in memory."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from ..base import MXNetError
from ..differences import differs
from ..ndarray import NDArray, concat, slice_axis
from .batch import DataBatch, DataDesc
from .data_iter import DataIter
from .utils import _getdata_by_idx, _init_data, _rows

__all__ = ["NDArrayIter"]

_ENDS = ("pad", "discard", "roll_over")


class NDArrayIter(DataIter):
    """Batches of arrays in memory: one array, a list of arrays, or a dictionary of them.

    Parameters
    ----------
    data : NDArray, numpy.ndarray, list or dict of them
        One row an example. Host arrays become float32; an NDArray keeps its type. A dictionary's inputs come in the order of their names.
    label : the same, optional
    batch_size : int, default 1
    shuffle : bool, default False
        Draw a new order at every reset, by ``np.random``.
    last_batch_handle : {'pad', 'discard', 'roll_over'}
        What happens to examples that fill no batch: the first ones fill it up (`DataBatch.pad` says how many), they are left out, or
        they begin the next epoch.
    data_name, label_name : str
        Names where only one array, or a list, is given.
    layout : str, default 'NCHW'

    Raises
    ------
    TypeError
        Something else than arrays.
    MXNetError
        An input or label with fewer rows than the first input, or a batch size below 1.

    Examples
    --------
    >>> import clsym as mx
    >>> import numpy as np
    >>> it = mx.io.NDArrayIter(np.arange(10).reshape(5, 2), np.arange(5), batch_size=3)
    >>> it.provide_data, it.provide_label[0].shape
    ([DataDesc[data,(3, 2),<class 'numpy.float32'>,NCHW]], (3,))
    >>> [(batch.label[0].asnumpy().tolist(), batch.pad) for batch in it]
    [([0.0, 1.0, 2.0], 0), ([3.0, 4.0, 0.0], 1)]
    """

    def __init__(
        self,
        data: Any,
        label: Any = None,
        batch_size: int = 1,
        shuffle: bool = False,
        last_batch_handle: str = "pad",
        data_name: str = "data",
        label_name: str = "softmax_label",
        layout: str = "NCHW",
    ) -> None:
        super().__init__(batch_size)
        self.data = _init_data(data, allow_empty=False, default_name=data_name)
        self.label = _init_data(label, allow_empty=True, default_name=label_name)
        self.idx = np.arange(self.data[0][1].shape[0])
        self.shuffle = shuffle
        self.last_batch_handle = last_batch_handle
        self.num_data = self.idx.shape[0]
        self.layout = layout
        self._check()
        self.cursor = -batch_size
        self._cache_data: list[NDArray] | None = None
        self._cache_label: list[NDArray] | None = None
        self.reset()
        self.data_list = [value for _, value in self.data + self.label]
        self.num_source = len(self.data_list)

    def _check(self) -> None:
        if not isinstance(self.batch_size, int | np.integer) or self.batch_size < 1:
            raise MXNetError(f"NDArrayIter: batch_size is {self.batch_size!r}; it must be a whole number, 1 or more")
        for name, value in self.data + self.label:
            if value.shape[0] < self.num_data:
                raise MXNetError(
                    f"NDArrayIter: {name!r} has {value.shape[0]} rows, and {self.data[0][0]!r} {self.num_data}; each needs a row an example"
                )
        if self.last_batch_handle not in _ENDS:
            logging.getLogger(__name__).warning(
                "NDArrayIter: last_batch_handle %r is none of %s; as 'discard'", self.last_batch_handle, ", ".join(_ENDS)
            )

    def _described(self, arrays: list[tuple[str, NDArray]]) -> list[DataDesc]:
        return [DataDesc(k, (self.batch_size, *v.shape[1:]), v.dtype, layout=self.layout) for k, v in arrays]

    @property
    def provide_data(self) -> list[DataDesc]:
        """Name, shape and type of each input."""
        return self._described(self.data)

    @property
    def provide_label(self) -> list[DataDesc]:
        """Name, shape and type of each label."""
        return self._described(self.label)

    def hard_reset(self) -> None:
        """Go back to the first example; nothing is rolled over."""
        if self.shuffle:
            self._shuffle_data()
        self.cursor = -self.batch_size
        self._cache_data = self._cache_label = None

    def reset(self) -> None:
        """Start the next epoch."""
        if self.shuffle:
            self._shuffle_data()
        if self.last_batch_handle == "roll_over" and self.num_data - self.batch_size < self.cursor < self.num_data:
            self.cursor -= self.num_data + self.batch_size  # the first batch begins with what the last epoch left
        else:
            self.cursor = -self.batch_size

    def iter_next(self) -> bool:
        """Move on to the next batch, which may be a short one, see `next`."""
        self.cursor += self.batch_size
        return self.cursor < self.num_data

    def next(self) -> DataBatch:
        """The next batch.

        Raises
        ------
        StopIteration
            There is no whole one; of the examples that are left, 'roll_over' begins the next epoch.
        """
        if not self.iter_next():
            raise StopIteration
        data, label = self.getdata(), self.getlabel()
        if data[0].shape[0] != self.batch_size:
            self._cache_data, self._cache_label = data, label
            raise StopIteration
        return DataBatch(data=data, label=label, pad=self.getpad(), index=None)

    def _batchify(self, arrays: list[tuple[str, NDArray]], kept: list[NDArray] | None) -> list[NDArray]:
        """The rows of the batch: rolled over ones first, and the first ones again behind the last ones where that fills it up."""
        if self.cursor >= self.num_data:
            raise AssertionError("DataIter needs reset.")
        if self.last_batch_handle == "roll_over" and -self.batch_size < self.cursor < 0:
            if kept is None and arrays:
                raise AssertionError("next epoch should have cached data")
            rows = np.arange(self.cursor + self.batch_size) % self.num_data
            return [concat(k, _rows(v, rows), dim=0) for k, (_, v) in zip(kept or [], arrays, strict=True)]
        if self.cursor < 0:
            raise MXNetError("NDArrayIter stands before its first batch; call next() or iter_next() first")
        end = self.cursor + self.batch_size
        if end > self.num_data and self.last_batch_handle == "pad":
            return [_rows(v, np.arange(self.cursor, end) % self.num_data) for _, v in arrays]
        return [slice_axis(v, axis=0, begin=self.cursor, end=min(end, self.num_data)) for _, v in arrays]

    def getdata(self) -> list[NDArray]:
        """The inputs of the batch."""
        found = self._batchify(self.data, self._cache_data)
        if self.cursor < 0:
            self._cache_data = None
        return found

    def getlabel(self) -> list[NDArray]:
        """The labels of the batch."""
        found = self._batchify(self.label, self._cache_label)
        if self.cursor < 0:
            self._cache_label = None
        return found

    def getpad(self) -> int:
        """How many examples of the batch only fill it up; of a first batch with 'roll_over', how many are the last epoch's."""
        if self.last_batch_handle == "pad" and self.cursor + self.batch_size > self.num_data:
            return self.cursor + self.batch_size - self.num_data
        if self.last_batch_handle == "roll_over" and -self.batch_size < self.cursor < 0:
            return -self.cursor
        return 0

    def _shuffle_data(self) -> None:
        np.random.shuffle(self.idx)
        self.data = _getdata_by_idx(self.data, self.idx)
        self.label = _getdata_by_idx(self.label, self.idx)


differs(
    "NDArrayIter",
    "a batch size below 1",
    "from concurrent.futures import ThreadPoolExecutor as Pool; "
    "print(type(Pool(1).submit(mx.io.NDArrayIter, mx.nd.ones((4, 1)), None, 0).exception()).__name__)",
    ours="MXNetError",
    mxnet="NoneType",
    why="MXNet's iterator then never ends.",
)
