r"""A picture from one that a known kernel has blurred."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_heritage.classic.cosines import Samples, shrunk

ROUNDING = 0.6 / 255
"""The noise of a picture without any: that of rounding to 256 levels, and a little of the lens."""
_ROUNDS = 5
_COARSEST = 12.0
"""The first threshold, in units of the noise."""
_FINEST = 2.0
_FIDELITY = 0.25
"""How much the block cosines weigh against the picture, by the square of their threshold."""


def deconvolved(
    tile: Samples, kernel: NDArray[np.float32], corner: tuple[int, int] = (0, 0), noise: float = ROUNDING
) -> Samples:
    r"""The tile :math:`x` whose blur is :math:`y`, and which has few cosines in its blocks.

    .. math:: \min_{x, z} \frac{\|k * x - y\|^2}{2 \sigma^2} + \frac{\|x - z\|^2}{2 \tau^2} + \phi(z)

    in turn for x, by FFT, and for z, `shrunk` by the threshold :math:`\tau`, which falls from round to round (half-
    quadratic splitting, Geman & Yang 1995; with a filter for the prior, Zhang et al. 2017, doi 10.1109/CVPR.2017.300).

    Arguments:
        tile: The tile (h, w, C), mirrored beyond its rim.
        kernel: The kernel (K, K), K odd.
        corner: The row and column of the tile in its picture.
        noise: The standard deviation :math:`\sigma` of the noise.
    """
    reach = kernel.shape[0]
    rows, columns = (_padding(length, reach) for length in tile.shape[:2])
    padded = np.pad(tile, [rows, columns, (0, 0)], mode="reflect" if min(tile.shape[:2]) > 1 else "edge")
    size = padded.shape[:2]
    response = _response(kernel, size)
    spectrum = torch.fft.rfft2(_tapered(padded, response, (rows, columns)))
    power, data = response.abs().square(), response.conj() * spectrum
    inner = slice(rows[0], rows[0] + tile.shape[0]), slice(columns[0], columns[0] + tile.shape[1])
    start = (corner[0] - rows[0], corner[1] - columns[0])
    result = padded
    for sigma in np.geomspace(_COARSEST, _FINEST, _ROUNDS) * noise:
        weight = _FIDELITY * (noise / sigma) ** 2
        prior = torch.fft.rfft2(_planes(result))
        estimate = torch.fft.irfft2((data + weight * prior) / (power + weight), s=size)
        result = shrunk(np.ascontiguousarray(estimate.permute(1, 2, 0).numpy()), float(sigma) ** 2, 1.0, corner=start)
    return np.clip(result[inner], 0, 1)


def _padding(length: int, reach: int) -> tuple[int, int]:
    """As much as the reach before and after, and a little more to a length that is quick to transform."""
    from scipy.fft import next_fast_len

    return reach, next_fast_len(length + 2 * reach, real=True) - length - reach


def _planes(samples: Samples) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(samples)).permute(2, 0, 1)


def _response(kernel: NDArray[np.float32], size: tuple[int, int]) -> Tensor:
    """The frequency response of a kernel about its middle."""
    reach = kernel.shape[0] // 2
    placed = torch.zeros(size)
    index = [(torch.arange(kernel.shape[0]) - reach) % n for n in size]
    placed.index_put_((index[0][:, None], index[1][None]), torch.from_numpy(kernel).flip(0, 1), accumulate=True)
    return torch.fft.rfft2(placed)


def _tapered(padded: Samples, response: Tensor, pads: tuple[tuple[int, int], tuple[int, int]]) -> Tensor:
    """The padded tile, blurred towards its rim, where one side goes on at the other."""
    image = _planes(padded)
    blurred = torch.fft.irfft2(torch.fft.rfft2(image) * response, s=image.shape[-2:])
    ramps = [
        np.minimum(np.minimum(1, (np.arange(n) + 0.5) / before), (np.arange(n)[::-1] + 0.5) / after)
        for n, (before, after) in zip(padded.shape, pads, strict=False)
    ]
    share = torch.from_numpy(np.outer(*ramps).astype(np.float32))
    return share * image + (1 - share) * blurred
