"""Errors, element types and the one table of environment variables.

Everything else in clsym may import this module; it imports nothing of clsym.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = [
    "DTYPE_FLAGS", "DeviceNotFoundError", "MXNetError", "NotImplementedForSymbol", "NotSupportedForSparseNDArray", "OutOfDeviceMemoryError",
    "classproperty", "data_dir", "env", "integer_types", "mx_real_t", "numeric_types", "py_str", "string_types",
]  # fmt: skip


class MXNetError(RuntimeError):
    """Raised for every error that clsym reports: bad graphs, shapes, files, devices."""


class DeviceNotFoundError(MXNetError):
    """The context names a device that this machine does not have."""


class OutOfDeviceMemoryError(MXNetError, MemoryError):
    """An allocation exceeded what the device has, or its largest single allocation."""


class NotImplementedForSymbol(MXNetError):
    """A method that only arrays have was called on a symbol, which has no values."""

    def __init__(self, function: Callable[..., object], alias: str | None = None, *args: object) -> None:
        namely = f' (namely operator "{alias}")' if alias else ""
        given = f" with arguments ({', '.join(str(type(a)) for a in args)})" if args else ""
        super().__init__(f"Function {function.__name__}{namely}{given} is not implemented for Symbol and only available in NDArray.")


class NotSupportedForSparseNDArray(MXNetError):
    """A method was called on a sparse array; clsym has none, the name is there for what catches it."""

    def __init__(self, function: Callable[..., object], alias: str | None = None, *args: object) -> None:
        namely = f' (namely operator "{alias}")' if alias else ""
        super().__init__(f"Function {function.__name__}{namely} is not supported for sparse arrays.")


class WrongTypeError(MXNetError, TypeError, AttributeError):
    """A value of another type than is needed; MXNet raises a TypeError or an AttributeError, by where it first touches the value."""


class WrongValueError(MXNetError, ValueError):
    """A value that cannot be; MXNet raises a ValueError where its Python code looks, an MXNetError where its library does."""


class UnknownNameError(MXNetError, KeyError):
    """A name that stands for nothing, where MXNet looks it up in a dictionary."""

    __str__ = Exception.__str__  # KeyError's shows the message quoted


class _NullType:
    """The type of `_Null`: a parameter that was not given (None is a value)."""

    def __repr__(self) -> str:
        return "_Null"

    def __bool__(self) -> bool:
        return False


_Null = _NullType()

mx_real_t = np.float32
string_types = (str,)
numeric_types = (float, int, np.generic)
integer_types = (int, np.integer)


def py_str(text: bytes | str) -> str:
    """Bytes of a C library as a string.

    >>> py_str(b'conv0')
    'conv0'
    """
    return text.decode("utf-8") if isinstance(text, bytes) else text


class classproperty:
    """A property of the class itself, for reading."""

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function

    def __get__(self, instance: object, owner: type) -> object:
        return self._function(owner)


def data_dir() -> str:
    """The folder for downloads: ``MXNET_HOME``, or ``.mxnet`` in the user's home."""
    return os.environ.get("MXNET_HOME", os.path.join(os.path.expanduser("~"), ".mxnet"))


# MXNet's type flags, as stored in ``.params`` files and in ``__dtype__`` attributes.
DTYPE_FLAGS: dict[str, int] = {
    "float32": 0,
    "float64": 1,
    "float16": 2,
    "uint8": 3,
    "int32": 4,
    "int8": 5,
    "int64": 6,
    "bool": 7,
}
FLAG_DTYPES: dict[int, str] = {flag: name for name, flag in DTYPE_FLAGS.items()}


def dtype_name(dtype: object) -> str:
    """The canonical name of an element type (``'float32'``), from any of its spellings.

    >>> dtype_name(np.float32), dtype_name('int64'), dtype_name(np.dtype('bool'))
    ('float32', 'int64', 'bool')
    """
    try:
        name = np.dtype(dtype).name  # type: ignore[call-overload]
    except TypeError as exc:
        raise WrongTypeError(f"{dtype!r} is not an element type; use one of {sorted(DTYPE_FLAGS)}") from exc
    if name not in DTYPE_FLAGS:
        raise UnknownNameError(f"element type {name!r} is not supported; use one of {sorted(DTYPE_FLAGS)}")
    return str(name)


@dataclass(frozen=True)
class EnvVar:
    """One environment variable that clsym reads."""

    name: str
    default: str
    doc: str


ENVIRONMENT: dict[str, EnvVar] = {
    v.name: v
    for v in (
        EnvVar("CLSYM_DEVICE", "", "Device of the default context: a name substring or 'platform:device', as mx.cl() takes."),
        EnvVar("CLSYM_CHECK", "0", "1: run step by step, poison dead storage with NaN, verify declared in-place and views."),
        EnvVar("CLSYM_OPTIMIZE", "1", "0: run the graph as written: no fusion, no blocked layouts, nothing computed ahead."),
        EnvVar("CLSYM_PLAN_EFFORT", "default", "How long the memory planner may search: fast, default, exact, or seconds."),
        EnvVar("CLSYM_KERNEL_PATH", "", "Directory to read the .cl files from instead of the installed ones."),
        EnvVar(
            "CLSYM_TRAITS",
            "",
            "'cpu' or 'gpu': lower for this kind of device whatever the device is (for testing); 'selector=gpu', as mx.cl() takes it, does "
            "so for the devices that it names, sub-devices with them; comma-separated, the first that fits counts.",
        ),
        EnvVar("CLSYM_WINOGRAD", "4", "Largest tile of Winograd convolutions: 4, 2 (sums as exact as direct ones) or 0 (none)."),
        EnvVar("CLSYM_TUNING", "", "File of tuned numbers to use instead of what `clsym tune` stored; 0: the built-in choices alone."),
        EnvVar(
            "CLSYM_VERBOSE",
            "0",
            "1: tell on stderr what is built and what compilers say; 2: with their warnings (builds all anew).",
        ),
        EnvVar("CLSYM_TEST", "", "Devices that the test suite runs on, comma-separated selectors; empty: every device found."),
        EnvVar("MXNET_ELIMINATE_COMMON_EXPR", "1", "0: compute a repeated expression as often as it stands in the graph."),
        EnvVar("MXNET_BACKWARD_DO_MIRROR", "0", "1: compute cheap operators again in the backward where that saves memory."),
        EnvVar("PYOPENCL_CTX", "", "pyopencl's own selector; honoured when CLSYM_DEVICE is not set."),
    )
}


def env(name: str) -> str:
    """The value of a variable of `ENVIRONMENT`, read anew each time."""
    return os.environ.get(name, ENVIRONMENT[name].default)
