"""A small network that says something of each pixel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

_UNIT = 4
"""The sides of what it sees are multiples of this; others are filled up by their last pixels."""


class SmallUNet(nn.Module):
    r"""From pictures, :math:`(B, C, H, W)`, to logits of each pixel, :math:`(B, K, H, W)`.

    Three resolutions, each half of that above, with a skip from each to its counterpart on the way up (Ronneberger et
    al. 2015, "U-Net"); the coarsest sees far by dilation.

    Arguments:
        channels: The channels C of what it sees.
        width: The features at full resolution; twice as many below, and at most three times.
        outputs: The logits K of a pixel.
    """

    def __init__(self, channels: int, width: int, outputs: int) -> None:
        super().__init__()
        self.fine = _layer(channels, width)
        self.medium = nn.Sequential(_layer(width, 2 * width, stride=2), _layer(2 * width, 2 * width))
        self.coarse = nn.Sequential(
            _layer(2 * width, 3 * width, stride=2),
            _layer(3 * width, 3 * width, dilation=2),
            _layer(3 * width, 3 * width, dilation=3),
        )
        self.up = _layer(5 * width, width)
        self.head = nn.Sequential(_layer(2 * width, width), nn.Conv2d(width, outputs, 1))
        self.to(memory_format=torch.channels_last)

    @property
    def reach(self) -> int:
        """How far a pixel sees to each side, a multiple of the coarsest pixel's side."""
        return up_to_unit(1 + (1 + 2) + _UNIT * (1 + 2 + 3) + 2 * (1 + 1) + 1 + 2)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        fine = self.fine(pad(x, (0, -width % _UNIT, 0, -height % _UNIT), mode="replicate"))
        medium = self.medium(fine)
        up = self.up(torch.cat([_doubled(self.coarse(medium)), medium], 1))
        logits: Tensor = self.head(torch.cat([_doubled(up), fine], 1))
        return logits[..., :height, :width]


def up_to_unit(reach: int) -> int:
    """The next multiple of the coarsest pixel's side."""
    return _UNIT * -(-reach // _UNIT)


def _layer(channels_in: int, channels_out: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(channels_in, channels_out, 3, stride, padding=dilation, dilation=dilation, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(channels_out), nn.ReLU())


def _doubled(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
