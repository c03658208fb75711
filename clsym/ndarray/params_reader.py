"""The layout of MXNet's ``.params`` files, all four generations of it, and a reader that trusts nothing they claim.

A file, all little endian::

    u64 0x112 | u64 reserved | u64 arrays | array * arrays | u64 names | (u64 length, UTF-8 bytes) * names

``names`` is 0 for a list and equals ``arrays`` for a dictionary. Four layouts of an array exist; MXNet 1.9.1 writes the last two::

    legacy   u32 ndim                           | u32 dim * ndim | device | u32 dtype flag | data
    V1       u32 0xF993FAC8 | i32 ndim          | i64 dim * ndim | device | u32 dtype flag | data
    V2       u32 0xF993FAC9 | i32 storage | [i32 ndim, i64 dims of the stored values, if sparse]
                            | i32 ndim | i64 dim * ndim | device | u32 dtype flag
                            | [(u32 dtype flag, i32 ndim, i64 dims) of each auxiliary array, if sparse]
                            | data | [data of each auxiliary array]
    V3       u32 0xF993FACA | as V2, with numpy's meaning of shapes: ndim 0 is a scalar, -1 is no array

``device`` is i32 type, i32 number, and is ignored on reading, as MXNet does on a machine without that device. Up to V2, ndim 0 means
"no array" and nothing follows it; such an entry is read as an empty float32 array.
"""

from __future__ import annotations

import math
import struct
from typing import BinaryIO, NoReturn

import numpy as np

from clsym.base import FLAG_DTYPES, MXNetError

__all__ = ["Arrays", "ParamsReader"]

Arrays = list[np.ndarray] | dict[str, np.ndarray]

Aux = list[tuple[np.dtype, tuple[int, ...]]]  # dtype and shape of each index array of a sparse array

LIST_MAGIC = 0x112
V1_MAGIC, V2_MAGIC, V3_MAGIC = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
DEFAULT_STORAGE, ROW_SPARSE, CSR = 0, 1, 2
MAX_NDIM = 32  # what every numpy can hold
MAX_NAME_BYTES = 1 << 16

# A sparse array of a few bytes may claim a dense shape of any size: the sum over a file is bounded.
DENSE_LIMIT = 1 << 32

# What people most often pass instead of a .params file, by its first bytes.
FOREIGN = (
    (b"PK\x03\x04", "a zip archive, such as .npz or a PyTorch checkpoint"),
    (b"\x93NUMPY", "a .npy file; read it with numpy.load"),
    (b"\x80", "a Python pickle"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x1f\x8b", "gzip-compressed; unpack it first"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the real file with 'git lfs pull'"),
    (b"<", "HTML or XML, perhaps a download's error page"),
    (b"{", "JSON, perhaps the symbol; load that with mx.sym.load"),
)


class ParamsReader:
    """A cursor over one file; every size that the file claims is held against the bytes that are left before it is used."""

    def __init__(self, stream: BinaryIO, size: int, where: str, v2_scalars: bool = False) -> None:
        self.stream = stream
        self.size = size
        self.where = where
        self.v2_scalars = v2_scalars
        self.saw_no_array = False
        self.offset = 0
        self.dense_bytes = 0
        self.item = "the header"

    def fail(self, problem: str, remedy: str = "The file is damaged or not a .params file: copy or save it again.") -> NoReturn:
        raise MXNetError(f"{self.where}, offset {self.offset}, {self.item}: {problem}. {remedy}")

    def require(self, count: int) -> None:
        left = self.size - self.offset
        if count > left:
            self.fail(f"{count} bytes are needed but {left} are left of {self.size}", "The file is truncated: copy or save it again.")

    def take(self, layout: str) -> tuple[int, ...]:
        layout = "<" + layout
        count = struct.calcsize(layout)
        self.require(count)
        raw = self.stream.read(count)
        if len(raw) != count:
            self.fail("the file became shorter while it was read", "Read it again when its writer has finished.")
        self.offset += count
        return struct.unpack(layout, raw)

    def file(self) -> Arrays:
        self.header()
        (count,) = self.take("Q")
        self.require(4 * count)  # the shortest record is a legacy ndim
        arrays = []
        for index in range(count):
            self.item = f"array {index} of {count}"
            arrays.append(self.array())
        self.item = "the names"
        (named,) = self.take("Q")
        if named not in (0, count):
            self.offset -= 8
            self.fail(f"{named} names for {count} arrays")
        names = self.names(named)
        if self.offset != self.size:
            self.item = "the end"
            self.fail(f"{self.size - self.offset} bytes follow the last name")
        return dict(zip(names, arrays, strict=True)) if names else arrays

    def header(self) -> None:
        start = self.stream.read(min(self.size, 32))
        self.stream.seek(0)
        if not start.startswith(struct.pack("<Q", LIST_MAGIC)):
            if self.size == 0:
                self.fail("the file is empty", "Save it again, or fetch it again.")
            guess = next((f": it looks like {what}" for prefix, what in FOREIGN if start.startswith(prefix)), "")
            self.fail(f"not an MXNet .params file (first bytes {start[:8].hex()}){guess}", "Pass a file that mx.nd.save wrote.")
        self.take("QQ")

    def names(self, count: int) -> list[str]:
        self.require(8 * count)
        names: dict[str, None] = {}
        for index in range(count):
            self.item = f"name {index} of {count}"
            (length,) = self.take("Q")
            if length > MAX_NAME_BYTES:
                self.fail(f"a name of {length} bytes (at most {MAX_NAME_BYTES})")
            self.require(length)
            raw = self.stream.read(length)
            try:
                name = raw.decode()
            except UnicodeDecodeError as exc:
                self.fail(f"a name that is not UTF-8 ({exc.reason}): {raw[:40]!r}")
            if name in names:
                self.fail(f"the name {name!r} appears twice", "Save it again with distinct names.")
            self.offset += length
            names[name] = None
        return list(names)

    def array(self) -> np.ndarray:
        (magic,) = self.take("I")
        if magic in (V2_MAGIC, V3_MAGIC):
            return self.modern(numpy_shapes=magic == V3_MAGIC)
        if magic == V1_MAGIC:
            (ndim,) = self.take("i")
            shape = self.dims(ndim, "q")
        else:
            ndim = magic
            shape = self.dims(ndim, "I")
        if ndim == 0:
            return _no_array()
        return self.data(shape, self.dtype(device=True))

    def modern(self, numpy_shapes: bool) -> np.ndarray:
        (storage,) = self.take("i")
        if storage not in (DEFAULT_STORAGE, ROW_SPARSE, CSR):
            self.fail(f"unknown storage type {storage} (0 dense, 1 row_sparse, 2 csr are known)")
        stored = self.shape() if storage != DEFAULT_STORAGE else ()
        (ndim,) = self.take("i")
        if numpy_shapes and ndim == -1:
            return _no_array()
        if ndim == 0 and not numpy_shapes and not self.v2_scalars:
            self.saw_no_array = True
            return _no_array()
        shape = self.dims(ndim, "q")
        dtype = self.dtype(device=True)
        if storage == DEFAULT_STORAGE:
            return self.data(shape, dtype)
        aux = [(self.dtype(), self.shape()) for _ in range(storage)]  # row_sparse: indices; csr: indptr, indices
        return self.row_sparse(shape, dtype, stored, aux) if storage == ROW_SPARSE else self.csr(shape, dtype, stored, aux)

    def shape(self) -> tuple[int, ...]:
        (ndim,) = self.take("i")
        return self.dims(ndim, "q")

    def dims(self, ndim: int, letter: str) -> tuple[int, ...]:
        if not 0 <= ndim <= MAX_NDIM:
            self.fail(f"an array of {ndim} dimensions (0 to {MAX_NDIM} are possible)")
        shape = self.take(f"{ndim}{letter}")
        # The product without the zeros is what numpy must be able to address, also for an empty array.
        if min(shape, default=0) < 0 or math.prod(d for d in shape if d) >= 1 << 59:
            self.fail(f"the shape {shape} is negative or too large")
        return shape

    def dtype(self, device: bool = False) -> np.dtype:
        if device:
            self.take("ii")
        (flag,) = self.take("I")
        if flag not in FLAG_DTYPES:
            remedy = "Convert the array to float32 in MXNet, then save it." if flag == 12 else ""
            self.fail(
                f"unknown dtype flag {flag}{' (bfloat16)' if flag == 12 else ''}; known are {FLAG_DTYPES}", *([remedy] if remedy else [])
            )
        return np.dtype(FLAG_DTYPES[flag])

    def data(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        count = math.prod(shape) * dtype.itemsize
        self.require(count)
        array = np.empty(shape, dtype.newbyteorder("<"))
        if count and self.stream.readinto(array.reshape(-1).view(np.uint8).data) != count:  # type: ignore[attr-defined]
            self.fail("the file became shorter while it was read", "Read it again when its writer has finished.")
        self.offset += count
        if dtype == np.bool_:
            array = array.view(np.uint8) != 0  # a byte other than 0 and 1 is no valid numpy bool
        return array.astype(dtype, copy=False)

    def row_sparse(self, shape: tuple[int, ...], dtype: np.dtype, stored: tuple[int, ...], aux: Aux) -> np.ndarray:
        [(index_dtype, index_shape)] = aux
        if not shape or len(index_shape) != 1 or len(stored) != len(shape) or stored[1:] != shape[1:]:
            self.fail(f"a row_sparse array {shape} with values {stored} and indices {index_shape}")
        values = self.data((self.stored_count(stored, index_shape[0]), *shape[1:]), dtype)
        rows = self.indices(index_shape, index_dtype, shape[0])
        dense = self.dense(shape, dtype)
        dense[rows] = values
        return dense

    def csr(self, shape: tuple[int, ...], dtype: np.dtype, stored: tuple[int, ...], aux: Aux) -> np.ndarray:
        (ptr_dtype, ptr_shape), (index_dtype, index_shape) = aux
        if len(shape) != 2 or len(stored) != 1 or len(index_shape) != 1 or ptr_shape not in ((shape[0] + 1,), (0,)):
            self.fail(f"a csr array {shape} with values {stored}, indptr {ptr_shape} and indices {index_shape}")
        values = self.data((self.stored_count(stored, index_shape[0]),), dtype)
        ptr = self.indices(ptr_shape, ptr_dtype, len(values) + 1)
        columns = self.indices(index_shape, index_dtype, shape[1])
        lengths = np.diff(ptr)
        if (len(ptr) and (ptr[0] != 0 or ptr[-1] != len(values) or lengths.min(initial=0) < 0)) or (len(values) and not len(ptr)):
            self.fail("the row pointers of a csr array do not rise from 0 to the number of its values")
        dense = self.dense(shape, dtype)
        if len(values):
            dense[np.repeat(np.arange(shape[0]), lengths), columns] = values
        return dense

    def stored_count(self, stored: tuple[int, ...], count: int) -> int:
        # MXNet 1.9.1 may write a stale 0 here (the array was still being made when its shape was saved); the indices tell the truth.
        if stored[0] not in (0, count):
            self.fail(f"{stored[0]} sparse values but {count} indices")
        return count

    def indices(self, shape: tuple[int, ...], dtype: np.dtype, bound: int) -> np.ndarray:
        if dtype.kind not in "iu":
            self.fail(f"indices of a sparse array are {dtype.name}, not integers")
        indices = self.data(shape, dtype).astype(np.int64)
        if indices.size and not 0 <= indices.min() <= indices.max() < bound:
            self.fail(f"an index of a sparse array lies outside 0 to {bound - 1}")
        return indices

    def dense(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        self.dense_bytes += math.prod(shape) * dtype.itemsize
        if self.dense_bytes > DENSE_LIMIT:
            self.fail(
                f"the sparse array {shape} brings the file's dense size to {self.dense_bytes} bytes, above {DENSE_LIMIT}",
                "Raise clsym.ndarray.params_reader.DENSE_LIMIT if the file is trusted, or save its parts separately.",
            )
        try:
            return np.zeros(shape, dtype)
        except MemoryError:
            self.fail(f"no memory for the dense form of the sparse array {shape}", "Save it in parts, or free memory.")


def _no_array() -> np.ndarray:
    return np.zeros((0,), np.float32)
