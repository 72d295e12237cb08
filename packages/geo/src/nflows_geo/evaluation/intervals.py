r"""Intervals that hold with 95 % confidence: of a rate, of a mean of few values, and of one of many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Z95 = 1.959964
"""The 97.5 % quantile of the standard normal distribution: 95 % lie within it on both sides."""


def wilson(successes: float, n: int) -> tuple[float, float]:
    """The interval of a rate (Wilson 1927)."""
    rate = successes / n
    center = rate + Z95**2 / (2 * n)
    half = Z95 * math.sqrt(rate * (1 - rate) / n + Z95**2 / (4 * n**2))
    return (center - half) / (1 + Z95**2 / n), (center + half) / (1 + Z95**2 / n)


def student(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean of two values or more, and the ends of its interval by Student's t."""
    from scipy.stats import t

    mean = float(np.mean(values))
    half = float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))
    return mean, mean - half, mean + half


def over_seeds(values: Sequence[float]) -> dict[str, Any]:
    """The mean of a score over runs with different seeds, and its interval; of one run, no interval.

    The interval is of the randomness of the method alone, not of that of the labels.

    Raises:
        ValueError: There are no values.
    """
    if not values:
        raise ValueError("a mean over seeds needs one run or more")
    if len(values) == 1:
        return {"n": 1, "mean": float(values[0]), "interval_95": None, "values": list(values)}
    mean, low, high = student(values)
    return {"n": len(values), "mean": mean, "interval_95": [low, high], "values": list(values)}
