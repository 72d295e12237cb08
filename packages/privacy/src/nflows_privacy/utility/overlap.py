r"""How well predicted classes cover the true ones: IoU and Dice from a confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.utility.masks import IGNORED

Counts = NDArray[np.int64]


def confusion(predicted: NDArray[np.integer], true: NDArray[np.integer], classes: int) -> Counts:
    """How many pixels of each true class, down, were taken for each class, across, :math:`(K, K)`.

    Arguments:
        predicted: The predicted classes, of any shape.
        true: The true ones; pixels that are `IGNORED` do not count.
        classes: The number of classes K.
    """
    counted = true != IGNORED
    pairs = true[counted].astype(np.int64) * classes + predicted[counted]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def iou_of_classes(counts: Counts) -> NDArray[np.float64]:
    r""":math:`TP / (TP + FP + FN)` of each class, :math:`(K,)`; NaN of one that is neither there nor predicted."""
    return _share(counts, 1)


def dice_of_classes(counts: Counts) -> NDArray[np.float64]:
    r""":math:`2 TP / (2 TP + FP + FN)` of each class, :math:`(K,)`; NaN as in `iou_of_classes`."""
    return _share(counts, 2)


@dataclass(frozen=True)
class Overlaps:
    """The confusion matrix of each picture of a test set, :math:`(N, K, K)`, by one trained network.

    Arguments:
        counts: The matrices.
        losses: The loss of each picture, :math:`(N,)`.
    """

    counts: Counts
    losses: NDArray[np.float64]

    @property
    def pictures(self) -> int:
        return len(self.counts)

    def metrics(self, chosen: NDArray[np.intp]) -> Mapping[str, float]:
        """The measures of some of the pictures as one set: each class counts the same in means over the classes.

        Dice of all pixels is that of all classes' pixels together; since each pixel has one class, it is their
        accuracy.
        """
        counts = self.counts[chosen].sum(0)
        return {
            "miou": float(np.nanmean(iou_of_classes(counts))),
            "dice": float(np.nanmean(dice_of_classes(counts))),
            "dice_of_all_pixels": float(np.trace(counts) / counts.sum()),
            "loss": float(self.losses[chosen].mean()),
        }


def _share(counts: Counts, weight: int) -> NDArray[np.float64]:
    hits = np.diagonal(counts)
    wrong = counts.sum(0) + counts.sum(1) - 2 * hits
    total = weight * hits + wrong
    share: NDArray[np.float64] = np.divide(weight * hits, total, out=np.full(len(hits), np.nan), where=total > 0)
    return share
