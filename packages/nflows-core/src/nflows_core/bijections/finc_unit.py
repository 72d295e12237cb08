r"""Four invertible convolutions at once, one from each corner."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from invconv import nn as invconv_nn
from nflows_core.bijections.base import Bijection, Shape

_CORNERS = ("tl", "tr", "bl", "br")


class FInCUnit(Bijection):
    r"""A k x k convolution of each quarter of the channels, padded at a corner of its own.

    .. math:: z = (K_1 *_{tl} x_1, \; K_2 *_{tr} x_2, \; K_3 *_{bl} x_3, \; K_4 *_{br} x_4), \qquad \log |\det J| = 0

    The unit of FInC Flow (Kallappa et al. 2023; Nagar 2025, section 3.2). The quarters do not see each other, so that
    their inverses run side by side, and together they have a quarter of the taps of one kernel for all channels.
    Channels that are left over go to the first quarters; with fewer than four, only as many corners are used.

    Arguments:
        shape: The event shape :math:`(C, H, W)`.
        kernel_size: Height and width of the kernels.
        max_amplification: The bound of `InvertibleConv2d` on the inverse.
    """

    def __init__(self, shape: Shape, kernel_size: int = 3, max_amplification: float | None = None) -> None:
        super().__init__(shape)
        quarter, larger = divmod(shape[0], len(_CORNERS))
        groups = [((quarter + 1) * larger, _CORNERS[:larger]), (quarter * (4 - larger), _CORNERS[larger:])]
        # Two calls at most: the quarters of one size are channel groups of one convolution.
        self.convs = nn.ModuleList(
            invconv_nn.InvertibleConv2d(channels, kernel_size, corners, max_amplification)
            for channels, corners in groups
            if channels
        )
        self._borders = [channels for channels, _ in groups if channels][:-1]

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        parts = x.tensor_split(self._borders, dim=1)
        z = torch.cat([conv(part) for conv, part in zip(self.convs, parts, strict=True)], dim=1)
        return z, x.new_zeros(x.shape[0])

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        parts = z.tensor_split(self._borders, dim=1)
        return torch.cat([conv.inverse(part) for conv, part in zip(self._convs(), parts, strict=True)], dim=1)

    def _convs(self) -> list[invconv_nn.InvertibleConv2d]:
        return list(self.convs)  # type: ignore[arg-type]
