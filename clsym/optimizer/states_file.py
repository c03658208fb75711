"""States of optimizers as bytes: MXNet's pickles, with its names of the classes, in both directions."""

from __future__ import annotations

import importlib
import io
import pickle
from typing import Any

from ..base import MXNetError
from ..ndarray import NDArray

__all__ = ["dumps", "loads"]

_OURS, _MXNETS = "clsym.optimizer.", "mxnet.optimizer."


class _Array:
    """An array as MXNet writes it: its class called with None, then its values."""


_InPython: Any = pickle._Pickler
"""The pickler in which names can be changed."""


class _Pickler(_InPython):
    """Writes what belongs to clsym under MXNet's names."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, NDArray):
            return _Array, (None,), {"handle": obj.__getstate__()["handle"]}
        return NotImplemented

    def save_global(self, obj: Any, name: str | None = None) -> None:
        module, label = getattr(obj, "__module__", None), getattr(obj, "__qualname__", name)
        if obj is _Array:
            module, label = "mxnet.ndarray.ndarray", "NDArray"
        elif isinstance(module, str) and module.startswith(_OURS):
            module = _MXNETS + ("contrib" if module == _OURS + "contrib" else "optimizer")
        elif isinstance(module, str) and module.startswith("clsym."):
            module = "mxnet" + module.removeprefix("clsym")
        elif isinstance(module, str) and module.startswith("numpy._core"):
            module = "numpy.core" + module.removeprefix("numpy._core")  # where numpy 1 has it
        else:
            super().save_global(obj, name)
            return
        self.save(module)
        self.save(label)
        self.write(pickle.STACK_GLOBAL)
        self.memoize(obj)

    def save_type(self, obj: Any) -> None:
        if obj in (type(None), type(NotImplemented), type(...)):
            super().save_type(obj)
        else:
            self.save_global(obj)

    dispatch = _InPython.dispatch.copy()
    dispatch[type] = save_type


def _array(handle: None = None) -> NDArray:
    return NDArray.__new__(NDArray)


class _Unpickler(pickle.Unpickler):
    """Finds MXNet's classes here."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("mxnet.ndarray.ndarray", "NDArray"):
            return _array
        if module == "mxnet" or module.startswith("mxnet."):
            module = "clsym" + module.removeprefix("mxnet")
            try:
                return getattr(importlib.import_module(module), name)
            except (ImportError, AttributeError) as exc:
                raise MXNetError(f"these states hold an object of mxnet{module.removeprefix('clsym')}.{name}, which clsym has not") from exc
        if module.startswith("numpy.core"):
            try:
                return super().find_class("numpy._core" + module.removeprefix("numpy.core"), name)
            except ModuleNotFoundError:  # numpy 1
                pass
        return super().find_class(module, name)


def dumps(states: Any) -> bytes:
    """The bytes of states, or of (states, optimizer)."""
    out = io.BytesIO()
    _Pickler(out, 4).dump(states)
    return out.getvalue()


def loads(data: bytes | bytearray) -> Any:
    """The states, or (states, optimizer), of such bytes.

    As any pickle, they may name functions to be called: read only what you trust.

    Raises
    ------
    MXNetError
        They are damaged, or something else.
    """
    try:
        found = _Unpickler(io.BytesIO(bytes(data))).load()
    except MXNetError:
        raise
    except Exception as exc:
        raise MXNetError(f"these {len(data)} bytes are no states of an optimizer, or damaged: {type(exc).__name__}: {exc}") from exc
    states = found[0] if isinstance(found, tuple) and len(found) == 2 else found
    if not isinstance(states, dict):
        raise MXNetError(f"states of an optimizer are a dict by index, not {type(states).__name__}")
    return found
