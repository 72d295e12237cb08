r"""How good boxes are: precision, recall and mean average precision, as COCO counts them.

Lin et al. 2014, "Microsoft COCO", and its evaluation: boxes are taken in the order of their scores, and each finds the
free one that it overlaps most, if by at least an intersection over union :math:`t`; all others are false. The average
precision of a class is the mean, over 101 recalls :math:`r` from 0 to 1, of the highest precision at a recall of
:math:`r` or more; mAP50 is its mean over the classes at :math:`t = .5`, and mAP50-95 also over :math:`t = .5, .55, ...,
.95`. Boxes that overlap what does not count neither find anything nor are false.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.regions import areas, intersections, iou

OVERLAPS = np.linspace(0.5, 0.95, 10)
_RECALLS = np.linspace(0, 1, 101)
_IGNORED_SHARE = 0.5
"""The share of a found box in something that does not count, from which on it does not count either."""

Boxes = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Judged:
    """What was found in one picture of one class, beside what is there.

    Arguments:
        found: The boxes that were found, :math:`(N, 4)`.
        scores: Their scores :math:`(N,)`.
        true: The boxes that are there, :math:`(M, 4)`.
        ignored: The boxes that do not count, :math:`(K, 4)`.
    """

    found: Boxes
    scores: NDArray[np.float64]
    true: Boxes
    ignored: Boxes


def average_precision(pictures: Sequence[Judged], overlap: float) -> float | None:
    """The average precision of a class over pictures; none if nothing is there.

    Arguments:
        pictures: What was found in each.
        overlap: The intersection over union from which on a box is found.
    """
    there = sum(len(one.true) for one in pictures)
    return average_precision_of(*ranked(pictures, overlap), there) if there else None


def average_precision_of(scores: NDArray[np.float64], hits: NDArray[np.bool_], there: int) -> float:
    """The average precision of boxes with these scores, of which these found one of so many that are there."""
    precision, recall = precision_recall_curve(scores, hits, there)
    highest = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0)
    return float(highest[np.searchsorted(recall, _RECALLS)].mean())


def precision_recall_curve(
    scores: NDArray[np.float64], hits: NDArray[np.bool_], there: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision and recall as more and more boxes are taken, the surest first, :math:`(N,)` each."""
    right = np.cumsum(hits[np.argsort(-scores, kind="stable")])
    return right / np.arange(1, len(right) + 1), right / there


def precision_recall(pictures: Sequence[Judged], threshold: float, overlap: float = 0.5) -> tuple[int, int, int]:
    """How many boxes are found, how many found ones are false, and how many are there.

    Arguments:
        pictures: What was found in each.
        threshold: The score from which on a box counts.
        overlap: The intersection over union from which on a box is found.
    """
    scores, hits = ranked(pictures, overlap)
    counted = hits[scores >= threshold]
    return int(counted.sum()), int((~counted).sum()), sum(len(one.true) for one in pictures)


def ranked(pictures: Sequence[Judged], overlap: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The scores of all boxes that count, and which of them found something."""
    scores, hits = [np.empty(0)], [np.empty(0, np.bool_)]
    for one in pictures:
        matches = matched(one, overlap)
        counted = (matches >= 0) | ~_within(one.found, one.ignored)
        scores.append(one.scores[counted])
        hits.append(matches[counted] >= 0)
    return np.concatenate(scores), np.concatenate(hits)


def matched(picture: Judged, overlap: float = 0.5) -> NDArray[np.int64]:
    """The number of the box that each found one finds, or -1 of a false one, :math:`(N,)`.

    Arguments:
        picture: What was found, and what is there.
        overlap: The intersection over union from which on a box is found.
    """
    matches = np.full(len(picture.found), -1)
    overlaps = iou(picture.found, picture.true)
    for index in np.argsort(-picture.scores, kind="stable") if len(picture.true) else ():
        best = overlaps[index].argmax()
        if overlaps[index, best] >= overlap:
            matches[index] = best
            overlaps[:, best] = -1
    return matches


def _within(boxes: Boxes, ignored: Boxes) -> NDArray[np.bool_]:
    """Which boxes lie in something that does not count."""
    share = intersections(boxes, ignored) / np.maximum(areas(boxes), 1e-9)[:, None]
    within: NDArray[np.bool_] = share.max(1, initial=0) > _IGNORED_SHARE
    return within
