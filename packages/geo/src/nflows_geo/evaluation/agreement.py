r"""How well the units of a map agree with the labels of what is known of the ground."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.intervals import wilson

RESAMPLINGS = 1000


@dataclass(frozen=True)
class Agreement:
    r"""Labels against units, pixel by pixel, of the pixels that have both.

    Arguments:
        confusion: Pixels of each label and unit, :math:`(L, U)`.
        labels: The label of each row.
        units: The unit of each column.
        by_group: As ``confusion``, of each group of pixels that are not independent, :math:`(G, L, U)`.
        seed: The seed of the resampling.

    Example:
        >>> from nflows_geo import Agreement
        >>> labels, units = np.array([1, 1, 1, 2, 2, 0]), np.array([2, 2, 1, 1, 1, 1])
        >>> agreement = Agreement.of_maps(labels, units, groups=np.arange(6))
        >>> agreement.label_of_unit
        {2: 1, 1: 2}
        >>> agreement.scores()["overall_accuracy"]
        0.8
    """

    confusion: NDArray[np.int64]
    labels: NDArray[np.integer]
    units: NDArray[np.integer]
    by_group: NDArray[np.int64]
    seed: int

    @classmethod
    def of_maps(
        cls, labels: NDArray[np.integer], units: NDArray[np.integer], groups: NDArray[np.integer], seed: int = 0
    ) -> Agreement:
        """Counts the pixels that have a label and a unit.

        Arguments:
            labels: What is known of the ground, zero where nothing is; of any shape.
            units: What a map says, of the same shape, zero where there are no data.
            groups: What is resampled as a whole, of the same shape, as `Labels.polygons`: a polygon is one observation
                of a label rather than as many as it has pixels.
            seed: The seed of the resampling.

        Raises:
            ValueError: The shapes differ, or no pixel has both a label and a unit, or all that have are of one label,
                with which any map agrees.
        """
        if labels.shape != units.shape:
            raise ValueError(f"labels {labels.shape} and units {units.shape} differ in shape; align the labels")
        both = (labels > 0) & (units > 0)
        if not both.any():
            raise ValueError("no pixel has both a label and a unit; check that the labels lie in the scene")
        if len(only := np.unique(labels[both])) == 1:
            raise ValueError(
                f"all labelled pixels with a unit are of label {only[0]}; agreement needs two labels or more"
            )
        numbered = [np.unique(values[both], return_inverse=True) for values in (groups, labels, units)]
        counts = np.zeros([len(values) for values, _ in numbered], np.int64)
        np.add.at(counts, tuple(index for _, index in numbered), 1)
        return cls(counts.sum(0), numbered[1][0], numbered[2][0], counts, seed)

    @property
    def label_of_unit(self) -> dict[int, int]:
        """The label of each unit so that most pixels agree, one unit a label; units beyond the labels have none."""
        rows, columns = _best_assignment(self.confusion)
        return {int(self.units[c]): int(self.labels[r]) for r, c in zip(rows, columns, strict=True)}

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
            "label_of_unit": {str(unit): label for unit, label in sorted(self.label_of_unit.items())},
            "labels": self.labels.tolist(),
            "units": self.units.tolist(),
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
        {"label": names[label]} | {f"unit {unit}": count for unit, count in zip(scores["units"], counts, strict=True)}
        for label, counts in zip(scores["labels"], scores["confusion"], strict=True)
    ]


def accuracy(confusion: NDArray[np.int64]) -> float:
    """The fraction of pixels whose unit is assigned to their label, by the best assignment."""
    return float(confusion[_best_assignment(confusion)].sum() / confusion.sum())


def adjusted_rand_index(confusion: NDArray[np.int64]) -> float:
    """How many pairs of pixels are together in both maps, 1 if all, 0 on average by chance."""
    pairs, of_labels, of_units = (_pairs(c) for c in (confusion, confusion.sum(1), confusion.sum(0)))
    expected = of_labels * of_units / max(_pairs(confusion.sum()), 1)
    most = (of_labels + of_units) / 2
    return 1.0 if most == expected else (pairs - expected) / (most - expected)


def normalized_mutual_information(confusion: NDArray[np.int64]) -> float:
    """The information that each map gives about the other, in that of their mean entropy."""
    joint = confusion / confusion.sum()
    of_labels, of_units, both = _entropy(joint.sum(1)), _entropy(joint.sum(0)), _entropy(joint)
    mean = (of_labels + of_units) / 2
    return 1.0 if mean == 0 else (of_labels + of_units - both) / mean


MEASURES: Mapping[str, Callable[[NDArray[np.int64]], float]] = {
    "overall_accuracy": accuracy,
    "adjusted_rand_index": adjusted_rand_index,
    "normalized_mutual_information": normalized_mutual_information,
}
"""The measures of a confusion matrix by their names in reports."""


def _best_assignment(confusion: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(confusion, maximize=True)
    return rows, columns


def _pairs(counts: NDArray[np.int64]) -> float:
    return float((counts * (counts - 1) / 2).sum())


def _entropy(probabilities: NDArray[np.float64]) -> float:
    positive = probabilities[probabilities > 0]
    return float(-(positive * np.log(positive)).sum())
