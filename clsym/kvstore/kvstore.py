"""`KVStore`: values by key, summed over devices and updated by an optimizer."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from ..base import MXNetError
from ..ndarray import NDArray
from ..ndarray.register import operator
from ..optimizer import Optimizer, Updater, get_updater
from .base import KVStoreBase
from .compression import TwoBit

__all__ = ["KVStore", "create"]


def _listed(key: Any, value: Any) -> tuple[list[Any], list[list[NDArray]]]:
    """Keys, and the arrays of each."""
    if isinstance(key, (list, tuple)):
        assert len(key) == len(value), f"{len(key)} keys, but {len(value)} values"
        return list(key), [list(v) if isinstance(v, (list, tuple)) else [v] for v in value]
    return [key], [list(value) if isinstance(value, (list, tuple)) else [value]]


class KVStore(KVStoreBase):
    """Values by key in this process; make one with `create`.

    A pushed list, one array from each device, is summed in its order, so that results are the same from run to run. Without an updater the
    sum becomes the value; with one, ``updater(key, sum, value)`` changes it. Nothing waits for a device.

    Examples
    --------
    >>> import clsym as mx
    >>> kv = mx.kv.create('local')
    >>> kv.init('w', mx.nd.zeros(2))
    >>> kv.push('w', [mx.nd.ones(2), 2 * mx.nd.ones(2)])
    >>> out = mx.nd.zeros(2)
    >>> kv.pull('w', out=out)
    >>> out.asnumpy().tolist()
    [3.0, 3.0]
    """

    def __init__(self, kind: str = "local") -> None:
        self._type = kind
        self._values: dict[Any, NDArray] = {}
        self._sums: dict[Any, NDArray] = {}
        self._kind_of_keys: type | None = None
        self._updater: Any = None
        self._compression: TwoBit | None = None

    # ------------------------------------------------------------------ values

    def _keys(self, keys: Sequence[Any]) -> None:
        for key in keys:
            kind = str if isinstance(key, str) else int
            assert isinstance(key, kind) and not isinstance(key, bool), f"unexpected type for keys: {type(key)}"
            if self._kind_of_keys is None:
                self._kind_of_keys = kind
            elif self._kind_of_keys is not kind:
                raise MXNetError(f"Mixed key types are not allowed: {key!r} among keys of type {self._kind_of_keys.__name__}")

    def _value(self, key: Any) -> NDArray:
        try:
            return self._values[key]
        except KeyError:
            raise MXNetError(f"key {key} has not been inited; call init or broadcast with it first") from None

    def init(self, key: Any, value: Any) -> None:
        """Store the first value of a key, or of each of several.

        Raises
        ------
        MXNetError
            A key has a value already, or is an integer among strings or the other way round.
        """
        keys, values = _listed(key, value)
        self._keys(keys)
        for k, v in zip(keys, values, strict=True):
            if k in self._values or len(v) != 1:
                raise MXNetError(
                    f"duplicate init of key {k}. Please double check if you called kv.init or kv.broadcast with this key multiple times"
                )
            self._values[k] = v[0].copy()

    def push(self, key: Any, value: Any, priority: int = 0) -> None:
        """Sum the values of a key, or of each of several, and store the sum or update by it.

        Parameters
        ----------
        key : int, str or a list of them
        value : NDArray, list of NDArray or a list of those
        priority : int
            Without effect: queues keep their order.
        """
        keys, values = _listed(key, value)
        self._keys(keys)
        together: dict[Any, list[NDArray]] = {}
        for k, v in zip(keys, values, strict=True):
            together.setdefault(k, []).extend(v)
        sums = [self._sum(k, v) for k, v in together.items()]
        if self._updater is None:
            for k, merged in zip(together, sums, strict=True):
                self._values[k] = merged
            return
        held = []
        for k, merged in zip(together, sums, strict=True):
            if self._values[k]._ctx != merged._ctx:
                self._values[k] = self._values[k].as_in_context(merged._ctx)
            held.append(self._values[k])
        if isinstance(self._updater, Updater):
            self._updater(list(together), sums, held)  # all of them in a few launches
        else:
            for k, merged, mine in zip(together, sums, held, strict=True):
                self._updater(k, merged, mine)

    def _sum(self, key: Any, values: Sequence[NDArray]) -> NDArray:
        stored = self._value(key)
        for v in values:
            if v.shape != stored.shape or v.dtype != stored.dtype:
                raise MXNetError(
                    f"key {key} holds an array of shape {stored.shape} and type {stored._dtype}; pushed were {v.shape} and {v._dtype}"
                )
        if self._compression is not None:
            values = [self._compression((key, k), v) for k, v in enumerate(values)]
        home = values[0].context
        if len(values) == 1:
            return values[0] if self._compression is not None or self._updater is not None else values[0].copy()
        merged = self._sums.get(key)
        if merged is None or merged._ctx != home:  # kept: the updater's step is then ready
            merged = self._sums[key] = NDArray._empty(stored._shape, stored._dtype, home)
        operator("add_n")(*(v.as_in_context(home) for v in values), out=merged)
        return merged

    def pull(self, key: Any, out: Any = None, priority: int = 0, ignore_sparse: bool = True) -> None:
        """Copy the value of a key, or of each of several, to every array of `out`."""
        assert out is not None, "pull needs out="
        keys, outs = _listed(key, out)
        self._keys(keys)
        for k, those in zip(keys, outs, strict=True):
            value = self._value(k)
            for o in those:
                if o.shape != value.shape:
                    raise MXNetError(f"operands shape mismatch: key {k} holds an array of shape {value.shape}, out= has {o.shape}")
                value.copyto(o)

    def pushpull(self, key: Any, value: Any, out: Any = None, priority: int = 0) -> None:
        """`push`, then `pull` to `out`, or to the values where it is not given."""
        self.push(key, value, priority)
        self.pull(key, value if out is None else out, priority)

    def broadcast(self, key: Any, value: Any, out: Any, priority: int = 0) -> None:
        """`init`, then `pull`."""
        self.init(key, value)
        self.pull(key, out, priority)

    def row_sparse_pull(self, key: Any, out: Any = None, priority: int = 0, row_ids: Any = None) -> None:
        """Raises MXNetError: values are dense."""
        assert out is not None and row_ids is not None, "row_sparse_pull needs out= and row_ids="
        raise MXNetError("row_sparse_pull: clsym has dense arrays only; use pull")

    # ------------------------------------------------------------------ updates

    def set_optimizer(self, optimizer: Optimizer) -> None:
        """Update values by an optimizer as gradients are pushed."""
        self._set_updater(get_updater(optimizer))

    def _set_updater(self, updater: Callable[[Any, NDArray, NDArray], None]) -> None:
        """Call ``updater(key, sum, value)`` for each key that is pushed."""
        self._updater = updater

    set_updater = _set_updater

    def set_gradient_compression(self, compression_params: dict[str, Any]) -> None:
        """Round what is pushed to two bits a number, and keep the rest for the next time.

        Parameters
        ----------
        compression_params : dict
            ``{'type': '2bit', 'threshold': 0.5}``.

        Raises
        ------
        Exception
            The store is not of type ``'device'``, as in MXNet.
        """
        if "device" not in self._type:
            raise Exception("Gradient compression is not supported for this type of kvstore")
        assert isinstance(compression_params, dict), f"unexpected type for param_dict: {type(compression_params)}"
        self._compression = TwoBit(compression_params)

    def save_optimizer_states(self, fname: str, dump_optimizer: bool = False) -> None:
        """Write the updater's states to a file; an interrupted write leaves the old one."""
        assert self._updater is not None, "Cannot save states for distributed training"
        data = self._updater.get_states(dump_optimizer)
        folder = os.path.dirname(os.path.abspath(fname))
        handle, beside = tempfile.mkstemp(prefix=os.path.basename(fname), dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(beside, fname)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            raise

    def load_optimizer_states(self, fname: str) -> None:
        """Read the updater's states from a file."""
        assert self._updater is not None, "Cannot load states for distributed training"
        with open(fname, "rb") as file:
            self._updater.set_states(file.read())

    # ------------------------------------------------------------------ workers

    @staticmethod
    def is_capable(capability: str) -> bool:
        if capability.lower() == KVStoreBase.OPTIMIZER:
            return True
        raise MXNetError(f"Unknown capability: {capability}")

    @property
    def type(self) -> str:
        return self._type

    @property
    def rank(self) -> int:
        return 0

    @property
    def num_workers(self) -> int:
        return 1

    def barrier(self) -> None:
        """Wait for all workers: this one."""

    _barrier = barrier

    def _send_command_to_servers(self, head: int, body: str) -> None:
        """There are no servers."""


def create(name: str = "local") -> KVStoreBase:
    """A store of parameters.

    Parameters
    ----------
    name : str
        ``'local'``, ``'device'``, ``'local_allreduce_cpu'``, ``'local_allreduce_device'``, ``'local_update_cpu'``: all sum where the first
        array of a list lies. Or the name of a class given to `KVStoreBase.register`.

    Raises
    ------
    MXNetError
        A store of several machines (``dist_...``) was asked for.
    TypeError
        The name is no str.
    """
    if not isinstance(name, str):
        raise TypeError("name must be a string")
    name = name.lower()
    if name in KVStoreBase.kv_registry:
        made: KVStoreBase = KVStoreBase.kv_registry[name]()
        return made
    if "dist" in name or name in ("horovod", "byteps", "nccl", "p3"):
        raise MXNetError(f"kvstore {name!r} is not supported: clsym trains in one process; use 'local' or 'device'")
    return KVStore(name)
