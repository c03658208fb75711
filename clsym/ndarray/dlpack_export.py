"""Arrays for other libraries, by DLPack.

A consumer calls the deleter when it is done, from any thread and at any time, even while the interpreter ends. So everything that a deleter
touches is kept by this module until it is called, and at the end of the process the deleters that were not called are taken away: the
memory stays as it is, and nobody calls into an interpreter that is gone.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
from typing import Any

from ..base import MXNetError
from ..runtime.host_memory import Mapping, shares_host_memory
from .dlpack_abi import CPU, DELETER, IS_COPIED, READ_ONLY, VERSION, ManagedTensor, ManagedTensorVersioned, new_capsule, type_code
from .storage import ArrayBase
from .strided import row_major

__all__ = ["exported", "to_capsule"]

Managed = ManagedTensor | ManagedTensorVersioned

_alive: dict[int, tuple[Managed, Any]] = {}  # address to the structure, and what owns the memory, extents and strides


def exported() -> int:
    """How many tensors consumers, or capsules that nobody used, hold at the moment."""
    return len(_alive)


@DELETER
def _delete(address: int | None, alive: dict[int, Any] = _alive) -> None:
    alive.pop(address or 0, None)


# by address: a reference to a capsule that is being collected would bring it back
_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_IsValid", ctypes.pythonapi))
_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))


@DELETER
def _capsule_gone(
    capsule: int | None,
    alive: dict[int, Any] = _alive,
    valid: Any = _valid,
    pointer: Any = _pointer,
    names: tuple[bytes, ...] = (ManagedTensor.capsule_name, ManagedTensorVersioned.capsule_name),
) -> None:
    """A capsule was collected; one that nobody renamed was not used, and nobody else will call its deleter."""
    for name in names:
        if valid(capsule, name):
            alive.pop(pointer(capsule, name), None)


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


for _immortal in (_delete, _capsule_gone, _alive, ManagedTensor.capsule_name, ManagedTensorVersioned.capsule_name):
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(_immortal))  # C code may call and read them until the process ends


@atexit.register
def _leave_to_the_system() -> None:
    for managed, _ in _alive.values():
        managed.deleter = None


def to_capsule(array: ArrayBase, versioned: bool = False, copy: bool | None = None, write: bool = False) -> Any:
    """A capsule over the array's memory, or over a copy where the device's memory is not the host's.

    Waits for everything that was enqueued before.

    Parameters
    ----------
    array : NDArray
    versioned : bool
        The form of DLPack 1.0.
    copy : bool, optional
        True: always copy; False: never.
    write : bool
        Writes to the tensor must be seen by the array.

    Raises
    ------
    MXNetError
        The memory cannot be shared and `write` asks for it.
    BufferError
        The memory cannot be shared and `copy` is False.
    """
    share = copy is not True and shares_host_memory(array._device)
    if not share and write:
        raise MXNetError(
            f"to_dlpack_for_write: the memory of {array._device.name} is not the host's, so that what is written would not be seen; use "
            "to_dlpack_for_read, or asnumpy() and assign the result back"
        )
    if not share and copy is False:
        raise BufferError(f"the memory of {array._device.name} is not the host's; a copy is needed")
    owner: Any = None
    address = 0
    if array.size and share:
        owner = Mapping(array._device, array._root, array._offset, array.nbytes)
        address = owner.address
    elif array.size:
        owner = array._download()
        address = owner.ctypes.data
    ndim = len(array._shape)
    extents = (ctypes.c_int64 * max(ndim, 1))(*array._shape)
    strides = (ctypes.c_int64 * max(ndim, 1))(*row_major(array._shape))
    managed: Managed = ManagedTensorVersioned() if versioned else ManagedTensor()
    tensor = managed.tensor
    tensor.data = address or None
    tensor.device.type = CPU
    tensor.ndim = ndim
    tensor.dtype = type_code(array._dtype)
    tensor.shape = ctypes.cast(extents, ctypes.POINTER(ctypes.c_int64))
    tensor.strides = ctypes.cast(strides, ctypes.POINTER(ctypes.c_int64))
    managed.deleter = _address(_delete)
    if isinstance(managed, ManagedTensorVersioned):
        managed.version.major, managed.version.minor = VERSION
        managed.flags = 0 if share else IS_COPIED if copy else IS_COPIED | READ_ONLY
    place = ctypes.addressof(managed)
    _alive[place] = (managed, (owner, extents, strides))
    try:
        return new_capsule(place, managed.capsule_name, _address(_capsule_gone))
    except BaseException:
        with contextlib.suppress(KeyError):
            del _alive[place]
        raise
