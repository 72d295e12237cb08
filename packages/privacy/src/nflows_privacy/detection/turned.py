"""People who lie, and cameras that do: a detector that looks at a picture whichever way up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.detection.base import Detector, Look
from nflows_privacy.detection.joined import distinct
from nflows_privacy.regions import Box, Region


class Turned:
    """A detector that looks at a picture and at the same turned by 90, 180 and 270 degrees, in four times the time.

    Arguments:
        detector: The detector.
    """

    def __init__(self, detector: Detector) -> None:
        self.kinds = detector.kinds
        self._detector = detector

    def __call__(self, pixels: NDArray[np.uint8], look: Look = Look.THOROUGH) -> list[Region]:
        return distinct(region for quarters in range(4) for region in self._looked(pixels, look, quarters))

    def _looked(self, pixels: NDArray[np.uint8], look: Look, quarters: int) -> Iterator[Region]:
        height, width = pixels.shape[:2]
        for region in self._detector(np.ascontiguousarray(np.rot90(pixels, quarters)), look):
            yield replace(region, box=turned_back(region.box, height, width, quarters))


def turned_back(box: Box, height: int, width: int, quarters: int) -> Box:
    """The box in a picture of a height and width, of one in the same picture turned by quarters to the left."""
    left, top, right, bottom = box
    return (
        box,
        Box(width - bottom, left, width - top, right),
        Box(width - right, height - bottom, width - left, height - top),
        Box(top, height - right, bottom, height - left),
    )[quarters]
