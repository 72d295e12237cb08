r"""How near a picture is to another one, pixel by pixel and by its structure."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

PEAK = 255.0
MOST_DB = 100.0
"""The PSNR of pictures that are equal, as trainings and much code of the field have it: a mean stays a number."""
WINDOW = 11
"""The side of SSIM's window."""
_SIGMA = 1.5
_K1, _K2 = 0.01, 0.03


def psnr(image: NDArray[np.float64], reference: NDArray[np.float64], border: int = 0) -> float:
    r"""The peak signal-to-noise ratio :math:`10 \log_{10}(255^2 / \mathrm{MSE})`, in decibels.

    Arguments:
        image: The picture of one channel (H, W), such as its luma, in [0, 255].
        reference: What it should be.
        border: The pixels on each side that do not count; the field takes as many as the scale.

    Returns:
        The ratio, `MOST_DB` at most: where both are equal it would be infinite, and so would every mean.

    Raises:
        ValueError: The pictures differ in size, or nothing is left within the border.
    """
    inner, wanted = _within(image, reference, border)
    error = float(np.mean((inner - wanted) ** 2))
    return MOST_DB if error == 0 else min(MOST_DB, 10 * math.log10(PEAK**2 / error))


def ssim(image: NDArray[np.float64], reference: NDArray[np.float64], border: int = 0) -> float:
    r"""The mean structural similarity (Wang et al. 2004, equation 13).

    .. math:: \frac{(2 \mu_x \mu_y + c_1)(2 \sigma_{xy} + c_2)}
        {(\mu_x^2 + \mu_y^2 + c_1)(\sigma_x^2 + \sigma_y^2 + c_2)}, \qquad c_i = (K_i \, 255)^2

    with :math:`K` = .01 and .03 and moments under a Gaussian of 11 x 11, :math:`\sigma` = 1.5, averaged over the pixels
    whose window lies within the picture.

    Arguments:
        image: The picture of one channel (H, W), such as its luma, in [0, 255].
        reference: What it should be.
        border: The pixels on each side that do not count; the field takes as many as the scale.

    Raises:
        ValueError: The pictures differ in size, or less than 11 x 11 pixels are left within the border.
    """
    inner, wanted = _within(image, reference, border)
    if min(inner.shape) < WINDOW:
        size = f"{inner.shape[0]} x {inner.shape[1]}"
        raise ValueError(f"`image`: SSIM needs {WINDOW} x {WINDOW} pixels within the border, got {size}")
    x, y = torch.from_numpy(inner), torch.from_numpy(wanted)
    mean_x, mean_y, square_x, square_y, product = _windowed(torch.stack([x, y, x * x, y * y, x * y]))
    variance_x, variance_y = square_x - mean_x**2, square_y - mean_y**2
    covariance = product - mean_x * mean_y
    c1, c2 = (_K1 * PEAK) ** 2, (_K2 * PEAK) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return float((luminance * structure).mean())


def _within(
    image: NDArray[np.float64], reference: NDArray[np.float64], border: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if image.ndim != 2 or image.shape != reference.shape:
        raise ValueError(f"`image`: expected one channel of the reference's size {reference.shape}, got {image.shape}")
    height, width = image.shape
    if border < 0 or 2 * border >= min(height, width):
        raise ValueError(f"`border`: {border} pixels on each side leave nothing of {height} x {width}")
    inner = np.s_[border : height - border, border : width - border]
    return np.ascontiguousarray(image[inner], np.float64), np.ascontiguousarray(reference[inner], np.float64)


def _windowed(maps: Tensor) -> Tensor:
    """The weighted means of maps (N, H, W) under the window, where it lies within them."""
    position = torch.arange(WINDOW, dtype=maps.dtype) - WINDOW // 2
    window = torch.exp(-(position**2) / (2 * _SIGMA**2))
    for axis in (1, 2):
        maps = _weighted(maps, window / window.sum(), axis)
    return maps


def _weighted(maps: Tensor, window: Tensor, axis: int) -> Tensor:
    """Sums of shifted maps: torch's convolution of float64 takes ten times as long."""
    length = maps.shape[axis] - len(window) + 1
    total = torch.zeros_like(maps.narrow(axis, 0, length))
    for shift, weight in enumerate(window.tolist()):
        total.add_(maps.narrow(axis, shift, length), alpha=weight)
    return total
