r"""The networks that give a coupling its parameters."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

from invconv.torch_internals import is_transformed
from nflows_core.bijections.base import check_count
from nflows_core.bijections.context import ContextLinear

ModuleT = TypeVar("ModuleT", bound=nn.Module)


class ContextConv2d(nn.Module):
    r"""A convolution of the image plus a linear function of the context; see `ContextLinear`.

    Arguments:
        in_channels: Channels in.
        out_channels: Channels out.
        kernel_size: Height and width of the kernel, odd; zero padding keeps height and width.
        context_features: Entries :math:`D` of a context; 0 for a layer that ignores the context.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, context_features: int = 0) -> None:
        context_features = check_count("context_features", context_features, 0)
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
        self.shift = ContextLinear(context_features, out_channels) if context_features else None

    def forward(self, x: Tensor, context: Tensor | None) -> Tensor:
        """Maps images, :math:`(B, C, H, W)`, and their context to :math:`(B, C', H, W)`."""
        y: Tensor = self.conv(x)
        return y if self.shift is None else y + self.shift(x, context)


class CouplingNetwork(nn.Module):
    r"""Convolutions 3 x 3, 1 x 1, 3 x 3 with rectifiers between them (Kingma & Dhariwal 2018, section 4).

    The last one starts at zero, so that a coupling starts as the identity. The context shifts both hidden layers.

    Arguments:
        in_channels: Channels that condition.
        out_channels: The number of parameters of the coupling at each pixel.
        width: Channels of the hidden layers.
        context_features: Entries :math:`D` of a context; 0 without one.
    """

    def __init__(self, in_channels: int, out_channels: int, width: int, context_features: int = 0) -> None:
        width = check_count("width", width)
        super().__init__()
        self.first = ContextConv2d(in_channels, width, 3, context_features)
        self.second = ContextConv2d(width, width, 1, context_features)
        self.last = zero_initialized(nn.Conv2d(width, out_channels, 3, padding=1))

    def forward(self, x: Tensor, context: Tensor | None) -> Tensor:
        """Maps images, :math:`(B, C, H, W)`, and their context to :math:`(B, C', H, W)`."""
        # With the channels innermost, a convolution of many channels on a small image needs no reordering. A transform
        # of `torch.func` adds dimensions, and knows of no such order.
        if not is_transformed():
            x = x.contiguous(memory_format=torch.channels_last)
        hidden = self.first(x, context).relu()
        hidden = self.second(hidden, context).relu()
        return self.last(hidden).contiguous()  # type: ignore[no-any-return]


def zero_initialized(module: ModuleT) -> ModuleT:
    """The module itself, its parameters set to zero."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module
