"""The base of all iterators over batches."""

from __future__ import annotations

from typing import Any

from .batch import DataBatch

__all__ = ["DataIter"]


class DataIter:
    """An iterator over batches, which `reset` starts again.

    A subclass has `provide_data` and `provide_label` and either `next`, or `iter_next` with `getdata`, `getlabel`, `getpad`
    and `getindex`.

    Parameters
    ----------
    batch_size : int, default 0

    Examples
    --------
    >>> import clsym as mx
    >>> class Ones(mx.io.DataIter):
    ...     provide_data, provide_label, left = [mx.io.DataDesc('data', (2, 3))], [], 2
    ...     def iter_next(self):
    ...         self.left -= 1
    ...         return self.left >= 0
    ...     def getdata(self):
    ...         return [mx.nd.ones((2, 3))]
    >>> len([batch for batch in Ones(2)])
    2
    """

    def __init__(self, batch_size: int = 0) -> None:
        self.batch_size = batch_size

    def __iter__(self) -> DataIter:
        return self

    def __next__(self) -> DataBatch:
        return self.next()

    def reset(self) -> None:
        """Go back to the first batch."""

    def next(self) -> DataBatch:
        """The next batch.

        Raises
        ------
        StopIteration
            There is none.
        """
        if not self.iter_next():
            raise StopIteration
        return DataBatch(data=self.getdata(), label=self.getlabel(), pad=self.getpad(), index=self.getindex())

    def iter_next(self) -> Any:
        """Move on to the next batch; what is false where there is none."""
        return None

    def getdata(self) -> Any:
        """The inputs of the batch."""
        return None

    def getlabel(self) -> Any:
        """The labels of the batch."""
        return None

    def getindex(self) -> Any:
        """The numbers of its examples in the data set, or None."""
        return None

    def getpad(self) -> int | None:
        """How many examples at its end only fill it up."""
        return None
