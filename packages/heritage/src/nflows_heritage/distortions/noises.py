r"""Noise: of sensors, of a broken transmission or dust, and of coherent light."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from nflows_heritage.distortions.levels import at_level
from nflows_sr.degradations import gaussian_noise

_SIGMAS = (10.0, 20.0, 30.0, 40.0, 50.0)
_SHARES = (0.02, 0.05, 0.1, 0.2, 0.3)
_SPECKLES = (0.1, 0.2, 0.3, 0.4, 0.5)


def gaussian(image: Tensor, level: float, generator: Generator) -> Tensor:
    """Normal noise with a standard deviation of 10 to 50 of 255 levels."""
    return gaussian_noise(image, at_level(level, _SIGMAS) / 255, generator)


def salt_and_pepper(image: Tensor, level: float, generator: Generator) -> Tensor:
    """Pixels that are black or white, 2 to 30 % of them."""
    height, width = image.shape[-2:]
    is_hit = torch.rand(height, width, generator=generator) < at_level(level, _SHARES)
    salt = (torch.rand(height, width, generator=generator) < 0.5).to(image.dtype)
    return torch.where(is_hit, salt, image)


def speckle(image: Tensor, level: float, generator: Generator) -> Tensor:
    r"""Noise in proportion to the light, :math:`x (1 + \sigma \epsilon)`, with :math:`\sigma` of .1 to .5."""
    noise = torch.randn(image.shape, generator=generator, dtype=image.dtype)
    return image * (1 + at_level(level, _SPECKLES) * noise)
