r"""Noise of one strength, and speckle, whose strength is in proportion to the light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from torch.nn.functional import conv2d

from nflows_heritage.classic.clipping import ClippedNoise
from nflows_heritage.classic.cosines import Samples, atoms, shrunk

_SIDE = 8
_THRESHOLD = 2.6
_FAINTEST = {False: 2.5 / 255, True: 0.025}
"""Noise below this is not told from texture, whether in proportion to the light or not."""
_EVEN = 0.1
"""The part of the blocks, those of the least texture, from which the noise is measured."""
_MEDIAN = 0.6745
"""Of the absolute value of a standard normal variable."""


@dataclass(frozen=True)
class Noise:
    """Takes off noise that was cut off at black and white, by `shrunk` with its variance at each place.

    Arguments:
        sigma: The standard deviation of the noise, in parts of white or, in proportion to the light, of that.
        in_proportion: Whether it is speckle.
    """

    sigma: float
    in_proportion: bool

    @property
    def is_idle(self) -> bool:
        return self.sigma == 0

    @property
    def halo(self) -> int:
        return 4 * _SIDE

    def __call__(self, tile: Samples, corner: tuple[int, int] = (0, 0)) -> Samples:
        if self.is_idle:
            return tile.copy()
        noise = ClippedNoise(self.sigma, self.in_proportion)
        mean = uniform_filter(tile, (5, 5, 1), mode="mirror")
        first = shrunk(tile, noise.variance(mean), _THRESHOLD, None, _SIDE, corner)
        return noise.light(shrunk(tile, noise.variance(first), _THRESHOLD, first, _SIDE, corner))


def noise_of(regions: Sequence[Samples], in_proportion: bool) -> Noise:
    """The noise in regions of a picture, by `noise_in`; what may be texture is none."""
    sigma = noise_in(regions, in_proportion)
    return Noise(sigma if sigma > _FAINTEST[in_proportion] else 0.0, in_proportion)


def noise_in(regions: Sequence[Samples], in_proportion: bool) -> float:
    """The standard deviation of noise in regions of a picture, from the finest details of its most even blocks.

    The coarse coefficients of a block's cosine transform tell whether it is even, and the fine ones, which are
    independent of those where there is noise alone, how strong the noise is: the median of their absolute value.
    """
    coefficients = np.concatenate([_coefficients(region) for region in regions], 1)
    means = (coefficients[0] / _SIDE).astype(np.float32)
    within = (means > 0.08) & (means < 0.92)
    if within.sum() >= 20:
        coefficients, means = coefficients[:, within], means[within]
    down, across = np.divmod(np.arange(_SIDE**2), _SIDE)
    is_coarse, is_fine = (down + across > 0) & (down + across <= 5), down + across >= 10
    texture = (coefficients[is_coarse] ** 2).sum(0) / (np.maximum(means, 0.02) ** 2 if in_proportion else 1)
    even = texture <= np.quantile(texture, _EVEN)
    fine, means = np.abs(coefficients[is_fine][:, even]), means[even]
    low, high = 0.0, 1.0
    for _ in range(16):
        sigma = (low + high) / 2
        ratio = np.median(fine / np.sqrt(ClippedNoise(sigma, in_proportion).variance(means)))
        low, high = (sigma, high) if ratio > _MEDIAN else (low, sigma)
    return sigma


def _coefficients(region: Samples) -> NDArray[np.float32]:
    pad = [(0, max(_SIDE - length, 0)) for length in region.shape[:2]]
    image = torch.from_numpy(np.pad(region, [*pad, (0, 0)], mode="symmetric")).permute(2, 0, 1)[:, None]
    transformed = conv2d(image.contiguous(), atoms(_SIDE), stride=_SIDE // 2)
    return np.asarray(transformed.permute(1, 0, 2, 3).reshape(_SIDE**2, -1).numpy())
