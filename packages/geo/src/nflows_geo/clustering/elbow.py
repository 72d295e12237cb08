r"""The number of classes: where what they are judged by has its elbow, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_geo.clustering.clustering import Clustering

LEAST, MOST = 2, 20
PARTS, MOST_POINTS = 4, 5000
"""Random parts of the sample that classes are learned from: halves, or so many points of a large one."""
SURE = 0.8
"""The stability from which a number of classes is said to be sure."""
_LEAST_POINTS = 3
"""Points of the shortest curve that can bend."""
_LEAST_DEPTH = 0.01
"""Below the line between the ends of a curve, relative to its height: less is no elbow but noise."""


@dataclass(frozen=True)
class Criterion:
    """What a number of classes is judged by; it falls as their number grows.

    Arguments:
        name: In words.
        fit: Makes so many classes from features :math:`(N, D)`, by a seed.
        value: How badly classes fit features.
    """

    name: str
    fit: Callable[[NDArray[np.float32], int, int], Clustering]
    value: Callable[[Any, NDArray[np.float32]], float]


@dataclass(frozen=True)
class Elbow:
    r"""What classes are judged by over their number, and where it bends.

    Arguments:
        k: Where the elbow is.
        criterion: What they are judged by, in words.
        ks: The numbers of classes.
        values: The criterion of each, the mean over the parts of the sample.
        stability: How alike the classes of two parts are, of each number: the mean adjusted Rand index, 1 for the
            same classes and 0 for what chance would give.
        of_parts: Where each part alone has its elbow, if it has one.
        distinct: Whether the curve runs on beyond the elbow so straight that Kneedle is sure of it; else the elbow is
            the point farthest from the line between the ends.
    """

    k: int
    criterion: str
    ks: tuple[int, ...]
    values: tuple[float, ...]
    stability: tuple[float, ...]
    of_parts: tuple[int, ...]
    distinct: bool

    @property
    def doubts(self) -> list[str]:
        """Why the number of classes is not sure, in words; nothing if it is."""
        stability = self.stability[self.ks.index(self.k)]
        least, most = min(self.of_parts, default=self.k), max(self.of_parts, default=self.k)
        doubts = {
            "the curve has no distinct elbow": not self.distinct,
            f"parts of the sample have theirs at {least} to {most}": most - least > 1,
            f"the classes of two parts are alike by {stability:.2f} only": stability < SURE,
        }
        return [doubt for doubt, holds in doubts.items() if holds]

    def describe(self) -> dict[str, Any]:
        """The curve, its elbow and the stability, for a report."""
        return {
            "k": self.k,
            "sure": not self.doubts,
            "doubts": self.doubts,
            "elbow_of": self.criterion,
            "distinct": self.distinct,
            "of_parts": list(self.of_parts),
            "ks": list(self.ks),
            "values": list(self.values),
            "stability": list(self.stability),
        }


def elbow(features: NDArray[np.float32], seed: int, criterion: Criterion) -> Elbow:
    """Finds the elbow over 2 to 20 classes by Kneedle, of the mean over random parts of a sample.

    Each is judged by all of the sample, so that what fits its own points only does not count. One curve
    bends here and there by chance, as the classes come out of a local optimum; their mean does not.

    Arguments:
        features: A sample, :math:`(N, D)`.
        seed: Decides the parts and what else is random.
        criterion: What classes are judged by.

    Raises:
        ValueError: There are fewer than five distinct features, or the curve does not bend.

    Source: Satopää, Albrecht, Irwin and Raghavan, Finding a "Kneedle" in a haystack (2011); for the stability,
    von Luxburg, Clustering stability: an overview (2010).
    """
    parts = _parts(features, seed)
    fewest = min(len(np.unique(part, axis=0)) for part in parts)
    ks = tuple(range(LEAST, min(MOST, fewest - 1) + 1))
    if len(ks) < _LEAST_POINTS:
        raise ValueError(
            "fewer than five features are distinct, so there is no elbow; "
            "say how many classes there are (`units`), or try another seed or reduction"
        )
    fitted = [[criterion.fit(part, k, seed + number) for number, part in enumerate(parts)] for k in ks]
    curves = np.array([[criterion.value(classes, features) for classes in of_k] for of_k in fitted])
    k, distinct = knee(ks, curves.mean(1))
    return Elbow(
        k,
        criterion.name,
        ks,
        tuple(curves.mean(1).tolist()),
        tuple(_stability([classes.predict(features) for classes in of_k]) for of_k in fitted),
        tuple(_knees(ks, curves.T)),
        distinct,
    )


def knee(ks: Sequence[int], values: NDArray[np.float64] | list[float]) -> tuple[int, bool]:
    """Where a falling convex curve bends, and whether that is distinct; see `Elbow`.

    Raises:
        ValueError: It has fewer than three points, or does not bend.
    """
    from kneed import KneeLocator

    if len(ks) >= _LEAST_POINTS:
        falling = np.minimum.accumulate(values)
        if np.ptp(falling) == 0:
            raise ValueError(
                f"more than {ks[0]} classes fit no better, so there is no elbow; say how many there are: `units`"
            )
        sure = KneeLocator(ks, falling, curve="convex", direction="decreasing").knee
        if sure is not None:
            return int(sure), True
        depths = _depths(falling)
        if depths.max() > _LEAST_DEPTH:
            return ks[int(depths.argmax())], False
    raise ValueError(f"the curve over {len(ks)} numbers of classes has no elbow; say how many there are: `units`")


def _parts(features: NDArray[np.float32], seed: int) -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    size = min((len(features) + 1) // 2, MOST_POINTS)
    return [features[rng.permutation(len(features))[:size]] for _ in range(PARTS)]


def _stability(maps: Sequence[NDArray[np.uint8]]) -> float:
    from sklearn.metrics import adjusted_rand_score

    return float(np.mean([adjusted_rand_score(first, second) for first, second in combinations(maps, 2)]))


def _knees(ks: Sequence[int], curves: NDArray[np.float64]) -> list[int]:
    knees = []
    for curve in curves:
        try:
            knees.append(knee(ks, curve)[0])
        except ValueError:  # a part without an elbow says nothing of where it is
            continue
    return knees


def _depths(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each point lies below the line between the ends, relative to the height of the curve."""
    line = np.linspace(values[0], values[-1], len(values))
    return np.asarray((line - values) / max(np.ptp(values), np.finfo(float).tiny))
