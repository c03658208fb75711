"""MXNet's `mx.util`: whether 0 in a shape is an unknown extent, as it is by default, or an extent of zero."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, TypeVar

__all__ = ["is_np_shape", "np_shape", "set_np_shape", "use_np_shape"]

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
