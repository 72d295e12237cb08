r"""One small network for damage of many kinds, of coupling blocks, behind methods without weights."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, pixel_shuffle, pixel_unshuffle

from nflows_core.bijections.base import check_count
from nflows_core.bijections.coupling_network import zero_initialized
from nflows_sr.networks.upscaler import CouplingBlock

_SHARE = 2
"""The side of a square of pixels that become the channels of one place."""


class Restorer(nn.Module):
    r"""What a method without weights has made of a picture, and what a U-Net of couplings adds to it at each place.

    .. math:: \hat y = m(x) + f(m(x), x, k)

    The method :math:`m` knows the physics of a kind :math:`k` of damage, the network what pictures look like. It works
    at a half, a fourth and an eighth of the size, on `CouplingBlock` s (Nagar 2025, chapter 4), and starts as what the
    method has made. It sees places, not the picture as a whole: from that it would learn by heart how the pictures of
    its training looked.

    Arguments:
        kinds: How many kinds of damage there are.
        widths: The features at each of the sizes, even numbers.
        blocks: The coupling blocks at each of them, on the way down; as many on the way up.
    """

    def __init__(self, kinds: int, widths: Sequence[int] = (64, 96, 96), blocks: Sequence[int] = (3, 2, 3)) -> None:
        super().__init__()
        check_count("kinds", kinds)
        for name, values in (("widths", widths), ("blocks", blocks)):
            for value in values:
                check_count(name, value)
        if len(widths) != len(blocks):
            raise ValueError(f"`blocks`: expected one for each of {len(widths)} widths, got {len(blocks)}")
        self.head = nn.Conv2d(2 * 3 * _SHARE**2, widths[0], 3, padding=1)
        self.kinds = nn.ModuleList(zero_initialized(nn.Embedding(kinds, width)) for width in widths)
        sizes = list(zip(widths, blocks, strict=True))
        steps = list(pairwise(widths))
        self.down = nn.ModuleList(_blocks(*size) for size in sizes)
        self.shrink = nn.ModuleList(nn.Conv2d(before, after, 2, 2) for before, after in steps)
        self.grow = nn.ModuleList(nn.ConvTranspose2d(after, before, 2, 2) for before, after in steps)
        self.up = nn.ModuleList(_blocks(*size) for size in sizes[:-1])
        self.tail = zero_initialized(nn.Conv2d(widths[0], 3 * _SHARE**2, 3, padding=1))
        self.to(memory_format=torch.channels_last)

    @property
    def unit(self) -> int:
        """What the sides of a tile, and the distance of two, must be multiples of."""
        return int(_SHARE * 2 ** len(self.shrink))

    def forward(self, pictures: Sequence[Tensor]) -> Tensor:
        r"""The restored pictures, or tiles of them, :math:`(B, 3, H, W)`.

        Arguments:
            pictures: The pictures as they are, and as a method has made them, of the same shape, in [0, 1]; and the
                numbers of their kinds of damage, :math:`(B,)`.
        """
        x, made, kind = pictures
        height, width = x.shape[-2:]
        below, beside = -height % self.unit, -width % self.unit
        both = pad(torch.cat([made, x], 1), (0, beside, 0, below), mode="replicate")
        added = self._details(pixel_unshuffle(both - 0.5, _SHARE), kind)
        return made + pixel_shuffle(added, _SHARE)[..., :height, :width]

    def _details(self, x: Tensor, kind: Tensor) -> Tensor:
        biases = [embedding(kind)[:, :, None, None] for embedding in self.kinds]
        features, kept = self.head(x), []
        for blocks, bias, shrink in zip(self.down, biases, self.shrink, strict=False):
            kept.append(blocks(features + bias))
            features = shrink(kept[-1])
        features = self.down[-1](features + biases[-1])
        for blocks, grow, skip in zip(reversed(self.up), reversed(self.grow), reversed(kept), strict=True):
            features = blocks(grow(features) + skip)
        details: Tensor = self.tail(features)
        return details


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(CouplingBlock(width, width) for _ in range(count)))
