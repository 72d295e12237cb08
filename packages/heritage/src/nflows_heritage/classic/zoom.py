r"""A zoom during the exposure, which blurs along the rays from one point, the more the further from it.

In the logarithm of the distance, :math:`u = \log |p - c|`, such a blur is the same everywhere: the mean of the sizes
:math:`1 - a` to :math:`1 + a` is a correlation along u with the density :math:`e^v / 2a` of :math:`v = \log(1 + a t)`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.ndimage import map_coordinates

from nflows_heritage.classic.cosines import Samples, shrunk
from nflows_heritage.classic.look import Look
from nflows_heritage.classic.zoom_centre import zoom_in

_EXPLAINED = 0.075
"""The part of the shape of the spectra that a zoom must explain."""
_NEAREST = 6.0
"""Nearer to the centre than this there is nothing to undo, in pixels."""
_WIDEST_HALO = 256
_ROUNDS = ((0.1, 0.02), (0.05, 0.012), (0.03, 0.008))
"""The noise of what is sampled along rays, and the threshold in the blocks' cosines, in each round."""


@dataclass(frozen=True)
class Zoomed:
    """Undoes a zoom.

    Arguments:
        zoom: The extent a, from sizes of 1 - a to 1 + a; 0 is none.
        row: The row of the centre, in pixels.
        column: The column of the centre.
        furthest: The largest distance from the centre in the picture, in pixels.
    """

    zoom: float
    row: float
    column: float
    furthest: float

    @property
    def is_idle(self) -> bool:
        return self.zoom == 0

    @property
    def halo(self) -> int:
        return min(32 + math.ceil(4 * self.zoom * self.furthest), _WIDEST_HALO)

    def __call__(self, tile: Samples, corner: tuple[int, int] = (0, 0)) -> Samples:
        if self.is_idle:
            return tile.copy()
        rays = _Rays.over(tile, self.row - corner[0], self.column - corner[1], self.zoom)
        seen, result = rays.sampled(tile), tile
        for noise, sigma in _ROUNDS:
            missing = rays.undone(seen, rays.sampled(result), self.zoom, noise)
            result = shrunk(result + rays.back(missing), sigma**2, 1.0, corner=corner)
        return np.clip(result, 0, 1)


def zoomed_of(look: Look) -> Zoomed:
    """The zoom of a picture that is looked at."""
    height, width, _ = look.shape
    zoom, row, column, explained = zoom_in(look.regions, height, width)
    furthest = math.hypot(max(row, height - row), max(column, width - column))
    return Zoomed(zoom if explained > _EXPLAINED else 0.0, row, column, furthest)


@dataclass(frozen=True)
class _Rays:
    """Places along rays from a centre: at each angle, logarithms of the distance at even steps."""

    centre: tuple[float, float]
    size: tuple[int, int]
    angles: NDArray[np.float64]
    logs: NDArray[np.float64]
    is_round: bool

    @classmethod
    def over(cls, tile: Samples, row: float, column: float, zoom: float) -> _Rays:
        """The rays that cover a tile, as dense as its pixels where they are furthest apart."""
        height, width = tile.shape[:2]
        down, across = np.array([0, height - 1]) - row, np.array([0, width - 1]) - column
        furthest = math.hypot(np.abs(down).max(), np.abs(across).max())
        inside = down[0] <= 0 <= down[1] and across[0] <= 0 <= across[1]
        nearest = math.hypot(*(0.0 if a <= 0 <= b else min(abs(a), abs(b)) for a, b in (down, across)))
        low, high = max(nearest * (1 - zoom), _NEAREST), max(furthest, _NEAREST + 1) * (1 + 2 * zoom)
        start, turn = -math.pi, 2 * math.pi
        if not inside:
            middle = math.atan2(down.mean(), across.mean())
            corners = np.array([math.atan2(y, x) for y in down for x in across])
            off = (corners - middle + math.pi) % (2 * math.pi) - math.pi
            margin = 2 / max(nearest, 1)
            start, turn = middle + off.min() - margin, np.ptp(off) + 2 * margin
        count = max(math.ceil(turn * furthest), 8)
        logs = np.arange(math.log(low), math.log(high) + 1 / furthest, 1 / furthest)
        return cls((row, column), (height, width), start + turn * np.arange(count) / count, logs, inside)

    def sampled(self, tile: Samples) -> Samples:
        """The tile at the places (angles, logs, C)."""
        distance = np.exp(self.logs)
        down = self.centre[0] + np.outer(np.sin(self.angles), distance)
        across = self.centre[1] + np.outer(np.cos(self.angles), distance)
        return _at(tile, down, across)

    def undone(self, seen: Samples, guess: Samples, zoom: float, noise: float) -> Samples:
        r"""What a guess x lacks whose zoom should be y, along the rays: :math:`\bar k (y - k x) / (|k|^2 + n)`."""
        step = self.logs[1] - self.logs[0]
        n = seen.shape[1]
        reach = math.ceil(3 * zoom / step)
        length = next_fast_len(n + 2 * reach, real=True)
        frequency = np.arange(length // 2 + 1) / length
        response = _response(zoom, 2 * math.pi * frequency / step)
        gain = np.conj(response) / (np.abs(response) ** 2 + noise)

        def spectrum(samples: Samples) -> NDArray[np.complex64]:
            padded = np.pad(samples, [(0, 0), (reach, length - n - reach), (0, 0)], mode="symmetric")
            return np.asarray(rfft(padded, axis=1))

        blurring, sharpening = (one[None, :, None].astype(np.complex64) for one in (response, gain))
        missing = irfft(sharpening * (spectrum(seen) - blurring * spectrum(guess)), n=length, axis=1)
        return np.asarray(missing[:, reach : reach + n], np.float32)

    def back(self, samples: Samples) -> Samples:
        """The tile (h, w, C) of samples at the places."""
        down, across = np.meshgrid(
            *(np.arange(n) - c for n, c in zip(self.size, self.centre, strict=True)), indexing="ij"
        )
        distance = np.maximum(np.hypot(down, across), 1e-3)
        step, turn = self.logs[1] - self.logs[0], self.angles[1] - self.angles[0]
        place = (np.log(distance) - self.logs[0]) / step
        angle = (np.arctan2(down, across) - self.angles[0]) % (2 * math.pi) / turn
        ends = samples[:4], samples[-4:]
        samples = np.concatenate([ends[1], samples, ends[0]] if self.is_round else [samples])
        share = np.clip((distance - _NEAREST) / _NEAREST, 0, 1).astype(np.float32)
        found = _at(samples, angle + (4 if self.is_round else 0), np.maximum(place, 0))
        return np.asarray(found * share[..., None], np.float32)


def _at(image: Samples, down: NDArray[np.float64], across: NDArray[np.float64]) -> Samples:
    channels = [map_coordinates(image[..., c], [down, across], order=3, mode="nearest") for c in range(image.shape[2])]
    return np.asarray(np.stack(channels, 2), np.float32)


def _response(zoom: float, omega: NDArray[np.float64]) -> NDArray[np.complex128]:
    r""":math:`\int_{-1}^1 \tfrac12 (1 + a t)^{i \omega} \, dt`, the response at an angular frequency along u."""
    power = 1 + 1j * omega
    return np.asarray((np.power(1 + zoom, power) - np.power(1 - zoom, power)) / (2 * zoom * power))
