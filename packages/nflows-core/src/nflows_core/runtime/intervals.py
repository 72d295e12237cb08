r"""95 % intervals of the numbers that reports give."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959964
"""The 97.5 % quantile of the standard normal distribution."""


def normal(mean: float, standard_error: float) -> tuple[float, float]:
    r"""The interval of a mean of many values, :math:`\bar x \pm z s`, by the normal approximation.

    Arguments:
        mean: The mean :math:`\bar x`.
        standard_error: The standard error :math:`s` of the mean.

    Returns:
        Its lower and upper end.
    """
    margin = Z95 * standard_error
    return mean - margin, mean + margin


def wilson(successes: float, n: int) -> tuple[float, float]:
    r"""The interval of a rate :math:`p` (Wilson 1927).

    .. math:: \frac{p + z^2 / 2n \pm z \sqrt{p (1 - p) / n + z^2 / 4 n^2}}{1 + z^2 / n}

    Arguments:
        successes: The number of times that it happened, :math:`p n`.
        n: The number of times that it could have.

    Returns:
        Its lower and upper end.

    Raises:
        ValueError: ``n`` is below 1, or ``successes`` is not between 0 and ``n``.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"a rate is of 1 or more, and of 0 successes to all of them; got {successes} of {n}")
    rate, ratio = successes / n, Z95**2 / n
    margin = math.sqrt(ratio * rate * (1 - rate) + ratio**2 / 4)
    low, high = ((rate + ratio / 2 + side * margin) / (1 + ratio) for side in (-1, 1))
    return max(0.0, min(low, rate)), min(1.0, max(high, rate))  # rates of 0 and 1 are ends, but for rounding


def student(values: Sequence[float]) -> tuple[float, float, float]:
    r"""The mean of few values and its interval by Student's t (1908), :math:`\bar x \pm t_{n - 1} s / \sqrt{n}`.

    Arguments:
        values: The values, independent, as one of each seed.

    Returns:
        The mean, and the interval's lower and upper end.

    Raises:
        ValueError: There are fewer than two.

    Example:
        >>> mean, low, high = student([1.0, 2.0, 3.0])
        >>> f"{mean} ({low:.3f} to {high:.3f})"
        '2.0 (-0.484 to 4.484)'
    """
    if len(values) < 2:
        raise ValueError(f"an interval needs 2 values or more, got {len(values)}")
    mean = statistics.fmean(values)
    margin = t_quantile(len(values) - 1) * statistics.stdev(values, mean) / math.sqrt(len(values))
    return mean, mean - margin, mean + margin


def bootstrap(
    statistic: Callable[[NDArray[np.intp]], float], n: int, seed: int = 0, resamples: int = 1000
) -> tuple[float, float] | None:
    """The interval of any statistic of n things, as of the pictures of a test set, by drawing them again.

    The 2.5 % and 97.5 % quantiles of its values on resamples of n things with replacement (Efron & Tibshirani 1993,
    "An introduction to the bootstrap", section 13.3). Two statistics of the same seed see the same resamples.

    Arguments:
        statistic: The value on the things of these indices, :math:`(n,)`; NaN where it has none.
        n: The number of things that are independent.
        seed: The seed of the resampling.
        resamples: The number of resamples.

    Returns:
        The lower and upper end; nothing if there are fewer than two things, or hardly a resample has a value: fewer
        than nine of ten.

    Example:
        >>> values = np.arange(100.0)
        >>> low, high = bootstrap(lambda chosen: values[chosen].mean(), len(values))
        >>> f"{low:.1f} to {high:.1f}"
        '43.8 to 55.0'
    """
    if n < 2:
        return None
    return percentiles(np.array([statistic(chosen) for chosen in drawn_again(n, seed, resamples)]))


def drawn_again(n: int, seed: int = 0, resamples: int = 1000) -> Iterator[NDArray[np.intp]]:
    """The resamples of `bootstrap`: the indices of n things drawn from them with replacement, :math:`(n,)` each."""
    generator = np.random.default_rng(seed)
    for _ in range(resamples):
        yield generator.integers(n, size=n)


def percentiles(values: NDArray[np.float64]) -> tuple[float, float] | None:
    """The interval of `bootstrap` from the values of a statistic on its resamples, :math:`(R,)`."""
    known = values[~np.isnan(values)]
    if len(known) < 0.9 * len(values):
        return None
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)


def t_quantile(degrees: int) -> float:
    """The 97.5 % quantile of Student's t distribution, by bisection of `_within`."""
    low, high = 1.0, 16.0
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if _within(middle, degrees) < 0.95 else (low, middle)
    return high


def _within(t: float, degrees: int) -> float:
    r"""The probability of an absolute value up to ``t`` (Abramowitz & Stegun 1964, 26.7.3 and 26.7.4).

    With :math:`\theta = \arctan(t / \sqrt{\nu})` a sum of powers of :math:`\cos \theta`, odd or even as :math:`\nu` is.
    """
    angle = math.atan(t / math.sqrt(degrees))
    odd = degrees % 2
    term, total = math.cos(angle) ** odd, 0.0
    for power in range(odd, degrees - 1, 2):
        total += term
        term *= (power + 1) / (power + 2) * math.cos(angle) ** 2
    if odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total
