r"""What the road and the holes of a scene say together of which class it lacks, weighed by what was left out.

.. math:: q = \operatorname{softmax}(\beta\, u + \gamma\, v), \qquad \beta, \gamma \ge 0,

of the logits u of the reader of roads and the v of `holes`. The weights have the least cross-entropy of scenes that
were left out (stacked generalization, Wolpert 1992), so that q is as sure as it is right.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from nflows_core.classifiers.calibration import temperature
from nflows_privacy.missing.holes import SaidOfHoles
from nflows_privacy.missing.odds import logistic

Numbers = NDArray[np.float64]
Chosen = NDArray[np.bool_]

_MOST = 20.0  # of a weight, as of the inverse of a temperature: nothing else bounds it where all is told apart


class Weights(NamedTuple):
    """How roads and holes are weighed.

    Arguments:
        road: The weight :math:`\\beta` of the road.
        holes: The weight :math:`\\gamma` of the holes.
        slope: What the logarithm of the odds of a hole rises by with how likely it held a sign.
        offset: Where it begins.
        divisor: The temperature of what is seen around a hole.
    """

    road: float = 1.0
    holes: float = 0.0
    slope: float = 1.0
    offset: float = 0.0
    divisor: float = 1.0

    def __call__(self, logits: Numbers, holes: SaidOfHoles, of_scene: NDArray[np.intp]) -> Numbers:
        """The logits of scenes, :math:`(N, K)`, of those of their roads and of all their holes."""
        spoken = holes.speak(self.slope, self.offset, self.divisor, of_scene, len(logits))
        return self.road * logits + self.holes * spoken


def weights_of(
    logits: Numbers,
    holes: SaidOfHoles,
    of_scene: NDArray[np.intp],
    is_erased: Chosen,
    labels: NDArray[np.int64],
    chosen: Chosen,
) -> Weights:
    """The weights of the least cross-entropy of some scenes.

    Arguments:
        logits: Those of the reader of roads of all scenes, left out, :math:`(N, K)`.
        holes: What was said of all holes, left out.
        of_scene: The scene of each hole, :math:`(M,)`.
        is_erased: Whether each held a sign, :math:`(M,)`.
        labels: The class of each scene, :math:`(N,)`, -1 where it is none.
        chosen: The scenes that count, :math:`(N,)`.
    """
    known = chosen & (labels >= 0)
    of_known = known[of_scene]
    signs = of_known & is_erased
    if not signs.any():
        return Weights(road=1 / _temperature(logits[known], labels[known]))
    x = np.stack([holes.held, np.ones(len(holes.held))], axis=1)[of_known]
    even = np.full(len(x), 1 / len(x))
    slope, offset = logistic(x, is_erased[of_known], even, ((0, None), (None, None)))
    divisor = _temperature(holes.named[signs], labels[of_scene[signs]])
    spoken = holes.speak(slope, offset, divisor, of_scene, len(logits))
    road, own = _stacked(np.stack([logits[known], spoken[known]], axis=2), labels[known])
    return Weights(road, own, slope, offset, divisor)


def _stacked(parts: Numbers, labels: NDArray[np.int64]) -> tuple[float, float]:
    """The weights of parts of logits, :math:`(N, K, 2)`, of the least cross-entropy."""
    rows = np.arange(len(labels))

    def loss(weights: Numbers) -> tuple[float, Numbers]:
        logits = parts @ weights
        sums = np.logaddexp.reduce(logits, axis=1)
        shares = np.exp(logits - sums[:, None])
        expected = np.einsum("nk,nkp->np", shares, parts)
        return float((sums - logits[rows, labels]).mean()), (expected - parts[rows, labels]).mean(axis=0)

    found = minimize(loss, np.ones(2), jac=True, bounds=((0, _MOST), (0, _MOST)))
    road, holes = found.x.tolist()
    return road, holes


def _temperature(logits: Numbers, labels: NDArray[np.int64]) -> float:
    return temperature(torch.from_numpy(logits), torch.from_numpy(labels))
