"""``mx.nd.random``: draws whose parameters are numbers, or arrays that give one distribution an element.

Counter-based: one stream for all devices, which `mx.random.seed` restarts, so the same program draws the same numbers on each of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import MXNetError, _Null
from ..context import current_context
from .ndarray import NDArray
from .register import array_namespace as _array_namespace
from .register import operator

__all__ = [
    "exponential", "gamma", "generalized_negative_binomial", "multinomial", "negative_binomial", "normal", "poisson", "randint", "randn",
    "shuffle", "uniform",
]  # fmt: skip

__getattr__, __dir__ = _array_namespace("random", __name__)

_Number = (int, float, np.generic)


class DistributionParameterError(MXNetError, ValueError, AssertionError):
    """Parameters that are neither all arrays nor all numbers; MXNet raises a ValueError, or an AssertionError where they are mixed."""


def _draw(kind: str, parameters: dict[str, Any], shape: Any, dtype: Any, ctx: Any, out: Any, kwargs: dict[str, Any]) -> NDArray:
    """``_sample_<kind>`` for arrays, ``_random_<kind>`` for numbers."""
    values = list(parameters.values())
    if all(isinstance(v, NDArray) for v in values):
        return operator(f"_sample_{kind}")(*values, shape=shape, dtype=dtype, out=out, **kwargs)
    if not all(isinstance(v, _Number) for v in values):
        given = ", ".join(f"{n}: {type(v).__name__}" for n, v in parameters.items())
        raise DistributionParameterError(f"Distribution parameters must all be NDArrays or all be numbers, but got {given}")
    if shape is _Null and out is None:
        shape = 1
    if ctx is None and out is None:
        ctx = current_context()
    return operator(f"_random_{kind}")(**parameters, shape=shape, dtype=dtype, ctx=ctx, out=out, **kwargs)


def uniform(
    low: Any = 0, high: Any = 1, shape: Any = _Null, dtype: Any = _Null, ctx: Any = None, out: Any = None, **kwargs: Any
) -> NDArray:
    """Samples of the uniform distribution on [low, high).

    Parameters
    ----------
    low, high : float or NDArray
        The interval. With arrays of shape s, the result has shape s + `shape`.
    shape : int or tuple of int, optional
        How many samples; 1 by default.
    dtype : {'float16', 'float32', 'float64'}, optional
    ctx : Context, optional
        Where; the current context by default.
    out : NDArray, optional
        Where the samples go; gives shape and type.
    """
    return _draw("uniform", {"low": low, "high": high}, shape, dtype, ctx, out, kwargs)


def normal(
    loc: Any = 0, scale: Any = 1, shape: Any = _Null, dtype: Any = _Null, ctx: Any = None, out: Any = None, **kwargs: Any
) -> NDArray:
    """Samples of the normal distribution with mean `loc` and standard deviation `scale`; see `uniform`."""
    return _draw("normal", {"loc": loc, "scale": scale}, shape, dtype, ctx, out, kwargs)


def randn(*shape: int, **kwargs: Any) -> NDArray:
    """Samples of the normal distribution, of the shape given by the arguments; keywords ``loc``, ``scale``, ``dtype``, ``ctx``, ``out``."""
    loc, scale = kwargs.pop("loc", 0), kwargs.pop("scale", 1)
    return normal(loc, scale, shape=shape, **kwargs)


def poisson(lam: Any = 1, shape: Any = _Null, dtype: Any = _Null, ctx: Any = None, out: Any = None, **kwargs: Any) -> NDArray:
    """Samples of the Poisson distribution with mean `lam`; see `uniform`."""
    return _draw("poisson", {"lam": lam}, shape, dtype, ctx, out, kwargs)


def exponential(scale: Any = 1, shape: Any = _Null, dtype: Any = _Null, ctx: Any = None, out: Any = None, **kwargs: Any) -> NDArray:
    """Samples of the exponential distribution with mean `scale`; see `uniform`."""
    return _draw("exponential", {"lam": 1.0 / scale}, shape, dtype, ctx, out, kwargs)


def gamma(
    alpha: Any = 1, beta: Any = 1, shape: Any = _Null, dtype: Any = _Null, ctx: Any = None, out: Any = None, **kwargs: Any
) -> NDArray:
    """Samples of the gamma distribution of shape `alpha` and scale `beta`; see `uniform`."""
    return _draw("gamma", {"alpha": alpha, "beta": beta}, shape, dtype, ctx, out, kwargs)


def negative_binomial(
    k: Any = 1, p: Any = 1, shape: Any = _Null, dtype: Any = _Null, ctx: Any = None, out: Any = None, **kwargs: Any
) -> NDArray:
    """Samples of the negative binomial distribution: failures before `k` successes of probability `p`; see `uniform`."""
    return _draw("negative_binomial", {"k": k, "p": p}, shape, dtype, ctx, out, kwargs)


def generalized_negative_binomial(
    mu: Any = 1, alpha: Any = 1, shape: Any = _Null, dtype: Any = _Null, ctx: Any = None, out: Any = None, **kwargs: Any
) -> NDArray:
    """Samples of the negative binomial distribution of mean `mu` and dispersion `alpha`; see `uniform`."""
    return _draw("generalized_negative_binomial", {"mu": mu, "alpha": alpha}, shape, dtype, ctx, out, kwargs)


def multinomial(
    data: NDArray, shape: Any = _Null, get_prob: bool = False, out: Any = None, dtype: Any = "int32", **kwargs: Any
) -> NDArray | list[NDArray]:
    """Samples of the categorical distributions whose probabilities are the rows of `data`; with `get_prob`, also their log likelihood."""
    return operator("_sample_multinomial")(data, shape=shape, get_prob=get_prob, out=out, dtype=dtype, **kwargs)


def shuffle(data: NDArray, **kwargs: Any) -> NDArray:
    """`data` in random order along the first axis."""
    return operator("_shuffle")(data, **kwargs)


def randint(low: int, high: int, shape: Any = _Null, dtype: Any = _Null, ctx: Any = None, out: Any = None, **kwargs: Any) -> NDArray:
    """Integers in [low, high), all equally likely; see `uniform`."""
    return _draw("randint", {"low": low, "high": high}, shape, dtype, ctx, out, kwargs)
