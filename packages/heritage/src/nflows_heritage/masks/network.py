"""A small network that tells cracks from the lines that were painted."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from nflows_heritage.masks.ridges import RidgeFilter

_UNIT = 4
"""The sides of what it sees are multiples of this; others are filled up by their last pixels."""
_RIDGES = 4.0
"""Brings the ridges to the range of colours."""


class CrackNetwork(nn.Module):
    r"""From a picture and its ridges to the logit of each pixel: whether it is damaged.

    Three resolutions, each half of that above, with a skip from each to its counterpart on the way up (Ronneberger et
    al. 2015, "U-Net"); the coarsest sees far by dilation.

    Arguments:
        width: The features at full resolution; twice as many below, and at most three times.
    """

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.ridges = RidgeFilter()
        self.fine = _layer(5, width)
        self.medium = nn.Sequential(_layer(width, 2 * width, stride=2), _layer(2 * width, 2 * width))
        self.coarse = nn.Sequential(
            _layer(2 * width, 3 * width, stride=2),
            _layer(3 * width, 3 * width, dilation=2),
            _layer(3 * width, 3 * width, dilation=3),
        )
        self.up = _layer(5 * width, width)
        self.head = nn.Sequential(_layer(2 * width, width), nn.Conv2d(width, 1, 1))
        self.to(memory_format=torch.channels_last)

    @property
    def reach(self) -> int:
        """How far a pixel sees to each side, a multiple of the coarsest pixel's side."""
        own = 1 + (1 + 2) + _UNIT * (1 + 2 + 3) + 2 * (1 + 1) + 1 + 2
        return _UNIT * -(-(own + self.ridges.reach) // _UNIT)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures in [0, 1], :math:`(B, C, H, W)`, grey or RGB, to logits :math:`(B, 1, H, W)`."""
        height, width = x.shape[-2:]
        x = x.expand(-1, 3, -1, -1)
        full = torch.cat([x - 0.5, _RIDGES * self.ridges(x)], 1)
        fine = self.fine(pad(full, (0, -width % _UNIT, 0, -height % _UNIT), mode="replicate"))
        medium = self.medium(fine)
        up = self.up(torch.cat([_doubled(self.coarse(medium)), medium], 1))
        logits: Tensor = self.head(torch.cat([_doubled(up), fine], 1))
        return logits[..., :height, :width]


def _layer(channels_in: int, channels_out: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(channels_in, channels_out, 3, stride, padding=dilation, dilation=dilation, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(channels_out), nn.ReLU())


def _doubled(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
