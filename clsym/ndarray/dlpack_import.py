"""Tensors of other libraries as arrays, by DLPack, and numpy arrays without a copy."""

from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np

from ..base import DTYPE_FLAGS, MXNetError
from ..context import Context, current_context
from ..runtime.device import resolve
from ..runtime.host_memory import HostBuffer, shares_host_memory
from . import dlpack_abi as abi
from .dlpack_abi import CPU, VERSION, ManagedTensor, ManagedTensorVersioned
from .storage import ITEMSIZE, ArrayBase

__all__ = ["from_capsule", "from_host", "from_numpy_array", "from_tensor"]

_CALL = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)


class _Consumed:
    """A tensor that is ours now: its deleter is called once, when this object goes."""

    def __init__(self, managed: ManagedTensor | ManagedTensorVersioned) -> None:
        self._address = ctypes.addressof(managed)
        self._deleter = int(managed.deleter or 0)
        self._call = _CALL

    def __del__(self) -> None:
        if self._deleter:
            self._call(self._deleter)(self._address)


class NoTensorError(TypeError, AssertionError):
    """Something that is no tensor of another library; MXNet asserts that it is."""


def from_tensor(tensor: Any) -> Any:
    """An array over a tensor: a DLPack capsule, or an object with ``__dlpack__``.

    Raises
    ------
    MXNetError
        It is not in host memory, not contiguous, or of a type that arrays cannot hold.
    TypeError
        It is neither.
    """
    if type(tensor).__name__ == "PyCapsule":
        return from_capsule(tensor)
    if not hasattr(tensor, "__dlpack__"):
        raise NoTensorError(f"from_dlpack takes a DLPack capsule or an object with __dlpack__, got {type(tensor).__name__}")
    if hasattr(tensor, "__dlpack_device__") and int(tensor.__dlpack_device__()[0]) != CPU:
        raise MXNetError(_elsewhere(int(tensor.__dlpack_device__()[0])))
    try:
        capsule = tensor.__dlpack__(max_version=VERSION)
    except TypeError:  # it knows only the first form
        capsule = tensor.__dlpack__()
    return from_capsule(capsule)


def _elsewhere(kind: int) -> str:
    return f"from_dlpack: the tensor is on a device of DLPack type {kind}, not in host memory (type {CPU}); copy it to the host first"


def from_capsule(capsule: Any) -> Any:
    """An array over the tensor of a capsule, which is marked as used; see `from_tensor`.

    Raises
    ------
    MXNetError
        As for `from_tensor`, or the capsule was used before or is of a later version of DLPack. It can be used by others then.
    """
    for kind in (ManagedTensorVersioned, ManagedTensor):
        address = abi.capsule_pointer(capsule, kind.capsule_name)
        if address:
            managed: ManagedTensor | ManagedTensorVersioned = kind.from_address(address)
            break
    else:
        raise MXNetError("Invalid DLPack Tensor: the capsule is no tensor, or was used before; DLTensor capsules can be consumed only once")
    read_only = False
    if isinstance(managed, ManagedTensorVersioned):
        if managed.version.major != VERSION[0]:
            found = f"{managed.version.major}.{managed.version.minor}"
            raise MXNetError(f"from_dlpack: the tensor is of DLPack {found}; {VERSION[0]}.x and the form before it are understood")
        read_only = bool(managed.flags & abi.READ_ONLY)
    tensor = managed.tensor
    shape, dtype = _checked(tensor)
    abi.rename_capsule(capsule, _USED[kind.capsule_name])
    return from_host((tensor.data or 0) + tensor.byte_offset, shape, dtype, _Consumed(managed), copy=read_only)


_USED = {kind.capsule_name: b"used_" + kind.capsule_name for kind in (ManagedTensor, ManagedTensorVersioned)}


def _checked(tensor: abi.Tensor) -> tuple[tuple[int, ...], str]:
    if tensor.device.type != CPU:
        raise MXNetError(_elsewhere(tensor.device.type))
    shape = tuple(int(tensor.shape[k]) for k in range(tensor.ndim))
    dtype = abi.element_type(tensor.dtype)
    if tensor.strides and all(shape):
        step = 1
        for k in reversed(range(tensor.ndim)):
            if shape[k] != 1 and tensor.strides[k] != step:
                strides = tuple(int(tensor.strides[k]) for k in range(tensor.ndim))
                raise MXNetError(f"from_dlpack: a tensor of shape {shape} and strides {strides} is not contiguous; make it so first")
            step *= shape[k]
    return shape, dtype


def from_host(address: int, shape: tuple[int, ...], dtype: str, owner: Any, ctx: Context | None = None, copy: bool = False) -> Any:
    """An array over host memory, or of its values where the device's memory is not the host's, or `copy` says so.

    Parameters
    ----------
    address, shape, dtype
        The memory: contiguous, in row-major order.
    owner : object
        Kept until nothing uses the memory any more.
    ctx : Context, optional
        The current one by default.
    """
    ctx = current_context() if ctx is None else ctx
    device = resolve(ctx)
    nbytes = math.prod(shape) * ITEMSIZE[dtype]
    if nbytes == 0 or copy or not shares_host_memory(device):
        array = ArrayBase.array_type._new(shape, dtype, ctx, device)
        if nbytes:
            values = np.frombuffer(bytes((ctypes.c_char * nbytes).from_address(address)), dtype).reshape(shape)
            array._upload(values, private=True, fresh=True)
        return array
    root = HostBuffer(device, address, nbytes, owner)
    return ArrayBase.array_type._wrap(root, root.lead, shape, dtype, ctx, device)


def from_numpy_array(values: Any) -> Any:
    """An array over a numpy array, which becomes read-only.

    Raises
    ------
    ValueError
        It is not contiguous, or of a type that arrays cannot hold.
    """
    if not values.flags["C_CONTIGUOUS"]:
        raise ValueError("Only c-contiguous arrays are supported for zero-copy; use zero_copy=False")
    name = values.dtype.name
    if name not in DTYPE_FLAGS or not values.dtype.isnative:
        raise ValueError(f"{values.dtype} is not supported; arrays hold {', '.join(DTYPE_FLAGS)}")
    array = from_host(values.ctypes.data, values.shape, name, values)
    values.flags.writeable = False
    return array
