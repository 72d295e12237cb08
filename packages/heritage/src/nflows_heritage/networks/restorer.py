r"""One small network for all that pictures of art suffer from, of coupling blocks, behind methods without weights."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, pixel_shuffle, pixel_unshuffle

from nflows_core.bijections.base import check_count
from nflows_core.bijections.coupling_network import zero_initialized
from nflows_sr.networks.upscaler import CouplingBlock

THUMBNAIL = 32
"""The side of the small picture that tells what the whole one looks like."""
_SHARE = 2
"""The side of a square of pixels that become the channels of one place."""
_CONTEXT = 64


class Restorer(nn.Module):
    r"""What a method without weights has made of a picture, set right in colour as a whole and in detail at each place.

    .. math:: \hat y = u + f(u, x, c), \qquad u = m(x) + A(c) \, m(x) + b(c), \qquad
        c = g(\text{the whole picture, small; the kind of damage})

    The method :math:`m` knows the physics of a kind of damage, the network what pictures look like. The matrix
    :math:`A` and the colour :math:`b` undo what is alike everywhere, such as fading; the context :math:`c` of the whole
    picture makes that the same in every tile. The U-Net works at a half, a fourth and an eighth of the size, on
    `CouplingBlock` s (Nagar 2025, chapter 4). It starts as what the method has made.

    Arguments:
        kinds: How many kinds of damage there are.
        widths: The features at each of the sizes, even numbers.
        blocks: The coupling blocks at each of them, on the way down; as many on the way up.
    """

    def __init__(self, kinds: int, widths: Sequence[int] = (32, 64, 96), blocks: Sequence[int] = (3, 3, 4)) -> None:
        super().__init__()
        check_count("kinds", kinds)
        for name, values in (("widths", widths), ("blocks", blocks)):
            for value in values:
                check_count(name, value)
        if len(widths) != len(blocks):
            raise ValueError(f"`blocks`: expected one for each of {len(widths)} widths, got {len(blocks)}")
        self.glance = _Glance(kinds)
        self.colours = zero_initialized(nn.Linear(_CONTEXT, 12))
        self.head = nn.Conv2d(2 * 3 * _SHARE**2, widths[0], 3, padding=1)
        self.biases = nn.ModuleList(zero_initialized(nn.Linear(_CONTEXT, width)) for width in widths)
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

    def context(self, thumbnail: Tensor, kind: Tensor) -> Tensor:
        r"""What is alike in the whole picture, :math:`(B, 64)`.

        Arguments:
            thumbnail: The whole damaged picture, :math:`(B, 3, 32, 32)` in [0, 1].
            kind: The number of its kind of damage, :math:`(B,)`.
        """
        context: Tensor = self.glance(thumbnail, kind)
        return context

    def forward(self, pictures: Sequence[Tensor]) -> Tensor:
        r"""The restored pictures, or tiles of them, :math:`(B, 3, H, W)`.

        Arguments:
            pictures: The tiles as they are, and as a method has made them, of the same shape, in [0, 1]; the whole
                pictures that they are of, small: :math:`(B, 3, 32, 32)`; and their kinds of damage, :math:`(B,)`.
        """
        x, made, thumbnail, kind = pictures
        return self.restored(x, made, self.context(thumbnail, kind))

    def restored(self, x: Tensor, made: Tensor, context: Tensor) -> Tensor:
        """The same, with what `context` says of the whole pictures."""
        matrix, colour = self.colours(context).split([9, 3], dim=1)
        moved = torch.einsum("bij,bjhw->bihw", matrix.view(-1, 3, 3), made) + colour[:, :, None, None]
        coloured = made + moved
        restored: Tensor = coloured + self._details(torch.cat([coloured, x], 1), context)
        return restored

    def _details(self, x: Tensor, context: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        below, beside = -height % self.unit, -width % self.unit
        features = self.head(pixel_unshuffle(pad(x, (0, beside, 0, below), mode="replicate") - 0.5, _SHARE))
        kept = []
        for blocks, bias, shrink in zip(self.down, self.biases, self.shrink, strict=False):
            kept.append(blocks(features + bias(context)[:, :, None, None]))
            features = shrink(kept[-1])
        features = self.down[-1](features + self.biases[-1](context)[:, :, None, None])
        for blocks, grow, skip in zip(reversed(self.up), reversed(self.grow), reversed(kept), strict=True):
            features = blocks(grow(features) + skip)
        return pixel_shuffle(self.tail(features), _SHARE)[..., :height, :width]


class _Glance(nn.Module):
    """From a thumbnail and a kind of damage to the context."""

    def __init__(self, kinds: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 32, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(64, _CONTEXT, 3, 2, 1),
        )
        self.levels = nn.Linear(3 * 9, _CONTEXT)
        self.kinds = nn.Embedding(kinds, _CONTEXT)
        self.last = nn.Sequential(nn.ReLU(), nn.Linear(_CONTEXT, _CONTEXT), nn.ReLU())

    def forward(self, x: Tensor, kind: Tensor) -> Tensor:
        # Black and white points are what fading and dirt move, and a mean of features hardly tells them.
        quantiles = x.flatten(2).quantile(torch.linspace(0, 1, 9, device=x.device, dtype=x.dtype), dim=2)
        seen = self.layers(x - 0.5).mean((2, 3)) + self.levels(quantiles.permute(1, 2, 0).flatten(1) - 0.5)
        context: Tensor = self.last(seen + self.kinds(kind))
        return context


def thumbnail_of(picture: Tensor) -> Tensor:
    """A picture, :math:`(C, H, W)`, small, :math:`(3, 32, 32)`: each pixel a mean."""
    small = interpolate(picture[None], (THUMBNAIL, THUMBNAIL), mode="bilinear", antialias=True, align_corners=False)
    return small[0].expand(3, -1, -1).clamp(0, 1)


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(CouplingBlock(width, width) for _ in range(count)))
