r"""How much of each frequency there is in a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft2

from nflows_heritage.classic.cosines import Samples

_ROUNDING = (1 / 255) ** 2 / 12


@dataclass(frozen=True)
class Spectrum:
    """The mean power of a picture's frequencies.

    Arguments:
        power: The power (n, n // 2 + 1), in units of that of rounding to 256 levels.
        down: The frequency of each row, in cycles a pixel.
        across: The frequency of each column.
    """

    power: NDArray[np.float64]
    down: NDArray[np.float64]
    across: NDArray[np.float64]

    @property
    def radius(self) -> NDArray[np.float64]:
        return np.hypot(self.down[:, None], self.across)


def spectrum_of(regions: Sequence[Samples], side: int) -> Spectrum:
    """The mean periodogram of squares that overlap by half, faded out to their rims (Welch 1967)."""
    window = np.hanning(side + 2)[1:-1]
    window = np.outer(window, window)
    total, count = np.zeros((side, side // 2 + 1)), 0
    for square in _squares(regions, side):
        spectrum = fft2((square - square.mean()) * window)
        total += np.abs(spectrum[:, : side // 2 + 1]) ** 2
        count += 1
    power = total / max(count, 1) / (window**2).sum() / _ROUNDING
    return Spectrum(power, np.fft.fftfreq(side).astype(np.float64), np.fft.rfftfreq(side).astype(np.float64))


def _squares(regions: Sequence[Samples], side: int) -> Iterator[NDArray[np.float64]]:
    for region in regions:
        grey = region.mean(2, dtype=np.float64)
        for top in range(0, grey.shape[0] - side + 1, side // 2):
            for left in range(0, grey.shape[1] - side + 1, side // 2):
                yield grey[top : top + side, left : left + side]
