"""How well a detector's boxes fit, of any of the pictures that it was tested on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.training.scoring import (
    OVERLAPS,
    Judged,
    average_precision_of,
    precision_recall_curve,
    ranked,
)

Floats = NDArray[np.float64]
Ranks = tuple[Floats, NDArray[np.bool_]]
"""The scores of boxes, and which of them found something."""


@dataclass(frozen=True)
class Matched:
    """The boxes of one class in one picture, matched once with what is there.

    Arguments:
        ranks: The boxes at each of the overlaps that COCO counts.
        there: How many boxes there are in truth.
    """

    ranks: Sequence[Ranks]
    there: int

    @classmethod
    def of(cls, judged: Judged) -> Matched:
        """The boxes that were found beside those that are there."""
        return cls([ranked([judged], overlap) for overlap in OVERLAPS], len(judged.true))


@dataclass(frozen=True)
class Detections:
    """What a trained detector made of each picture of a test set.

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
        """The measures of some of the pictures as one set, means over the classes of which there is something.

        Precision and recall are at an overlap of .5, and at the score where their harmonic mean is highest.
        """
        scores = list(self._of_classes(chosen))
        names = ("precision", "recall", "map50", "map50_95")
        means = np.mean(scores, axis=0).tolist() if scores else [float("nan")] * len(names)
        losses = {name: float(values[chosen].mean()) for name, values in self.losses.items()}
        return {**dict(zip(names, means, strict=True)), **losses}

    def _of_classes(self, chosen: NDArray[np.intp]) -> Iterator[tuple[float, float, float, float]]:
        for number in range(len(self.matched[0])):
            matched = [self.matched[place][number] for place in chosen]
            if there := sum(one.there for one in matched):
                ranks = [_joined(one.ranks[column] for one in matched) for column in range(len(OVERLAPS))]
                averages = [average_precision_of(*each, there) for each in ranks]
                yield (*best_point(*ranks[0], there), averages[0], float(np.mean(averages)))


def best_point(scores: Floats, hits: NDArray[np.bool_], there: int) -> tuple[float, float]:
    """Precision and recall where their harmonic mean is highest; 0 and 0 if nothing was found."""
    precision, recall = precision_recall_curve(scores, hits, there)
    total = precision + recall
    harmonic = np.divide(precision * recall, total, out=np.zeros_like(total), where=total > 0)
    if not harmonic.any():
        return 0.0, 0.0
    return float(precision[harmonic.argmax()]), float(recall[harmonic.argmax()])


def _joined(ranks: Iterator[Ranks]) -> Ranks:
    scores, hits = zip(*ranks, strict=True)
    return np.concatenate(scores), np.concatenate(hits)
