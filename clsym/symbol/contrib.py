"""``mx.sym.contrib``: the operators ``_contrib_*``, and functions made of others."""

from __future__ import annotations

import math

from .random import uniform
from .register import operator
from .register import symbol_namespace as _symbol_namespace
from .symbol import Symbol

__all__ = ["rand_zipfian"]

__getattr__, __dir__ = _symbol_namespace("contrib", __name__)


def rand_zipfian(true_classes: Symbol, num_sampled: int, range_max: int) -> tuple[Symbol, Symbol, Symbol]:
    """Draw classes from an approximately log-uniform (Zipfian) distribution; see `clsym.ndarray.contrib.rand_zipfian`.

    Parameters
    ----------
    true_classes : Symbol
        Class numbers.
    num_sampled, range_max : int
        How many classes to draw, and how many there are.

    Returns
    -------
    samples, expected_count_true, expected_count_sample : Symbol

    Examples
    --------
    >>> import clsym as mx
    >>> _, true, _ = mx.sym.contrib.rand_zipfian(mx.sym.var('classes'), 4, 5)
    >>> true.list_arguments()
    ['classes']
    """
    log_range = math.log(range_max + 1)
    draws = operator("exp")(uniform(0, log_range, shape=(num_sampled,), dtype="float64"))
    samples = operator("Cast")(draws - 1, dtype="int64") % range_max

    def expected(classes: Symbol) -> Symbol:
        values = operator("Cast")(classes, dtype="float64")
        result: Symbol = operator("log")((values + 2) / (values + 1)) / log_range * num_sampled
        return result

    return samples, expected(true_classes), expected(samples)
