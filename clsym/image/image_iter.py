"""An iterator over images in a record file, or in files of their own, read and changed in Python."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Sequence
from typing import Any

from ..io import DataBatch, DataIter
from ..ndarray import NDArray, empty, transpose, zeros
from ..recordio import MXIndexedRecordIO, MXRecordIO, unpack
from .augmenters import Augmenter
from .create import CreateAugmenter
from .decoding import imdecode
from .listed import listed_in_file, listed_in_memory

__all__ = ["ImageIter"]


class ImageIter(DataIter):
    """Batches of images (N, C, H, W), read from a record file or a list of files, and augmented.

    Parameters
    ----------
    batch_size : int
    data_shape : tuple of int
        (C, H, W), of three channels.
    label_width : int, default 1
        Labels of an image.
    path_imgrec, path_imgidx : str, optional
        A record file, and its index, which `shuffle` and `num_parts` need.
    path_imglist, path_root : str, optional
        A list of images (key, labels, path, with tabs between them) and the folder where they are.
        Beside a record file it gives the labels.
    imglist : list, optional
        A list in memory: labels, then the path, for each image.
    shuffle : bool, default False
        In another order after each `reset`.
    part_index, num_parts : int
        Which part of how many, as a worker's share.
    aug_list : list of Augmenter, optional
        Otherwise `CreateAugmenter` makes it of the remaining arguments.
    data_name, label_name : str
    dtype : {'float32', 'int32', 'int64', 'float64'}
        Of the labels in a list.
    last_batch_handle : {'pad', 'discard', 'roll_over'}
        What is done where the images do not fill the last batch: it goes on with the first ones; it is left out;
        it becomes the first batch after `reset`.

    Examples
    --------
    >>> import clsym as mx
    >>> it = mx.image.ImageIter(2, (3, 8, 8), imglist=[[0, 'cat.png'], [1, 'dog.png']], path_root='pictures')
    >>> it.provide_data
    [('data', (2, 3, 8, 8))]
    """

    def __init__(
        self,
        batch_size: int,
        data_shape: tuple[int, ...],
        label_width: int = 1,
        path_imgrec: str | None = None,
        path_imglist: str | None = None,
        path_root: str | None = None,
        path_imgidx: str | None = None,
        shuffle: bool = False,
        part_index: int = 0,
        num_parts: int = 1,
        aug_list: list[Any] | None = None,
        imglist: list[Any] | None = None,
        data_name: str = "data",
        label_name: str = "softmax_label",
        dtype: str = "float32",
        last_batch_handle: str = "pad",
        **kwargs: Any,
    ) -> None:
        super().__init__(batch_size)
        if not (path_imgrec or path_imglist or isinstance(imglist, list)):
            raise AssertionError("one of path_imgrec, path_imglist and imglist (a list) must be given")
        if dtype not in ("int32", "float32", "int64", "float64"):
            raise AssertionError(f"{dtype} label not supported")
        self.imgrec: MXRecordIO | None = None
        self.imgidx: list[Any] | None = None
        if path_imgrec and path_imgidx:
            self.imgrec = MXIndexedRecordIO(path_imgidx, path_imgrec, "r")
            self.imgidx = list(self.imgrec.keys)
        elif path_imgrec:
            self.imgrec = MXRecordIO(path_imgrec, "r")
        self.imglist = None
        if path_imglist:
            self.imglist = listed_in_file(path_imglist, dtype)
        elif isinstance(imglist, list):
            self.imglist = listed_in_memory(imglist, dtype)
        self.path_root = path_root
        self.check_data_shape(data_shape)
        self.provide_data: list[Any] = [(data_name, (batch_size, *data_shape))]
        self.provide_label: list[Any] = [(label_name, (batch_size, label_width) if label_width > 1 else (batch_size,))]
        self.data_shape, self.label_width = data_shape, label_width
        self.shuffle, self.last_batch_handle = shuffle, last_batch_handle
        self.seq = self._order(part_index, num_parts)
        self.num_image = None if self.seq is None else len(self.seq)
        self.auglist: list[Any] = CreateAugmenter(data_shape, **kwargs) if aug_list is None else aug_list
        self.cur = 0
        self._allow_read = True
        # a batch that was begun before `reset`, and how much of it there is
        self._begun: tuple[NDArray, NDArray, int] | None = None
        self.reset()

    def _order(self, part_index: int, num_parts: int) -> list[Any] | None:
        """The keys in the order of reading; None: as they come in the record file."""
        if self.imgrec is None:
            keys = list(self.imglist or ())
        elif self.imgidx is not None:
            keys = self.imgidx
        elif self.shuffle or num_parts > 1:
            raise AssertionError("shuffle and num_parts need path_imgidx: without an index a record file is read in its own order")
        else:
            return None
        if num_parts > 1:
            if part_index >= num_parts:
                raise AssertionError(f"part_index={part_index} must be less than num_parts={num_parts}")
            length = len(keys) // num_parts
            keys = keys[part_index * length : (part_index + 1) * length]
        return keys

    def reset(self) -> None:
        """Start again; a batch that `roll_over` has begun stays."""
        if self.seq is not None and self.shuffle:
            random.shuffle(self.seq)
        if self.last_batch_handle != "roll_over" or self._begun is None:
            self._rewind()

    def hard_reset(self) -> None:
        """Start again, and drop a batch that was begun."""
        if self.seq is not None and self.shuffle:
            random.shuffle(self.seq)
        self._rewind()
        self._begun = None

    def _rewind(self) -> None:
        if self.imgrec is not None:
            self.imgrec.reset()
        self.cur = 0
        self._allow_read = True

    def next_sample(self) -> tuple[Any, bytes]:
        """The label and the bytes of the next image.

        Raises
        ------
        StopIteration
            There is none.
        """
        if not self._allow_read:
            raise StopIteration
        if self.seq is None:
            record = self.imgrec.read()  # type: ignore[union-attr]
            if record is None:
                if self.last_batch_handle != "discard":
                    self.imgrec.reset()  # type: ignore[union-attr]
                raise StopIteration
            header, content = unpack(record)
            return header.label, content
        if self.cur >= len(self.seq):
            if self.last_batch_handle != "discard":
                self.cur = 0
            raise StopIteration
        key = self.seq[self.cur]
        self.cur += 1
        if isinstance(self.imgrec, MXIndexedRecordIO):
            header, content = unpack(self.imgrec.read_idx(key))  # type: ignore[arg-type]
            return header.label if self.imglist is None else self.imglist[key][0], content
        label, path = self.imglist[key]  # type: ignore[index]
        return label, self.read_image(path)

    def _batchify(self, batch_data: NDArray, batch_label: NDArray, start: int = 0) -> int:
        """Fill a batch from the place `start` on; return where the images ended."""
        i = start
        try:
            while i < self.batch_size:
                label, content = self.next_sample()
                image = self.imdecode(content)
                try:
                    self.check_valid_image(image)
                except RuntimeError as exc:
                    logging.debug("Invalid image, skipping:  %s", exc)
                    continue
                batch_data[i] = self.postprocess_data(self.augmentation_transform(image))
                batch_label[i] = label
                i += 1
        except StopIteration:
            if not i:
                raise
        return i

    def next(self) -> DataBatch:
        """The next batch.

        Raises
        ------
        StopIteration
            There is none.
        """
        begun, self._begun = self._begun, None
        if begun is None:
            data, label = zeros(self.provide_data[0][1]), empty(self.provide_label[0][1])
            there = self._batchify(data, label)
        else:
            data, label, there = begun
        pad = self.batch_size - there
        if pad:
            if self.last_batch_handle == "discard":
                raise StopIteration
            if self.last_batch_handle == "roll_over" and begun is None:
                self._begun = data, label, there
                raise StopIteration
            self._batchify(data, label, there)
            if self.last_batch_handle == "pad":
                self._allow_read = False
        return DataBatch([data], [label], pad=pad)

    def check_data_shape(self, data_shape: Sequence[int]) -> None:
        """Refuse what is not (3, H, W)."""
        if len(data_shape) != 3:
            raise ValueError("data_shape should have length 3, with dimensions CxHxW")
        if data_shape[0] != 3:
            raise ValueError("This iterator expects inputs to have 3 channels.")

    def check_valid_image(self, data: Any) -> None:
        """Refuse an image without extents."""
        if len(data[0].shape) == 0:
            raise RuntimeError("Data shape is wrong")

    def imdecode(self, s: bytes) -> NDArray:
        """`clsym.image.imdecode`, which says in which sample the bytes are broken."""
        try:
            return imdecode(s)
        except Exception as exc:
            key = self.cur - 1 if self.seq is None else self.seq[(self.cur - 1) % len(self.seq)]
            place = f"index: {key}" if self.imglist is None else f"filename: {self.imglist[key][1]}"
            raise RuntimeError(f"Broken image {place}, {exc}") from exc

    def read_image(self, fname: str) -> bytes:
        """The bytes of a file in `path_root`."""
        with open(os.path.join(self.path_root or "", fname), "rb") as file:
            return file.read()

    def augmentation_transform(self, data: NDArray) -> NDArray:
        """The image, changed by every augmenter."""
        augmenter: Augmenter
        for augmenter in self.auglist:
            data = augmenter(data)
        return data

    def postprocess_data(self, datum: NDArray) -> NDArray:
        """(C, H, W) of (H, W, C)."""
        moved: NDArray = transpose(datum, axes=(2, 0, 1))
        return moved
