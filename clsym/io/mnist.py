"""The digits of MNIST, from files in idx format, compressed or not."""

from __future__ import annotations

import gzip
import logging
import os
import struct
import zlib
from typing import Any

import numpy as np

from ..base import MXNetError
from ..differences import differs
from ..params import Bool, Int, Str
from .data_set import COMMON, RowIter

__all__ = ["MNISTIter"]


def _idx(where: str, dimensions: int) -> np.ndarray[Any, Any]:
    """The bytes of a file in idx format, shaped. A path that is not there is looked for with .gz."""
    path = where if os.path.exists(where) or not os.path.exists(where + ".gz") else where + ".gz"
    try:
        with open(path, "rb") as stream:
            content = stream.read()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as exc:
        raise MXNetError(f"cannot read {path!r}: {exc}") from exc
    head = 4 * (dimensions + 1)
    if len(content) < head or content[:4] != bytes([0, 0, 8, dimensions]):
        raise MXNetError(f"{path}: not an idx file of bytes in {dimensions} dimensions: it begins with {content[:4].hex()}")
    shape = struct.unpack(f">{dimensions}I", content[4:head])
    count = 1
    for extent in shape:
        count *= extent
    if count > len(content) - head:
        raise MXNetError(f"{path}: shape {shape} needs {count} bytes, and {len(content) - head} follow")
    if dimensions > 1 and 0 in shape[1:]:
        raise MXNetError(f"{path}: images of shape {shape[1:]}")
    return np.frombuffer(content, np.uint8, count, head).reshape(shape)


class MNISTIter(RowIter):
    """Batches of MNIST's images, as float32 from 0 to 255/256, and labels; examples that fill no batch are left out.

    Parameters
    ----------
    image, label : str
        Files in idx format, compressed by gzip or not.
    batch_size : int, default 128
    shuffle : bool, default True
        One order, drawn from `seed`.
    flat : bool, default False
        (batch, height * width) instead of (batch, 1, height, width).
    seed : int, default 0
    silent : bool, default False
        Do not log what was read.
    num_parts, part_index : int
        Read this part of so many only.
    prefetch_buffer : int, default 4
    data_name, label_name : str

    Raises
    ------
    MXNetError
        A file that cannot be read, or is not in idx format.

    Notes
    -----
    The order of `shuffle` is not MXNet's, whose generator is C++'s.
    """

    fields = {
        "image": Str("./train-images-idx3-ubyte", "images' file"),
        "label": Str("./train-labels-idx1-ubyte", "labels' file"),
        "batch_size": Int(128, "examples a batch", low=0),
        "shuffle": Bool(True, "another order"),
        "flat": Bool(False, "images as vectors"),
        "seed": Int(0, "of the order"),
        "silent": Bool(False, "log nothing"),
        "num_parts": Int(1, "how many parts there are", low=1),
        "part_index": Int(0, "which of them is read", low=0),
        **COMMON,
    }
    _discards = True

    def _read(self, p: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        if p.dtype not in (None, "float32"):
            raise MXNetError(f"{p.dtype} is not supported for MNISTIter")
        if p.part_index >= p.num_parts:
            raise MXNetError(f"MNISTIter: part_index {p.part_index} of {p.num_parts} parts")
        images, labels = _idx(p.image, 3), _idx(p.label, 1)
        if len(images) != len(labels):
            raise MXNetError(f"{p.image} has {len(images)} images, and {p.label} {len(labels)} labels")
        begin, end = (len(images) * i // p.num_parts for i in (p.part_index, p.part_index + 1))
        images, labels = images[begin:end], labels[begin:end]
        if p.shuffle:
            order = np.random.RandomState(p.seed & 0xFFFFFFFF).permutation(len(images))
            images, labels = images[order], labels[order]
        shape = (-1, images.shape[1] * images.shape[2]) if p.flat else (-1, 1, *images.shape[1:])
        if not p.silent:
            logging.getLogger(__name__).info(
                "MNISTIter: load %d images, shuffle=%d, shape=%s", len(images), p.shuffle, [p.batch_size, *images.shape[1:]]
            )
        # a batch takes as long to convert as to upload: the whole set stays bytes
        return images.reshape(len(images), *shape[1:]), labels.astype(np.float32)

    @staticmethod
    def _converted(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return values * np.float32(1 / 256) if values.dtype == np.uint8 else values


differs(
    "MNISTIter",
    "shuffled order",
    "import struct, tempfile; d = tempfile.mkdtemp(); "
    "_ = open(d + '/i', 'wb').write(struct.pack('>4i', 2051, 6, 1, 1) + bytes(range(6))); "
    "_ = open(d + '/l', 'wb').write(struct.pack('>2i', 2049, 6) + bytes(range(6))); "
    "print(mx.io.MNISTIter(image=d + '/i', label=d + '/l', batch_size=6, silent=True).next().label[0].asnumpy().tolist())",
    ours="[5.0, 2.0, 1.0, 3.0, 0.0, 4.0]",
    mxnet="[0.0, 2.0, 3.0, 5.0, 4.0, 1.0]",
    why="Another generator.",
)
