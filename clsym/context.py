"""Contexts: the names of devices, as values. No OpenCL here.

A `Context` says *which* device is meant (``cpu(0)``, ``gpu(1)``, ``cl('pocl')``); what it stands for on this machine
is decided by ``clsym.runtime.device.resolve`` when the context is first used.
So a context can be built, compared, hashed and pickled on a machine that does not have the device.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable
from types import TracebackType
from typing import ClassVar, NoReturn, TypeVar

from .base import MXNetError, UnknownNameError, WrongTypeError

__all__ = ["Context", "cl", "cpu", "cpu_pinned", "current_context", "gpu", "gpu_memory_info", "num_gpus"]

_Hook = TypeVar("_Hook")


class _ContextType(type):
    """Gives the class itself the property ``default_ctx``."""

    @property
    def default_ctx(cls) -> Context:
        """`current_context`; setting it replaces the context of the innermost ``with`` block, in this thread."""
        return current_context()

    @default_ctx.setter
    def default_ctx(cls, ctx: Context) -> None:
        if not isinstance(ctx, Context):
            raise MXNetError(f"default_ctx must be a Context, not {ctx!r}")
        if _scope.stack:
            _scope.stack[-1] = ctx
        else:
            _scope.default = ctx


class Context(metaclass=_ContextType):
    """A device, by name. Immutable and hashable; two contexts with the same name are equal.

    Parameters
    ----------
    device_type : {'cpu', 'gpu', 'cpu_pinned', 'cpu_shared', 'cl'} or Context
        The kind of device, or a context to copy.
    device_id : int, default 0
        Which one of that kind.
    selector : str, default ''
        Only for ``'cl'``: a substring of the device's or platform's name, or ``'platform:device'``
        (see `cl`).

    Raises
    ------
    MXNetError
        If the device type is unknown (a KeyError too) or the id is not an integer (a TypeError too).

    Examples
    --------
    >>> Context('gpu', 1)
    gpu(1)
    >>> Context(cpu(2)) == cpu(2)
    True
    >>> with gpu(3):
    ...     current_context()
    gpu(3)
    >>> current_context()
    cpu(0)
    """

    __slots__ = ("_hash", "device_id", "device_type", "selector")

    device_type: str
    device_id: int
    selector: str
    _hash: int

    # MXNet's numbers, as they stand in saved files. 'cl' is ours and is never written to a file.
    devstr2type: ClassVar[dict[str, int]] = {"cpu": 1, "gpu": 2, "cpu_pinned": 3, "cpu_shared": 5, "cl": 100}
    devtype2str: ClassVar[dict[int, str]] = {number: name for name, number in devstr2type.items()}

    def __init__(self, device_type: str | Context, device_id: int = 0, selector: str = "") -> None:
        if isinstance(device_type, Context):
            other = device_type
            device_type, device_id, selector = other.device_type, other.device_id, other.selector
        if device_type not in self.devstr2type:
            raise UnknownNameError(f"{device_type!r} is not a device type; use one of {sorted(self.devstr2type)}")
        try:
            device_id = operator.index(device_id)
        except TypeError as exc:
            raise WrongTypeError(f"the device id must be an integer, not {device_id!r}") from exc
        if not isinstance(selector, str):
            raise MXNetError(f"a device selector must be a string, not {selector!r}")
        if (device_type == "cl") != bool(selector.strip()):
            raise MXNetError("a selector belongs to device type 'cl' and to no other: use mx.cl('name substring or platform:device')")
        fix = object.__setattr__
        fix(self, "device_type", device_type)
        fix(self, "device_id", device_id)
        fix(self, "selector", selector.strip())
        # Kept, since every array and every step looks its device up by context.
        fix(self, "_hash", hash((device_type, device_id, self.selector)))

    @property
    def device_typeid(self) -> int:
        """MXNet's number of the device type: cpu 1, gpu 2, cpu_pinned 3, cpu_shared 5."""
        return self.devstr2type[self.device_type]

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Context):
            return NotImplemented
        return (self.device_type, self.device_id, self.selector) == (other.device_type, other.device_id, other.selector)

    def __repr__(self) -> str:
        return f"{self.device_type}({self.selector or self.device_id})"

    def __reduce__(self) -> tuple[type[Context], tuple[str, int, str]]:
        return Context, (self.device_type, self.device_id, self.selector)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"Context is immutable; make another, as in mx.Context('gpu', 1) (setting {name!r})")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"Context is immutable (deleting {name!r})")

    def __enter__(self) -> Context:
        _scope.stack.append(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        _scope.stack.pop()

    def empty_cache(self) -> None:
        """Return to the device's driver the memory that clsym keeps for reuse; memory in use stays.

        Raises
        ------
        DeviceNotFoundError
            If the context names a device that this machine does not have.
        """
        for free in _cache_emptiers:
            free(self)


class _Scope(threading.local):
    """The contexts entered by ``with`` in this thread, innermost last."""

    def __init__(self) -> None:
        self.stack: list[Context] = []
        self.default = Context("cpu", 0)


_scope = _Scope()


def cpu(device_id: int = 0) -> Context:
    """The context of a CPU device.

    As in MXNet, the numbers are tags: ``cpu(i)`` is the i-th OpenCL CPU device, counted modulo their number,
    so ``cpu(7)`` works on a machine with one. ``cpu(0)`` is the default context; ``CLSYM_DEVICE`` changes what it means.

    >>> cpu(3), cpu(3).device_typeid
    (cpu(3), 1)
    """
    return Context("cpu", device_id)


def cpu_pinned(device_id: int = 0) -> Context:
    """The context of MXNet's page-locked host memory. Here the same device as ``cpu(device_id)``.

    >>> cpu_pinned()
    cpu_pinned(0)
    """
    return Context("cpu_pinned", device_id)


def gpu(device_id: int = 0) -> Context:
    """The context of the i-th OpenCL GPU. Using it raises `DeviceNotFoundError` where there is none.

    >>> gpu(1) == Context('gpu', 1)
    True
    """
    return Context("gpu", device_id)


def cl(selector: str) -> Context:
    """The context of an OpenCL device picked by name or number.

    Parameters
    ----------
    selector : str
        A substring of ``"<platform> <device>"`` (case ignored; the best of several wins);
        ``'platform:device'`` where each side is a number as ``clsym devices`` prints it or a substring;
        either of them followed by a sub-device: ``/units=N/i`` is the i-th of the parts with N compute units each,
        ``/counts=A,B/i`` the i-th of parts with A and B units, ``/domain=numa/i`` the i-th affinity domain.

    Examples
    --------
    >>> cl('0:0'), cl('pocl/units=1/0')
    (cl(0:0), cl(pocl/units=1/0))
    """
    return Context("cl", 0, selector)


def current_context() -> Context:
    """The innermost context of this thread's ``with`` blocks, else ``cpu(0)`` (or what ``Context.default_ctx`` was set to).

    >>> with cpu(1):
    ...     current_context()
    cpu(1)
    """
    return _scope.stack[-1] if _scope.stack else _scope.default


def num_gpus() -> int:
    """How many OpenCL GPUs this machine has; 0 is not an error."""
    return _need(_device_counter)("gpu")


def gpu_memory_info(device_id: int = 0) -> tuple[int, int]:
    """Free and total memory of a GPU, in bytes.

    OpenCL cannot ask how much memory other programs hold: where the driver has no extension for that,
    free is the total less what clsym has allocated.

    Raises
    ------
    DeviceNotFoundError
        If there is no such GPU.
    """
    return _need(_memory_informer)(Context("gpu", device_id))


# The runtime stands above this module and must not be imported here: it registers itself.
_device_counter: list[Callable[[str], int]] = []
_memory_informer: list[Callable[[Context], tuple[int, int]]] = []
_cache_emptiers: list[Callable[[Context], None]] = []


def set_device_counter(count: Callable[[str], int]) -> None:
    """Install what answers `num_gpus`: a function from ``'gpu'`` or ``'cpu'`` to the number of such devices."""
    _device_counter[:] = [count]


def set_memory_informer(info: Callable[[Context], tuple[int, int]]) -> None:
    """Install what answers `gpu_memory_info`: a function from a context to (free, total) bytes."""
    _memory_informer[:] = [info]


def add_cache_emptier(free: Callable[[Context], None]) -> None:
    """Add a pool to those that `Context.empty_cache` empties."""
    _cache_emptiers.append(free)


def _need(hook: list[_Hook]) -> _Hook:
    if not hook:
        raise MXNetError("the OpenCL runtime is not loaded; import clsym rather than clsym.context alone")
    return hook[0]
