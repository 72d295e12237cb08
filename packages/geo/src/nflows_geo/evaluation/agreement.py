r"""How well classes agree with mapped units."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLINGS = 1000


@dataclass(frozen=True)
class Agreement:
    r"""Classes against units, pixel by pixel, of the pixels that have both.

    Arguments:
        confusion: Pixels of each unit and class, :math:`(U, K)`.
        units: The labels of the rows.
        classes: Those of the columns.
        by_group: As ``confusion``, of each group of pixels that are not independent, :math:`(G, U, K)`.
        seed: Of the resampling.
    """

    confusion: NDArray[np.int64]
    units: NDArray[np.integer]
    classes: NDArray[np.integer]
    by_group: NDArray[np.int64]
    seed: int

    @classmethod
    def of_maps(
        cls, units: NDArray[np.uint8], classes: NDArray[np.uint8], seed: int, groups: NDArray[np.integer]
    ) -> Agreement:
        """Counts the pixels of two maps of one grid.

        Arguments:
            units: Labels, zero where there are none; of any shape.
            classes: A class map of the same shape, zero where there are no data.
            seed: Of the resampling.
            groups: What is resampled as a whole, of the same shape, as `Labels.polygons`: a polygon is one observation
                of a unit rather than as many as it has pixels.

        Raises:
            ValueError: The shapes differ, or no pixel has both a label and a class.
        """
        if units.shape != classes.shape:
            raise ValueError(f"labels {units.shape} and classes {classes.shape} differ in shape; align the labels")
        both = (units > 0) & (classes > 0)
        if not both.any():
            raise ValueError("no pixel has both a label and a class; check that the labels lie in the scene")
        found = [np.unique(labels[both], return_inverse=True) for labels in (groups, units, classes)]
        counts = np.zeros([len(values) for values, _ in found], np.int64)
        np.add.at(counts, tuple(index for _, index in found), 1)
        return cls(counts.sum(0), found[1][0], found[2][0], counts, seed)

    @property
    def assignment(self) -> dict[int, int]:
        """The unit of each class so that most pixels agree, one class a unit; classes beyond the units have none."""
        rows, columns = _best_assignment(self.confusion)
        return {int(self.classes[c]): int(self.units[r]) for r, c in zip(rows, columns, strict=True)}

    def scores(self) -> dict[str, Any]:
        """Accuracy with the best assignment, adjusted Rand index and normalized mutual information, with intervals.

        Pixels of one polygon resemble each other, so Wilson's interval of the accuracy, which counts each as an
        observation, is too narrow. The intervals by groups resample whole polygons, 1,000 times, and are the ones
        to judge by.

        Sources: Kuhn (1955) for the assignment; Wilson (1927); Hubert and Arabie (1985), equation 5; Strehl and Ghosh
        (2002), with the arithmetic mean of the entropies; Efron (1979) for the resampling.
        """
        n = int(self.confusion.sum())
        scores: dict[str, Any] = {"n": n, "groups": len(self.by_group)}
        for name, measure in MEASURES.items():
            scores[name] = measure(self.confusion)
            scores[f"{name}_interval_95_by_groups"] = self._interval(measure)
        scores["overall_accuracy_interval_95_wilson"] = list(wilson(scores["overall_accuracy"] * n, n))
        return scores | {
            "unit_of_class": {str(label): unit for label, unit in sorted(self.assignment.items())},
            "units": self.units.tolist(),
            "classes": self.classes.tolist(),
            "confusion": self.confusion.tolist(),
        }

    def _interval(self, measure: Callable[[NDArray[np.int64]], float]) -> list[float] | None:
        groups = len(self.by_group)
        if groups < 2:
            return None
        draws = np.random.default_rng(self.seed).multinomial(groups, np.full(groups, 1 / groups), RESAMPLINGS)
        resampled = np.tensordot(draws, self.by_group, axes=1)
        return [float(q) for q in np.percentile([measure(confusion) for confusion in resampled], [2.5, 97.5])]


def confusion_rows(names: Mapping[int, str], scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The labelled pixels of each label, unit by unit: the confusion of `Agreement.scores` with the labels' names."""
    return [
        {"label": names[label]} | {f"unit {unit}": count for unit, count in zip(scores["classes"], counts, strict=True)}
        for label, counts in zip(scores["units"], scores["confusion"], strict=True)
    ]


def accuracy(confusion: NDArray[np.int64]) -> float:
    """The fraction of pixels whose class is assigned to their unit, by the best assignment."""
    return float(confusion[_best_assignment(confusion)].sum() / confusion.sum())


def adjusted_rand_index(confusion: NDArray[np.int64]) -> float:
    """How many pairs of pixels are together in both maps, 1 if all, 0 on average by chance."""
    pairs, of_units, of_classes = (_pairs(c) for c in (confusion, confusion.sum(1), confusion.sum(0)))
    expected = of_units * of_classes / max(_pairs(confusion.sum()), 1)
    most = (of_units + of_classes) / 2
    return 1.0 if most == expected else (pairs - expected) / (most - expected)


def normalized_mutual_information(confusion: NDArray[np.int64]) -> float:
    """The information that each map gives about the other, in that of their mean entropy."""
    joint = confusion / confusion.sum()
    of_units, of_classes, both = _entropy(joint.sum(1)), _entropy(joint.sum(0)), _entropy(joint)
    mean = (of_units + of_classes) / 2
    return 1.0 if mean == 0 else (of_units + of_classes - both) / mean


MEASURES: Mapping[str, Callable[[NDArray[np.int64]], float]] = {
    "overall_accuracy": accuracy,
    "adjusted_rand_index": adjusted_rand_index,
    "normalized_mutual_information": normalized_mutual_information,
}
"""Of a confusion matrix, by their names in reports."""


def wilson(successes: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a rate (Wilson 1927)."""
    z, rate = 1.959964, successes / n
    center, half = rate + z**2 / (2 * n), z * math.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
    return (center - half) / (1 + z**2 / n), (center + half) / (1 + z**2 / n)


def _best_assignment(confusion: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(confusion, maximize=True)
    return rows, columns


def _pairs(counts: NDArray[np.int64]) -> float:
    return float((counts * (counts - 1) / 2).sum())


def _entropy(probabilities: NDArray[np.float64]) -> float:
    positive = probabilities[probabilities > 0]
    return float(-(positive * np.log(positive)).sum())
