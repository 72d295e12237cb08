"""A detector that the tests know all about: it finds what is purely red."""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from nflows_privacy.detection import DetectorSettings, Look, NamedDetector
from nflows_privacy.regions import Box, Region

RED = (255, 0, 0)


class Squares:
    """Finds connected pixels of pure red, four or more, as faces; by a check less too."""

    kinds: frozenset[str] = frozenset({"face"})
    fails_on: ClassVar[int | None] = None
    """The width of pictures on which it raises an error, as a network out of memory does."""

    def __call__(self, pixels: NDArray[np.uint8], look: Look = Look.THOROUGH) -> list[Region]:
        if pixels.shape[1] == self.fails_on:
            raise RuntimeError("the network cannot be run")
        red = (pixels == RED).all(axis=2).astype(np.uint8)
        _, _, found, _ = cv2.connectedComponentsWithStats(red)
        least = 1 if look.is_check else 4
        return [
            Region(Box(float(left), float(top), float(left + width), float(top + height)), "face", 0.9)
            for left, top, width, height, pixels_in_it in found[1:].tolist()
            if pixels_in_it >= least
        ]


def load(settings: DetectorSettings) -> Squares:
    return Squares()


SQUARES = NamedDetector(load)
