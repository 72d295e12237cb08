r"""Rain before the lens, and water on the paper."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn.functional import interpolate

from nflows_heritage.distortions.blurs import blur_kernel, motion_kernel
from nflows_heritage.distortions.colours import grey_of
from nflows_heritage.distortions.levels import at_level
from nflows_sr.degradations import blur

_DROPS = (0.0006, 0.0012, 0.002, 0.003, 0.0042)
"""Drops, as a part of the pixels."""
_LENGTHS = (10.0, 26.0)
_SLANT = math.radians(25)
_WHITE = 0.85
"""How bright rain is."""
_WIDTH = 0.6
"""Of a streak, as a standard deviation in pixels."""

_STAINED = (0.1, 0.2, 0.3, 0.4, 0.5)
"""The part of the picture that has been wet."""
_STRENGTHS = (0.4, 0.55, 0.68, 0.8, 0.9)
_TINT = (0.86, 0.76, 0.58)
_BLEEDING = 1.2
"""How far paint runs, as a standard deviation in pixels."""
_TIDE = 0.45
"""How much darker the rim is at most."""
_CELL = 48
"""The size of stains, in pixels."""


def rain(image: Tensor, level: float, generator: Generator) -> Tensor:
    """Bright streaks that slant one way, of 10 to 26 pixels."""
    height, width = image.shape[-2:]
    chance = torch.rand(height, width, generator=generator)
    brightness = 0.5 + 0.5 * torch.rand(height, width, generator=generator)
    length = _LENGTHS[0] + (_LENGTHS[1] - _LENGTHS[0]) * float(torch.rand((), generator=generator))
    angle = math.pi / 2 + _SLANT * (2 * float(torch.rand((), generator=generator)) - 1)
    drops = torch.where(chance < at_level(level, _DROPS), brightness, torch.zeros(()))
    streaks = blur(blur(drops, motion_kernel(length, angle)), blur_kernel(_WIDTH))
    opacity = (streaks * length * _WIDTH * math.sqrt(2 * math.pi)).clamp(0, 1).to(image)
    return image + opacity * (_WHITE - image).clamp(min=0)


def water(image: Tensor, level: float, generator: Generator) -> Tensor:
    """Stains with a dark rim, in which paint has run and the paper is brown."""
    height, width = image.shape[-2:]
    field = _stains(height, width, generator).to(image)
    rank = round((1 - at_level(level, _STAINED)) * (field.numel() - 1)) + 1
    inside = field - field.flatten().kthvalue(rank).values
    strength = at_level(level, _STRENGTHS)
    wet = strength * (inside / 0.04 + 0.5).clamp(0, 1)
    tint = image.new_tensor(_TINT)[:, None, None]
    run = blur(image, blur_kernel(_BLEEDING * (1 + strength)))
    stained = image + wet * (run * (grey_of(tint) if len(image) == 1 else tint) - image)
    return stained * (1 - _TIDE * strength * torch.exp(-((inside / 0.02) ** 2)))


def _stains(height: int, width: int, generator: Generator) -> Tensor:
    """A smooth field of bumps, with a standard deviation about one."""
    cells = [math.ceil(length / _CELL) + 3 for length in (height, width)]
    bumps = torch.randn(1, 1, *cells, generator=generator)
    sides = [_CELL * cell for cell in cells]
    smooth = interpolate(bumps, sides, mode="bicubic", align_corners=False)[0, 0]
    return smooth[_CELL : _CELL + height, _CELL : _CELL + width]
