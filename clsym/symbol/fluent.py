"""Operators as methods of symbols: ``x.reshape((2, 3))`` is ``mx.sym.reshape(x, (2, 3))``.

Importing this module puts them on `Symbol`: they need the functions of the operators, which need `Symbol`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from ..base import MXNetError, NotImplementedForSymbol
from .functions import split_v2
from .register import operator
from .symbol import Symbol

__all__ = ["ARRAYS_ONLY", "FLUENT"]

FLUENT = (
    "abs", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "argmax", "argmax_channel", "argmin", "argsort",
    "broadcast_axes", "broadcast_like", "broadcast_to", "cbrt", "ceil", "clip", "cos", "cosh", "degrees", "depth_to_space", "exp",
    "expm1", "fix", "flip", "floor", "log", "log10", "log1p", "log2", "log_softmax", "max", "mean", "min", "nanprod", "nansum", "norm",
    "one_hot", "ones_like", "pad", "pick", "prod", "radians", "rcbrt", "reciprocal", "relu", "repeat", "reshape", "reshape_like",
    "rint", "round", "rsqrt", "shape_array", "sigmoid", "sign", "sin", "sinh", "size_array", "slice", "slice_axis", "slice_like",
    "softmax", "softmin", "sort", "space_to_depth", "split", "sqrt", "square", "sum", "swapaxes", "take", "tan", "tanh", "tile", "topk",
    "transpose", "trunc", "zeros_like",
)  # fmt: skip
"""Methods that are functions of the same name."""

ARRAYS_ONLY = ("as_in_context", "asnumpy", "asscalar", "backward", "copy", "detach", "wait_to_read")
"""Methods of arrays that a symbol has only to say that it hasn't."""


def _fluent(name: str) -> Callable[..., Any]:
    def method(self: Symbol, *args: Any, **kwargs: Any) -> Symbol:
        return operator(name)(self, *args, **kwargs)

    method.__doc__ = f"``mx.sym.{name}`` with this symbol as the first argument."
    return method


def _refused(name: str) -> Callable[..., Any]:
    def method(self: Symbol, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedForSymbol(method)

    method.__doc__ = "Raises: only arrays have values."
    return method


def astype(self: Symbol, *args: Any, **kwargs: Any) -> Symbol:
    """``mx.sym.cast`` with this symbol as the first argument."""
    return operator("cast")(self, *args, **kwargs)


def flatten(self: Symbol, inplace: bool = False, **kwargs: Any) -> Symbol:
    """``mx.sym.flatten`` of this symbol; `inplace` is there for code that also runs on arrays."""
    return operator("flatten")(self, **kwargs)


def expand_dims(self: Symbol, axis: int, inplace: bool = False, **kwargs: Any) -> Symbol:
    """``mx.sym.expand_dims`` of this symbol; `inplace` is there for code that also runs on arrays."""
    return operator("expand_dims")(self, axis=axis, **kwargs)


def squeeze(self: Symbol, axis: Any = None, inplace: bool = False, **kwargs: Any) -> Symbol:
    """``mx.sym.squeeze`` of this symbol; `inplace` is there for code that also runs on arrays."""
    return operator("squeeze")(self, axis=axis, **kwargs)


def diag(self: Symbol, k: int = 0, **kwargs: Any) -> Symbol:
    """``mx.sym.diag`` of this symbol."""
    return operator("diag")(self, k, **kwargs)


def as_nd_ndarray(self: Symbol) -> Symbol:
    """The symbol itself."""
    return self


def as_np_ndarray(self: Symbol) -> NoReturn:
    """Raises: there are no numpy symbols."""
    raise MXNetError("clsym has no numpy symbols (mx.sym.np); use the classic operators of mx.sym")


def optimize_for(self: Symbol, backend: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Raises: graphs are optimised when they are bound, and there are no other backends."""
    raise MXNetError(
        f"Error optimizing for backend '{backend}': it cannot be found. clsym optimises a graph when it is bound; leave the call out"
    )


def get_backend_symbol(self: Symbol, backend: str) -> NoReturn:
    """Raises: see `optimize_for`."""
    optimize_for(self, backend)


def _attach() -> None:
    methods: dict[str, Callable[..., Any]] = {name: _fluent(name) for name in FLUENT}
    methods.update({name: _refused(name) for name in ARRAYS_ONLY})
    own = (as_nd_ndarray, as_np_ndarray, astype, diag, expand_dims, flatten, get_backend_symbol, optimize_for, split_v2, squeeze)
    methods.update({function.__name__: function for function in own})
    for name, method in methods.items():
        if method.__module__ == __name__:
            method.__name__, method.__qualname__ = name, f"Symbol.{name}"
        setattr(Symbol, name, method)


_attach()
