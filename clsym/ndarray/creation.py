"""Functions that make arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import MXNetError, WrongTypeError, WrongValueError
from ..context import Context, cpu, current_context
from . import params_file, safetensors_file
from .dlpack_import import from_numpy_array
from .ndarray import NDArray
from .register import operator
from .storage import as_shape, type_name
from .tape import check_assignment

__all__ = [
    "arange", "array", "empty", "eye", "from_numpy", "full", "imdecode", "linspace", "load", "load_frombuffer", "ones", "save", "zeros",
]  # fmt: skip


def _context(ctx: Context | None) -> Context:
    if ctx is None:
        return current_context()
    if not isinstance(ctx, Context):
        raise WrongTypeError(f"Invalid context {ctx!r}; pass a Context such as mx.cpu() or mx.gpu(0)")
    return ctx


def array(source_array: Any, ctx: Context | None = None, dtype: Any = None) -> NDArray:
    """An array from anything that numpy takes, or from another array.

    Parameters
    ----------
    source_array : array_like
    ctx : Context, optional
        The current one by default.
    dtype : str or numpy type, optional
        float32 by default, whatever the source holds; an NDArray keeps its own.

    Raises
    ------
    TypeError
        The source is not array-like.

    Examples
    --------
    >>> import clsym as mx
    >>> import numpy as np
    >>> mx.nd.array(np.arange(3)).dtype
    <class 'numpy.float32'>
    """
    ctx = _context(ctx)
    if isinstance(source_array, NDArray):
        moved = source_array.astype(source_array.dtype if dtype is None else dtype)
        return moved if moved._ctx == ctx else moved._copy_to(ctx)
    name = type_name(dtype)
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            host = _converted(source_array, name)
    except (TypeError, ValueError, OverflowError) as exc:
        raise TypeError(f"source_array must be array like object: {exc}") from exc
    result: NDArray = NDArray._empty(host.shape, name, ctx)
    result._upload(host, private=True, fresh=True)
    return result


def _converted(source: Any, dtype: str) -> np.ndarray[Any, Any]:
    """A new host array of that type; integers that it cannot hold wrap around, as in C, which numpy refuses for Python's."""
    try:
        return np.array(source, dtype=dtype, order="C")
    except OverflowError:
        return np.array(np.array(source).astype(dtype), order="C")


def empty(shape: Any, ctx: Context | None = None, dtype: Any = None, stype: str | None = None) -> NDArray:
    """An array with whatever its memory holds.

    >>> import clsym as mx
    >>> mx.nd.empty((2, 3)).shape
    (2, 3)
    """
    _dense(stype)
    return NDArray._empty(shape, dtype, _context(ctx))


def full(shape: Any, val: Any, ctx: Context | None = None, dtype: Any = np.float32, out: NDArray | None = None) -> NDArray:
    """An array filled with a number.

    >>> import clsym as mx
    >>> mx.nd.full((2,), 7).asnumpy().tolist()
    [7.0, 7.0]
    """
    if out is None:
        out = NDArray._empty(shape, dtype, _context(ctx))
    elif out.shape != as_shape(shape):
        raise MXNetError(f"out= has shape {out.shape}, expected {as_shape(shape)}")
    else:
        check_assignment(out)
    out._fill(val)
    return out


def zeros(shape: Any, ctx: Context | None = None, dtype: Any = None, stype: str | None = None, **kwargs: Any) -> NDArray:
    """An array of zeros.

    Parameters
    ----------
    shape : int or tuple of int
    ctx : Context, optional
    dtype : str or numpy type, default float32
    stype : {'default'}, optional

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.zeros((1, 2)).asnumpy().tolist()
    [[0.0, 0.0]]
    """
    _dense(stype)
    return full(shape, 0, ctx, dtype, **_extras("zeros", kwargs))


def ones(shape: Any, ctx: Context | None = None, dtype: Any = None, **kwargs: Any) -> NDArray:
    """An array of ones; see `zeros`."""
    return full(shape, 1, ctx, dtype, **_extras("ones", kwargs))


def _extras(what: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    kwargs.pop("name", None)
    if unknown := [k for k in kwargs if k != "out"]:
        raise WrongTypeError(f"{what}() got an unexpected keyword argument {unknown[0]!r}")
    return kwargs


def _dense(stype: str | None) -> None:
    if stype not in (None, "default"):
        raise WrongValueError(f"storage type {stype!r} is not supported; arrays are dense, 'default'")


def arange(
    start: float, stop: float | None = None, step: float = 1.0, repeat: int = 1, infer_range: Any = None, ctx: Context | None = None,
    dtype: Any = np.float32,
) -> NDArray:  # fmt: skip
    """Evenly spaced values from `start` up to `stop` (exclusive), each `repeat` times; with one number, from 0 up to it.

    >>> import clsym as mx
    >>> mx.nd.arange(2, 6, 2, repeat=2).asnumpy().tolist()
    [2.0, 2.0, 4.0, 4.0]
    """
    if stop is None:
        start, stop = 0, start
    return operator("_arange")(start=start, stop=stop, step=step, repeat=repeat, dtype=type_name(dtype), ctx=_context(ctx))


def linspace(start: float, stop: float, num: int, endpoint: bool = True, ctx: Context | None = None, dtype: Any = np.float32) -> NDArray:
    """`num` evenly spaced values from `start` to `stop`, the last one included with `endpoint`.

    >>> import clsym as mx
    >>> mx.nd.linspace(0, 1, 5).asnumpy().tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    try:
        values = np.linspace(start, stop, num, endpoint=endpoint)
    except (TypeError, ValueError) as exc:
        raise WrongValueError(f"linspace({start!r}, {stop!r}, {num!r}): {exc}") from exc
    return array(values, ctx, dtype)


def eye(N: int, M: int = 0, k: int = 0, ctx: Context | None = None, dtype: Any = None, **kwargs: Any) -> NDArray:
    """A matrix with ones on diagonal `k` and zeros elsewhere; without `M` it is square.

    >>> import clsym as mx
    >>> mx.nd.eye(2).asnumpy().tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return operator("_eye")(N=N, M=M, k=k, dtype=type_name(dtype), ctx=_context(ctx), **kwargs)


def from_numpy(ndarray: np.ndarray[Any, Any], zero_copy: bool = True) -> NDArray:
    """An array with the values and element type of a numpy array, on the current context.

    Parameters
    ----------
    ndarray : numpy.ndarray
    zero_copy : bool
        Share the memory where the context's memory is the host's, as on CPUs; elsewhere the values are copied all the same. The numpy
        array becomes read-only, and must be contiguous.

    Raises
    ------
    ValueError
        With `zero_copy`: it is not contiguous, or of a type that arrays cannot hold.

    Examples
    --------
    >>> import clsym as mx
    >>> import numpy as np
    >>> mx.nd.from_numpy(np.arange(3, dtype='int64')).dtype
    <class 'numpy.int64'>
    """
    if not zero_copy:
        return array(ndarray, None, ndarray.dtype)
    shared: NDArray = from_numpy_array(ndarray)
    return shared


def imdecode(*args: Any, **kwargs: Any) -> NDArray:
    """Not there: raises `MXNetError`."""
    raise MXNetError("mx.nd.imdecode is not supported: decode with an image library and pass its array to mx.nd.array")


# ------------------------------------------------------------------------------------------------------------------------ files


def save(fname: Any, data: Any) -> None:
    """Write an array, a list of arrays or a dictionary of arrays by name to a ``.params`` file.

    A dictionary goes to a safetensors file where the name ends so (extra ``safetensors``).

    Raises
    ------
    ValueError
        Something that is no NDArray is among them.
    MXNetError
        The file cannot be written.
    """
    if isinstance(data, NDArray):
        data = [data]
    if isinstance(data, dict):
        found: Any = {name: _values(value) for name, value in data.items()}
    elif isinstance(data, (list, tuple)):
        found = [_values(value) for value in data]
    else:
        raise ValueError("data needs to either be a NDArray, dict of str, NDArray pairs or a list of NDArrays.")
    if safetensors_file.is_safetensors(fname):
        if not isinstance(found, dict):
            raise ValueError(f"{fname}: safetensors files hold arrays by name; save a dict")
        safetensors_file.write(fname, found)
        return
    params_file.write(fname, found)


def _values(value: Any) -> np.ndarray[Any, Any]:
    if not isinstance(value, NDArray):
        raise TypeError(f"save only accept dict str->NDArray or list of NDArray; one value is a {type(value).__name__}")
    return value.asnumpy()


def load(fname: Any) -> list[NDArray] | dict[str, NDArray]:
    """The arrays of a ``.params`` file, on ``cpu(0)``: a dictionary if it holds names, else a list; or those of a ``.safetensors`` file.

    Raises
    ------
    MXNetError
        The file is missing, truncated or no such file.
    """
    return _arrays(safetensors_file.read(fname) if safetensors_file.is_safetensors(fname) else params_file.read(fname))


def load_frombuffer(buf: bytes) -> list[NDArray] | dict[str, NDArray]:
    """As `load`, from the bytes of a file."""
    return _arrays(params_file.load_buffer(buf))


def _arrays(found: Any) -> list[NDArray] | dict[str, NDArray]:
    if isinstance(found, dict):
        return {name: _host(value) for name, value in found.items()}
    return [_host(value) for value in found]


def _host(value: np.ndarray[Any, Any]) -> NDArray:
    result: NDArray = NDArray._empty(value.shape, value.dtype.name, cpu(0))
    result._upload(np.asarray(value, order="C"), private=True, fresh=True)
    return result
