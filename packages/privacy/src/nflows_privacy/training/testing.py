"""A trained network on the pictures that were held out: what it finds, what it misses, what it makes up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.regions import iou
from nflows_privacy.training.cells import IGNORED
from nflows_privacy.training.network import BoxNetwork
from nflows_privacy.training.predicting import predict
from nflows_privacy.training.scenes import Scene, pixels_of
from nflows_privacy.training.scoring import OVERLAPS, Judged, average_precision, precision_recall

LOWEST = 0.01
"""Boxes below this score hardly move an average precision, and there are very many of them."""
WIDTHS = ((0, 32), (32, 64), (64, math.inf))
"""From which width on, in pixels, and up to which below, boxes are counted by themselves."""


@dataclass(frozen=True)
class Tested:
    """What a network found in pictures.

    Arguments:
        classes: The names of the classes.
        pictures: What was found in each picture, for each class.
    """

    classes: Sequence[str]
    pictures: Sequence[Sequence[Judged]]

    def of_class(self, number: int) -> list[Judged]:
        """What was found of one class in each picture."""
        return [picture[number] for picture in self.pictures]

    def of_width(self, least: float, most: float) -> Tested:
        """The same of boxes from one width on and below another; those of others are neither looked for nor false.

        A box that was found counts if it has such a width, or is about one that has.
        """
        pictures = [[_of_width(one, least, most) for one in picture] for picture in self.pictures]
        return Tested(self.classes, pictures)

    def rows(self, threshold: float) -> list[dict[str, object]]:
        """A row of numbers for each class, and one for all of them."""
        rows = [self._row(name, self.of_class(number), threshold) for number, name in enumerate(self.classes)]
        return [*rows, _mean(rows)] if len(rows) > 1 else rows

    def _row(self, name: str, judged: Sequence[Judged], threshold: float) -> dict[str, object]:
        found, false, there = precision_recall(judged, threshold)
        at = [average_precision(judged, overlap) for overlap in OVERLAPS]
        return {
            "class": name,
            "boxes": there,
            "found": found,
            "false": false,
            "precision": found / (found + false) if found + false else None,
            "recall": found / there if there else None,
            "mAP50": at[0],
            "mAP50_95": None if at[0] is None else float(np.mean([one for one in at if one is not None])),
        }


def test_network(network: BoxNetwork, scenes: Sequence[Scene], classes: Sequence[str]) -> Tested:
    """Looks at pictures once, at their own size.

    Arguments:
        network: The network, in evaluation mode.
        scenes: The pictures.
        classes: The names of the classes.
    """
    return Tested(classes, [_looked_at(network, scene, len(classes)) for scene in scenes])


def judged(
    scene: Scene, boxes: NDArray[np.float64], scores: NDArray[np.float64], found: NDArray[np.int64], classes: int
) -> list[Judged]:
    """What was found in a picture beside what is there, for each class.

    Arguments:
        scene: The picture with the boxes that are there.
        boxes: Those that were found, :math:`(N, 4)`.
        scores: Their scores :math:`(N,)`.
        found: The numbers of their classes :math:`(N,)`.
        classes: The number of classes.
    """
    own, ignored = scene.boxes.astype(np.float64), scene.boxes[scene.labels == IGNORED].astype(np.float64)
    return [
        Judged(
            boxes[found == number].astype(np.float64),
            scores[found == number].astype(np.float64),
            own[scene.labels == number],
            ignored,
        )
        for number in range(classes)
    ]


def _looked_at(network: BoxNetwork, scene: Scene, classes: int) -> list[Judged]:
    boxes, scores, found = (one.numpy() for one in predict(network, pixels_of(scene), LOWEST))
    return judged(scene, boxes, scores, found, classes)


def _of_width(one: Judged, least: float, most: float) -> Judged:
    there, found = (
        (widths >= least) & (widths < most) for widths in (boxes[:, 2] - boxes[:, 0] for boxes in (one.true, one.found))
    )
    found |= iou(one.found, one.true[there]).max(1, initial=0) >= OVERLAPS[0]
    ignored = np.concatenate([one.ignored, one.true[~there]])
    return Judged(one.found[found], one.scores[found], one.true[there], ignored)


def _mean(rows: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """The sums of the counts, and the means of the rest over the classes that have boxes."""
    mean: dict[str, object] = {"class": "all"}
    for name in list(rows[0])[1:]:
        values = [value for row in rows if isinstance(value := row[name], int | float)]
        total = sum(values)
        mean[name] = total if name in ("boxes", "found", "false") else total / len(values) if values else None
    return mean
