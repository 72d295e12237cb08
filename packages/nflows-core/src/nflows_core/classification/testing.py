"""A classifier on pictures that it never saw: what it says of each class, and how surely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.intervals import bootstrap, wilson

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Tested:
    """What a classifier says of pictures whose class is known.

    Arguments:
        classes: The names of the K classes.
        labels: The true class of each picture, :math:`(N,)`.
        probabilities: What is said of each, :math:`(N, K)`.
        names: The file of each.
        groups: The group of each, such as the photograph that it is from.
    """

    __test__ = False  # pytest takes every Test* for a test

    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    names: Sequence[str]
    groups: NDArray[np.str_]

    @property
    def found(self) -> NDArray[np.int64]:
        """The most probable class of each picture, :math:`(N,)`."""
        return np.asarray(self.probabilities.argmax(1), np.int64)

    @property
    def confusion(self) -> Counts:
        """How many pictures of each true class, by rows, are found to be of each class, :math:`(K, K)`."""
        return confusion(self.labels, self.found, len(self.classes))

    def select(self, chosen: NDArray[np.bool_]) -> Tested:
        """Some of the pictures, by a mask (N,)."""
        names = [name for name, is_one in zip(self.names, chosen.tolist(), strict=True) if is_one]
        return Tested(self.classes, self.labels[chosen], self.probabilities[chosen], names, self.groups[chosen])

    def macro_f1_interval(self, seed: int) -> tuple[float, float] | None:
        """The interval of the macro-F1 by drawing whole groups again: pictures of one are alike.

        Nothing if there are too few groups.
        """
        names, of_group = np.unique(self.groups, return_inverse=True)
        each = np.zeros((len(names), len(self.classes), len(self.classes)), np.int64)
        np.add.at(each, (of_group, self.labels, self.found), 1)
        return bootstrap(lambda chosen: macro_f1(each[chosen].sum(0)), len(names), seed)

    def rows(self, things: str = "pictures") -> list[dict[str, Any]]:
        """A row of numbers for each class; see `class_row`."""
        return [class_row(name, self.confusion, number, things) for number, name in enumerate(self.classes)]

    def worst(self, most: int) -> list[int]:
        """The pictures that are wrong with the greatest certainty, that first."""
        wrong = np.flatnonzero(self.found != self.labels)
        certainty = self.probabilities[wrong].max(1)
        return wrong[np.argsort(-certainty, kind="stable")][:most].tolist()  # type: ignore[no-any-return]


def confusion(labels: NDArray[np.int64], found: NDArray[np.int64], classes: int) -> Counts:
    """How many things of each true class, by rows, are found to be of each class, :math:`(K, K)`."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, found), 1)
    return counts


def macro_f1(counts: Counts) -> float:
    r"""The mean of :math:`2 n_{kk} / (n_{k \cdot} + n_{\cdot k})` over the classes that occur; NaN if none does.

    Arguments:
        counts: The confusion matrix n, :math:`(K, K)`.
    """
    true, found = counts.sum(1), counts.sum(0)
    there = true > 0
    if not there.any():
        return float("nan")
    return float((2 * counts.diagonal()[there] / (true + found)[there]).mean())


def class_row(name: str, counts: Counts, number: int, things: str = "pictures") -> dict[str, Any]:
    """How often a class is known, with the 95 % interval of Wilson; nothing where there is none of it.

    Arguments:
        name: The name of the class.
        counts: The confusion matrix, :math:`(K, K)`.
        number: The place of the class in it.
        things: The word for what is counted.
    """
    true, found, right = int(counts[number].sum()), int(counts[:, number].sum()), int(counts[number, number])
    return {
        "class": name,
        things: true,
        "right": right,
        "recall": right / true if true else None,
        "recall_interval_95": list(wilson(right, true)) if true else None,
        "precision": right / found if found else None,
        "f1": 2 * right / (true + found) if true + found else None,
    }
