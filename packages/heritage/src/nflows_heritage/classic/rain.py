r"""Bright streaks of rain, which slant one way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, grey_opening, maximum_filter1d, minimum_filter1d, uniform_filter

from nflows_heritage.classic.cosines import Samples
from nflows_heritage.classic.filling import filled

_WHITE = 0.85
"""How bright rain is."""
_ROOM = 0.04
"""How much darker than rain the ground must be for rain to show."""
_WIDEST = 7
"""Structures narrower than this across may be streaks, in pixels."""
_LENGTH = 9
"""Shorter ones than this are none."""
_OPACITIES = (0.25, 0.35, 0.45)
_ANGLES = np.arange(-40, 41, 5)
_DOMINANT = 2.5
"""How much more there must be of streaks in one direction than in those far from it, in the whole picture."""
_AROUND = 3.0
"""The same within some pixels of a streak, so that texture, which has lines in all directions, is left alone."""
_NEAR = 25
_FAR = 20
_FEWEST = 0.002
"""The least part of the pixels that rain hits."""


@dataclass(frozen=True)
class Rain:
    """Fills in streaks from what is around them, which they have made lighter.

    Arguments:
        angle: The slant in degrees, 0 upright, positive where the streaks lean to the right at the bottom.
        faintest: The least opacity of a streak; 0 is no rain.
    """

    angle: float
    faintest: float

    @property
    def is_idle(self) -> bool:
        return self.faintest == 0

    @property
    def halo(self) -> int:
        return 40

    def __call__(self, tile: Samples, corner: tuple[int, int] = (0, 0)) -> Samples:
        if self.is_idle:
            return tile.copy()
        is_streak = binary_dilation(self._is_streak(tile), np.ones((3, 3)))
        return np.minimum(filled(tile, is_streak, corner), tile)

    def _is_streak(self, tile: Samples) -> NDArray[np.bool_]:
        """Where a line at the slant is, and in its neighbourhood few at other angles."""
        opacity = _opacity(tile)
        is_line = _along(opacity, self.angle) > self.faintest
        far = _ANGLES[np.abs(_ANGLES - self.angle) >= _FAR]
        others = np.mean([_share(_along(opacity, float(angle)) > self.faintest) for angle in far], axis=0)
        return np.asarray(is_line & (_share(is_line) > _AROUND * others))


def rain_of(regions: Sequence[Samples]) -> Rain:
    """The slant of most streaks, and how faint they may be to outnumber by far what other directions take for some."""
    angle, parts, others = streaks_in(regions)
    for part, other, faintest in zip(parts, others, _OPACITIES, strict=True):
        if part > max(_DOMINANT * other, _FEWEST):
            return Rain(angle, faintest)
    return Rain(0.0, 0.0)


def streaks_in(regions: Sequence[Samples]) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """The slant with the most lines, the part of the pixels in lines of each of three opacities or more that have it,
    and the mean of those in other directions."""
    opacities = [_opacity(region) for region in regions]
    parts = np.array([_parts(opacities, float(angle)) for angle in _ANGLES])
    best = int(np.argmax(parts.sum(1)))
    others = parts[np.abs(_ANGLES - _ANGLES[best]) >= _FAR].mean(0)
    return float(_ANGLES[best]), parts[best], others


def _parts(opacities: Sequence[Samples], angle: float) -> NDArray[np.float64]:
    """The part of the pixels that are in streaks of each opacity or more."""
    lines = np.concatenate([_along(opacity, angle).ravel() for opacity in opacities])
    return np.array([(lines > faintest).mean() for faintest in _OPACITIES])


def _opacity(tile: Samples) -> Samples:
    r"""The least of :math:`(y - g) / (w - g)` in all channels, with the ground :math:`g` beside a pixel :math:`y`.

    Rain of one colour :math:`w` has the same opacity in all channels; coloured paint mostly lacks it in one.
    """
    ground = maximum_filter1d(minimum_filter1d(tile, _WIDEST, 1, mode="mirror"), _WIDEST, 1, mode="mirror")
    room = _WHITE - ground
    opacity = np.where(room > _ROOM, (tile - ground) / np.maximum(room, _ROOM), np.inf).min(2)
    return np.where(np.isinf(opacity), 0, np.clip(opacity, 0, 1)).astype(np.float32)


def _along(opacity: Samples, angle: float) -> Samples:
    """The least opacity all along a line through each pixel, the best one that does."""
    return np.asarray(grey_opening(opacity, footprint=_line(angle), mode="mirror"))


def _share(mask: NDArray[np.bool_]) -> Samples:
    return np.asarray(uniform_filter(mask.astype(np.float32), _NEAR))


def _line(angle: float) -> NDArray[np.bool_]:
    """The pixels of a line of the least length, with a slant."""
    rows = np.arange(_LENGTH) - _LENGTH // 2
    columns = np.round(rows * math.tan(math.radians(angle))).astype(int)
    line = np.zeros((_LENGTH, 2 * int(np.abs(columns).max()) + 1), bool)
    line[rows + _LENGTH // 2, columns + line.shape[1] // 2] = True
    return line
