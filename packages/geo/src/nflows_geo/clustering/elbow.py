r"""The number of classes, where the within-cluster sum of squares has its elbow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST, MOST = 2, 20
MOST_POINTS = 10_000
"""Points of a sample that the curve is made from."""
_STARTS = 3
_LEAST_POINTS = 3
"""Points of the shortest curve that can bend."""
_LEAST_DEPTH = 0.01
"""Below the line between the ends of a curve, relative to its height: less is no elbow but noise."""


@dataclass(frozen=True)
class Elbow:
    r"""The within-cluster sum of squares :math:`W_k` over the number of classes, and where it bends.

    Arguments:
        k: Where the elbow is.
        ks: The numbers of classes.
        sums_of_squares: :math:`W_k`, of each.
        logarithmic: Whether the elbow is that of :math:`\log W_k`.
        distinct: Whether the curve runs on below the elbow so straight that Kneedle is sure of it; else the elbow is
            the point farthest from the line between the ends, and other numbers of classes are about as good.
    """

    k: int
    ks: tuple[int, ...]
    sums_of_squares: tuple[float, ...]
    logarithmic: bool
    distinct: bool

    def describe(self) -> dict[str, Any]:
        """The curve and its elbow, for a report."""
        return {
            "k": self.k,
            "distinct": self.distinct,
            "elbow_of": "logarithm of the sum of squares" if self.logarithmic else "sum of squares",
            "ks": list(self.ks),
            "within_cluster_sums_of_squares": list(self.sums_of_squares),
        }


def elbow(features: NDArray[np.float32], seed: int, *, logarithmic: bool) -> Elbow:
    r"""Finds the elbow of k-means over 2 to 20 classes by Kneedle.

    The elbow of :math:`W_k` lies where the largest classes are told apart: the first steps are so high that all later
    ones look alike. That of :math:`\log W_k`, which is the likelihood of round classes up to a factor and a term that
    does not depend on :math:`k`, compares each step with what is left, so it finds more and smaller units.

    Arguments:
        features: A sample, :math:`(N, D)`; of a larger one the first 10,000 are used.
        seed: Decides the first centroids.
        logarithmic: Whether the curve is that of the logarithm.

    Raises:
        ValueError: There are fewer than five distinct features, or the curve does not bend.

    Source: Satopää, Albrecht, Irwin and Raghavan, Finding a "Kneedle" in a haystack (2011).
    """
    ks, sums = sums_of_squares(features[:MOST_POINTS], seed)
    if len(ks) < _LEAST_POINTS:
        raise ValueError(
            "fewer than five features are distinct, so there is no elbow; "
            "say how many classes there are, or try another seed or reduction"
        )
    k, distinct = knee(ks, np.log(sums) if logarithmic else sums)
    return Elbow(k, ks, tuple(sums), logarithmic, distinct)


def sums_of_squares(features: NDArray[np.float32], seed: int) -> tuple[tuple[int, ...], list[float]]:
    """The within-cluster sums of squares of k-means over the numbers of classes, fewer than the distinct features."""
    from sklearn.cluster import KMeans

    ks = tuple(range(LEAST, min(MOST, len(np.unique(features, axis=0)) - 1) + 1))
    return ks, [float(KMeans(k, n_init=_STARTS, random_state=seed).fit(features).inertia_) for k in ks]


def knee(ks: tuple[int, ...], values: NDArray[np.float64] | list[float]) -> tuple[int, bool]:
    """Where a falling convex curve bends, and whether that is distinct; see `Elbow`.

    Raises:
        ValueError: It has fewer than three points, or does not bend.
    """
    from kneed import KneeLocator

    if len(ks) >= _LEAST_POINTS:
        sure = KneeLocator(ks, values, curve="convex", direction="decreasing").knee
        if sure is not None:
            return int(sure), True
        depths = _depths(np.asarray(values))
        if depths.max() > _LEAST_DEPTH:
            return ks[int(depths.argmax())], False
    raise ValueError(f"the curve over {len(ks)} numbers of classes has no elbow; say how many classes there are")


def _depths(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each point lies below the line between the ends, relative to the height of the curve."""
    line = np.linspace(values[0], values[-1], len(values))
    return np.asarray((line - values) / np.ptp(values))
