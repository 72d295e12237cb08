r"""A picture from one that a known kernel has blurred."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from torch import Tensor

from nflows_heritage.classic.cosines import Samples, shrunk

_NOISE = 1.2 / 255
"""The noise of a picture without any: rounding to 256 levels, and a kernel that is not quite so."""
_ROUNDS = 5
_BEYOND = 2
"""How far the picture goes on beyond its rim, in sides of the kernel."""
_FINEST = 2.0
_FIDELITY = 0.25
"""How much the block cosines weigh against the picture, by the square of their threshold."""


def deconvolved(
    tile: Samples, kernel: NDArray[np.float32], coarsest: float, corner: tuple[int, int] = (0, 0)
) -> Samples:
    r"""The tile :math:`x` whose blur is :math:`y`, and which has few cosines in its blocks.

    .. math:: \min_{x, z} \frac{\|k * x - y\|^2}{2 \sigma^2} + \frac{\|x - z\|^2}{2 \tau^2} + \phi(z)

    in turn for x, by FFT, and for z, `shrunk` by the threshold :math:`\tau`, which falls from round to round (half-
    quadratic splitting, Geman & Yang 1995; with a filter for the prior, Zhang et al. 2017, doi 10.1109/CVPR.2017.300).

    Arguments:
        tile: The tile (h, w, C), mirrored beyond its rim.
        kernel: The kernel (K, K), K odd.
        coarsest: The first threshold, in units of the noise.
        corner: The row and column of the tile in its picture.
    """
    reach = _BEYOND * kernel.shape[0] + 16
    rows, columns = (_padding(length, reach) for length in tile.shape[:2])
    padded = np.pad(tile, [rows, columns, (0, 0)], mode="reflect" if min(tile.shape[:2]) > 1 else "edge")
    size = padded.shape[:2]
    response = _response(kernel, size)
    image = _tapered(padded, response, (rows, columns))
    inner = slice(rows[0], rows[0] + tile.shape[0]), slice(columns[0], columns[0] + tile.shape[1])
    seen = image[:, inner[0], inner[1]].clone()
    start = (corner[0] - rows[0], corner[1] - columns[0])
    power, result = response.abs().square(), padded
    for sigma in np.geomspace(coarsest, _FINEST, _ROUNDS) * _NOISE:
        weight = _FIDELITY * (_NOISE / sigma) ** 2
        data = response.conj() * torch.fft.rfft2(image)
        spectrum = (data + weight * torch.fft.rfft2(_planes(result))) / (power + weight)
        image = torch.fft.irfft2(response * spectrum, s=size)  # what is beyond the rim was not seen
        image[:, inner[0], inner[1]] = seen
        estimate = torch.fft.irfft2(spectrum, s=size).permute(1, 2, 0).numpy()
        result = shrunk(np.ascontiguousarray(estimate), float(sigma) ** 2, 1.0, corner=start)
    return np.clip(result[inner], 0, 1)


def _padding(length: int, reach: int) -> tuple[int, int]:
    """As much as the reach before and after, and a little more to a length that is quick to transform."""
    return reach, next_fast_len(length + 2 * reach, real=True) - length - reach


def _planes(samples: Samples) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(samples)).permute(2, 0, 1)


def _response(kernel: NDArray[np.float32], size: tuple[int, int]) -> Tensor:
    """The frequency response of a kernel about its middle."""
    reach = kernel.shape[0] // 2
    placed = torch.zeros(size)
    index = [(torch.arange(kernel.shape[0]) - reach) % n for n in size]
    placed.index_put_((index[0][:, None], index[1][None]), torch.from_numpy(kernel).flip(0, 1), accumulate=True)
    response: Tensor = torch.fft.rfft2(placed)
    return response


def _tapered(padded: Samples, response: Tensor, pads: tuple[tuple[int, int], tuple[int, int]]) -> Tensor:
    """The padded tile, blurred towards its rim, where one side goes on at the other."""
    image = _planes(padded)
    blurred = torch.fft.irfft2(torch.fft.rfft2(image) * response, s=image.shape[-2:])
    ramps = [
        np.clip(np.minimum(np.arange(n) + 0.5, n - after + before - np.arange(n) - 0.5) / before, 0, 1)
        for n, (before, after) in zip(padded.shape, pads, strict=False)
    ]
    share = torch.from_numpy(np.outer(*ramps).astype(np.float32))
    tapered: Tensor = share * image + (1 - share) * blurred
    return tapered
