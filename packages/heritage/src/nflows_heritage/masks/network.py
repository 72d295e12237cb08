"""A small network that tells cracks from the lines that were painted."""

from __future__ import annotations

import torch
from torch import Tensor

from nflows_heritage.masks.ridges import RidgeFilter
from nflows_heritage.networks.small_unet import SmallUNet, up_to_unit

_RIDGES = 4.0
"""Brings the ridges to the range of colours."""


class CrackNetwork(SmallUNet):
    r"""From a picture and its ridges to the logit of each pixel: whether it is damaged.

    Arguments:
        width: The features at full resolution.
    """

    def __init__(self, width: int = 12) -> None:
        super().__init__(5, width, 1)
        self.ridges = RidgeFilter()

    @property
    def reach(self) -> int:
        """How far a pixel sees to each side, a multiple of the coarsest pixel's side."""
        return up_to_unit(super().reach + self.ridges.reach)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures in [0, 1], :math:`(B, C, H, W)`, grey or RGB, to logits :math:`(B, 1, H, W)`."""
        x = x.expand(-1, 3, -1, -1)
        return super().forward(torch.cat([x - 0.5, _RIDGES * self.ridges(x)], 1))
