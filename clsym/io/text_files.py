"""Data sets in text files: comma-separated numbers, and LibSVM's ``label index:value ...``."""

from __future__ import annotations

import math
import os
import warnings
from typing import Any

import numpy as np

from ..base import MXNetError
from ..differences import differs
from ..params import Bool, Field, Int, Shape, Str
from .data_set import COMMON, RowIter

__all__ = ["CSVIter", "LibSVMIter"]

_BATCH: dict[str, Field] = {
    "batch_size": Int(doc="examples a batch", low=0),
    "round_batch": Bool(True, "fill the last batch with the first examples, and begin the next epoch behind them"),
}


def _lines(where: str) -> list[str]:
    """The lines of a file, or of all files in a folder."""
    paths = [where]
    if os.path.isdir(where):
        paths = [os.path.join(where, name) for name in sorted(os.listdir(where))]
    found: list[str] = []
    for path in paths:
        try:
            with open(path, encoding="latin-1") as stream:
                found += stream.read().splitlines()
        except OSError as exc:
            raise MXNetError(f"cannot read {path!r}: {exc.strerror or exc}") from exc
    return found


def _csv(where: str, shape: tuple[int, ...], dtype: str) -> np.ndarray[Any, Any]:
    lines = [line for line in _lines(where) if line.strip()]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = np.loadtxt(lines, dtype=dtype, delimiter=",", comments=None, ndmin=2)
    except (ValueError, OverflowError) as exc:
        raise MXNetError(f"{where}: not comma-separated {dtype} numbers, the same count a line: {exc}") from exc
    if not lines:
        table = np.zeros((0, math.prod(shape)), dtype)
    if table.shape[1] != math.prod(shape):
        raise MXNetError(
            f"{where}: The data size in CSV do not match size of shape: specified shape={list(shape)}, the csv row-length={table.shape[1]}"
        )
    return table.reshape(len(table), *shape)


class CSVIter(RowIter):
    """Batches of the lines of a file of comma-separated numbers.

    Parameters
    ----------
    data_csv : str
        A file, or a folder of them.
    data_shape : tuple of int
        Of one example; a line has as many numbers.
    label_csv : str, optional
        The labels' file; without one all labels are 0.
    label_shape : tuple of int, default (1,)
    batch_size : int
    round_batch : bool, default True
        Fill the last batch with the first examples; the next epoch begins behind them.
    prefetch_buffer : int, default 4
    dtype : {'float32', 'int32', 'int64'}, default float32
    data_name, label_name : str

    Raises
    ------
    MXNetError
        A file that cannot be read, or with something else in it.

    Examples
    --------
    >>> import clsym as mx, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), 'a.csv')
    >>> _ = open(path, 'w').write('1,2\\n3,4\\n5,6\\n')
    >>> it = mx.io.CSVIter(data_csv=path, data_shape=(2,), batch_size=2)
    >>> [(batch.data[0].asnumpy().tolist(), batch.pad) for batch in it]
    [([[1.0, 2.0], [3.0, 4.0]], 0), ([[5.0, 6.0], [1.0, 2.0]], 1)]
    """

    fields = {
        "data_csv": Str(doc="the file"),
        "data_shape": Shape(doc="of one example"),
        "label_csv": Str("NULL", "the labels' file"),
        "label_shape": Shape((1,), "of one label"),
        **_BATCH,
        **COMMON,
    }

    def _read(self, p: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        dtype = p.dtype or "float32"
        if dtype not in ("float32", "int32", "int64"):
            raise MXNetError(f"{dtype} is not supported for CSVIter")
        data = _csv(p.data_csv, tuple(p.data_shape), dtype)
        shape = () if tuple(p.label_shape) == (1,) else tuple(p.label_shape)
        if p.label_csv == "NULL":
            return data, np.zeros((len(data), *shape), dtype)
        label = _csv(p.label_csv, shape, dtype)
        if len(label) < len(data):
            raise MXNetError(f"{p.label_csv} has {len(label)} labels for the {len(data)} examples of {p.data_csv}")
        return data, label[: len(data)]


def _sparse(where: str, columns: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The rows of a file, dense, and the number that each line begins with."""
    lines = [(i, line.split()) for i, line in enumerate(_lines(where)) if line.strip()]
    rows, first = np.zeros((len(lines), columns), np.float32), np.zeros(len(lines), np.float32)
    for row, (number, words) in enumerate(lines):
        try:
            with np.errstate(over="ignore"):
                first[row] = float(words[0])
                for word in words[1:]:
                    index, value = word.split(":")
                    if not 0 <= int(index) < columns:
                        raise ValueError(f"index {int(index)} is outside of data_shape, ({columns},)")
                    rows[row, int(index)] = float(value)
        except (ValueError, OverflowError) as exc:
            raise MXNetError(f"{where}, line {number + 1}: not 'label index:value ...': {exc}") from exc
    return rows, first


class LibSVMIter(RowIter):
    """Batches of the lines of a file in LibSVM's format, ``label index:value ...`` with indices from 0; they come dense.

    Parameters
    ----------
    data_libsvm : str
        A file, or a folder of them.
    data_shape : (int,)
    label_libsvm : str, optional
        A file of the same format with rows for labels; without one, labels are what the lines begin with.
    label_shape : (int,), default (1,)
    num_parts, part_index : int
        Read this part of so many only.
    batch_size : int
    round_batch : bool
        True only.
    prefetch_buffer : int, default 4
    data_name, label_name : str

    Raises
    ------
    MXNetError
        A file that cannot be read, or with something else in it; the message has the line.

    Examples
    --------
    >>> import clsym as mx, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), 'a.t')
    >>> _ = open(path, 'w').write('1 0:5\\n-2 1:6\\n')
    >>> batch = mx.io.LibSVMIter(data_libsvm=path, data_shape=(2,), batch_size=2).next()
    >>> batch.data[0].asnumpy().tolist(), batch.label[0].asnumpy().tolist()
    ([[5.0, 0.0], [0.0, 6.0]], [1.0, -2.0])
    """

    fields = {
        "data_libsvm": Str(doc="the file"),
        "data_shape": Shape(doc="of one example"),
        "label_libsvm": Str("NULL", "the labels' file"),
        "label_shape": Shape((1,), "of one label"),
        "num_parts": Int(1, "how many parts there are", low=1),
        "part_index": Int(0, "which of them is read", low=0),
        **_BATCH,
        **COMMON,
    }

    def _read(self, p: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        if not p.round_batch:
            raise MXNetError("LibSVMIter: round_batch == false is not supported")
        if p.dtype not in (None, "float32"):
            raise MXNetError(f"{p.dtype} is not supported for LibSVMIter")
        if len(p.data_shape) != 1 or len(p.label_shape) != 1:
            raise MXNetError(f"LibSVMIter: data_shape {p.data_shape} and label_shape {p.label_shape} must have one dimension")
        if p.part_index >= p.num_parts:
            raise MXNetError(f"LibSVMIter: part_index {p.part_index} of {p.num_parts} parts")
        data, label = _sparse(p.data_libsvm, p.data_shape[0])
        if p.label_libsvm != "NULL":
            label, _ = _sparse(p.label_libsvm, p.label_shape[0])
            if len(label) < len(data):
                raise MXNetError(f"{p.label_libsvm} has {len(label)} labels for the {len(data)} examples of {p.data_libsvm}")
        begin, end = (len(data) * i // p.num_parts for i in (p.part_index, p.part_index + 1))
        return data[begin:end], label[begin:end]


differs(
    "CSVIter",
    "a batch larger than the file, without round_batch",
    "import tempfile; p = tempfile.mkdtemp() + '/a'; _ = open(p, 'w').write('5\\n6\\n'); "
    "print(mx.io.CSVIter(data_csv=p, data_shape=(1,), batch_size=3, round_batch=False).next().data[0].asnumpy().ravel().tolist())",
    ours="[5.0, 6.0, 5.0]",
    mxnet="[5.0, 6.0, 0.0]",
    why="MXNet leaves the places that no row fills as they were in memory.",
)
