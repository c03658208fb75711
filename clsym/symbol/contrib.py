"""``mx.sym.contrib``: the operators ``_contrib_*``, and functions made of others."""

from __future__ import annotations

import math
from typing import Any

from .control_flow import cond, foreach, while_loop
from .random import uniform
from .register import operator
from .register import symbol_namespace as _symbol_namespace
from .symbol import Symbol

__all__ = ["adamw_update", "cond", "foreach", "mp_adamw_update", "rand_zipfian", "while_loop"]

__getattr__, __dir__ = _symbol_namespace("contrib", __name__)


def _factor(rescale_grad: float | Symbol) -> Symbol:
    return rescale_grad if isinstance(rescale_grad, Symbol) else operator("_full")(shape=(1,), value=rescale_grad)


def adamw_update(
    weight: Symbol, grad: Symbol, mean: Symbol, var: Symbol, rescale_grad: float | Symbol, lr: float, eta: float, beta1: float = 0.9,
    beta2: float = 0.999, epsilon: float = 1e-8, wd: float = 0, clip_gradient: float = -1, name: str | None = None, **kwargs: Any,
) -> Symbol:  # fmt: skip
    """A step of AdamW (``_adamw_update``); `rescale_grad` may be a number."""
    kwargs |= {"lr": lr, "eta": eta, "beta1": beta1, "beta2": beta2, "epsilon": epsilon, "wd": wd, "clip_gradient": clip_gradient}
    return operator("_adamw_update")(weight, grad, mean, var, _factor(rescale_grad), name=name, **kwargs)


def mp_adamw_update(
    weight: Symbol, grad: Symbol, mean: Symbol, var: Symbol, weight32: Symbol, rescale_grad: float | Symbol, lr: float, eta: float,
    beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, wd: float = 0, clip_gradient: float = -1, name: str | None = None,
    **kwargs: Any,
) -> Symbol:  # fmt: skip
    """A step of AdamW with the weight in full precision (``_mp_adamw_update``)."""
    kwargs |= {"lr": lr, "eta": eta, "beta1": beta1, "beta2": beta2, "epsilon": epsilon, "wd": wd, "clip_gradient": clip_gradient}
    return operator("_mp_adamw_update")(weight, grad, mean, var, weight32, _factor(rescale_grad), name=name, **kwargs)


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
