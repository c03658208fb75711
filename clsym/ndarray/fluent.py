"""Operators as methods of arrays: ``a.exp()`` is ``mx.nd.exp(a)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base import MXNetError, WrongTypeError, WrongValueError
from .register import operator
from .storage import ArrayBase, as_shape
from .tape import record_view

__all__ = ["FLUENT", "Fluent"]

FLUENT = (
    "abs", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "argmax", "argmax_channel", "argmin", "argsort",
    "broadcast_axes", "cbrt", "ceil", "clip", "cos", "cosh", "degrees", "depth_to_space", "diag",
    "exp", "expm1", "fix", "flip", "floor", "log", "log10", "log1p", "log2", "log_softmax", "max", "mean", "min", "nanprod", "nansum",
    "norm", "one_hot", "ones_like", "pad", "pick", "prod", "radians", "rcbrt", "reciprocal", "relu", "repeat", "reshape_like", "rint",
    "round", "rsqrt", "shape_array", "sigmoid", "sign", "sin", "sinh", "size_array", "slice", "slice_axis", "slice_like", "softmax",
    "softmin", "sort", "space_to_depth", "split", "sqrt", "square", "sum", "swapaxes", "take", "tan", "tanh", "tile", "topk", "trunc",
    "zeros_like",
)  # fmt: skip
"""Methods that are functions of the same name."""


class AxisError(MXNetError, AssertionError):
    """An axis that a view cannot be made along; MXNet asserts that it can."""


class UnequalParts(MXNetError, ValueError):
    """An axis that cannot be cut into so many equal parts."""


class Fluent(ArrayBase):
    """The operators that an array has as methods."""

    __slots__ = ()

    def transpose(self, *axes: Any, **kwargs: Any) -> Any:
        """``mx.nd.transpose`` of this array; the axes as a tuple, as numbers, or none to reverse them."""
        if len(axes) > 1:
            axes = (axes,)
        return operator("transpose")(self, *axes, **kwargs)

    def flatten(self, inplace: bool = False, **kwargs: Any) -> Any:
        """``mx.nd.flatten`` of this array; with `inplace` a view."""
        return self._reshaped(self._flat_shape()) if inplace else operator("flatten")(self, **kwargs)

    def expand_dims(self, axis: int, inplace: bool = False, **kwargs: Any) -> Any:
        """``mx.nd.expand_dims`` of this array; with `inplace` a view."""
        if not inplace:
            return operator("expand_dims")(self, axis=axis, **kwargs)
        at = axis if axis >= 0 else axis + len(self._shape) + 1
        if not 0 <= at <= len(self._shape):
            raise AxisError(f"expand_dims: axis {axis} is out of range for an array of {len(self._shape)} dimensions")
        return self._reshaped((*self._shape[:at], 1, *self._shape[at:]))

    def broadcast_to(self, shape: Any, **kwargs: Any) -> Any:
        """``mx.nd.broadcast_to`` of this array, which may have fewer dimensions: they count from the right."""
        if not isinstance(shape, (tuple, list)):
            raise WrongTypeError(f"broadcast_to takes a tuple of integers, not {shape!r}")
        wanted = as_shape(shape)
        source = self._with_dims(len(wanted))
        source._need_broadcast(wanted)
        return operator("broadcast_to")(source, shape=wanted, **kwargs)

    def broadcast_like(self, other: Any, lhs_axes: Any = None, rhs_axes: Any = None, **kwargs: Any) -> Any:
        """``mx.nd.broadcast_like`` of this array, which may have fewer dimensions than `other` where no axes are named."""
        if lhs_axes is None and rhs_axes is None and isinstance(other, ArrayBase):
            source = self._with_dims(len(other._shape))
            source._need_broadcast(other._shape)
            return operator("broadcast_like")(source, other, **kwargs)
        return operator("broadcast_like")(self, other, lhs_axes=lhs_axes, rhs_axes=rhs_axes, **kwargs)

    def _need_broadcast(self, shape: tuple[int, ...]) -> None:
        if len(shape) != len(self._shape) or any(have not in (1, want) for have, want in zip(self._shape, shape, strict=True)):
            raise WrongValueError(f"the shape {self._shape} cannot be broadcast to {shape}: extents must be equal, or 1")

    def _with_dims(self, ndim: int) -> Any:
        """A view with as many dimensions at least, extents of 1 in front."""
        missing = ndim - len(self._shape)
        return self._reshaped((1,) * missing + self._shape) if missing > 0 else self

    def squeeze(self, axis: Any = None, inplace: bool = False, **kwargs: Any) -> Any:
        """``mx.nd.squeeze`` of this array; with `inplace` a view."""
        if not inplace:
            return operator("squeeze")(self, axis=axis, **kwargs)
        ndim = len(self._shape)
        axes = (
            [k for k, d in enumerate(self._shape) if d == 1] if axis is None else list(axis) if isinstance(axis, (tuple, list)) else [axis]
        )
        for a in axes:
            if not -ndim <= a < ndim or self._shape[a] != 1:
                raise AxisError(f"squeeze: axis {a} of an array of shape {self._shape} is not one of extent 1")
        gone = {a % ndim for a in axes}
        if len(gone) < len(axes):
            raise AxisError(f"squeeze: {axis} names an axis twice")
        return self._reshaped(tuple(d for k, d in enumerate(self._shape) if k not in gone) or (1,))

    def split_v2(self, indices_or_sections: Any, axis: int = 0, squeeze_axis: bool = False) -> Any:
        """``mx.nd.split_v2`` of this array."""
        if isinstance(indices_or_sections, int):
            ndim = len(self._shape)
            if indices_or_sections < 1 or (-ndim <= axis < ndim and self._shape[axis] % indices_or_sections):
                raise UnequalParts(
                    f"array split does not result in an equal division: axis {axis} of {self._shape} into {indices_or_sections} parts"
                )
            return operator("_split_v2")(self, (), axis, squeeze_axis, indices_or_sections)
        return operator("_split_v2")(self, (0, *indices_or_sections), axis, squeeze_axis, 0)

    def _reshaped(self, shape: tuple[int, ...]) -> Any:
        """A view of another shape of the same size."""
        view = self._view(0, shape)
        exact = not shape or 0 in shape  # where Reshape would see codes
        record_view("_backward_reshape" if exact else "Reshape", {"shape": shape}, self, view)
        return view

    def _flat_shape(self) -> tuple[int, ...]:
        rest = 1
        for d in self._shape[1:]:
            rest *= d
        return (*self._shape[:1], rest)


def _fluent(name: str) -> Callable[..., Any]:
    def method(self: ArrayBase, *args: Any, **kwargs: Any) -> Any:
        return operator(name)(self, *args, **kwargs)

    method.__name__ = name
    method.__qualname__ = f"NDArray.{name}"
    method.__doc__ = f"``mx.nd.{name}`` with this array as the first argument."
    return method


for _name in FLUENT:
    setattr(Fluent, _name, _fluent(_name))
