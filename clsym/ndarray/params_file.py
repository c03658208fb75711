"""MXNet's ``.params`` files: lists and dictionaries of arrays on disk, read and written without a device.

The layout is described in `clsym.ndarray.params_reader`.
"""

from __future__ import annotations

import io
import os
import secrets
import shutil
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from clsym.base import DTYPE_FLAGS, MXNetError, WrongTypeError, dtype_name
from clsym.ndarray.params_reader import DEFAULT_STORAGE, LIST_MAGIC, MAX_NAME_BYTES, V2_MAGIC, V3_MAGIC, Arrays, ParamsReader

__all__ = ["Arrays", "dump_array", "load_array", "load_buffer", "read", "write"]

CPU_0 = struct.pack("<ii", 1, 0)


def read(path: str | os.PathLike[str]) -> Arrays:
    """Read a ``.params`` file.

    Parameters
    ----------
    path
        A file that ``mx.nd.save``, ``mx.model.save_checkpoint`` or Gluon's ``save_parameters`` wrote, of any MXNet version.

    Returns
    -------
    list or dict
        As `load_buffer`.

    Raises
    ------
    MXNetError
        The file cannot be opened, or is not such a file; the message has the offset.
    """
    where = os.fspath(path)
    try:
        with open(where, "rb") as stream:
            return _load(stream, os.fstat(stream.fileno()).st_size, repr(where))
    except OSError as exc:
        raise MXNetError(f"cannot read {where!r}: {exc.strerror or exc}. Check the path and its permissions.") from exc


def load_buffer(buffer: bytes, where: str = "<buffer>") -> Arrays:
    """Read the content of a ``.params`` file from memory.

    Parameters
    ----------
    buffer
        The whole file.
    where
        What error messages call it.

    Returns
    -------
    list or dict
        A dictionary of arrays by name when the file has names, else a list, both in the file's order. Sparse arrays come
        dense. The arrays own their memory and are writable.

    Raises
    ------
    MXNetError
        Truncated, foreign or malformed content. Nothing is allocated beyond the size of the file (for the dense form of
        sparse arrays: beyond ``params_reader.DENSE_LIMIT``).
    """
    return _load(io.BytesIO(buffer), memoryview(buffer).nbytes, where)


def write(path: str | os.PathLike[str], data: Arrays | np.ndarray, np_shape: bool = False) -> None:
    """Write arrays as ``mx.nd.save`` of MXNet 1.9.1 does, to the byte, on ``cpu(0)``.

    The content goes to a temporary file in the same folder which then takes the place of `path`: an interrupted
    write leaves the old file whole.

    Parameters
    ----------
    path
        The file; its folder must exist.
    data
        A dictionary (with names) or a list of arrays; a single array is a list of one.
    np_shape
        Write V3 records, as MXNet does under ``mx.util.np_shape(True)``; MXNet reads those only under it. A file with a 0-dimensional
        array is always written so, since V2 cannot hold one.

    Raises
    ------
    MXNetError
        A name or an array that the format cannot hold, or a file that cannot be written.
    """
    names, arrays = _split(data)
    # MXNet refuses to read V2 and V3 records in one go, so the whole file is one or the other.
    magic = V3_MAGIC if np_shape or any(array.ndim == 0 for array in arrays) else V2_MAGIC
    target = Path(os.path.realpath(os.fspath(path)))  # a symbolic link stays one
    try:
        if target.exists() and not target.is_file():  # a pipe or a device cannot be replaced; a folder fails here
            with open(target, "wb") as stream:
                _dump(stream, names, arrays, magic)
            return
        _replace(target, names, arrays, magic)
    except OSError as exc:
        raise MXNetError(
            f"cannot write {os.fspath(path)!r}: {exc.strerror or exc}. Check the folder, its permissions and free space."
        ) from exc


def dump_array(array: np.ndarray) -> bytes:
    """One array as it stands in a file: what MXNet's pickles hold.

    >>> load_array(dump_array(np.ones((1, 2)))).tolist()
    [[1.0, 1.0]]
    """
    _, (array,) = _split(array)
    stream = io.BytesIO()
    _dump_array(stream, array, V3_MAGIC if array.ndim == 0 else V2_MAGIC)
    return stream.getvalue()


def load_array(record: bytes) -> np.ndarray:
    """The array of such a record.

    Raises
    ------
    MXNetError
        It is truncated, or no such record.
    """
    return ParamsReader(io.BytesIO(record), len(record), "the state of an array").array()


def _split(data: Arrays | np.ndarray) -> tuple[list[bytes], list[np.ndarray]]:
    """Encoded names and contiguous arrays, all checked before a file is touched."""
    names: list[bytes] = []
    if isinstance(data, np.ndarray):
        values: Sequence[object] = [data]
    elif isinstance(data, Mapping):
        names, values = [_encode_name(name) for name in data], list(data.values())
    elif isinstance(data, (list, tuple)):
        values = data
    else:
        raise MXNetError(f"cannot save a {type(data).__name__}; pass a dict of name to array, or a list of arrays")
    arrays = []
    for index, value in enumerate(values):
        label = repr(names[index].decode()) if names else f"number {index}"
        if not isinstance(value, np.ndarray):
            raise MXNetError(f"cannot save array {label}: it is a {type(value).__name__}, not an array")
        try:
            name = dtype_name(value.dtype)
        except MXNetError as exc:
            raise MXNetError(f"cannot save array {label}: {exc}; convert it with astype") from exc
        # ascontiguousarray would make a scalar 1-dimensional
        arrays.append(np.asarray(value, dtype=np.dtype(name).newbyteorder("<"), order="C"))
    return names, arrays


def _encode_name(name: object) -> bytes:
    if not isinstance(name, str):
        raise WrongTypeError(f"cannot save under the name {name!r}: names must be str")
    try:
        encoded = name.encode()
    except UnicodeEncodeError as exc:
        raise MXNetError(f"cannot save under the name {name!r}: it is not valid Unicode ({exc.reason})") from exc
    if b"\0" in encoded or len(encoded) > MAX_NAME_BYTES:
        raise MXNetError(f"cannot save under the name {name[:80]!r}: names hold no NUL and at most {MAX_NAME_BYTES} bytes")
    return encoded


def _dump(stream: BinaryIO, names: list[bytes], arrays: list[np.ndarray], magic: int) -> None:
    stream.write(struct.pack("<QQQ", LIST_MAGIC, 0, len(arrays)))
    for array in arrays:
        _dump_array(stream, array, magic)
    stream.write(struct.pack("<Q", len(names)))
    for name in names:
        stream.write(struct.pack("<Q", len(name)) + name)


def _dump_array(stream: BinaryIO, array: np.ndarray, magic: int) -> None:
    stream.write(struct.pack(f"<Iii{array.ndim}q", magic, DEFAULT_STORAGE, array.ndim, *array.shape))
    stream.write(CPU_0 + struct.pack("<I", DTYPE_FLAGS[array.dtype.name]))
    stream.write(array.reshape(-1).view(np.uint8).data)


def _replace(target: Path, names: list[bytes], arrays: list[np.ndarray], magic: int) -> None:
    temporary = target.with_name(f".{target.name[:64]}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as stream:
            _dump(stream, names, arrays, magic)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _load(stream: BinaryIO, size: int, where: str) -> Arrays:
    reader = ParamsReader(stream, size, where)
    try:
        return reader.file()
    except MXNetError:
        if not reader.saw_no_array:
            raise
        # MXNet 1.9.1 writes a 0-dimensional array made outside np_shape as V2 with ndim 0 and its value, a file that MXNet itself then
        # misreads. Nothing in the record tells it from "no array": whichever reading accounts for the whole file is the right one.
        stream.seek(0)
        try:
            return ParamsReader(stream, size, where, v2_scalars=True).file()
        except MXNetError:
            pass  # neither reading holds: the first error is the one about the format as documented
        raise
