r"""A pixel and what surrounds it: blurred scenes, and samples of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SURROUNDINGS = 3.0
"""How far the surroundings of a pixel reach, as the standard deviation of a Gaussian in pixels: a few pixels, so that
most lie in the unit of the pixel itself."""
_STRIPE = 64
"""Rows at once, few enough to stay in the cache between the passes."""


@dataclass(frozen=True)
class Sample:
    """What a reduction is fitted to.

    Arguments:
        spectra: Valid spectra, :math:`(N, C)`.
        surroundings: Those around each, averaged with a Gaussian of ``SURROUNDINGS`` pixels, :math:`(N, C)`.
        neighbours: That of the pixel beside each, :math:`(N, C)`.

    Raises:
        ValueError: The shapes differ, there are fewer than two spectra, or some are not finite.
    """

    spectra: NDArray[np.float32]
    surroundings: NDArray[np.float32]
    neighbours: NDArray[np.float32]

    def __post_init__(self) -> None:
        shapes = [part.shape for part in (self.spectra, self.surroundings, self.neighbours)]
        if self.spectra.ndim != 2 or len(set(shapes)) > 1:
            raise ValueError(f"expected spectra, surroundings and neighbours of one shape (N, bands), got {shapes}")
        if len(self.spectra) < 2:
            raise ValueError("a sample needs two valid spectra or more; the scene has no other valid pixels")
        if not all(np.isfinite(part).all() for part in (self.spectra, self.surroundings, self.neighbours)):
            raise ValueError("a sample has spectra that are not finite; leave out the pixels without data")

    @classmethod
    def split(cls, stacked: NDArray[np.float32]) -> Sample:
        """The sample whose rows were drawn from what `with_surroundings` gives, :math:`(N, 3C)`."""
        return cls(*(np.ascontiguousarray(part) for part in np.split(stacked, 3, axis=1)))


def margin(sigma: float) -> int:
    """How many pixels around a block its blur depends on."""
    return math.ceil(3 * sigma)


def blur(block: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    r"""Averages each pixel with the valid ones around it, by a Gaussian of standard deviation :math:`\sigma`.

    .. math:: y = \frac{g * (m x)}{g * m}

    for the mask :math:`m` of the valid pixels, the normalized convolution of Knutsson and Westin (1993). The
    Gaussian ends at `margin` pixels, and what lies outside the block counts as invalid.

    Arguments:
        block: :math:`(C, H, W)`, NaN where a pixel is invalid.
        sigma: The standard deviation in pixels; zero leaves the block as it is.

    Returns:
        :math:`(C, H, W)`, NaN at the same pixels.
    """
    if sigma == 0:
        return block
    kernel = _gaussian(sigma)
    invalid = np.isnan(np.einsum("chw->hw", block))
    weights = _separable((~invalid).astype(np.float32), kernel)
    blurred = np.stack([_separable(np.where(invalid, np.float32(0), band), kernel) for band in block])
    blurred /= np.where(invalid, np.float32(np.nan), weights)
    return blurred


def with_surroundings(block: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """A blurred block, its surroundings and its neighbours, :math:`(3C, H, W)`: the rows of `Sample.split` are of it.

    Arguments:
        block: :math:`(C, H, W)` with a margin of ``margin(SURROUNDINGS)`` pixels where the scene goes on.
        sigma: The standard deviation of the blur in pixels.
    """
    blurred = blur(block, sigma)
    return np.concatenate([blurred, blur(block, SURROUNDINGS), _neighbours(blurred)])


def _neighbours(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """To each pixel that on its right, else on its left, else itself: the first of them that is valid."""
    right, left = np.full_like(block, np.nan), np.full_like(block, np.nan)
    right[:, :, :-1], left[:, :, 1:] = block[:, :, 1:], block[:, :, :-1]
    beside = np.where(np.isnan(right), left, right)
    return np.where(np.isnan(beside), block, beside)


def _gaussian(sigma: float) -> NDArray[np.float32]:
    offsets = np.arange(-margin(sigma), margin(sigma) + 1)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _separable(band: NDArray[np.float32], kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convolves along rows and columns, zero outside, a stripe of rows at a time."""
    reach, output = len(kernel) // 2, np.empty_like(band)
    for top in range(0, len(band), _STRIPE):
        start = max(top - reach, 0)
        stripe = band[start : top + _STRIPE + reach]
        columns = _along_rows(np.ascontiguousarray(stripe), kernel)[top - start :][:_STRIPE]
        output[top : top + _STRIPE] = _along_rows(columns.T, kernel).T
    return output


def _along_rows(band: NDArray[np.float32], kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convolves along the first axis with a symmetric kernel."""
    reach = len(kernel) // 2
    output = np.asarray(band * kernel[reach])
    for offset in range(1, min(reach, len(band) - 1) + 1):
        scaled = band * kernel[reach + offset]
        output[offset:] += scaled[:-offset]
        output[:-offset] += scaled[offset:]
    return output
