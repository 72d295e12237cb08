"""Salt and pepper: pixels that are black or white, and are not meant to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve, uniform_filter

from nflows_heritage.classic.cosines import Samples
from nflows_heritage.classic.filling import filled

_TOLERANCE = 0.5 / 255
_CROWDED = 0.6
"""Where more of the 25 pixels around are black, or white, the picture is so itself."""
_CLOSE = 0.04
"""What is filled in, and differs by less from what was there, was no impulse."""
_FEWEST, _MOST = 0.004, 0.45
_TONELESS = 0.95
"""Where more is black or white it is a drawing, or a print in dots."""
_ALONE = 0.25
"""Of what hits three tenths of the pixels, half of it black and half of it white, half is alone."""
_CROSS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.uint8)


@dataclass(frozen=True)
class SaltAndPepper:
    """Replaces pixels that are black or white in all channels, other than those around them.

    Arguments:
        share: The part of the pixels that were hit; none is none.
    """

    share: float

    @property
    def is_idle(self) -> bool:
        return self.share == 0

    @property
    def halo(self) -> int:
        return 32

    def __call__(self, tile: Samples, corner: tuple[int, int] = (0, 0)) -> Samples:
        if self.is_idle:
            return tile.copy()
        salt, pepper = _impulses(tile)
        is_hit = salt | pepper
        result = filled(tile, is_hit, corner)
        same = np.abs(result - tile).max(2) < _CLOSE
        return np.where((is_hit & ~same)[..., None], result, tile)


def salt_and_pepper_of(regions: Sequence[Samples]) -> SaltAndPepper:
    """Twice the rarer of salt and pepper, which are as many; a picture's own black or white has no such pair, the ink
    of lines and letters is not alone, and what is drawn in dots is black or white all over."""
    share, alone = 2 * min(impulses_in(regions)), min(loneliness_in(regions))
    is_noise = _FEWEST <= share <= _MOST and alone > _ALONE and _toneless(regions) < _TONELESS
    return SaltAndPepper(share if is_noise else 0.0)


def _toneless(regions: Sequence[Samples]) -> float:
    """The part of the pixels that are black or white."""
    found = sum(int(extreme.sum()) for region in regions for extreme in _extremes(region))
    return found / sum(int(np.prod(region.shape[:2])) for region in regions)


def impulses_in(regions: Sequence[Samples]) -> tuple[float, float]:
    """The parts of the pixels that are salt, and pepper."""
    counts = np.sum([[kind.sum() for kind in _impulses(region)] for region in regions], 0)
    salt, pepper = (counts / sum(region.shape[0] * region.shape[1] for region in regions)).tolist()
    return salt, pepper


def loneliness_in(regions: Sequence[Samples]) -> tuple[float, float]:
    r"""The parts of salt, and of pepper, without their like above, below, left or right: :math:`(1 - p)^4` of what hits
    a part p of the pixels at random."""
    alone = np.sum([[kind.sum() for kind in _lone(region)] for region in regions], 0)
    hits = np.sum([[kind.sum() for kind in _impulses(region)] for region in regions], 0)
    salt, pepper = (alone / np.maximum(hits, 1)).tolist()
    return salt, pepper


def _lone(tile: Samples) -> list[NDArray[np.bool_]]:
    found = zip(_impulses(tile), _extremes(tile), strict=True)
    return [kind & (convolve(extreme.astype(np.uint8), _CROSS, mode="mirror") == 0) for kind, extreme in found]


def _extremes(tile: Samples) -> list[NDArray[np.bool_]]:
    """Where it is white, and black."""
    return [np.asarray(extreme.all(2)) for extreme in (tile >= 1 - _TOLERANCE, tile <= _TOLERANCE)]


def _impulses(tile: Samples) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """White and black pixels that are not in a crowd of their like."""
    extremes = _extremes(tile)
    crowds = [uniform_filter(extreme.astype(np.float32), 5, mode="mirror") > _CROWDED for extreme in extremes]
    salt, pepper = (extreme & ~crowd for extreme, crowd in zip(extremes, crowds, strict=True))
    return salt, pepper
