r"""Noise that was cut off at black and white, which makes dark places lighter and light ones darker on the average."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from nflows_heritage.classic.cosines import Samples

_LIGHTS = np.linspace(0, 1, 1025)


@dataclass(frozen=True)
class ClippedNoise:
    r"""What :math:`y = \mathrm{clip}(x + s(x) \epsilon, 0, 1)` is on the average, with normal :math:`\epsilon`.

    .. math:: \mathrm{E}[y] = x \, (\Phi_1 - \Phi_0) + s \, (\varphi_0 - \varphi_1) + 1 - \Phi_1, \qquad
        \Phi_k = \Phi\left(\frac{k - x}{s}\right)

    (Foi 2009, "Clipped noisy images: heteroskedastic modeling and practical denoising", section 3).

    Arguments:
        sigma: The standard deviation :math:`\sigma`.
        in_proportion: Whether :math:`s(x) = \sigma x`, not :math:`\sigma`.
    """

    sigma: float
    in_proportion: bool = False

    def variance(self, mean: Samples) -> Samples:
        """The variance of samples whose expectation is this."""
        means, variances = _moments(self)
        return np.interp(mean, means, variances).astype(np.float32)

    def light(self, mean: Samples) -> Samples:
        """The light :math:`x` of samples whose expectation is this."""
        means, _ = _moments(self)
        return np.interp(mean, means, _LIGHTS).astype(np.float32)


@lru_cache(maxsize=64)
def _moments(noise: ClippedNoise) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Expectation and variance of each light; the variance is not below that of rounding to 256 levels."""
    x = _LIGHTS
    s = np.maximum(noise.sigma * (x if noise.in_proportion else 1), 1e-6)
    low, high = -x / s, (1 - x) / s
    density_low, density_high = (np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) for z in (low, high))
    inside, above = ndtr(high) - ndtr(low), ndtr(-high)
    mean = x * inside + s * (density_low - density_high) + above
    square = (x**2 + s**2) * inside + 2 * x * s * (density_low - density_high) + above
    square += s**2 * (low * density_low - high * density_high)
    return mean, np.maximum(square - mean**2, (1 / 255) ** 2 / 12)
