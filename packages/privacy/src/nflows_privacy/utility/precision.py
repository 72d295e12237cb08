r"""How well found boxes fit true ones: average precision, precision and recall, as COCO and YOLO count them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.regions import iou

IOUS = np.linspace(0.5, 0.95, 10)
"""Intersections over union from which a found box counts as right (Lin et al. 2014, "Microsoft COCO")."""
_RECALLS = np.linspace(0, 1, 101)
"""Recalls at which COCO reads the precision."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Matched:
    """The found boxes of one class in one picture, the surest first.

    Arguments:
        scores: Their scores, :math:`(N,)`.
        right: Whether each is right at each of `IOUS`, :math:`(N, 10)`.
        true: How many boxes there are in truth.
    """

    scores: Floats
    right: NDArray[np.bool_]
    true: int


def match(boxes: Floats, scores: Floats, true: Floats) -> Matched:
    """Gives each found box, the surest first, the true one that it fits best of those that are left.

    Arguments:
        boxes: The found boxes, :math:`(N, 4)`.
        scores: Their scores, :math:`(N,)`.
        true: The true boxes, :math:`(M, 4)`.
    """
    order = np.argsort(-scores, kind="stable")
    overlap = iou(boxes[order], true)
    right = np.zeros((len(order), len(IOUS)), np.bool_)
    for column, least in enumerate(IOUS):
        free = np.ones(len(true), np.bool_)
        for row, values in enumerate(overlap):
            fitting = np.where(free, values, -1.0)
            if len(fitting) and fitting.max() >= least:
                right[row, column], free[fitting.argmax()] = True, False
    return Matched(scores[order], right, len(true))


@dataclass(frozen=True)
class Curve:
    """Precision and recall as ever more boxes are taken, the surest first, at each of `IOUS`.

    Arguments:
        precision: The precision, :math:`(N, 10)`.
        recall: The recall, :math:`(N, 10)`.
    """

    precision: Floats
    recall: Floats

    def average_precision(self) -> Floats:
        """The mean over 101 recalls of the best precision that a recall at least as high has, :math:`(10,)`."""
        if not len(self.recall):
            return np.zeros(len(IOUS))
        envelope = np.maximum.accumulate(self.precision[::-1], axis=0)[::-1]
        values = np.zeros((len(_RECALLS), len(IOUS)))
        for column in range(len(IOUS)):
            places = np.searchsorted(self.recall[:, column], _RECALLS - 1e-12)
            reached = places < len(envelope)
            values[reached, column] = envelope[places[reached], column]
        average: Floats = values.mean(0)
        return average

    def best(self) -> tuple[float, float]:
        """Precision and recall at an IoU of .5 where their harmonic mean is highest: at the best threshold."""
        if not len(self.recall):
            return 0.0, 0.0
        precision, recall = self.precision[:, 0], self.recall[:, 0]
        total = precision + recall
        place = int(np.divide(precision * recall, total, out=np.zeros_like(total), where=total > 0).argmax())
        return float(precision[place]), float(recall[place])


def curve_of(matched: Sequence[Matched]) -> Curve | None:
    """The curve of a class in a set of pictures; nothing where there is no true box."""
    true = sum(one.true for one in matched)
    if true == 0:
        return None
    scores = np.concatenate([one.scores for one in matched])
    right = np.concatenate([one.right for one in matched])[np.argsort(-scores, kind="stable")].cumsum(0)
    taken = np.arange(1, len(scores) + 1)[:, None]
    return Curve(right / taken, right / true)


@dataclass(frozen=True)
class Detections:
    """What a trained detector found in each picture of a test set.

    Arguments:
        matched: The boxes of each picture, by class.
        losses: The losses of each picture by their names, :math:`(N,)` each.
    """

    matched: Sequence[Sequence[Matched]]
    losses: Mapping[str, Floats]

    @property
    def pictures(self) -> int:
        return len(self.matched)

    def metrics(self, chosen: NDArray[np.intp]) -> Mapping[str, float]:
        """The measures of some of the pictures as one set, means over the classes that have true boxes there."""
        classes = range(len(self.matched[0]))
        curves = [curve_of([self.matched[place][number] for place in chosen]) for number in classes]
        known = [curve for curve in curves if curve is not None]
        losses = {name: float(values[chosen].mean()) for name, values in self.losses.items()}
        return {**_averages(known), **losses}


def _averages(curves: Sequence[Curve]) -> dict[str, float]:
    if not curves:
        return dict.fromkeys(("precision", "recall", "map50", "map50_95"), float("nan"))
    precision, recall = np.mean([curve.best() for curve in curves], axis=0)
    averages = np.mean([curve.average_precision() for curve in curves], axis=0)
    return {
        "precision": float(precision),
        "recall": float(recall),
        "map50": float(averages[0]),
        "map50_95": float(averages.mean()),
    }
