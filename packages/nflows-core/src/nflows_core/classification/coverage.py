r"""A classifier that may say that it cannot say: how many answers are left, and how many of these are right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nflows_core.runtime.intervals import wilson


@dataclass(frozen=True)
class Coverage:
    """What is answered where an answer is given from a threshold of certainty on.

    Arguments:
        threshold: The threshold; below it nothing is said.
        items: The number N of items.
        answered: How many of them are answered.
        right: How many of the answers are right.
    """

    threshold: float
    items: int
    answered: int
    right: int

    @property
    def coverage(self) -> float:
        """The share of the items that is answered."""
        return self.answered / self.items

    @property
    def accuracy(self) -> float | None:
        """The share of the answers that is right; nothing if nothing is answered."""
        return self.right / self.answered if self.answered else None

    def row(self) -> dict[str, Any]:
        """The numbers, each rate with its 95 % interval of Wilson."""
        return {
            "threshold": self.threshold,
            "items": self.items,
            "answered": self.answered,
            "right": self.right,
            "coverage": self.coverage,
            "coverage_interval_95": list(wilson(self.answered, self.items)),
            "accuracy": self.accuracy,
            "accuracy_interval_95": list(wilson(self.right, self.answered)) if self.answered else None,
        }


def coverage_at(certainty: ArrayLike, is_right: ArrayLike, threshold: float) -> Coverage:
    """What is answered from one threshold on; arguments as those of `coverage_curve`.

    Example:
        >>> coverage_at([0.9, 0.5, 0.7], [True, False, True], 0.6)
        Coverage(threshold=0.6, items=3, answered=2, right=2)
    """
    sure, right = _checked(certainty, is_right)
    answered = sure >= threshold
    return Coverage(threshold, len(sure), int(answered.sum()), int(right[answered].sum()))


def coverage_curve(certainty: ArrayLike, is_right: ArrayLike) -> list[Coverage]:
    r"""The curve of coverage against accuracy (El-Yaniv & Wiener 2010, section 2; Geifman & El-Yaniv 2017).

    .. math:: c(t) = \frac1N \sum_i [s_i \ge t], \qquad a(t) = \frac{\sum_i [s_i \ge t] r_i}{\sum_i [s_i \ge t]}

    It has a point at each certainty that occurs: items of the same one are answered together, or none of them. A
    threshold that is chosen here belongs to these items; how good it is, others must tell.

    Arguments:
        certainty: How certain the classifier is of each item, such as its largest probability :math:`s_i`,
            :math:`(N,)`.
        is_right: Whether what it says of each is right, :math:`r_i`, :math:`(N,)`.

    Returns:
        The points by their thresholds, the lowest first, at which everything is answered.

    Raises:
        ValueError: There are no items, the numbers of both differ, or a certainty is no number.

    Example:
        >>> [(point.coverage, point.accuracy) for point in coverage_curve([0.9, 0.5, 0.7, 0.5], [1, 0, 1, 1])]
        [(1.0, 0.75), (0.5, 1.0), (0.25, 1.0)]
    """
    sure, right = _checked(certainty, is_right)
    order = np.argsort(-sure, kind="stable")
    right_so_far = np.cumsum(right[order])
    thresholds, of_threshold = np.unique(sure, return_counts=True)
    answered = np.cumsum(of_threshold[::-1])[::-1]
    return [
        Coverage(float(threshold), len(sure), int(count), int(right_so_far[count - 1]))
        for threshold, count in zip(thresholds, answered, strict=True)
    ]


def _checked(certainty: ArrayLike, is_right: ArrayLike) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    sure, right = np.asarray(certainty, np.float64), np.asarray(is_right, np.bool_)
    if sure.ndim != 1 or not len(sure) or right.shape != sure.shape:
        raise ValueError(
            f"`certainty` and `is_right` are of the same items, at least one; got {sure.shape} and {right.shape}"
        )
    if np.isnan(sure).any():
        raise ValueError("`certainty` has values that are no numbers; leave these items out, or mend them")
    return sure, right
