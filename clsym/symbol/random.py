"""``mx.sym.random``: draws whose parameters are numbers, or symbols that give one distribution an element."""

from __future__ import annotations

from numbers import Number
from typing import Any

from ..base import _Null
from .register import operator
from .register import symbol_namespace as _symbol_namespace
from .symbol import Symbol

__all__ = [
    "exponential", "gamma", "generalized_negative_binomial", "multinomial", "negative_binomial", "normal", "poisson", "randint", "randn",
    "shuffle", "uniform",
]  # fmt: skip

__getattr__, __dir__ = _symbol_namespace("random", __name__)


def _draw(kind: str, parameters: dict[str, Any], shape: Any, dtype: Any, kwargs: dict[str, Any]) -> Symbol:
    """``_sample_<kind>`` for symbols, ``_random_<kind>`` for numbers."""
    if all(isinstance(p, Symbol) for p in parameters.values()):
        return operator(f"_sample_{kind}")(*parameters.values(), shape=shape, dtype=dtype, **kwargs)
    for name, value in parameters.items():
        if not isinstance(value, Number):
            given = ", ".join(f"{n}: {type(v).__name__}" for n, v in parameters.items())
            raise TypeError(f"Distribution parameters must all be numbers or all be Symbols, but got {given} ({name} differs)")
    return operator(f"_random_{kind}")(**parameters, shape=shape, dtype=dtype, **kwargs)


def uniform(low: Any = 0, high: Any = 1, shape: Any = _Null, dtype: Any = _Null, **kwargs: Any) -> Symbol:
    """Samples of the uniform distribution on [low, high).

    Parameters
    ----------
    low, high : float or Symbol
        The interval. With symbols of shape s, the result has shape s + `shape`.
    shape : int or tuple of int, optional
        How many samples.
    dtype : {'float16', 'float32', 'float64'}, optional
    """
    return _draw("uniform", {"low": low, "high": high}, shape, dtype, kwargs)


def normal(loc: Any = 0, scale: Any = 1, shape: Any = _Null, dtype: Any = _Null, **kwargs: Any) -> Symbol:
    """Samples of the normal distribution with mean `loc` and standard deviation `scale`; see `uniform`."""
    names = ("mu", "sigma") if isinstance(loc, Symbol) else ("loc", "scale")
    return _draw("normal", dict(zip(names, (loc, scale), strict=True)), shape, dtype, kwargs)


def randn(*shape: int, **kwargs: Any) -> Symbol:
    """Samples of the normal distribution, of the shape given by the arguments; keywords ``loc``, ``scale`` and ``dtype``."""
    return normal(kwargs.pop("loc", 0), kwargs.pop("scale", 1), shape=shape, dtype=kwargs.pop("dtype", _Null), **kwargs)


def poisson(lam: Any = 1, shape: Any = _Null, dtype: Any = _Null, **kwargs: Any) -> Symbol:
    """Samples of the Poisson distribution with mean `lam`; see `uniform`."""
    return _draw("poisson", {"lam": lam}, shape, dtype, kwargs)


def exponential(scale: Any = 1, shape: Any = _Null, dtype: Any = _Null, **kwargs: Any) -> Symbol:
    """Samples of the exponential distribution with mean `scale`; see `uniform`."""
    return _draw("exponential", {"lam": 1.0 / scale}, shape, dtype, kwargs)


def gamma(alpha: Any = 1, beta: Any = 1, shape: Any = _Null, dtype: Any = _Null, **kwargs: Any) -> Symbol:
    """Samples of the gamma distribution of shape `alpha` and scale `beta`; see `uniform`."""
    return _draw("gamma", {"alpha": alpha, "beta": beta}, shape, dtype, kwargs)


def negative_binomial(k: Any = 1, p: Any = 1, shape: Any = _Null, dtype: Any = _Null, **kwargs: Any) -> Symbol:
    """Samples of the negative binomial distribution: failures before `k` successes of probability `p`; see `uniform`."""
    return _draw("negative_binomial", {"k": k, "p": p}, shape, dtype, kwargs)


def generalized_negative_binomial(mu: Any = 1, alpha: Any = 1, shape: Any = _Null, dtype: Any = _Null, **kwargs: Any) -> Symbol:
    """Samples of the negative binomial distribution of mean `mu` and dispersion `alpha`; see `uniform`."""
    return _draw("generalized_negative_binomial", {"mu": mu, "alpha": alpha}, shape, dtype, kwargs)


def multinomial(data: Symbol, shape: Any = _Null, get_prob: bool = True, dtype: Any = "int32", **kwargs: Any) -> Symbol:
    """Samples of the categorical distributions whose probabilities are the rows of `data`; with `get_prob`, also their log likelihood."""
    return operator("_sample_multinomial")(data, shape=shape, get_prob=get_prob, dtype=dtype, **kwargs)


def shuffle(data: Symbol, **kwargs: Any) -> Symbol:
    """`data` in random order along the first axis."""
    return operator("_shuffle")(data, **kwargs)


def randint(low: int, high: int, shape: Any = _Null, dtype: Any = _Null, **kwargs: Any) -> Symbol:
    """Integers in [low, high), all equally likely; see `uniform`."""
    return _draw("randint", {"low": low, "high": high}, shape, dtype, kwargs)
