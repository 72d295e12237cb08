"""Regions as noise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.fills.pasting import Hole, Way
from nflows_privacy.fills.settings import FillSettings

_AMPLITUDE = 0.25  # of the levels
_TILE = 128


class Noise(Way):
    """Uniform noise about the mean colour of the surroundings; of the region itself nothing goes into it.

    Noise that is *added* to a region hides nothing: who knows the seed subtracts it, and who does not has a denoiser.
    A tile of noise is repeated, so that a region of a video that grows by a pixel keeps its noise.
    """

    context, blind = 0.1, False  # it looks at nothing but the mean of the others

    def __call__(self, hole: Hole, seed: int) -> NDArray[Any]:
        height, width, channels = hole.pixels.shape
        tile = np.random.default_rng(seed).uniform(-_AMPLITUDE, _AMPLITUDE, (_TILE, _TILE, channels)) * hole.top
        noise = np.tile(tile.astype(np.float32), (-(-height // _TILE), -(-width // _TILE), 1))[:height, :width]
        return noise + hole.mean.astype(np.float32)


def load(settings: FillSettings) -> Noise:
    """The way, which has no settings."""
    return Noise()
