r"""What is changed about pictures at random before a classifier sees them, a whole batch at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from nflows_core.training.batches.labelled import Augmentation


@dataclass(frozen=True)
class Turned:
    """Mirrored or not, by a quarter, a half or no turn, and a few degrees and parts of its size more.

    What comes in from outside continues the border.

    Arguments:
        degrees: The most that a picture is turned beyond the quarters.
        scale: The most that it is enlarged or reduced, as a part of its size, in [0, 1).
    """

    degrees: float = 15.0
    scale: float = 0.1

    @property
    def numbers(self) -> int:
        """Mirror, quarters, degrees, scale."""
        return 4

    def __call__(self, x: Tensor, u: Tensor) -> Tensor:
        """Square pictures, :math:`(B, C, S, S)`, turned."""
        mirror = torch.where(u[:, 0] < 0.5, -1.0, 1.0)
        angle = math.pi / 2 * (4 * u[:, 1]).floor() + math.radians(self.degrees) * (2 * u[:, 2] - 1)
        size = 1 + self.scale * (2 * u[:, 3] - 1)
        cos, sin = size * angle.cos(), size * angle.sin()
        zero = torch.zeros_like(cos)
        rows = torch.stack([mirror * cos, -sin, zero], 1), torch.stack([mirror * sin, cos, zero], 1)
        grid = affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
        return grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


@dataclass(frozen=True)
class Recoloured:
    r"""Another light: brighter, tinted, of more contrast, more colourful, or less; clipped to [0, 1].

    Arguments:
        gain: The most that the logarithm of all values changes.
        tint: The most that the logarithm of a channel's changes beside the others'.
        contrast: The most that the logarithm of the distance from a picture's mean changes.
        saturation: The most that the logarithm of the distance from grey changes.
    """

    gain: float = 0.2
    tint: float = 0.05
    contrast: float = 0.2
    saturation: float = 0.2

    @property
    def numbers(self) -> int:
        """Gain, three tints, contrast, saturation."""
        return 6

    def __call__(self, x: Tensor, u: Tensor) -> Tensor:
        """Pictures in colour with values in [0, 1], :math:`(B, 3, H, W)`, in another light."""
        most = u.new_tensor([self.gain, *[self.tint] * 3, self.contrast, self.saturation])
        factors = (most * (2 * u - 1)).exp()[:, :, None, None]
        x = x * factors[:, :1] * factors[:, 1:4]
        mean = x.mean((1, 2, 3), keepdim=True)
        x = mean + (x - mean) * factors[:, 4:5]
        grey = x.mean(1, keepdim=True)
        return (grey + (x - grey) * factors[:, 5:]).clamp(0, 1)


@dataclass(frozen=True)
class Together:
    """One augmentation after the other, each by its own numbers."""

    parts: Sequence[Augmentation]

    @property
    def numbers(self) -> int:
        """Those of all parts."""
        return sum(part.numbers for part in self.parts)

    def __call__(self, x: Tensor, u: Tensor) -> Tensor:
        """Items that went through all parts."""
        for part, own in zip(self.parts, torch.split(u, [part.numbers for part in self.parts], 1), strict=True):
            x = part(x, own)
        return x
