"""What several detectors, or several looks of one, found: each thing once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.detection.base import Detector, Look
from nflows_privacy.regions import Region, boxes_array, iou

_SAME = 0.4  # intersection over union from which two boxes are of one thing


class Joined:
    """Several detectors as one.

    Arguments:
        detectors: The detectors, all of which are asked.
    """

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self.detectors = tuple(detectors)
        self.kinds: frozenset[str] = frozenset().union(*(detector.kinds for detector in detectors))

    def __call__(self, pixels: NDArray[np.uint8], look: Look = Look.THOROUGH) -> list[Region]:
        return distinct(region for detector in self.detectors for region in detector(pixels, look))


def distinct(regions: Iterable[Region]) -> list[Region]:
    """The regions, the surest first, without those that overlap a surer one of their kind: non-maximum suppression."""
    ranked = sorted(regions, key=lambda region: (-region.score, region.box, region.kind))
    kinds = np.array([region.kind for region in ranked])
    boxes = boxes_array(ranked)
    same = (iou(boxes, boxes) > _SAME) & (kinds[:, None] == kinds[None])
    kept: list[int] = []
    for index in range(len(ranked)):
        if not same[index, kept].any():
            kept.append(index)
    return [ranked[index] for index in kept]
