"""The structures of DLPack (https://dmlc.github.io/dlpack/latest/c_api.html), its element types, and Python capsules around them.

Two forms are in use: the first one (``dltensor``) and, since version 1.0, one that says its version and has flags (``dltensor_versioned``).
"""

from __future__ import annotations

import ctypes
from typing import Any

from ..base import MXNetError

__all__ = [
    "CPU", "DELETER", "IS_COPIED", "READ_ONLY", "ManagedTensor", "ManagedTensorVersioned", "Tensor", "capsule_pointer", "element_type",
    "new_capsule", "rename_capsule", "type_code",
]  # fmt: skip

CPU = 1
"""``kDLCPU``: memory of the host."""

READ_ONLY = 1
IS_COPIED = 2

VERSION = (1, 0)
"""The version of the structures below; later minor versions only add flags and types."""


class Device(ctypes.Structure):
    """``DLDevice``."""

    _fields_ = (("type", ctypes.c_int32), ("id", ctypes.c_int32))


class DataType(ctypes.Structure):
    """``DLDataType``: kind, bits, and lanes of a vector type (always 1 here)."""

    _fields_ = (("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16))


class Tensor(ctypes.Structure):
    """``DLTensor``; strides count elements and may be absent, which means row-major without gaps."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", Device),
        ("ndim", ctypes.c_int32),
        ("dtype", DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


DELETER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class ManagedTensor(ctypes.Structure):
    """``DLManagedTensor``, in a capsule named ``dltensor``. The deleter is kept as an address, which may be 0."""

    _fields_ = (("tensor", Tensor), ("manager", ctypes.c_void_p), ("deleter", ctypes.c_void_p))
    capsule_name = b"dltensor"


class Version(ctypes.Structure):
    """``DLPackVersion``."""

    _fields_ = (("major", ctypes.c_uint32), ("minor", ctypes.c_uint32))


class ManagedTensorVersioned(ctypes.Structure):
    """``DLManagedTensorVersioned``, in a capsule named ``dltensor_versioned``."""

    _fields_ = (
        ("version", Version),
        ("manager", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", Tensor),
    )
    capsule_name = b"dltensor_versioned"


# ------------------------------------------------------------------------------------------------------------------- element types

_KINDS = {"int": 0, "uint": 1, "float": 2, "bool": 6}
_CODES: dict[str, tuple[int, int]] = {
    "int8": (0, 8), "int32": (0, 32), "int64": (0, 64), "uint8": (1, 8), "float16": (2, 16), "float32": (2, 32), "float64": (2, 64),
    "bool": (6, 8),
}  # fmt: skip
_NAMES = {code: name for name, code in _CODES.items()}


def type_code(dtype: str) -> DataType:
    """The element type in DLPack's words."""
    return DataType(*_CODES[dtype], 1)


def element_type(dtype: DataType) -> str:
    """The element type's name here.

    Raises
    ------
    MXNetError
        Arrays cannot hold it.
    """
    name = _NAMES.get((dtype.code, dtype.bits)) if dtype.lanes == 1 else None
    if name is None:
        kind = next((k for k, code in _KINDS.items() if code == dtype.code), f"type code {dtype.code} of ")
        raise MXNetError(
            f"from_dlpack: the tensor's elements are {kind}{dtype.bits} with {dtype.lanes} lanes; arrays hold {', '.join(_CODES)}. "
            "Convert it first."
        )
    return name


# ------------------------------------------------------------------------------------------------------------------------ capsules

_api = ctypes.pythonapi
_new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(("PyCapsule_New", _api))
_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_IsValid", _api))
_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", _api))
_rename = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_SetName", _api))


def new_capsule(address: int, name: bytes, destructor: int) -> Any:
    """A capsule; `name` must live as long as the process does, as constants do."""
    return _new(address, name, destructor)


def capsule_pointer(capsule: Any, name: bytes) -> int | None:
    """What a capsule of that name holds; None for anything else."""
    return _pointer(capsule, name) if _valid(capsule, name) else None


def rename_capsule(capsule: Any, name: bytes) -> None:
    """Mark a capsule as used."""
    _rename(capsule, name)
