"""What a batch is called and shaped (`DataDesc`), and a batch (`DataBatch`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..base import mx_real_t

__all__ = ["DataBatch", "DataDesc"]


class _NameAndShape(NamedTuple):
    name: str
    shape: tuple[int, ...]


class DataDesc(_NameAndShape):
    """Name, shape, type and layout of one input; as a tuple it is (name, shape).

    Parameters
    ----------
    name : str
    shape : tuple of int
        With the batch.
    dtype : numpy type, default float32
    layout : str, default 'NCHW'
        'N' says which axis is the batch; without one (or with None) it is the first.

    Examples
    --------
    >>> import clsym as mx
    >>> d = mx.io.DataDesc('data', (32, 5, 10), layout='TNC')
    >>> d
    DataDesc[data,(32, 5, 10),<class 'numpy.float32'>,TNC]
    >>> d == ('data', (32, 5, 10)), mx.io.DataDesc.get_batch_axis(d.layout)
    (True, 1)
    """

    dtype: Any
    layout: str | None

    def __new__(cls, name: str, shape: Any, dtype: Any = mx_real_t, layout: str | None = "NCHW") -> DataDesc:
        self = super().__new__(cls, name, shape)
        self.dtype = dtype
        self.layout = layout
        return self

    def __repr__(self) -> str:
        return f"DataDesc[{self.name},{self.shape},{self.dtype},{self.layout}]"

    @staticmethod
    def get_batch_axis(layout: str | None) -> int:
        """Which axis of a layout is the batch; -1 where it has none.

        >>> DataDesc.get_batch_axis('TNC'), DataDesc.get_batch_axis(None)
        (1, 0)
        """
        return 0 if layout is None else layout.find("N")

    @staticmethod
    def get_list(shapes: Sequence[tuple[str, Any]], types: Sequence[tuple[str, Any]] | None) -> list[DataDesc]:
        """Descriptions from (name, shape) pairs and, if given, (name, type) pairs for all of them.

        >>> DataDesc.get_list([('a', (1, 2))], None)
        [DataDesc[a,(1, 2),<class 'numpy.float32'>,NCHW]]
        """
        if types is None:
            return [DataDesc(name, shape) for name, shape in shapes]
        known = dict(types)
        return [DataDesc(name, shape, known[name]) for name, shape in shapes]


class DataBatch:
    """Arrays of one step: inputs, labels, and what is known of them.

    Parameters
    ----------
    data, label : list of NDArray
        In the order of the iterator's `provide_data` and `provide_label`.
    pad : int, optional
        How many examples at the end only fill the batch up.
    index : array_like, optional
        The examples' numbers in the data set.
    bucket_key : optional
        For `BucketingModule`: which graph the batch is for.
    provide_data, provide_label : list of DataDesc, optional
        Where they differ from batch to batch.

    Examples
    --------
    >>> import clsym as mx
    >>> print(mx.io.DataBatch([mx.nd.ones((2, 3))], [mx.nd.zeros(2)], pad=1))
    DataBatch: data shapes: [(2, 3)] label shapes: [(2,)]
    """

    def __init__(
        self,
        data: Any,
        label: Any = None,
        pad: int | None = None,
        index: Any = None,
        bucket_key: Any = None,
        provide_data: Any = None,
        provide_label: Any = None,
    ) -> None:
        if data is not None and not isinstance(data, list | tuple):
            raise AssertionError("Data must be list of NDArrays")
        if label is not None and not isinstance(label, list | tuple):
            raise AssertionError("Label must be list of NDArrays")
        self.data: Any = data
        self.label: Any = label
        self.pad = pad
        self.index = index
        self.bucket_key = bucket_key
        self.provide_data = provide_data
        self.provide_label = provide_label

    def __str__(self) -> str:
        labels = [x.shape for x in self.label] if self.label else None
        return f"{type(self).__name__}: data shapes: {[x.shape for x in self.data]} label shapes: {labels}"
