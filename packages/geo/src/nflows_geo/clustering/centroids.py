r"""Classes of which each is the points nearest to its centroid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

LARGEST_K = 255
"""Class maps are bytes, and zero is no data."""
_CHUNK = 16384
"""Rows at once, few enough to stay in the cache."""


@dataclass(frozen=True)
class Centroids:
    r"""The class of :math:`x` is :math:`\arg\min_k \lVert x - c_k \rVert`.

    Arguments:
        centers: :math:`c_k`, :math:`(K, D)`; the first class is the largest.
    """

    centers: NDArray[np.float32]

    @classmethod
    def of_labels(cls, features: NDArray[np.float32], labels: NDArray[np.integer]) -> Self:
        """The means of the labelled points, those of the class with most points first."""
        order = by_size(labels)
        means = [features[labels == label].mean(0, dtype=np.float64) for label in order]
        return cls(np.stack(means).astype(np.float32))

    @property
    def classes(self) -> int:
        """How many there are."""
        return len(self.centers)

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.uint8]:
        """The class of each row of :math:`(N, D)`, from 1, :math:`(N,)`."""
        offsets = np.square(self.centers).sum(1) / 2
        return first_smallest(features, lambda rows: offsets[:, None] - self.centers @ rows.T)

    def sum_of_squares(self, features: NDArray[np.float32]) -> float:
        r""":math:`\sum_n \min_k \lVert x_n - c_k \rVert^2`."""
        nearest = self.centers[self.predict(features) - 1]
        return float(np.square(features - nearest, dtype=np.float64).sum())


def by_size(labels: NDArray[np.integer]) -> NDArray[np.integer]:
    """The labels that occur, the most frequent first and the smallest of equally frequent ones."""
    values, counts = np.unique(labels, return_counts=True)
    return np.asarray(values[np.argsort(-counts, kind="stable")])


def first_smallest(
    features: NDArray[np.float32], costs: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> NDArray[np.uint8]:
    """The class, from 1, whose cost is the smallest, of each row; costs are :math:`(K, N)`."""
    labels = np.empty(len(features), np.uint8)
    for start in range(0, len(features), _CHUNK):
        cost = costs(features[start : start + _CHUNK])
        label, least = np.ones(cost.shape[1], np.uint8), cost[0]
        for k in range(1, len(cost)):
            label[cost[k] < least] = k + 1
            least = np.minimum(least, cost[k])
        labels[start : start + _CHUNK] = label
    return labels


def check_classes(features: NDArray[np.float32], k: int) -> None:
    """Refuses a number of classes that the features can not have."""
    if not 1 <= k <= LARGEST_K:
        raise ValueError(f"{k} classes are asked for; give a number from 1 to {LARGEST_K}")
    distinct = len(np.unique(features, axis=0))
    if k > distinct:
        raise ValueError(f"{k} classes are asked for, but the sample has {distinct} distinct spectra; ask for fewer")
