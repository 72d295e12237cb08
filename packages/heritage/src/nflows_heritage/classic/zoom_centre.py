r"""Where a zoom went and how far, from the dark stripes in the spectra of the parts of a picture.

A small part is blurred as if the camera had moved along the ray from the centre, by :math:`2 a |p - c|` pixels: each
part says which motions may have been, and the zoom is that which all of them agree upon.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft2

from nflows_heritage.classic.look import Region

_SIDE = 64
_LENGTHS = np.arange(0, 42, 0.5)
_ANGLES = np.deg2rad(np.arange(0, 180, 5))
_DARKEST = 0.003
"""How much is left of a frequency that a motion has taken, because squares of a picture have soft rims."""
_ZOOMS = np.concatenate([np.arange(0.004, 0.03, 0.002), np.arange(0.03, 0.121, 0.003)])
_GRID = 11

Array = NDArray[np.float64]


def zoom_in(regions: Sequence[Region], height: int, width: int) -> tuple[float, float, float, float]:
    """The zoom that explains the spectra best, with its centre in the middle half of the picture.

    Returns:
        The zoom, the row and the column of the centre, and the part of the spectra's shape that it explains.
    """
    squares = list(_squares(regions))
    if not squares:
        return 0.0, 0.0, 0.0, 0.0
    rows, columns = (np.array([square[axis] for square in squares]) for axis in (0, 1))
    scores, total = _scores(np.stack([square[2] for square in squares]))
    best = (-math.inf, 0.0, height / 2 - 0.5, width / 2 - 0.5)
    reach, zooms = (height / 4, width / 4), _ZOOMS
    for _ in range(3):
        _, zoom, *middle = best
        candidates = [(b + r * np.linspace(-1, 1, _GRID)) for b, r in zip(middle, reach, strict=True)]
        for row in candidates[0]:
            for column in candidates[1]:
                values = _explained(scores, rows - row, columns - column, zooms)
                best = max(best, (float(values.max()), float(zooms[values.argmax()]), float(row), float(column)))
        reach, zooms = (reach[0] / 4, reach[1] / 4), best[1] * np.linspace(0.9, 1.1, 9)
    explained, zoom, row, column = best
    return zoom, row, column, explained / max(total, 1e-9)


def _squares(regions: Sequence[Region]) -> Iterator[tuple[float, float, Array]]:
    """Row and column of the middle, and the logarithm of the power, of squares that overlap by half."""
    window = np.hanning(_SIDE + 2)[1:-1]
    window = np.outer(window, window)
    for region in regions:
        grey = region.samples.mean(2, dtype=np.float64)
        for top in range(0, grey.shape[0] - _SIDE + 1, _SIDE // 2):
            for left in range(0, grey.shape[1] - _SIDE + 1, _SIDE // 2):
                square = grey[top : top + _SIDE, left : left + _SIDE]
                power = np.abs(rfft2((square - square.mean()) * window)) ** 2
                middle = (_SIDE - 1) / 2
                yield region.corner[0] + top + middle, region.corner[1] + left + middle, np.log(power + 1e-5)


def _explained(scores: Array, down: Array, across: Array, zooms: Array) -> Array:
    """What each zoom explains in all squares together, at these distances from its centre."""
    angle = np.round(np.mod(np.arctan2(down, across), math.pi) / (_ANGLES[1] - _ANGLES[0])).astype(int) % len(_ANGLES)
    lengths = 2 * zooms[:, None] * np.hypot(down, across)
    index = np.minimum(np.round(lengths / (_LENGTHS[1] - _LENGTHS[0])).astype(int), len(_LENGTHS) - 1)
    return np.asarray(scores[np.arange(len(down)), index, angle].sum(1))


def _scores(spectra: Array) -> tuple[Array, float]:
    """What a motion of each length and angle explains in each square (N, L, A), and what there is to explain."""
    used, trend, stripes = _templates()
    observed = spectra[:, used]
    observed = observed - (observed @ trend) @ trend.T
    power = (stripes**2).sum(1)
    scores = 2 * observed @ stripes.T - power
    return scores.reshape(len(spectra), len(_LENGTHS), len(_ANGLES)), float((observed**2).sum())


@lru_cache(maxsize=1)
def _templates() -> tuple[NDArray[np.bool_], Array, Array]:
    """The frequencies that are used, a basis of what falls off with them, and the stripes of each motion."""
    down, across = np.broadcast_arrays(np.fft.fftfreq(_SIDE)[:, None], np.fft.rfftfreq(_SIDE))
    radius = np.hypot(down, across)
    used = (radius > 2.5 / _SIDE) & (radius < 0.36)
    trend, _ = np.linalg.qr(np.stack([np.ones(used.sum()), np.log(radius[used])], 1))
    stripes = []
    for length in _LENGTHS:
        for angle in _ANGLES:
            phase = length * (math.cos(angle) * across[used] + math.sin(angle) * down[used])
            soft = length / _SIDE  # the squares' soft rims blur their spectra by one frequency
            left = sum(w * np.sinc(phase + shift) ** 2 for w, shift in ((4, 0), (1, soft), (1, -soft))) / 6
            stripes.append(np.log(left + _DARKEST))
    flat = np.array(stripes)
    return used, trend, flat - (flat @ trend) @ trend.T
