"""Functions of arrays that are no operators themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from operator import index
from typing import Any

from ..base import MXNetError, dtype_name
from ..runtime.topology import opened_devices
from ..runtime.transfer import wait_all
from .arithmetic import BINARY, Binary, binary, require_arrays
from .dlpack_import import from_tensor
from .ndarray import NDArray
from .register import operator

__all__ = [
    "add", "concatenate", "divide", "equal", "from_dlpack", "greater", "greater_equal", "histogram", "hypot", "lesser", "lesser_equal",
    "logical_and", "logical_or", "logical_xor", "maximum", "minimum", "modulo", "moveaxis", "multiply", "not_equal", "onehot_encode", "pow",
    "power", "split_v2", "subtract", "to_dlpack_for_read", "to_dlpack_for_write", "true_divide", "waitall",
]  # fmt: skip


def _two(name: str, what: str, rule: Binary) -> Callable[[Any, Any], Any]:
    def function(lhs: Any, rhs: Any) -> Any:
        return binary(rule, lhs, rhs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{what}, element by element, with broadcasting; of two numbers, a number.

Parameters
----------
lhs, rhs : NDArray or number
    Arrays must have the same element type.
"""
    return function


add = _two("add", "Sum", BINARY["add"])
subtract = _two("subtract", "Difference", BINARY["subtract"])
multiply = _two("multiply", "Product", BINARY["multiply"])
divide = _two("divide", "Quotient, in the arrays' element type", BINARY["divide"])
true_divide = _two("true_divide", "Quotient, in the arrays' element type", BINARY["divide"])
modulo = _two("modulo", "Remainder, with the sign of the divisor", BINARY["modulo"])
power = _two("power", "`lhs` to the power of `rhs`", BINARY["power"])
pow = _two("pow", "`lhs` to the power of `rhs`", BINARY["power"])
maximum = _two("maximum", "The larger value", BINARY["maximum"])
minimum = _two("minimum", "The smaller value", BINARY["minimum"])
equal = _two("equal", "1 where equal, else 0", BINARY["equal"])
not_equal = _two("not_equal", "1 where not equal, else 0", BINARY["not_equal"])
greater = _two("greater", "1 where `lhs` is greater, else 0", BINARY["greater"])
greater_equal = _two("greater_equal", "1 where `lhs` is greater or equal, else 0", BINARY["greater_equal"])
lesser = _two("lesser", "1 where `lhs` is less, else 0", BINARY["lesser"])
lesser_equal = _two("lesser_equal", "1 where `lhs` is less or equal, else 0", BINARY["lesser_equal"])
logical_and = _two("logical_and", "1 where both are not zero, else 0", BINARY["logical_and"])
logical_or = _two("logical_or", "1 where one is not zero, else 0", BINARY["logical_or"])
logical_xor = _two("logical_xor", "1 where exactly one is not zero, else 0", BINARY["logical_xor"])
hypot = _two("hypot", "The hypotenuse sqrt(lhs^2 + rhs^2)", Binary("broadcast_hypot", "_hypot_scalar", "_hypot_scalar", math.hypot))


class Unfit(MXNetError, AssertionError):
    """Arrays that cannot be put together; MXNet asserts that they can."""


def concatenate(arrays: Sequence[NDArray], axis: int = 0, always_copy: bool = True) -> NDArray:
    """The arrays one behind the other along an axis.

    Parameters
    ----------
    arrays : list of NDArray
        Of one element type and, but for `axis`, of one shape.
    axis : int
    always_copy : bool
        Whether a single array is copied.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.concatenate([mx.nd.zeros((1, 2)), mx.nd.ones((2, 2))]).shape
    (3, 2)
    """
    if not isinstance(arrays, (list, tuple)):
        raise AssertionError(f"concatenate takes a list of arrays, not {type(arrays).__name__}")
    found = require_arrays(arrays, "concatenate")
    if not found:
        raise Unfit("concatenate needs at least one array")
    if len(found) == 1 and not always_copy:
        return arrays[0]
    first, at = found[0], axis % max(found[0].ndim, 1)
    for i, array in enumerate(found[1:], 1):
        alike = array.ndim == first.ndim and all(k == at or array._shape[k] == d for k, d in enumerate(first._shape))
        if not alike or array._dtype != first._dtype:
            raise Unfit(
                f"concatenate along axis {axis}: array {i} has shape {array._shape} and type {array._dtype}, "
                f"array 0 {first._shape} and {first._dtype}"
            )
    return operator("Concat")(*found, dim=axis)


def moveaxis(tensor: NDArray, source: Any, destination: Any) -> NDArray:
    """The array with axes moved to other positions, the others in order.

    Parameters
    ----------
    tensor : NDArray
    source, destination : int or sequence of int
        Which axes go where; as many of one as of the other.

    Raises
    ------
    ValueError
        An axis does not exist or stands there twice.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.moveaxis(mx.nd.zeros((2, 3, 4)), 0, 2).shape
    (3, 4, 2)
    >>> mx.nd.moveaxis(mx.nd.zeros((2, 3, 4)), [0, 1], [-1, -2]).shape
    (4, 3, 2)
    """
    ndim = tensor.ndim
    pairs = []
    for axes, label in ((source, "source"), (destination, "destination")):
        wanted = [index(a) for a in axes] if isinstance(axes, Iterable) else [index(axes)]
        if any(not -ndim <= a < ndim for a in wanted):
            raise ValueError(f"{label} {axes} is out of bounds for an array of {ndim} dimensions")
        pairs.append([a % ndim for a in wanted])
    froms, tos = pairs
    if len(froms) != len(tos) or len(set(froms)) != len(froms) or len(set(tos)) != len(tos):
        raise ValueError(f"source {source} and destination {destination} must be as many, without repetition")
    order = [a for a in range(ndim) if a not in froms]
    for to, come in sorted(zip(tos, froms, strict=True)):
        order.insert(to, come)
    return tensor.transpose(tuple(order))


def onehot_encode(indices: NDArray, out: NDArray) -> NDArray:
    """Write the one-hot code of each index to the rows of `out`, which is returned."""
    return operator("one_hot")(indices, depth=out.shape[1], dtype=out._dtype, out=out)


def histogram(a: NDArray, bins: Any = 10, range: tuple[float, float] | None = None) -> Any:
    """Counts of the values of `a` in `bins` (a number, or the edges), and the edges."""
    if isinstance(bins, NDArray):
        return operator("_histogram")(data=a, bins=bins)
    if not isinstance(bins, int):
        raise ValueError("bins argument should be either an integer or an NDArray")
    if bins <= 0:
        raise ValueError(f"bins must be positive, not {bins}")
    if range is None:  # MXNet leaves this to numpy, so that counts and edges are float32
        range = (float(operator("min")(a).asscalar()), float(operator("max")(a).asscalar()))
        exact = a if dtype_name(a.dtype) in ("float32", "float64") else a.astype("float64")
        return tuple(r.astype("float32") for r in operator("_histogram")(data=exact, bin_cnt=bins, range=range))
    return operator("_histogram")(data=a, bin_cnt=bins, range=range)


def split_v2(ary: NDArray, indices_or_sections: Any, axis: int = 0, squeeze_axis: bool = False) -> Any:
    """`ary` cut along `axis`: into equal parts (an int), or before each of some indices (a tuple)."""
    if not isinstance(indices_or_sections, (int, tuple, list)):
        raise ValueError("indices_or_sections must either int or tuple of ints")
    return ary.split_v2(indices_or_sections, axis, squeeze_axis)


def waitall() -> None:
    """Return when everything on every device is done.

    >>> import clsym as mx
    >>> mx.nd.waitall()
    """
    wait_all(opened_devices())


def to_dlpack_for_read(data: NDArray) -> Any:
    """`NDArray.to_dlpack_for_read` of an array."""
    return data.to_dlpack_for_read()


def to_dlpack_for_write(data: NDArray) -> Any:
    """`NDArray.to_dlpack_for_write` of an array."""
    return data.to_dlpack_for_write()


def from_dlpack(dlpack: Any) -> NDArray:
    """An array over a tensor of another library, on the current context.

    Where the context's memory is the host's, as on CPUs, it is shared: each side sees what the other writes, after
    `NDArray.wait_to_read`. A tensor that does not begin at a multiple of the device's alignment is copied for each kernel that
    takes it as a whole. Elsewhere, and where the tensor is marked as read-only, the values are copied.

    Parameters
    ----------
    dlpack : PyCapsule or object with ``__dlpack__``
        In host memory, row-major without gaps. A capsule can be used once.

    Raises
    ------
    MXNetError
        The capsule was used before, or the tensor is on another device, not contiguous, or of a type that arrays cannot hold.

    Examples
    --------
    >>> import clsym as mx
    >>> import numpy as np
    >>> mx.nd.from_dlpack(np.arange(3, dtype='int32')).asnumpy().tolist()
    [0, 1, 2]
    """
    array: NDArray = from_tensor(dlpack)
    return array
