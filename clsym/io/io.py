"""MXNet's path of the iterators, ``mx.io.io``; they live in modules of their own."""

from __future__ import annotations

from .batch import DataBatch, DataDesc
from .data_iter import DataIter
from .data_set import MXDataIter
from .image_det_record_iter import ImageDetRecordIter
from .image_record_iter import (
    ImageRecordInt8Iter,
    ImageRecordIter,
    ImageRecordIter_v1,
    ImageRecordUInt8Iter,
    ImageRecordUInt8Iter_v1,
)
from .mnist import MNISTIter
from .ndarray_iter import NDArrayIter
from .prefetching_iter import PrefetchingIter
from .resize_iter import ResizeIter
from .text_files import CSVIter, LibSVMIter

__all__ = [
    "CSVIter", "DataBatch", "DataDesc", "DataIter", "ImageDetRecordIter", "ImageRecordInt8Iter", "ImageRecordIter", "ImageRecordIter_v1",
    "ImageRecordUInt8Iter", "ImageRecordUInt8Iter_v1", "LibSVMIter", "MNISTIter", "MXDataIter", "NDArrayIter", "PrefetchingIter",
    "ResizeIter",
]  # fmt: skip
