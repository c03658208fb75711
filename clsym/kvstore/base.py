"""`KVStoreBase`: what any store of parameters offers, and the registry of stores by name."""

from __future__ import annotations

from typing import Any, TypeVar

__all__ = ["KVStoreBase"]

K = TypeVar("K", bound=type)


class KVStoreBase:
    """The base of stores; one of your own is made known with `KVStoreBase.register`."""

    OPTIMIZER = "optimizer"
    kv_registry: dict[str, type] = {}

    @staticmethod
    def register(klass: K) -> K:
        """Make a class known to `create` by its name in lower case; returns it, so that it serves as a decorator."""
        KVStoreBase.kv_registry[klass.__name__.lower()] = klass
        return klass

    def broadcast(self, key: Any, value: Any, out: Any, priority: int = 0) -> None:
        """Give the value of a new key to every array of `out`."""
        raise NotImplementedError

    def pushpull(self, key: Any, value: Any, out: Any = None, priority: int = 0) -> None:
        """Sum values and give the result to every array of `out`."""
        raise NotImplementedError

    def set_optimizer(self, optimizer: Any) -> None:
        """Update stored values by an optimizer as gradients are pushed."""
        raise NotImplementedError

    @staticmethod
    def is_capable(capability: str) -> bool:
        """Whether the store can do something: ``'optimizer'``."""
        raise NotImplementedError

    def save_optimizer_states(self, fname: str, dump_optimizer: bool = False) -> None:
        """Write the optimizer's states to a file."""
        raise NotImplementedError

    def load_optimizer_states(self, fname: str) -> None:
        """Read them."""
        raise NotImplementedError

    @property
    def type(self) -> str:
        """The name that the store was made by."""
        raise NotImplementedError

    @property
    def rank(self) -> int:
        """The number of this process among the workers."""
        raise NotImplementedError

    @property
    def num_workers(self) -> int:
        """How many workers there are."""
        raise NotImplementedError
