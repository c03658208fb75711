"""A launch of a kernel as data, and what a lowering needs to write one: arguments, element types, store modes, launch sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .traits import DeviceTraits

__all__ = [
    "Arg",
    "In",
    "KernelCall",
    "Local",
    "LowerContext",
    "Out",
    "Refusal",
    "Rng",
    "Scalar",
    "Temp",
    "compute_type",
    "ctype",
    "defines_for",
    "grid",
    "req_code",
]


@dataclass(frozen=True)
class In:
    """The buffer of the node's input `index`."""

    index: int


@dataclass(frozen=True)
class Out:
    """The buffer of the node's output `index`."""

    index: int


@dataclass(frozen=True)
class Temp:
    """A workspace of `nbytes`, planned with the tensors; the same `index` in the calls of one node is the same memory."""

    index: int
    nbytes: int


@dataclass(frozen=True)
class Local:
    """Local memory of `nbytes`, sized at launch."""

    nbytes: int


@dataclass(frozen=True)
class Rng:
    """The four words (uint) of random state: key low, key high, counter low, counter high. The counter is new in every forward."""


@dataclass(frozen=True)
class Refusal:
    """Four words (int), 0 at first, in which a kernel notes input that it must refuse (``kernels/include/refuse.h``).

    Whoever waits for the device next gets the error, which names the node: a forward need not wait for what its kernels find.

    Attributes
    ----------
    error : {'IndexError', 'MXNetError'}
    text : str
        The message, with ``{value}``, ``{axis}`` and ``{extent}`` where the kernel's numbers go.
    """

    error: str
    text: str


@dataclass(frozen=True)
class Scalar:
    """A value argument; `ctype` is an OpenCL C type: int, uint, long, ulong, float, double, int8 (the vector), long8, float4 ..."""

    ctype: str
    value: Any


Arg = In | Out | Temp | Local | Rng | Refusal | Scalar


@dataclass(frozen=True)
class KernelCall:
    """One launch of one kernel.

    Attributes
    ----------
    source : str
        File in ``kernels/``.
    entry : str
        The kernel function.
    args : tuple of Arg
        In the order of the kernel's parameters.
    defines : tuple of (str, value)
        Written as ``#define`` lines above the source; never holds text from a user.
    global_size, local_size : tuple of int
        Work-items, and work-items a group. ``local_size=None`` lets the runtime choose: 1 on a CPU.
    """

    source: str
    entry: str
    args: tuple[Arg, ...]
    defines: tuple[tuple[str, str | int], ...]
    global_size: tuple[int, ...]
    local_size: tuple[int, ...] | None = None


@dataclass(frozen=True)
class LowerContext:
    """What a lowering may depend on beside the parameters and the tensors.

    Attributes
    ----------
    traits : DeviceTraits
        The device that the node was placed on.
    reqs : tuple of {'write', 'add', 'null'}
        A store mode an output: overwrite, add to what is there, or not wanted (then nothing need be computed for it,
        but its buffer may be missing and must not appear among the arguments).
    train : bool
        Whether the plan is one for training.
    stream : int
        A number unique to this node within its graph, for random draws.
    body : callable or None
        From a subgraph of the node, the specs of its inputs and, for a body with a backward part, the store mode of the gradient of each,
        to a plan that runs where the node does (`clsym.graph.contract.host`).
    number : int
        The number of the node of the user's graph that this one stands for: a node and what computes its gradient have the same.
    """

    traits: DeviceTraits
    reqs: tuple[str, ...] = ("write",)
    train: bool = False
    stream: int = 0
    body: Callable[..., Any] | None = None
    number: int = 0


_CTYPES = {
    "float32": "float",
    "float64": "double",
    "float16": "half",
    "uint8": "uchar",
    "int32": "int",
    "int8": "char",
    "int64": "long",
    "bool": "bool8",
}
_COMPUTE = {
    "float32": "float",
    "float64": "double",
    "float16": "float",
    "uint8": "int",
    "int32": "int",
    "int8": "int",
    "int64": "long",
    "bool": "int",
}
_REQ = {"null": 0, "write": 1, "add": 2}


def ctype(dtype: str) -> str:
    """The storage type in a kernel: ``float``, ``half``, ``uchar`` ... (``bool8`` is a uchar that stores 0 or 1)."""
    return _CTYPES[dtype]


def compute_type(dtype: str) -> str:
    """The type that a kernel computes in: float for float16, int for the small integers."""
    return _COMPUTE[dtype]


def defines_for(dtype: str, req: str = "write", **more: str | int) -> tuple[tuple[str, str | int], ...]:
    """The defines every kernel needs: ``T`` (storage), ``CT`` (compute), ``REQ`` (store mode), ``IS_FLOAT``; and `more`."""
    return (
        ("T", _CTYPES[dtype]),
        ("CT", _COMPUTE[dtype]),
        ("IS_FLOAT", int(dtype.startswith("float"))),
        ("REQ", _REQ[req]),
        *more.items(),
    )


def req_code(req: str) -> int:
    """The number that a store mode has in a kernel: null 0, write 1, add 2."""
    return _REQ[req]


def grid(n: int, traits: DeviceTraits, per_item: int = 4096, local: int = 256) -> tuple[tuple[int], tuple[int]]:
    """Global and local size for a kernel whose body is ``FOR_EACH(i, n)``.

    On a CPU a few chunks a core, no smaller than `per_item` elements, each one work-item; elsewhere a grid-stride loop of full work-groups.
    """
    if traits.is_cpu:
        return (max(1, min(-(-n // per_item), 8 * traits.compute_units)),), (1,)
    local = min(local, traits.max_work_group_size)
    groups = max(1, min(-(-n // local), 32 * traits.compute_units))
    return (groups * local,), (local,)
