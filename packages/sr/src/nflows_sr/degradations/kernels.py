r"""Blur kernels of the second-order model of degradation (Wang et al. 2021, arXiv 2107.10833, sections 3.1 to 3.3).

Each is a square of odd size whose entries sum to one.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

Shape = Literal["gaussian", "plateau"]


def gaussian_kernel(
    size: int,
    sigmas: tuple[float, float],
    rotation: float = 0.0,
    beta: float = 1.0,
    shape: Shape = "gaussian",
) -> Tensor:
    r"""A Gaussian, a generalized Gaussian or a plateau, round or oblong.

    With :math:`m = u^T \Sigma^{-1} u` at the offset :math:`u`, where :math:`\Sigma = R \, \mathrm{diag}(\sigma_1^2,
    \sigma_2^2) \, R^T`, the entries are in proportion to

    .. math:: \exp(-m^\beta / 2) \quad \text{(gaussian)}, \qquad 1 / (1 + m^\beta) \quad \text{(plateau)}

    (equations 2 and 3; Liu et al. 2020). A Gaussian proper has :math:`\beta` = 1.

    Arguments:
        size: The side of the square, an odd number.
        sigmas: The standard deviations along both axes, in pixels.
        rotation: The angle from the x axis to the first of them, in radians.
        beta: The exponent: above 1 flatter on top, below 1 more pointed.
        shape: Which of the two formulas.

    Returns:
        The kernel (size, size) of float32.

    Raises:
        ValueError: The size is even, or a standard deviation or the exponent is not positive.
    """
    if min(*sigmas, beta) <= 0:
        raise ValueError(f"`sigmas` and `beta` must be positive, got {sigmas} and {beta}")
    x, y = _offsets(size)
    cosine, sine = math.cos(rotation), math.sin(rotation)
    along, across = (cosine * x + sine * y) / sigmas[0], (cosine * y - sine * x) / sigmas[1]
    power = (along**2 + across**2) ** beta
    return _normalized(torch.exp(-power / 2) if shape == "gaussian" else 1 / (1 + power))


def sinc_kernel(size: int, cutoff: float) -> Tensor:
    r"""The low-pass filter that rings, which imitates overshoot and ringing (equation 6).

    .. math:: k(r) \propto \frac{\omega_c}{2 \pi r} J_1(\omega_c r)

    Arguments:
        size: The side of the square, an odd number.
        cutoff: The cutoff frequency :math:`\omega_c`, in radians a pixel; :math:`\pi` is the highest there is.

    Returns:
        The kernel (size, size) of float32.

    Raises:
        ValueError: The size is even, or the cutoff not within (0, pi].
    """
    if not 0 < cutoff <= math.pi:
        raise ValueError(f"`cutoff`: expected a frequency within (0, pi], got {cutoff}")
    x, y = _offsets(size)
    radius = torch.hypot(x, y)
    ringing = cutoff / (2 * math.pi * radius) * torch.special.bessel_j1(cutoff * radius)
    return _normalized(torch.where(radius == 0, torch.tensor(cutoff**2 / (4 * math.pi)).double(), ringing))


def blur(images: Tensor, kernel: Tensor) -> Tensor:
    """Images filtered by a kernel, mirrored at their border without repeating its pixels.

    Arguments:
        images: The images (..., H, W) of any size, of float32 or float64.
        kernel: The kernel (K, K), K odd; like torch's convolution this does not turn it round.
    """
    reach = kernel.shape[0] // 2
    rows, columns = (_reflected(length, reach, images.device) for length in images.shape[-2:])
    padded = images[..., rows, :][..., columns]
    size = padded.shape[-2:]
    # By FFT, which on a CPU is 3 to 20 times as fast as a convolution per channel: 21 x 21 is large.
    response = torch.fft.rfft2(kernel.to(images).flip(0, 1), s=size)
    filtered: Tensor = torch.fft.irfft2(torch.fft.rfft2(padded) * response, s=size)
    return filtered[..., 2 * reach :, 2 * reach :]


def _offsets(size: int) -> tuple[Tensor, Tensor]:
    if size < 1 or size % 2 == 0:
        raise ValueError(f"`size`: expected an odd number, got {size}")
    axis = torch.arange(size, dtype=torch.float64) - size // 2
    return axis.expand(size, size), axis[:, None].expand(size, size)


def _normalized(kernel: Tensor) -> Tensor:
    return (kernel / kernel.sum()).float()


def _reflected(length: int, reach: int, device: torch.device) -> Tensor:
    """The indices of an axis and of as many mirrored ones on each side, however short it is."""
    index = torch.arange(-reach, length + reach, device=device)
    period = max(2 * (length - 1), 1)
    index = index % period
    return torch.minimum(index, period - index) if length > 1 else torch.zeros_like(index)
