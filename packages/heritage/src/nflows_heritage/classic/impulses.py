"""Salt and pepper: pixels that are black or white, and are not meant to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from nflows_heritage.classic.cosines import Samples
from nflows_heritage.classic.filling import filled

_TOLERANCE = 0.5 / 255
_CROWDED = 0.6
"""Where more of the 25 pixels around are black, or white, the picture is so itself."""
_CLOSE = 0.04
"""What is filled in, and differs by less from what was there, was no impulse."""
_FEWEST = 0.004


@dataclass(frozen=True)
class SaltAndPepper:
    """Replaces pixels that are black or white in all channels, other than those around them.

    Arguments:
        share: The part of the pixels that were hit; none is none.
    """

    share: float

    @property
    def halo(self) -> int:
        return 32

    def __call__(self, tile: Samples, corner: tuple[int, int] = (0, 0)) -> Samples:
        if self.share == 0:
            return tile.copy()
        salt, pepper = _impulses(tile)
        is_hit = salt | pepper
        result = filled(tile, is_hit, corner)
        same = np.abs(result - tile).max(2) < _CLOSE
        return np.where((is_hit & ~same)[..., None], result, tile)


def salt_and_pepper_of(regions: Sequence[Samples]) -> SaltAndPepper:
    """Twice the rarer of salt and pepper, which are as many; a picture's own black or white has no such pair."""
    share = 2 * min(impulses_in(regions))
    return SaltAndPepper(share if share >= _FEWEST else 0.0)


def impulses_in(regions: Sequence[Samples]) -> tuple[float, float]:
    """The parts of the pixels that are salt, and pepper."""
    counts = np.sum([[kind.sum() for kind in _impulses(region)] for region in regions], 0)
    salt, pepper = (counts / sum(region.shape[0] * region.shape[1] for region in regions)).tolist()
    return salt, pepper


def _impulses(tile: Samples) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """White and black pixels that are not in a crowd of their like."""
    extremes = (tile >= 1 - _TOLERANCE).all(2), (tile <= _TOLERANCE).all(2)
    crowds = [uniform_filter(extreme.astype(np.float32), 5, mode="mirror") > _CROWDED for extreme in extremes]
    salt, pepper = (extreme & ~crowd for extreme, crowd in zip(extremes, crowds, strict=True))
    return salt, pepper
