r"""How likely a scene lacks a sign: by what its holes say together, and by the surest sign that was found standing.

.. math:: m = \sigma(a\,e + c\,s + b), \qquad a \ge 0 \ge c,

with the evidence e of the holes and the score s, both of scenes that were left out, by logistic regression (Platt
1999). Scenes that lack a sign weigh as much as all others together, and of these the scenes with signs as much as those
without: most roads are without any, and few sets have many of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

Numbers = NDArray[np.float64]

_PENALTY = 1e-6  # of weights that nothing else bounds, where all scenes are told apart


class Odds(NamedTuple):
    """The log odds that a scene lacks a sign, as a linear function.

    Arguments:
        holes: The weight a of what its holes say, at least 0.
        standing: The weight c of the score of the surest sign that was found in it, at most 0.
        offset: The offset b.
    """

    holes: float
    standing: float
    offset: float

    def __call__(self, evidence: Numbers, surest: Numbers) -> Numbers:
        """Those of scenes with this evidence and these scores, :math:`(N,)`."""
        return self.holes * evidence + self.standing * surest + self.offset


def odds_of(evidence: Numbers, surest: Numbers, is_missing: NDArray[np.bool_], has_signs: NDArray[np.bool_]) -> Odds:
    """The likeliest of some scenes. What would speak the wrong way round tells nothing, and has no weight.

    Arguments:
        evidence: What the holes of each say, :math:`(N,)`.
        surest: The score of the surest sign that was found in each, :math:`(N,)`.
        is_missing: Whether each lacks a sign.
        has_signs: Whether signs stand in each.
    """
    x = np.stack([evidence, surest, np.ones(len(evidence))], axis=1)
    shares = _shares(np.where(is_missing, 0, np.where(has_signs, 1, 2)))
    return Odds(*logistic(x, is_missing, shares, ((0, None), (None, 0), (None, None))))


def logistic(
    x: Numbers, y: NDArray[np.bool_], shares: Numbers, bounds: Sequence[tuple[float | None, float | None]]
) -> list[float]:
    """The coefficients of a logistic regression of y on x, :math:`(N, p)`, within bounds.

    Arguments:
        x: The features, one of which is constant if there is to be an offset.
        y: What is to be told, :math:`(N,)`.
        shares: The weight of each row, of a sum of 1.
        bounds: The least and the greatest value of each coefficient.
    """
    side = np.where(y, 1.0, -1.0)

    def loss(weights: Numbers) -> tuple[float, Numbers]:
        wrong = -side * (x @ weights)
        value = shares @ np.logaddexp(0, wrong) + _PENALTY / 2 * weights @ weights
        return float(value), _PENALTY * weights - x.T @ (shares * side * expit(wrong))

    found = minimize(loss, np.zeros(x.shape[1]), jac=True, bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-9})
    coefficients: list[float] = found.x.tolist()
    return coefficients


def _shares(kinds: NDArray[np.intp]) -> Numbers:
    """The weight of each scene: a half in all for those that lack a sign, the rest in equal parts for the kinds."""
    counts = np.bincount(kinds, minlength=3)
    other = 0.5 / max(1, int((counts[1:] > 0).sum()))
    shares: Numbers = np.array([0.5, other, other])
    return shares[kinds] / counts[kinds]
