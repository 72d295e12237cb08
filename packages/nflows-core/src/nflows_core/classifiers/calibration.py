"""How sure a classifier may be: probabilities that are right as often as they say."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn.functional import cross_entropy

_LEAST, _MOST = 0.05, 150.0
_STEPS = 60
_GOLDEN = (math.sqrt(5) - 1) / 2


def temperature(logits: Tensor, labels: Tensor) -> float:
    """By what logits are divided so that probabilities are as sure as they may be (Guo et al. 2017).

    Arguments:
        logits: Those of items that were not learned from, :math:`(N, K)`.
        labels: Their classes, :math:`(N,)`.

    Returns:
        The temperature of the least cross-entropy, from .05 to 150.
    """

    def loss(log: float) -> float:
        return float(cross_entropy(logits.double() / math.exp(log), labels))

    # Convex in the inverse of the temperature, so with one minimum in its logarithm: golden section.
    low, high = math.log(_LEAST), math.log(_MOST)
    for _ in range(_STEPS):
        lower, upper = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        low, high = (low, upper) if loss(lower) < loss(upper) else (lower, high)
    return math.exp((low + high) / 2)
