"""Regions reduced to few samples, and enlarged again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from nflows_privacy.fills.pasting import Hole, Way
from nflows_privacy.fills.pixelate import BLOCKS, block_means
from nflows_privacy.fills.settings import FillSettings


@dataclass(frozen=True)
class Downsample(Way):
    """The block means of `Pixelate`, interpolated: as a picture would look that a worse camera has taken.

    Arguments:
        strength: The strength.
    """

    strength: float = 1.0

    context, blind = 0.0, False

    def __call__(self, hole: Hole, seed: int) -> NDArray[Any]:
        import cv2

        means = block_means(hole, BLOCKS / self.strength)
        height, width = hole.pixels.shape[:2]
        return cv2.resize(means, (width, height), interpolation=cv2.INTER_LINEAR).reshape(hole.pixels.shape)


def load(settings: FillSettings) -> Downsample:
    """The way of settings."""
    return Downsample(settings.strength)
