r"""A lens out of focus and a camera that moved: their kernels, from the spectrum of the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nflows_heritage.classic.cosines import Samples
from nflows_heritage.classic.deconvolution import deconvolved
from nflows_heritage.classic.spectra import Spectrum, spectrum_of
from nflows_heritage.distortions.blurs import blur_kernel, motion_kernel

_SHARPEST = 0.5
"""A sharp picture looks as if it were blurred by this, or less."""
_OWN = 0.15
"""The variance that a picture has of its own: the least that let no picture suffer of 40 that were blurred by known
amounts; too little sharpening costs some tenths of a decibel, too much costs several."""
_DECAY = 2.6
"""The power of a sharp picture's frequency f is in proportion to f to the minus this."""
_DECAY_ERROR = 0.2
_ABOVE_ROUNDING = 3.0
_SQUARE = 64

_LARGE_SQUARE = 128
_LENGTHS = np.arange(2, 28.5, 0.5)
_ANGLES = np.deg2rad(np.arange(0, 180, 3))
_DARKEST = 0.003
"""How much is left of a frequency that a motion has taken, because squares of a picture have soft rims."""
_EXPLAINED = 0.5
"""The part of the spectrum's shape that a motion must explain."""


@dataclass(frozen=True)
class OutOfFocus:
    """Undoes a lens out of focus.

    Arguments:
        sigma: The standard deviation of the blur in pixels; 0 is none.
    """

    sigma: float

    @property
    def is_idle(self) -> bool:
        return self.sigma == 0

    @property
    def halo(self) -> int:
        return 12 * math.ceil(self.sigma) + 48

    def __call__(self, tile: Samples, corner: tuple[int, int] = (0, 0)) -> Samples:
        return tile.copy() if self.is_idle else deconvolved(tile, blur_kernel(self.sigma).numpy(), 16, corner)


@dataclass(frozen=True)
class Moved:
    """Undoes an even motion of the camera.

    Arguments:
        length: The length of the way in pixels; 0 is none.
        angle: The angle of the way from the x axis towards the y axis, which points down, in degrees.
    """

    length: float
    angle: float

    @property
    def is_idle(self) -> bool:
        return self.length == 0

    @property
    def halo(self) -> int:
        return 4 * math.ceil(self.length) + 48

    def __call__(self, tile: Samples, corner: tuple[int, int] = (0, 0)) -> Samples:
        if self.is_idle:
            return tile.copy()
        return deconvolved(tile, motion_kernel(self.length, math.radians(self.angle)).numpy(), 7, corner)


def out_of_focus_of(regions: Sequence[Samples]) -> OutOfFocus:
    r"""The blur that explains how fast the spectrum falls off.

    .. math:: \log P(f) = a - \alpha \log f - 4 \pi^2 \sigma^2 f^2

    by least squares over the frequencies that rounding has not drowned, with :math:`\alpha` near to what it is in
    natural pictures (Field 1987).
    """
    side = _fitting(regions, _SQUARE)
    if side < 16:
        return OutOfFocus(0.0)
    frequency, power = _profile(spectrum_of(regions, side))
    if len(frequency) < 4:
        return OutOfFocus(0.0)
    terms = np.stack([np.ones_like(frequency), -np.log(frequency), -4 * np.pi**2 * frequency**2], 1)
    prior = [[0, 1 / _DECAY_ERROR, 0]]
    target = np.append(np.log(power), _DECAY / _DECAY_ERROR)
    _, _, variance = np.linalg.lstsq(np.concatenate([terms, prior]), target, rcond=None)[0]
    return OutOfFocus(math.sqrt(variance - _OWN) if variance > _SHARPEST**2 else 0.0)


def _profile(spectrum: Spectrum) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies and their mean power in all directions, up to where it drowns in rounding, which is taken off."""
    side = len(spectrum.down)
    ring = np.round(spectrum.radius * side).astype(int)
    power = np.bincount(ring.ravel(), spectrum.power.ravel()) / np.bincount(ring.ravel())
    rings = np.arange(2, side // 2)
    drowned = np.flatnonzero(power[rings] <= _ABOVE_ROUNDING)
    rings = rings[: drowned[0]] if len(drowned) else rings
    return rings / side, power[rings] - 1


def moved_of(regions: Sequence[Samples]) -> Moved:
    """The motion of `motion_in`; one that explains less than half of what there is to explain is none."""
    length, angle, part = motion_in(regions)
    return Moved(length, math.degrees(angle) % 180) if part > _EXPLAINED else Moved(0.0, 0.0)


def motion_in(regions: Sequence[Samples]) -> tuple[float, float, float]:
    r"""The motion whose dark stripes explain the spectrum best.

    .. math:: \log P(f) = a - \alpha \log |f| + \log\left(\mathrm{sinc}^2(L u^T f) + \epsilon\right)

    Length L and direction u are searched for, a and :math:`\alpha` are by least squares.

    Returns:
        The length in pixels, the angle in radians, and the part that they explain of what :math:`|f|` leaves
        unexplained; zeros where the regions are too small.
    """
    side = _fitting(regions, _LARGE_SQUARE)
    if side < 32:
        return 0.0, 0.0, 0.0
    spectrum = spectrum_of(regions, side)
    radius = spectrum.radius
    used = (radius > 2.5 / side) & (radius < 0.36)
    down, across = np.broadcast_arrays(spectrum.down[:, None], spectrum.across)
    trend, _ = np.linalg.qr(np.stack([np.ones(used.sum()), np.log(radius[used])], 1))
    observed = np.log(spectrum.power[used] + 0.1)
    observed -= trend @ (trend.T @ observed)

    def explained(length: float, angle: float) -> float:
        phase = length * (math.cos(angle) * across[used] + math.sin(angle) * down[used])
        stripes = np.log(np.sinc(phase) ** 2 + _DARKEST)
        stripes -= trend @ (trend.T @ stripes)
        return float((2 * observed - stripes) @ stripes / max(observed @ observed, 1e-9))

    candidates = [(explained(length, angle), length, angle) for length in _LENGTHS[::2] for angle in _ANGLES]
    _, length, angle = max(candidates)
    near = [(length + d, angle + math.radians(turn)) for d in (-0.5, 0, 0.5) for turn in range(-3, 4)]
    part, length, angle = max((explained(*one), *one) for one in near)
    return float(length), angle, part


def _fitting(regions: Sequence[Samples], largest: int) -> int:
    """The side of squares that fit into every region, even."""
    sides = [int(min(region.shape[:2])) for region in regions]
    return min(largest, *sides) // 2 * 2
