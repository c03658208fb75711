"""Gradients of several devices summed through a kvstore, and parameters updated there or on the devices."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from .. import kvstore as kvs
from ..ndarray import NDArray

__all__: list[str] = []

Blocks = Sequence[Sequence[Any]]
"""Of each parameter its arrays, one a device; None where there is no gradient."""

LARGEST_ON_KVSTORE = 1024 * 1024 * 16
"""Elements of a parameter above which a 'local' store only sums, as in MXNet."""


def _create_kvstore(kvstore: Any, num_device: int, arg_params: Mapping[str, NDArray]) -> tuple[Any, bool]:
    """The store, or None where there is no need of one, and whether it updates the parameters.

    Raises
    ------
    TypeError
        `kvstore` is no KVStore, name or None.
    """
    on_store = bool(int(os.environ.get("MXNET_UPDATE_ON_KVSTORE", "1")))
    if kvstore is None:
        return None, False
    if isinstance(kvstore, str):
        if num_device == 1 and "dist" not in kvstore:
            return None, False
        store = kvs.create(kvstore)
        if kvstore == "local":
            largest = max((math.prod(p.shape) for p in arg_params.values()), default=0)
            on_store = on_store and largest <= LARGEST_ON_KVSTORE
        return store, on_store
    if not hasattr(kvstore, "push") and not hasattr(kvstore, "pushpull"):
        raise TypeError("kvstore must be KVStore, str or None")
    capable = getattr(kvstore, "is_capable", None)
    return kvstore, on_store and (capable is None or capable("optimizer"))


def _initialize_kvstore(
    kvstore: Any, param_arrays: Blocks, arg_params: Mapping[str, NDArray], param_names: Sequence[str], update_on_kvstore: bool
) -> None:
    """Give the store the parameters, by name."""
    for i, (name, arrays) in enumerate(zip(param_names, param_arrays, strict=True)):
        kvstore.init(name, arg_params[name])
        if update_on_kvstore:
            kvstore.pull(name, arrays, priority=-i)


def _update_params_on_kvstore(param_arrays: Blocks, grad_arrays: Blocks, kvstore: Any, param_names: Sequence[str]) -> None:
    """Push the gradients, and pull the parameters that the store made of them: all in one call, which may fuse them."""
    learned = [(n, g, p) for n, g, p in zip(param_names, grad_arrays, param_arrays, strict=True) if g[0] is not None]
    if isinstance(kvstore, kvs.KVStore):
        if learned:
            names, grads, params = (list(x) for x in zip(*learned, strict=True))
            kvstore.pushpull(names, grads, out=params)
        return
    for i, (name, grad, param) in enumerate(learned):
        kvstore.pushpull(name, grad, out=param, priority=-i)


def _update_params(
    param_arrays: Blocks, grad_arrays: Blocks, updater: Any, num_device: int, kvstore: Any = None, param_names: Sequence[str] | None = None
) -> None:
    """Sum the gradients through the store, if there is one, then update on each device: one call of the updater, with lists, a device."""
    updates: list[list[tuple[int, Any, Any]]] = [[] for _ in range(num_device)]
    for i, (params, grads) in enumerate(zip(param_arrays, grad_arrays, strict=True)):
        if grads[0] is None:
            continue
        if kvstore is not None:
            assert param_names is not None
            kvstore.pushpull(param_names[i], grads, out=grads, priority=-i)
        for k, (param, grad) in enumerate(zip(params, grads, strict=True)):
            updates[k].append((i * num_device + k, grad, param))
    for mine in updates:
        if mine:
            indices, grads, params = (list(x) for x in zip(*mine, strict=True))
            updater(indices, grads, params)
