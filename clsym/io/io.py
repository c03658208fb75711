"""MXNet's path of the iterators, ``mx.io.io``; they live in modules of their own."""

from __future__ import annotations

from .batch import DataBatch, DataDesc
from .data_iter import DataIter
from .ndarray_iter import NDArrayIter
from .prefetching_iter import PrefetchingIter
from .resize_iter import ResizeIter

__all__ = ["DataBatch", "DataDesc", "DataIter", "NDArrayIter", "PrefetchingIter", "ResizeIter"]
