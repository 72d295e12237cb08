"""A trained network on the pictures that were held out: what it finds, what it misses, what it makes up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nflows_privacy.training.cells import IGNORED
from nflows_privacy.training.network import BoxNetwork
from nflows_privacy.training.predicting import predict
from nflows_privacy.training.scenes import Scene, pixels_of
from nflows_privacy.training.scoring import OVERLAPS, Judged, average_precision, precision_recall

_LOWEST = 0.01
"""Boxes below this score hardly move an average precision, and there are very many of them."""


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
    return Tested(classes, [_judged(network, scene, len(classes)) for scene in scenes])


def _judged(network: BoxNetwork, scene: Scene, classes: int) -> list[Judged]:
    boxes, scores, found = (one.numpy() for one in predict(network, pixels_of(scene), _LOWEST))
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


def _mean(rows: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """The sums of the counts, and the means of the rest over the classes that have boxes."""
    mean: dict[str, object] = {"class": "all"}
    for name in list(rows[0])[1:]:
        values = [value for row in rows if isinstance(value := row[name], int | float)]
        total = sum(values)
        mean[name] = total if name in ("boxes", "found", "false") else total / len(values) if values else None
    return mean
