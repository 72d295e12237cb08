"""Regions in one colour."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.fills.pasting import Hole, Way
from nflows_privacy.fills.settings import FillSettings


class Solid(Way):
    """Black: nothing but the size of a region is left, and nobody takes it for a part of the scene.

    A colour of the surroundings would flicker in a video.
    """

    context, blind = 0.0, False  # it does not look

    def __call__(self, hole: Hole, seed: int) -> NDArray[Any]:
        return np.zeros_like(hole.pixels)


def load(settings: FillSettings) -> Solid:
    """The way, which has no settings."""
    return Solid()
