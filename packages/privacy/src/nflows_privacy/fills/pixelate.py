"""Regions as few blocks of one colour each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from nflows_privacy.fills.pasting import Hole, Way
from nflows_privacy.fills.settings import FillSettings

BLOCKS = 4


@dataclass(frozen=True)
class Pixelate(Way):
    """The means of 4 / s blocks along a region's longer side, for the strength s, and of as many as fit the other.

    Arguments:
        strength: The strength.
    """

    strength: float = 1.0

    context, blind = 0.0, False

    def __call__(self, hole: Hole, seed: int) -> NDArray[Any]:
        import cv2

        means = block_means(hole, BLOCKS / self.strength)
        height, width = hole.pixels.shape[:2]
        return cv2.resize(means, (width, height), interpolation=cv2.INTER_NEAREST).reshape(hole.pixels.shape)


def load(settings: FillSettings) -> Pixelate:
    """The way of settings."""
    return Pixelate(settings.strength)


def block_means(hole: Hole, blocks: float) -> NDArray[Any]:
    """The means of blocks that are as square as they can be while all of them are of one size.

    Arguments:
        hole: The window.
        blocks: How many blocks there are along ``side``.
    """
    import cv2

    across, down = (max(1, round(length * blocks / hole.side)) for length in hole.pixels.shape[1::-1])
    return cv2.resize(hole.pixels, (across, down), interpolation=cv2.INTER_AREA)
