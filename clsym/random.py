"""``mx.random``: the seed, and the draws of ``mx.nd.random``."""

from __future__ import annotations

import operator
from typing import Any

from .context import Context
from .ndarray.random import (
    exponential,
    gamma,
    generalized_negative_binomial,
    multinomial,
    negative_binomial,
    normal,
    poisson,
    randint,
    randn,
    shuffle,
    uniform,
)
from .runtime.launch import random_state

__all__ = [
    "exponential", "gamma", "generalized_negative_binomial", "multinomial", "negative_binomial", "normal", "poisson", "randint", "randn",
    "seed", "shuffle", "uniform",
]  # fmt: skip


def seed(seed_state: int, ctx: Any = "all") -> None:
    """Restart the stream of random numbers.

    There is one stream for all devices: the draws that follow are the same whatever devices they run on.

    Parameters
    ----------
    seed_state : int
    ctx : Context or 'all'
        As in MXNet; the one stream is restarted in either case.

    Raises
    ------
    ValueError
        The seed is no integer.
    MXNetError
        `ctx` is no context.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.random.seed(7)
    >>> a = mx.nd.random.uniform(shape=3)
    >>> mx.random.seed(7)
    >>> bool((a == mx.nd.random.uniform(shape=3)).asnumpy().all())
    True
    """
    if ctx != "all":
        Context(ctx)
    try:
        number = operator.index(seed_state)
    except TypeError as exc:
        raise ValueError(f"seed_state must be int, got {seed_state!r}") from exc
    random_state.seed(number)
