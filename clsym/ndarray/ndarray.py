"""`NDArray`: an array on a device."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from ..base import MXNetError
from ..context import Context, cpu
from ..runtime.transfer import wait_for
from . import params_file
from .arithmetic import Arithmetic
from .differentiable import Differentiable
from .exchanged import Exchanged
from .fluent import Fluent
from .item_access import get_items, set_items
from .modes import modes
from .printing import format_array, html_array
from .reshaping import infer_reshape
from .storage import ITEMSIZE, ArrayBase, type_name
from .strided import convert
from .tape import check_assignment, may_record, record_function, record_view

__all__ = ["NDArray"]

Host = np.ndarray[Any, Any]


class UnsizedError(TypeError, IndexError):
    """The length of an array without dimensions; numpy raises a TypeError, MXNet an IndexError."""


class NDArray(Arithmetic, Fluent, Exchanged, Differentiable):
    """A multi-dimensional array on a device, with asynchronous operations: a call returns at once, asking for a value waits.

    Make one with `mx.nd.array`, `zeros`, `ones`, `full`, `arange` ... Elements lie in row-major order; indexing with
    integers and slices that pick neighbouring elements, and `reshape`, give views that share the memory.

    Examples
    --------
    >>> import clsym as mx
    >>> a = mx.nd.array([[1, 2], [3, 4]])
    >>> a[1] += 10
    >>> a
    <BLANKLINE>
    [[ 1.  2.]
     [13. 14.]]
    <NDArray 2x2 @cpu(0)>
    """

    __slots__ = ()

    # ------------------------------------------------------------------ text, length, items

    def __repr__(self) -> str:
        return format_array(self._download(), str(self._ctx))

    def _repr_html_(self) -> str:
        return html_array(self._download(), str(self._ctx))

    def __len__(self) -> int:
        if not self._shape:
            raise UnsizedError("len() of an array without dimensions")
        return self._shape[0]

    def __iter__(self) -> Iterator[NDArray]:
        for i in range(len(self)):
            yield self[i]

    def __getitem__(self, key: Any) -> NDArray:
        """Items by index: see `clsym.ndarray.indexing`."""
        if type(key) is int and self._shape:
            extent = self._shape[0]
            if not -extent <= key < extent:
                raise IndexError(f"index {key} is out of bounds for axis 0 with size {extent}")
            shape = self._shape[1:] or (1,)
            step = math.prod(shape) * ITEMSIZE[self._dtype]
            if not may_record(self):
                return self._view((key + extent if key < 0 else key) * step, shape)
        if isinstance(key, tuple) and not key:
            return self
        return get_items(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Assign a number, an array or anything that numpy takes, broadcast to the items."""
        set_items(self, key, value)

    def slice_assign(self, rhs: NDArray, begin: Any, end: Any, step: Any) -> NDArray:
        """Assign an array to a slice of this one, which is returned."""
        self[tuple(slice(b, e, s) for b, e, s in zip(begin, end, step or (None,) * len(begin), strict=True))] = rhs
        return self

    def slice_assign_scalar(self, value: float, begin: Any, end: Any, step: Any) -> NDArray:
        """Assign a number to a slice of this one, which is returned."""
        self[tuple(slice(b, e, s) for b, e, s in zip(begin, end, step or (None,) * len(begin), strict=True))] = value
        return self

    def _slice(self, start: int, stop: int) -> NDArray:
        return self[start:stop]

    def _at(self, index: int) -> NDArray:
        return self[index]

    # ------------------------------------------------------------------ host

    def asnumpy(self) -> Host:
        """The values as a new numpy array; waits for them.

        >>> import clsym as mx
        >>> mx.nd.ones((2, 2)).asnumpy().tolist()
        [[1.0, 1.0], [1.0, 1.0]]
        """
        return self._download()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Host:
        if copy is False:
            raise ValueError("an array on a device cannot become a numpy array without a copy")
        values = self._download()
        return values if dtype is None else values.astype(dtype, copy=False)

    def _sync_copyfrom(self, source_array: Any) -> None:
        """Take the values of a host array of the same shape.

        Raises
        ------
        ValueError
            Its shape differs.
        """
        source = np.asarray(source_array)
        if source.shape != self._shape:
            raise ValueError(f"Shape inconsistent: expected {self._shape} vs got {source.shape}")
        held = np.array(source, dtype=self._dtype, order="C")
        self._upload(held, private=True)

    def wait_to_read(self) -> None:
        """Return when everything that was called before has written its result."""
        wait_for(self._device)

    wait_to_write = wait_to_read

    # ------------------------------------------------------------------ copies

    def copyto(self, other: NDArray | Context) -> NDArray | bool:
        """Copy the values to another array, with conversion, or to a new array on a context.

        Returns
        -------
        NDArray
            The other array, or the new one.

        Raises
        ------
        MXNetError
            The other array's shape differs.
        """
        if isinstance(other, Context):
            return self._copy_to(other)
        if not isinstance(other, NDArray):
            raise TypeError(f"copyto does not support type {type(other)}")
        if other is self:
            return False
        if other._shape != self._shape:
            raise MXNetError(f"copyto: this array has shape {self._shape}, the other {other._shape}; reshape or slice one of them")
        source: ArrayBase = self
        if source._root is other._root and source._offset != other._offset and _overlap(source, other):
            source = self.copy()
        if modes.recording:
            check_assignment(other)
        if other._dtype == self._dtype:
            other._copy_from(source)
        elif source._device is not other._device:  # convert where the values are, then carry them
            other._copy_from(self.astype(other._dtype))
        else:
            convert(source, other)
        self._record_copy(other)
        return other

    def copy(self) -> NDArray:
        """A new array with the same values on the same context."""
        return self._copy_to(self._ctx)

    def _copy_to(self, ctx: Context) -> NDArray:
        result: NDArray = type(self)._empty(self._shape, self._dtype, ctx)
        result._copy_from(self)
        self._record_copy(result)
        return result

    def _record_copy(self, result: NDArray) -> None:
        """Note on the tape that `result` holds these values, perhaps in another type or on another device."""
        if not may_record(self):
            return
        if result._device is not self._device:
            dtype, ctx = self._dtype, self._ctx
            record_function(lambda heads: [heads[0].astype(dtype, copy=False).as_in_context(ctx)], (self,), (result,))
        elif result._dtype != self._dtype:
            record_view("Cast", {"dtype": result._dtype}, self, result)
        else:
            record_view("_copy", {}, self, result)

    def as_in_context(self, context: Context) -> NDArray:
        """This array if it lives on `context`, else a copy there."""
        if self._ctx == context:
            return self
        if not isinstance(context, Context):
            raise TypeError(f"as_in_context takes a Context such as mx.cpu() or mx.gpu(0), not {context!r}")
        return self._copy_to(context)

    as_in_ctx = as_in_context

    def astype(self, dtype: Any, copy: bool = True) -> NDArray:
        """The values converted to another element type.

        Parameters
        ----------
        dtype : type or str
        copy : bool
            Whether to copy where the type is the same already.

        Examples
        --------
        >>> import clsym as mx
        >>> mx.nd.array([1.7, -1.7]).astype('int32').asnumpy().tolist()
        [1, -1]
        """
        name = type_name(dtype)
        if not copy and name == self._dtype:
            return self
        result: NDArray = type(self)._empty(self._shape, name, self._ctx)
        if name == self._dtype:
            result._copy_from(self)
        else:
            convert(self, result)
        self._record_copy(result)
        return result

    def as_nd_ndarray(self) -> NDArray:
        """This array."""
        return self

    def as_np_ndarray(self) -> NoReturn:
        """Not there: see the error."""
        raise MXNetError("there are no numpy arrays (mx.np) on devices here; use the classic operators of mx.nd")

    def tostype(self, stype: str) -> NDArray:
        """A copy in the given storage; 'default' (dense) is the only one.

        Raises
        ------
        MXNetError
            Another storage was asked for.
        """
        if stype != "default":
            raise MXNetError(f"storage type {stype!r} is not supported; arrays are dense, 'default'")
        return self.copy()

    @property
    def stype(self) -> str:
        """The storage type: 'default', dense."""
        return "default"

    # ------------------------------------------------------------------ shape

    def reshape(self, *shape: Any, **kwargs: Any) -> NDArray:
        """A view of another shape.

        Parameters
        ----------
        shape : tuple of int, or integers
            0 keeps an extent, -1 is inferred, -2 takes all that is left, -3 merges two, -4 splits one by the two numbers behind it.
        reverse : bool
            Match the codes from the right; a -4 then stands behind its two numbers.

        Raises
        ------
        ValueError
            The sizes differ.

        Examples
        --------
        >>> import clsym as mx
        >>> mx.nd.zeros((2, 3, 4)).reshape((-3, 0)).shape, mx.nd.zeros((2, 3, 4)).reshape(0, -1).shape
        ((6, 4), (2, 12))
        """
        if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
            shape = tuple(shape[0])
        elif not shape:
            if "shape" not in kwargs:
                raise AssertionError("Shape must be provided: reshape((2, 3)) or reshape(shape=(2, 3))")
            given = kwargs["shape"]
            shape = tuple(given) if isinstance(given, (tuple, list)) else (given,)
        if unknown := [k for k in kwargs if k not in ("shape", "reverse")]:
            raise TypeError(f"Got unknown keywords in reshape: {', '.join(unknown)}. Accepted keyword arguments are 'shape' and 'reverse'.")
        return self._reshaped(infer_reshape(self._shape, shape, bool(kwargs.get("reverse", False))))

    @property
    def T(self) -> NDArray:
        """The transpose, as a copy; the array itself below two dimensions."""
        return self if len(self._shape) < 2 else self.transpose()

    @property
    def writable(self) -> bool:
        """Whether the values may be changed: always."""
        return True

    @property
    def handle(self) -> int:
        """A number that is this array's own while it lives."""
        return id(self)

    # ------------------------------------------------------------------ pickling

    def __getstate__(self) -> dict[str, Any]:
        """The context, and under ``handle`` the array as one record of a ``.params`` file, which is also what MXNet keeps there."""
        return {"handle": bytearray(params_file.dump_array(self._download())), "context": self._ctx}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Become the array of a state; without a context, as in MXNet's states, one on ``cpu(0)``."""
        values = params_file.load_array(bytes(state["handle"]))
        array = NDArray._empty(values.shape, values.dtype.name, state.get("context", cpu(0)))
        array._upload(np.array(values, order="C"), private=True, fresh=True)
        for name in ArrayBase.__slots__:
            if name != "__weakref__":
                setattr(self, name, getattr(array, name))

    def __reduce__(self) -> Any:
        return _new, (type(self),), self.__getstate__()

    def __copy__(self) -> NDArray:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> NDArray:
        return self.copy()


def _new(kind: type[NDArray]) -> NDArray:
    """An array without memory, to be filled by ``__setstate__``."""
    return kind.__new__(kind)


def _overlap(a: ArrayBase, b: ArrayBase) -> bool:
    return a._offset < b._offset + b.nbytes and b._offset < a._offset + a.nbytes


ArrayBase.array_type = NDArray
