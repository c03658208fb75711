"""``mx.nd.contrib``: operators whose registered names start with ``_contrib_``, and functions made of others."""

from __future__ import annotations

import math

from ..base import MXNetError
from ..context import Context, current_context
from .control_flow import cond, foreach, while_loop
from .functions import logical_and
from .ndarray import NDArray
from .optimizer_updates import (
    adamw_update,
    mp_adamw_update,
    multi_adamw_update,
    multi_lamb_update,
    multi_mp_adamw_update,
    multi_mp_lamb_update,
)
from .random import uniform
from .register import array_namespace as _array_namespace
from .register import operator

__all__ = [
    "adamw_update", "cond", "foreach", "isfinite", "isinf", "isnan", "mp_adamw_update",
    "multi_adamw_update", "multi_lamb_update", "multi_mp_adamw_update", "multi_mp_lamb_update", "rand_zipfian", "while_loop",
]  # fmt: skip

__getattr__, __dir__ = _array_namespace("contrib", __name__)


def isnan(data: NDArray) -> NDArray:
    """1 where an element is NaN, else 0, in the array's element type.

    >>> import clsym as mx
    >>> mx.nd.contrib.isnan(mx.nd.array([float('nan'), -1])).asnumpy().tolist()
    [1.0, 0.0]
    """
    result: NDArray = data != data
    return result


def isinf(data: NDArray) -> NDArray:
    """1 where an element is infinite, else 0, in the array's element type.

    >>> import clsym as mx
    >>> mx.nd.contrib.isinf(mx.nd.array([float('inf'), float('-inf'), -1])).asnumpy().tolist()
    [1.0, 1.0, 0.0]
    """
    result: NDArray = abs(data) == math.inf if data._dtype.startswith("float") else operator("zeros_like")(data)
    return result


def isfinite(data: NDArray) -> NDArray:
    """1 where an element is neither NaN nor infinite, else 0, in the array's element type.

    >>> import clsym as mx
    >>> mx.nd.contrib.isfinite(mx.nd.array([float('inf'), float('nan'), -1])).asnumpy().tolist()
    [0.0, 0.0, 1.0]
    """
    if not data._dtype.startswith("float"):
        ones: NDArray = operator("ones_like")(data)
        return ones
    result: NDArray = logical_and(abs(data) != math.inf, data == data)
    return result


def rand_zipfian(true_classes: NDArray, num_sampled: int, range_max: int, ctx: Context | None = None) -> tuple[NDArray, NDArray, NDArray]:
    """Draw classes from an approximately log-uniform (Zipfian) distribution, with replacement.

    P(class) = (log(class + 2) - log(class + 1)) / log(range_max + 1), for classes in order of falling frequency, such as words of a
    lexicon.

    Parameters
    ----------
    true_classes : NDArray
        Class numbers.
    num_sampled : int
        How many classes to draw.
    range_max : int
        The number of classes.
    ctx : Context, optional
        Where to draw; the current context by default.

    Returns
    -------
    samples : NDArray
        Of shape (num_sampled,) and type int64.
    expected_count_true, expected_count_sample : NDArray
        How often the true classes, and the drawn ones, are expected among the draws; float64.

    Examples
    --------
    >>> import clsym as mx
    >>> _, true, _ = mx.nd.contrib.rand_zipfian(mx.nd.array([3]), 4, 5)
    >>> round(float(true.asscalar()), 6)
    0.498155
    """
    if not isinstance(true_classes, NDArray):
        raise MXNetError(f"rand_zipfian: true_classes must be an NDArray, got {type(true_classes).__name__}")
    ctx = current_context() if ctx is None else ctx
    log_range = math.log(range_max + 1)
    draws = operator("exp")(uniform(0, log_range, shape=(num_sampled,), dtype="float64", ctx=ctx))
    samples = (draws - 1).astype("int64") % range_max

    def expected(classes: NDArray) -> NDArray:
        values = classes.astype("float64")
        result: NDArray = operator("log")((values + 2) / (values + 1)) / log_range * num_sampled
        return result

    return samples, expected(true_classes.as_in_context(ctx)), expected(samples)
