r"""BigGAN's discriminator: how real a picture is, as one of its class."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from nflows_agri.generation.biggan.layers import SelfAttention, attention_side, check_side, convolution, normalized
from nflows_core.bijections.base import check_count

_MULTIPLES = {
    32: (4, 4, 4, 4),
    64: (1, 2, 4, 8, 16),
    128: (1, 2, 4, 8, 16, 16),
    256: (1, 2, 4, 8, 8, 16, 16),
}
"""The channels of each block by the side of the pictures, as in `SIDES`."""


class Discriminator(nn.Module):
    r"""Residual blocks that each halve the size, and the projection of Miyato & Koyama (2018).

    .. math:: D(x, y) = w \cdot \phi(x) + b + e_y \cdot \phi(x)

    with :math:`\phi` the rectified features of the last block, summed over places. All of it is normalized, so that D
    changes no faster than its layers allow.

    Arguments:
        side: The side of the pictures, one of `SIDES`.
        classes: The number of classes.
        width: Channels at the first size of 64 pixels and more; others are multiples of it.

    Raises:
        ValueError: A size is none that is possible.
    """

    def __init__(self, side: int, classes: int, width: int = 64) -> None:
        super().__init__()
        check_side(side)
        for name, value in (("classes", classes), ("width", width)):
            check_count(name, value)
        widths = [3, *(width * multiple for multiple in _MULTIPLES[side])]
        blocks: list[nn.Module] = []
        for index, (before, after) in enumerate(pairwise(widths)):
            blocks.append(_Block(before, after, is_first=index == 0, is_last=index == len(widths) - 2))
            if side >> (index + 1) == attention_side(side):
                blocks.append(SelfAttention(after))
        self.blocks = nn.Sequential(*blocks)
        self.linear = normalized(nn.Linear(widths[-1], 1))
        self.embedding = normalized(nn.Embedding(classes, widths[-1]))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Maps pictures in [-1, 1], :math:`(B, 3, S, S)`, and their classes :math:`(B,)` to logits, :math:`(B,)`."""
        features = F.relu(self.blocks(x)).sum((2, 3))
        logits: Tensor = self.linear(features)[:, 0] + (self.embedding(labels) * features).sum(1)
        return logits


class _Block(nn.Module):
    """Half of the size, which the last one keeps, and other channels."""

    def __init__(self, before: int, after: int, *, is_first: bool = False, is_last: bool = False) -> None:
        super().__init__()
        self.is_first, self.is_last = is_first, is_last
        self.convolutions = nn.ModuleList([convolution(before, after), convolution(after, after)])
        self.shortcut = nn.Identity() if before == after else convolution(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.convolutions[0](x if self.is_first else F.relu(x))
        y = self._halved(self.convolutions[1](F.relu(y)))
        shortcut: Tensor = self.shortcut(self._halved(x))  # a 1 x 1 kernel gives the same after as before
        return shortcut + y

    def _halved(self, x: Tensor) -> Tensor:
        return x if self.is_last else F.avg_pool2d(x, 2)
