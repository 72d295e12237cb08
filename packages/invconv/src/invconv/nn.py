r"""Torch modules whose convolution stays exactly invertible whatever an optimiser does to their parameters."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from invconv import functional, geometry


class UnitAnchor(nn.Module):
    r"""Parametrizes a kernel so that its anchor taps are unit lower triangular and hence :math:`|\det T| = 1`.

    The diagonal of an anchor is 1 and what is above it 0, whatever the unconstrained kernel holds there (Nagar 2025,
    section 2.3).

    Arguments:
        weight_shape: :math:`(C, C/G, k_h, k_w)`.
        corners: The corner of each channel group.
    """

    mask: Tensor
    identity: Tensor

    def __init__(self, weight_shape: Sequence[int], corners: Sequence[str]) -> None:
        super().__init__()
        mask, identity = torch.ones(*weight_shape), torch.zeros(*weight_shape)
        n = weight_shape[1]
        for g, corner in enumerate(corners):
            anchor = (slice(g * n, (g + 1) * n), slice(None), *geometry.anchor_index(corner))
            mask[anchor] = torch.ones(n, n).tril(-1)
            identity[anchor] = torch.eye(n)
        self.register_buffer("mask", mask, persistent=False)
        self.register_buffer("identity", identity, persistent=False)

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.mask + self.identity


class _UnitConv2d(nn.Module):
    """The kernel that the two modules share: unit triangular anchors, small taps elsewhere at first."""

    weight: Tensor

    def __init__(
        self, channels: int, kernel_size: int | tuple[int, int] = 3, corner: str | Sequence[str] = "tl"
    ) -> None:
        super().__init__()
        groups = 1 if isinstance(corner, str) else len(corner)
        if channels < 1 or channels % groups:
            raise ValueError(f"channels: {channels} cannot be divided into {groups} channel groups")
        kh, kw = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        weight = torch.empty(channels, channels // groups, kh, kw)
        self.corner = geometry.corner_of_groups(weight, corner)
        # Near the identity, so that a deep stack of layers neither explodes nor vanishes.
        nn.init.normal_(weight, std=0.1 / (kh * kw * channels // groups) ** 0.5)
        self.weight = nn.Parameter(weight)
        parametrize.register_parametrization(self, "weight", UnitAnchor(weight.shape, self.corner))

    def extra_repr(self) -> str:
        channels, group_channels, kh, kw = self.weight.shape
        corners = self.corner[0] if len(set(self.corner)) == 1 else ",".join(self.corner)
        return f"{channels}, kernel_size=({kh}, {kw}), groups={channels // group_channels}, corner={corners}"

    def logabsdet(self, size: tuple[int, int]) -> Tensor:
        """The log-determinant of ``forward`` on images of this height and width: 0, by construction."""
        return self.weight.new_zeros(())


class InvertibleConv2d(_UnitConv2d):
    r"""A convolution with an exact inverse: ``forward`` is `conv2d`, ``inverse`` is `inverse_conv2d`.

    Arguments:
        channels: :math:`C`, in and out.
        kernel_size: :math:`k`, or :math:`(k_h, k_w)`.
        corner: Where the zeros stand, or one corner for each of as many channel groups.
    """

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight, self.corner)

    def inverse(self, y: Tensor) -> Tensor:
        return functional.inverse_conv2d(y, self.weight, self.corner)


class InverseConv2d(_UnitConv2d):
    r"""The inverse of a convolution as a layer: ``forward`` is `inverse_conv2d`, ``inverse`` is `conv2d`.

    The receptive field of ``forward`` is all of the image on one side of the pixel, and sampling a flow that trains in
    this direction costs one ordinary convolution (Nagar 2025, section 3).

    Arguments:
        channels: :math:`C`, in and out.
        kernel_size: :math:`k`, or :math:`(k_h, k_w)`.
        corner: Where the zeros stand, or one corner for each of as many channel groups.
    """

    def forward(self, y: Tensor) -> Tensor:
        return functional.inverse_conv2d(y, self.weight, self.corner)

    def inverse(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight, self.corner)
