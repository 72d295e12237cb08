"""Detectors of which not all counts that they find."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.detection.base import Detector, Look
from nflows_privacy.regions import Region, boxes_array, iou

_SAME = 0.3
"""The intersection over union from which on two boxes are of one face."""


class OfKinds:
    """A detector of which only some kinds of things count.

    Arguments:
        detector: The detector.
        kinds: The kinds.

    Raises:
        ValueError: It does not look for one of them.
    """

    def __init__(self, detector: Detector, kinds: Sequence[str]) -> None:
        if missing := [kind for kind in kinds if kind not in detector.kinds]:
            found = ", ".join(sorted(detector.kinds))
            raise ValueError(f"`kinds`: nothing looks for {missing[0]}; the detectors find {found}")
        self.kinds = frozenset(kinds)
        self._detector = detector

    def __call__(self, pixels: NDArray[np.uint8], look: Look = Look.THOROUGH) -> list[Region]:
        return [region for region in self._detector(pixels, look) if region.kind in self.kinds]


class Sparing:
    """A detector that does not find again what is spared.

    Arguments:
        detector: The detector.
        kept: The faces that stay.
    """

    def __init__(self, detector: Detector, kept: Sequence[Region]) -> None:
        self.kinds = detector.kinds
        self._detector, self._kept = detector, boxes_array(kept)

    def __call__(self, pixels: NDArray[np.uint8], look: Look = Look.THOROUGH) -> list[Region]:
        found = self._detector(pixels, look)
        shared = iou(boxes_array(found), self._kept)
        return [region for region, overlap in zip(found, shared, strict=True) if overlap.max() < _SAME]
