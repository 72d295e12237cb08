r"""BigGAN's generator: from a latent and a class to a picture."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nflows_agri.generation.biggan.layers import (
    SIDES,
    ConditionalBatchNorm2d,
    SelfAttention,
    attention_side,
    check_side,
    convolution,
    normalized,
)
from nflows_core.bijections.base import check_count

_FIRST = 4
"""The side of the first features."""


class Generator(nn.Module):
    r"""Residual blocks that each double the size, conditioned by the class and by a part of the latent.

    The latent is cut into one part for the first features and one for each block (hierarchical latents); a block's
    batch normalizations are given its part and the embedding of the class, which all of them share.

    Arguments:
        side: The side of the pictures, one of `SIDES`.
        classes: The number of classes.
        width: Channels at the last size of 128 and 256 pixels; others are multiples of it.
        latent_features: Entries of a latent.
        embedding_features: Entries of the embedding of a class.

    Raises:
        ValueError: A size is none that is possible.
    """

    def __init__(
        self, side: int, classes: int, width: int = 64, latent_features: int = 128, embedding_features: int = 128
    ) -> None:
        super().__init__()
        check_side(side)
        multiples = SIDES[side]
        for name, value in (("classes", classes), ("width", width), ("embedding_features", embedding_features)):
            check_count(name, value)
        if latent_features < len(multiples):
            raise ValueError(
                f"`latent_features`: each of {len(multiples)} blocks takes a part of the latent, which needs as many "
                f"entries, got {latent_features}"
            )
        self.side, self.width, self.latent_features = side, width, latent_features
        self.embedding = nn.Embedding(classes, embedding_features)
        nn.init.orthogonal_(self.embedding.weight)
        widths = [width * multiple for multiple in multiples]
        self.parts = [len(part) for part in torch.empty(latent_features).tensor_split(len(widths))]
        self.first = normalized(nn.Linear(self.parts[0], widths[0] * _FIRST**2))
        blocks: list[nn.Module] = []
        for index, ((before, after), part) in enumerate(zip(pairwise(widths), self.parts[1:], strict=True), start=1):
            blocks.append(_Block(before, after, part + embedding_features))
            if _FIRST << index == attention_side(side):
                blocks.append(SelfAttention(after))
        self.blocks = nn.ModuleList(blocks)
        self.last = nn.Sequential(nn.BatchNorm2d(widths[-1]), nn.ReLU(), convolution(widths[-1], 3), nn.Tanh())

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Maps latents :math:`(B, D)` and classes :math:`(B,)` to pictures in [-1, 1], :math:`(B, 3, S, S)`."""
        return self.decode(latents, self.embedding(labels))

    def decode(self, latents: Tensor, embedding: Tensor) -> Tensor:
        """The pictures of latents and embeddings of classes, :math:`(B, E)`, or of what lies between these."""
        first, *others = torch.split(latents, self.parts, dim=1)
        x = self.first(first).unflatten(1, (-1, _FIRST, _FIRST))
        parts = iter(others)
        for block in self.blocks:
            x = block(x, next(parts), embedding) if isinstance(block, _Block) else block(x)
        pictures: Tensor = self.last(x)
        return pictures


class _Block(nn.Module):
    """Twice the size, and other channels."""

    def __init__(self, before: int, after: int, condition: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([ConditionalBatchNorm2d(channels, condition) for channels in (before, after)])
        self.convolutions = nn.ModuleList([convolution(before, after), convolution(after, after)])
        self.shortcut = convolution(before, after, 1)

    def forward(self, x: Tensor, part: Tensor, embedding: Tensor) -> Tensor:
        condition = torch.cat([embedding, part], dim=1)
        y = _enlarged(F.relu(self.norms[0](x, condition)))
        y = F.relu(self.norms[1](self.convolutions[0](y), condition))
        # A 1 x 1 kernel gives the same before the enlargement as after.
        shortcut = _enlarged(self.shortcut(x))
        residual: Tensor = self.convolutions[1](y)
        return shortcut + residual


def _enlarged(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")
