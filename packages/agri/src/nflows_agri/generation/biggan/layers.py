r"""The layers that BigGAN's two networks are made of, each weight divided by its largest singular value."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

L = TypeVar("L", nn.Conv2d, nn.Linear, nn.Embedding)

SIDES: dict[int, tuple[int, ...]] = {
    32: (4, 4, 4, 4),
    64: (16, 16, 8, 4, 2),
    128: (16, 16, 8, 4, 2, 1),
    256: (16, 16, 8, 8, 4, 2, 1),
}
"""The sides that pictures may have, with the channels at each size from 4 x 4 on, as multiples of the width (Brock et
al. 2019, tables 4 to 6; of 32 pixels, their networks for CIFAR)."""


def attention_side(side: int) -> int:
    """The size at which features attend to each other: a quarter of a picture's.

    That is best for 128 pixels (Zhang et al. 2019, table 1), and what Brock et al. have for 256.
    """
    return side // 4


def normalized(layer: L) -> L:
    r"""The layer with its weight divided by its largest singular value (Miyato et al. 2018), initially orthogonal."""
    nn.init.orthogonal_(layer.weight)
    spectral_norm(layer)
    return layer


def convolution(before: int, after: int, kernel: int = 3, bias: bool = True) -> nn.Conv2d:
    """A normalized convolution that keeps the size."""
    return normalized(nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=bias))


class ConditionalBatchNorm2d(nn.Module):
    r"""Batch normalization whose gain and bias are linear in a condition.

    .. math:: y_c = (1 + (W_g e)_c) \frac{x_c - \mu_c}{\sigma_c} + (W_b e)_c

    Arguments:
        channels: Channels of what is normalized.
        condition: Entries of the condition :math:`e`.
    """

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain = normalized(nn.Linear(condition, channels, bias=False))
        self.bias = normalized(nn.Linear(condition, channels, bias=False))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Normalizes features :math:`(B, C, H, W)` given conditions :math:`(B, E)`."""
        gain, bias = self.gain(condition), self.bias(condition)
        normal: Tensor = self.norm(x)
        y: Tensor = normal * (1 + gain)[:, :, None, None] + bias[:, :, None, None]
        return y


class SelfAttention(nn.Module):
    r"""Features that see all others of a picture (Zhang et al. 2019, "Self-attention GAN"; keys and values pooled).

    .. math:: y = x + \gamma \, W_o \sum_j \operatorname{softmax}_j(\theta(x)_i \cdot \phi(x)_j) \, g(x)_j

    :math:`\gamma` is 0 at first.

    Arguments:
        channels: Channels of the features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner, values = max(1, channels // 8), max(1, channels // 2)
        self.query = convolution(channels, inner, 1, bias=False)
        self.key = convolution(channels, inner, 1, bias=False)
        self.value = convolution(channels, values, 1, bias=False)
        self.output = convolution(values, channels, 1, bias=False)
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Maps features :math:`(B, C, H, W)` to ones of the same shape."""
        query = self.query(x).flatten(2)
        key, value = (F.max_pool2d(layer(x), 2).flatten(2) for layer in (self.key, self.value))
        seen = value @ (query.mT @ key).softmax(2).mT
        attended: Tensor = self.output(seen.unflatten(2, x.shape[-2:]))
        return x + self.weight * attended


def check_side(side: Any) -> None:
    """Raises a ValueError for a side that pictures cannot have."""
    if side not in SIDES:
        raise ValueError(f"`side`: expected one of {', '.join(map(str, SIDES))}, got {side!r}")
