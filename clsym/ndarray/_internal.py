"""``mx.nd._internal``: the operators whose names start with an underscore, and what MXNet keeps beside them."""

from typing import Any

from ..base import MXNetError
from .ndarray import NDArray
from .register import array_namespace as _array_namespace
from .tape import check_assignment

__getattr__, __dir__ = _array_namespace("_internal", __name__)


def _copyto(data: NDArray, out: NDArray | None = None, **kwargs: Any) -> Any:
    """Copy an array to `out`, or to a new one."""
    return data.copy() if out is None else data.copyto(out)


def _set_value(src: float, out: NDArray | None = None, **kwargs: Any) -> NDArray:
    """Set every element of `out`."""
    if out is None:
        raise MXNetError("_set_value sets the elements of an array: pass out=")
    check_assignment(out)
    out._fill(src)
    return out


def _slice_assign(lhs: NDArray, rhs: NDArray, begin: Any, end: Any, step: Any = (), out: NDArray | None = None, **kwargs: Any) -> NDArray:
    """A copy of `lhs`, or `lhs` itself as `out`, with `rhs` written to a slice of it."""
    target = _target(lhs, out)
    return target.slice_assign(rhs, begin, end, step)


def _slice_assign_scalar(
    data: NDArray, scalar: float = 0.0, begin: Any = (), end: Any = (), step: Any = (), out: NDArray | None = None, **kwargs: Any
) -> NDArray:
    """A copy of `data`, or `data` itself as `out`, with a number written to a slice of it."""
    target = _target(data, out)
    return target.slice_assign_scalar(scalar, begin, end, step)


_crop_assign = _slice_assign
_crop_assign_scalar = _slice_assign_scalar


def _target(data: NDArray, out: NDArray | None) -> NDArray:
    if out is None:
        return data.copy()
    if out is not data:
        data.copyto(out)
    return out
