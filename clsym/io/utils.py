"""Arrays by name, from what users pass to iterators; the module's name is MXNet's."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ndarray import NDArray, array, slice_axis, take

__all__ = ["_getdata_by_idx", "_has_instance", "_init_data"]

_ACCEPTED = "Input must be NDArray, numpy.ndarray, h5py.Dataset a list of them or dict with them as values"


def _init_data(data: Any, allow_empty: bool, default_name: str) -> list[tuple[str, NDArray]]:
    """(name, array) pairs in the order of their names: one array has `default_name`, several of a list ``_0_`` and so on before it.

    Host arrays become float32, whatever their type; an NDArray stays what it is.

    >>> import numpy as np
    >>> [name for name, _ in _init_data([np.ones(2), np.ones(3)], False, 'data')]
    ['_0_data', '_1_data']
    """
    if data is None:
        data = []
    if not allow_empty and isinstance(data, list) and not data:
        raise AssertionError("data must not be empty")
    named: dict[str, Any]
    if isinstance(data, np.ndarray | NDArray) or _is_dataset(data):
        named = {default_name: data}
    elif isinstance(data, list):
        named = {default_name: data[0]} if len(data) == 1 else {f"_{i}_{default_name}": d for i, d in enumerate(data)}
    elif isinstance(data, dict):
        named = data
    else:
        raise TypeError(_ACCEPTED)
    found = []
    for name, given in sorted(named.items()):
        try:
            value = given if isinstance(given, NDArray) else array(given[:] if _is_dataset(given) else given)
        except (TypeError, ValueError) as exc:
            raise TypeError(f"Invalid type '{type(given)}' for {name}, should be NDArray, numpy.ndarray or h5py.Dataset") from exc
        if not value.shape:
            raise IndexError(f"{name!r} is a single number; an input has a row an example")
        found.append((name, value))
    if not allow_empty and not found:
        raise IndexError("data must not be empty")
    return found


def _is_dataset(data: Any) -> bool:
    """Whether it is a data set of h5py, which needs not be installed."""
    return type(data).__module__.startswith("h5py") and type(data).__name__ == "Dataset"


def _has_instance(data: Any, dtype: type) -> bool:
    """Whether one of the (name, array) pairs has an array of that type.

    >>> _has_instance([('a', 1), ('b', 'x')], str)
    True
    """
    return any(isinstance(value, dtype) for _, value in data)


def _getdata_by_idx(data: list[tuple[str, NDArray]], idx: Any) -> list[tuple[str, NDArray]]:
    """The same names, with those rows, as float32 whatever they were, which is what MXNet's become when they are shuffled.

    >>> import clsym as mx
    >>> _getdata_by_idx([('a', mx.nd.arange(4))], [2, 0])[0][1].asnumpy().tolist()
    [2.0, 0.0]
    """
    return [(name, _rows(value, idx).astype("float32", copy=False)) for name, value in data]


def _rows(value: NDArray, idx: Any) -> NDArray:
    """A new array of those rows; numbers of rows are integers, which float32 would round beyond 2**24."""
    if not len(idx):
        return slice_axis(value, axis=0, begin=0, end=0)
    return take(value, array(np.asarray(idx), ctx=value.context, dtype="int64"))
