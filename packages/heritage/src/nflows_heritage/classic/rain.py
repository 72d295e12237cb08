r"""Bright streaks of rain, which slant one way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, grey_opening, maximum_filter1d, minimum_filter1d

from nflows_heritage.classic.cosines import Samples
from nflows_heritage.classic.filling import filled

_WIDEST = 7
"""Bright structures narrower than this across may be streaks, in pixels."""
_LENGTH = 9
"""Shorter ones than this are none."""
_FAINTNESSES = (0.03, 0.05, 0.08, 0.12, 0.18, 0.25)
_ANGLES = np.arange(-40, 41, 5)
_DOMINANT = 2.5
"""How much more there must be of streaks in one direction than in those far from it."""
_FAR = 20
_FEWEST = 0.002
"""The least part of the pixels that rain hits."""


@dataclass(frozen=True)
class Rain:
    """Fills in streaks from what is around them, which they have made lighter.

    Arguments:
        angle: The slant in degrees, 0 upright, positive where the streaks lean to the right at the bottom.
        faintest: How much lighter than the ground a streak is at least; 0 is no rain.
    """

    angle: float
    faintest: float

    @property
    def halo(self) -> int:
        return 40

    def __call__(self, tile: Samples, corner: tuple[int, int] = (0, 0)) -> Samples:
        if self.faintest == 0:
            return tile.copy()
        is_streak = binary_dilation(_streaks(tile, self.angle) > self.faintest, np.ones((3, 3)))
        return np.minimum(filled(tile, is_streak, corner), tile)


def rain_of(regions: Sequence[Samples]) -> Rain:
    """The slant of most streaks, and how faint they may be to outnumber by far what other directions take for some."""
    parts = np.array([_parts(regions, float(angle)) for angle in _ANGLES])
    best = int(np.argmax(parts.sum(1)))
    others = parts[np.abs(_ANGLES - _ANGLES[best]) >= _FAR].mean(0)
    for part, other, faintest in zip(parts[best], others, _FAINTNESSES, strict=True):
        if part > max(_DOMINANT * other, _FEWEST):
            return Rain(float(_ANGLES[best]), faintest)
    return Rain(0.0, 0.0)


def _parts(regions: Sequence[Samples], angle: float) -> NDArray[np.float64]:
    """The part of the pixels that are in streaks of each faintness or brighter."""
    streaks = np.concatenate([_streaks(region, angle).ravel() for region in regions])
    return np.array([(streaks > faintest).mean() for faintest in _FAINTNESSES])


def _streaks(tile: Samples, angle: float) -> Samples:
    """How much lighter each pixel is than what is beside it, all along a line through it."""
    lighter = tile.min(2)
    ground = maximum_filter1d(minimum_filter1d(lighter, _WIDEST, 1, mode="mirror"), _WIDEST, 1, mode="mirror")
    return np.asarray(grey_opening(lighter - ground, footprint=_line(angle), mode="mirror"))


def _line(angle: float) -> NDArray[np.bool_]:
    """The pixels of a line of the least length, with a slant."""
    rows = np.arange(_LENGTH) - _LENGTH // 2
    columns = np.round(rows * math.tan(math.radians(angle))).astype(int)
    line = np.zeros((_LENGTH, 2 * int(np.abs(columns).max()) + 1), bool)
    line[rows + _LENGTH // 2, columns + line.shape[1] // 2] = True
    return line
