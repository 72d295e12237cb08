r"""The share of pure seed in a lot, from what an imperfect classifier says of each crop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nflows_core.classification.testing import Counts
from nflows_core.runtime.intervals import Z95, wilson


@dataclass(frozen=True)
class Purity:
    """The purity of a lot.

    Arguments:
        crops: The number of crops that were judged.
        found_pure: Those of them that were found pure.
        counted: The share that was found pure, with its interval of Wilson: the lot's own chance alone.
        sensitivity: The share of pure test crops that the classifier finds pure.
        specificity: The share of impure test crops that it finds impure.
        corrected: The share of pure seed, corrected for the classifier's errors, with its interval; nothing if the
            classifier is no better than a coin.
    """

    crops: int
    found_pure: int
    counted: tuple[float, float, float]
    sensitivity: float
    specificity: float
    corrected: tuple[float, float, float] | None


def purity(found_pure: int, crops: int, tested: Counts) -> Purity:
    r"""The purity of a lot, corrected for the error rates of the classifier (Rogan & Gladen 1978).

    .. math:: \hat\pi = \frac{\hat p + \hat c - 1}{\hat s + \hat c - 1}

    :math:`\hat p` is the share found pure, :math:`\hat s` the sensitivity and :math:`\hat c` the specificity, known by
    test crops of their own numbers. The interval is that of Lang & Reiczigel 2014, "Confidence limits for prevalence of
    disease adjusted for estimated sensitivity and specificity": the normal one of shares with successes and failures
    added, so that no variance is zero where few crops were tested. It tells of the numbers of lot and test alone: it
    holds for a lot whose impurities are those of the test.

    Arguments:
        found_pure: The crops that were found pure.
        crops: All crops that were judged, at least one.
        tested: How many test crops of pure, first, and impure seed were found pure, first, and impure, (2, 2).

    Raises:
        ValueError: There are no crops, or no test crops of one side.
    """
    if crops < 1:
        raise ValueError("`crops`: there is none to judge; give the crops of the lot")
    if not tested.sum(1).all():
        side = "pure" if tested[0].sum() == 0 else "impure"
        raise ValueError(f"`tested`: the classifier was tested on no {side} crops, so that its errors are not known")
    share = found_pure / crops
    sensitivity, specificity = (float(tested[i, i] / tested[i].sum()) for i in range(2))
    counted = (share, *wilson(found_pure, crops))
    return Purity(crops, found_pure, counted, sensitivity, specificity, _corrected(found_pure, crops, tested))


def pure_counts(counts: Counts, classes: Sequence[str], pure: Sequence[str]) -> Counts:
    """The confusion matrix of pure, first, against impure, :math:`(2, 2)`.

    Arguments:
        counts: That of the classes, :math:`(K, K)`.
        classes: Their names.
        pure: The names of those that are pure.
    """
    is_pure = np.isin(list(classes), list(pure))
    sides = is_pure, ~is_pure
    return np.array([[counts[np.ix_(true, found)].sum() for found in sides] for true in sides], np.int64)


def _corrected(found_pure: int, crops: int, tested: Counts) -> tuple[float, float, float] | None:
    (pure, missed), (false, impure) = tested.tolist()
    youden = pure / (pure + missed) + impure / (false + impure) - 1
    if youden <= 0:
        return None
    estimate = float(np.clip((found_pure / crops + impure / (false + impure) - 1) / youden, 0, 1))
    low, high = _interval(found_pure, crops, tested)
    return estimate, min(estimate, low), max(estimate, high)


def _interval(found_pure: int, crops: int, tested: Counts) -> tuple[float, float]:
    (pure, missed), (false, impure) = tested.tolist()
    p, var_p = _share(found_pure, crops, Z95**2 / 2)
    s, var_s = _share(pure, pure + missed, 1)
    c, var_c = _share(impure, false + impure, 1)
    if s + c <= 1:
        return 0.0, 1.0
    middle = min(max((p + c - 1) / (s + c - 1), 0.0), 1.0)
    shifted = middle + 2 * Z95**2 * (middle * var_s - (1 - middle) * var_c)
    variance = (var_p + middle**2 * var_s + (1 - middle) ** 2 * var_c) / (s + c - 1) ** 2
    margin = Z95 * math.sqrt(variance)
    return max(0.0, shifted - margin), min(1.0, shifted + margin)


def _share(successes: int, n: int, added: float) -> tuple[float, float]:
    """A share with so many successes and as many failures added, and its variance."""
    share = (successes + added) / (n + 2 * added)
    return share, share * (1 - share) / (n + 2 * added)
