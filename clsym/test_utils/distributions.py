"""Whether random numbers follow their distribution."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ndarray import NDArray

__all__ = ["chi_square_check", "gen_buckets_probs_with_ppf", "mean_check", "var_check", "verify_generator"]

Generator = Callable[[int], Any]


def _draw(generator: Generator, nsamples: int) -> np.ndarray:
    found = generator(nsamples)
    return np.asarray(found.asnumpy() if isinstance(found, NDArray) else found)


def mean_check(generator: Generator, mu: float, sigma: float, nsamples: int = 1000000) -> bool:
    """Whether the mean of draws is within three standard errors of `mu`.

    Parameters
    ----------
    generator : callable
        From a number of draws to them.
    mu, sigma : float
        Mean and standard deviation of the distribution.
    nsamples : int
    """
    error = 3 * sigma / math.sqrt(nsamples)
    return bool(abs(_draw(generator, nsamples).mean() - mu) < error)


def var_check(generator: Generator, sigma: float, nsamples: int = 1000000) -> bool:
    """Whether the variance of draws is within three standard errors of ``sigma ** 2``, for a normal distribution."""
    error = 3 * math.sqrt(2 * sigma**4 / (nsamples - 1))
    return bool(abs(_draw(generator, nsamples).var(ddof=1) - sigma**2) < error)


def gen_buckets_probs_with_ppf(ppf: Callable[[float], float], nbuckets: int) -> tuple[list[tuple[float, float]], list[float]]:
    """Intervals of equal probability.

    Parameters
    ----------
    ppf : callable
        The inverse of the distribution function.
    nbuckets : int

    Returns
    -------
    buckets : list of (float, float)
    probs : list of float

    Examples
    --------
    >>> gen_buckets_probs_with_ppf(lambda p: 2 * p, 2)
    ([(0.0, 1.0), (1.0, 2.0)], [0.5, 0.5])
    """
    assert nbuckets > 0, "at least one bucket"
    edges = [float(ppf(i / nbuckets)) for i in range(nbuckets + 1)]
    return list(itertools.pairwise(edges)), [1.0 / nbuckets] * nbuckets


def _chi_square_tail(x: float, freedom: int) -> float:
    """The probability that a chi-square variable exceeds `x`: a finite sum for whole degrees of freedom."""
    half = x / 2
    if freedom < 1:
        return 1.0
    if freedom % 2:
        total, term, start = math.erfc(math.sqrt(half)), math.sqrt(half) * 2 / math.sqrt(math.pi) * math.exp(-half), 1
    else:
        total, term, start = math.exp(-half), half * math.exp(-half), 2
    for k in range(start, freedom - 1, 2):
        total += term
        term *= x / (k + 2)
    return min(total, 1.0)


def _expect(probs: Sequence[float], nsamples: int) -> np.ndarray:
    return np.asarray(probs, dtype=np.float64) * nsamples


def chi_square_check(
    generator: Generator, buckets: Sequence[Any], probs: Sequence[float], nsamples: int = 1000000
) -> tuple[float, np.ndarray, np.ndarray]:
    """Pearson's chi-square test of a generator.

    Parameters
    ----------
    generator : callable
        From a number of draws to them (numpy or NDArray).
    buckets : list
        Values, for discrete distributions, or intervals as pairs.
    probs : list of float
        Probabilities of the buckets.
    nsamples : int

    Returns
    -------
    p : float
        Probability of a deviation at least as large, by chance.
    obs_freq, expected_freq : numpy.ndarray
        Counts in the buckets, found and expected.

    Examples
    --------
    >>> p, found, wanted = chi_square_check(lambda n: np.arange(n) % 2, [0, 1], [0.5, 0.5], nsamples=100)
    >>> p, found.tolist(), wanted.tolist()
    (1.0, [50, 50], [50.0, 50.0])
    """
    if not buckets:
        raise AssertionError("buckets is empty")
    samples = _draw(generator, nsamples).reshape(-1)
    assert len(probs) == len(buckets), f"{len(probs)} probabilities for {len(buckets)} buckets"
    wanted = _expect(probs, nsamples)
    if isinstance(buckets[0], (list, tuple)):
        observed = np.array([np.count_nonzero((samples >= low) & (samples < high)) for low, high in buckets])
    else:
        observed = np.array([np.count_nonzero(samples == value) for value in buckets])
    statistic = float(np.sum((observed - wanted) ** 2 / wanted))
    return _chi_square_tail(statistic, len(buckets) - 1), observed, wanted


def verify_generator(
    generator: Generator,
    buckets: Sequence[Any],
    probs: Sequence[float],
    nsamples: int = 1000000,
    nrepeat: int = 5,
    success_rate: float = 0.2,
    alpha: float = 0.05,
) -> list[float]:
    """Repeat `chi_square_check`; raise AssertionError if fewer than the share `success_rate` of the runs have p above `alpha`.

    Returns
    -------
    list of float
        The probabilities p.
    """
    runs = [chi_square_check(generator, buckets, probs, nsamples) for _ in range(nrepeat)]
    found = [p for p, _, _ in runs]
    if sum(p > alpha for p in found) < nrepeat * success_rate:
        raise AssertionError(
            f"Generator test fails, Chi-square p={found}, obs_freq={[o.tolist() for _, o, _ in runs]}, "
            f"expected_freq={runs[0][2].tolist()}.\nbuckets={buckets}, probs={probs}"
        )
    return found
