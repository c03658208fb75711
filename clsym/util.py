"""MXNet's `mx.util`: whether 0 in a shape is an unknown extent, as it is by default, or an extent of zero; the environment; GPUs."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, TypeVar

from .base import MXNetError
from .context import gpu_memory_info, num_gpus

__all__ = [
    "get_gpu_count", "get_gpu_memory", "getenv", "is_np_array", "is_np_shape", "np_array", "np_shape", "reset_np", "set_np", "set_np_shape",
    "setenv", "use_np", "use_np_array", "use_np_shape",
]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])
_state = threading.local()


def is_np_shape() -> bool:
    """Whether shapes given in this thread mean what numpy's do: 0 is an extent of zero, -1 an unknown one, and ``()`` a scalar.

    Otherwise, the default, 0 and -1 are unknown extents and ``()`` an unknown number of dimensions.
    """
    return getattr(_state, "active", False)


def set_np_shape(active: bool | int) -> bool:
    """Set what `is_np_shape` answers in this thread; returns what it answered before.

    Raises
    ------
    TypeError
        `active` is no number.
    """
    before = is_np_shape()
    if not isinstance(active, int):
        raise TypeError(f"active must be True or False, not {type(active).__name__}")
    _state.active = bool(active)
    return before


class np_shape:
    """A ``with`` block, or a decorator, in which `is_np_shape` answers `active`.

    Examples
    --------
    >>> import clsym as mx
    >>> x = mx.sym.relu(mx.sym.var('x'))
    >>> x.infer_shape_partial(x=(0, 3))[1], x.infer_shape_partial(x=(-1, 3))[1]
    ([(0, 3)], [(0, 3)])
    >>> with mx.util.np_shape():
    ...     x.infer_shape(x=(0, 3))[1], x.infer_shape_partial(x=(-1, 3))[1]
    ([(0, 3)], [(-1, 3)])
    """

    def __init__(self, active: bool | int = True) -> None:
        self._active = active
        self._before: list[bool] = []

    def __enter__(self) -> np_shape:
        self._before.append(set_np_shape(self._active))
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        set_np_shape(self._before.pop())

    def __call__(self, function: F) -> F:
        active = self._active

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with np_shape(active):
                return function(*args, **kwargs)

        return inside  # type: ignore[return-value]


def use_np_shape(function: Any) -> Any:
    """Decorator of a function, or of a class for all its methods: numpy's shapes hold in it.

    >>> use_np_shape(is_np_shape)(), is_np_shape()
    (True, False)
    """
    if isinstance(function, type):
        for name, member in list(vars(function).items()):
            if callable(member) and not isinstance(member, type):
                setattr(function, name, np_shape()(member))
        return function
    return np_shape()(function)


def is_np_array() -> bool:
    """Whether operators return arrays of ``mx.np``: never, clsym has MXNet's own NDArrays only.

    >>> is_np_array()
    False
    """
    return False


class np_array:
    """A ``with`` block, or a decorator, in which `is_np_array` would answer `active`.

    Raises
    ------
    MXNetError
        `active` is true: clsym has no ``mx.np``.
    """

    def __init__(self, active: bool | int = True) -> None:
        if active:
            raise MXNetError("clsym has no arrays of mx.np; use mx.nd, and mx.util.np_shape() for shapes with zeros")

    def __enter__(self) -> np_array:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def __call__(self, function: F) -> F:
        return function


def use_np_array(function: Any) -> Any:
    """Raises MXNetError: clsym has no ``mx.np``; see `use_np_shape`."""
    np_array()
    return function


def use_np(function: Any) -> Any:
    """Raises MXNetError: clsym has no ``mx.np``; see `use_np_shape`."""
    return use_np_array(function)


def set_np(shape: bool = True, array: bool = True) -> None:
    """Set what `is_np_shape` answers; `array` must be False, since clsym has no ``mx.np``.

    Raises
    ------
    MXNetError
        `array` is true.
    """
    np_array(array)
    set_np_shape(shape)


def reset_np() -> None:
    """Back to MXNet's own shapes and arrays."""
    set_np(shape=False, array=False)


def getenv(name: str) -> str | None:
    """The value of an environment variable, None where it is not set."""
    return os.environ.get(name)


def setenv(name: str, value: Any) -> None:
    """Set an environment variable; None takes it away.

    >>> setenv('CLSYM_EXAMPLE', 1)
    >>> getenv('CLSYM_EXAMPLE')
    '1'
    >>> setenv('CLSYM_EXAMPLE', None)
    """
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = str(value)


def get_gpu_count() -> int:
    """How many OpenCL GPUs this machine has."""
    return num_gpus()


def get_gpu_memory(gpu_dev_id: int) -> tuple[int, int]:
    """Free and total memory of a GPU, in bytes; see `clsym.context.gpu_memory_info`."""
    return gpu_memory_info(gpu_dev_id)


def partial_shape(shape: Sequence[Any]) -> tuple[int, ...] | None:
    """The compiler's form of a user's shape, which has -1 for an unknown extent and None for an unknown number of dimensions."""
    if is_np_shape():
        return tuple(int(d) if d >= 0 else -1 for d in shape)
    return tuple(int(d) if d > 0 else -1 for d in shape) or None


def user_shape(shape: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """The reverse of `partial_shape`."""
    if is_np_shape():
        return shape
    return () if shape is None else tuple(max(d, 0) for d in shape)
