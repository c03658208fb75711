"""``mx.io``: iterators over batches of data.

>>> import clsym as mx
>>> import numpy as np
>>> it = mx.io.NDArrayIter({'data': np.zeros((6, 2))}, {'softmax_label': np.arange(6)}, batch_size=4)
>>> for batch in it:
...     print(batch.data[0].shape, batch.pad)
(4, 2) 0
(4, 2) 2
"""

from . import io, utils  # noqa: F401
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
from .utils import _getdata_by_idx, _has_instance, _init_data  # noqa: F401

__all__ = [
    "CSVIter", "DataBatch", "DataDesc", "DataIter", "ImageDetRecordIter", "ImageRecordInt8Iter", "ImageRecordIter", "ImageRecordIter_v1",
    "ImageRecordUInt8Iter", "ImageRecordUInt8Iter_v1", "LibSVMIter", "MNISTIter", "MXDataIter", "NDArrayIter", "PrefetchingIter",
    "ResizeIter",
]  # fmt: skip
