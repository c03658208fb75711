"""The memory of an array: a stretch of a device buffer, with shape and element type."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..base import DTYPE_FLAGS, MXNetError, WrongTypeError, dtype_name
from ..context import Context, current_context
from ..runtime.buffer import allocate, allocate_pooled, sub_buffer
from ..runtime.device import Device, resolve
from ..runtime.host_view import MOST_BYTES, host_view
from ..runtime.transfer import copy_bytes, download, fill, upload, wait_for

__all__ = ["ArrayBase", "as_shape"]

LARGE = 1 << 26
"""Bytes from which on an array's memory goes back to the device rather than to a pool when the array is gone."""

ITEMSIZE: dict[str, int] = {name: int(np.dtype(name).itemsize) for name in DTYPE_FLAGS}
NUMPY_TYPES: dict[str, type[np.generic]] = {name: np.dtype(name).type for name in DTYPE_FLAGS}

_names: dict[Any, str] = {np.dtype(name).type: name for name in DTYPE_FLAGS} | {name: name for name in DTYPE_FLAGS}


def type_name(dtype: Any) -> str:
    """The canonical name of an element type; None is float32. As `dtype_name`, but quick, and TypeError for what numpy does not know."""
    if dtype is None:
        return "float32"
    try:
        return _names[dtype]
    except (KeyError, TypeError):
        return dtype_name(np.dtype(dtype))


def as_shape(shape: Any) -> tuple[int, ...]:
    """A tuple of non-negative Python integers, from one or many.

    Raises
    ------
    MXNetError
        It is no shape.
    """
    try:
        if isinstance(shape, (tuple, list)):
            out = tuple([d if type(d) is int else operator.index(d) for d in shape])
        elif isinstance(shape, (str, float)):
            raise TypeError
        else:
            out = (int(shape),) if not hasattr(shape, "__iter__") else tuple([int(d) for d in shape])
    except (TypeError, ValueError) as exc:
        raise WrongTypeError(f"{shape!r} is not a shape; pass an integer or a tuple of integers") from exc
    if any(d < 0 for d in out):
        raise MXNetError(f"the shape {out} has a negative extent; every extent of an array must be known")
    return out


class ArrayBase:
    """Shape, element type and memory; `NDArray` puts the user's methods on top.

    The elements lie in row-major order without gaps, `_offset` bytes into the buffer `_root`.
    """

    __slots__ = ("__weakref__", "_ctx", "_device", "_dtype", "_entry", "_offset", "_part", "_root", "_shape")

    array_type: ClassVar[type[Any]]

    _root: Any
    _offset: int
    _shape: tuple[int, ...]
    _dtype: str
    _ctx: Context
    _device: Device
    _part: Any
    _entry: Any

    @classmethod
    def _wrap(cls, root: Any, offset: int, shape: tuple[int, ...], dtype: str, ctx: Context, device: Device | None = None) -> Any:
        """An array over memory that exists: `root` is a buffer (exact or pooled) that the array keeps alive."""
        self = cls.__new__(cls)
        self._root = root
        self._offset = offset
        self._shape = shape
        self._dtype = dtype
        self._ctx = ctx
        self._device = resolve(ctx) if device is None else device
        self._part = None
        self._entry = None  # where it stands on the tape, if it does
        return self

    @classmethod
    def _empty(cls, shape: Any, dtype: Any = "float32", ctx: Context | None = None, what: str = "") -> Any:
        """A new array with whatever the memory holds.

        Raises
        ------
        OutOfDeviceMemoryError
            It does not fit; the message names `what`, or the shape.
        """
        shape = as_shape(shape)
        name = type_name(dtype)
        if ctx is None:
            ctx = current_context()
        return cls._new(shape, name, ctx, resolve(ctx), what)

    @classmethod
    def _new(cls, shape: tuple[int, ...], dtype: str, ctx: Context, device: Device, what: str = "") -> Any:
        """As `_empty`, of checked values."""
        nbytes = math.prod(shape) * ITEMSIZE[dtype]
        take = allocate_pooled if nbytes < LARGE else allocate
        root = take(device, nbytes, what or ("an array of shape {} and type {} on {}", shape, dtype, ctx))
        return cls._wrap(root, 0, shape, dtype, ctx, device)

    def _view(self, offset: int, shape: tuple[int, ...]) -> Any:
        """An array over a stretch of this one's memory; `offset` in bytes, counted from this array's start."""
        return self._wrap(self._root, self._offset + offset, shape, self._dtype, self._ctx, self._device)

    def _buffer(self) -> Any:
        """What a kernel takes as this array, or None where its start is not aligned enough for the device and it must be copied."""
        if self._offset == 0:
            return self._root
        if self._part is None:
            if self._offset % self._device.traits.alignment:
                return None
            self._part = sub_buffer(self._root, self._offset, self.nbytes)
        return self._part

    # ------------------------------------------------------------------ what it is

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents.

        >>> import clsym as mx
        >>> mx.nd.zeros((2, 3)).shape
        (2, 3)
        """
        return self._shape

    @property
    def dtype(self) -> type[np.generic]:
        """The element type, as numpy's class.

        >>> import clsym as mx
        >>> mx.nd.zeros((2, 3)).dtype
        <class 'numpy.float32'>
        """
        return NUMPY_TYPES[self._dtype]

    @property
    def context(self) -> Context:
        """Where the array lives.

        >>> import clsym as mx
        >>> mx.nd.zeros(2, ctx=mx.cpu(0)).context
        cpu(0)
        """
        return self._ctx

    ctx = context

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self._shape)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self._shape)

    @property
    def nbytes(self) -> int:
        """The number of bytes of the elements."""
        return math.prod(self._shape) * ITEMSIZE[self._dtype]

    # ------------------------------------------------------------------ bytes in and out

    def _upload(self, source: np.ndarray[Any, Any], *, private: bool = False, fresh: bool = False) -> None:
        """Take the values of a C-contiguous host array of the same size and element type.

        `private`: nobody else holds it. `fresh`: this array was just made, so the rest of its buffer may be overwritten.
        """
        upload(self._device, self._root, self._offset, source, room=self._root.size if fresh else 0, private=private)

    def _download(self) -> np.ndarray[Any, Any]:
        """The values on the host, once they are there."""
        if self.nbytes <= MOST_BYTES and (view := host_view(self._device, self._root)) is not None:
            wait_for(self._device)
            return np.ndarray(self._shape, self._dtype, view, self._offset).copy()
        target = np.empty(self._shape, self._dtype)
        download(self._device, self._root, self._offset, target)
        return target

    def _fill(self, value: Any) -> None:
        """Set every element."""
        fill(self._device, self._root, self._offset, self.nbytes, scalar_array(value, self._dtype))

    def _copy_from(self, other: ArrayBase) -> None:
        """Take the bytes of an array of the same size and element type; the two must not overlap in part."""
        if self._root is other._root and self._offset == other._offset:
            return
        copy_bytes(other._root, other._offset, other._device, self._root, self._offset, self._device, self.nbytes)


def scalar_array(value: Any, dtype: str) -> np.ndarray[Any, Any]:
    """A host array of one element, converted as a C cast does (no overflow error for small integers); not to be written."""
    if type(value) is int or (type(value) is float and value):  # not 0.0, which would be found as -0.0 and the other way round
        return _cached_scalar(value, dtype)
    return _scalar(value, dtype)


def _scalar(value: Any, dtype: str) -> np.ndarray[Any, Any]:
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            return np.array([value]).astype(dtype)
        except (TypeError, ValueError, OverflowError) as exc:
            raise WrongTypeError(f"{value!r} is not a number that an array of type {dtype} can hold") from exc


_cached_scalar = functools.lru_cache(1024, typed=True)(_scalar)


def same_device(arrays: Sequence[ArrayBase], what: str) -> Device:
    """The device that all arrays live on.

    Raises
    ------
    MXNetError
        They live on different ones.
    """
    device = arrays[0]._device
    for i, array in enumerate(arrays):
        if array._device is not device:
            raise MXNetError(
                f"{what} requires all inputs on one context: argument 0 is on {arrays[0]._ctx}, argument {i} on {array._ctx}; "
                f"copy one with as_in_context({arrays[0]._ctx})"
            )
    return device
