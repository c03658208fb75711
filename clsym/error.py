"""``mx.error``: the errors, and those that scripts register."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .base import DeviceNotFoundError, MXNetError, NotImplementedForSymbol, OutOfDeviceMemoryError

__all__ = [
    "DeviceNotFoundError", "InternalError", "MXNetError", "NotImplementedForSymbol", "OutOfDeviceMemoryError", "error_types", "register",
    "register_error",
]  # fmt: skip


class InternalError(MXNetError):
    """Something that should not happen, whatever the user does."""


error_types: dict[str, type[BaseException]] = {
    e.__name__: e
    for e in (MXNetError, InternalError, NotImplementedForSymbol, ValueError, TypeError, AttributeError, IndexError, NotImplementedError)
}


def register_error(func_name: Any = None, cls: type[BaseException] | None = None) -> Any:
    """Register an exception class by its own name, or by another one, as a function or a decorator.

    >>> @register
    ... class MyError(MXNetError):
    ...     "Mine."
    >>> error_types['MyError'] is MyError
    True
    """
    if isinstance(func_name, type):
        error_types[func_name.__name__] = func_name
        return func_name
    if cls is not None:
        error_types[func_name] = cls
        return cls

    def decorate(found: type[BaseException]) -> type[BaseException]:
        error_types[func_name or found.__name__] = found
        return found

    return decorate


register: Callable[..., Any] = register_error
