r"""Woodbury transformation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nflows_core.bijections.base import Bijection, Shape
from nflows_core.bijections.baselines.log_determinant import logabsdet


class WoodburyConv2d(Bijection):
    r"""Low-rank updates of the identity over the channels and over the pixels (Lu & Huang 2020, section 3.1).

    .. math::
        z = (I_C + U_c V_c) \, x \, (I_n + U_s V_s), \qquad
        \log |\det J| = n \log |\det (I_d + V_c U_c)| + C \log |\det (I_d + V_s U_s)|

    for images as matrices :math:`C \times n`, :math:`n = H W`, by Sylvester's identity; the inverses are
    :math:`I - U (I_d + V U)^{-1} V` by that of Woodbury. It is no convolution: every pixel sees all others, and the
    number of parameters grows with that of the pixels. It starts near the identity.

    Arguments:
        shape: The event shape :math:`(C, H, W)`.
        rank: The rank :math:`d`; as many as there are channels, or pixels, where they are fewer.
    """

    def __init__(self, shape: Shape, rank: int = 16) -> None:
        super().__init__(shape)
        self.channels = LowRankUpdate(shape[0], rank)
        self.pixels = LowRankUpdate(shape[1] * shape[2], rank)

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        logdet = self.shape[1] * self.shape[2] * self.channels.logabsdet() + self.shape[0] * self.pixels.logabsdet()
        z = self.channels(x.flatten(2).mT)
        return self.pixels(z.mT).reshape(x.shape), logdet.expand(x.shape[0])

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        x = self.pixels.inverse(z.flatten(2))
        return self.channels.inverse(x.mT).mT.reshape(z.shape)


class LowRankUpdate(nn.Module):
    r"""The map :math:`x \mapsto (I + U V) x` of vectors that stand in the last dimension.

    Arguments:
        size: Entries :math:`n` of a vector.
        rank: The number of columns of :math:`U`, at most :math:`n`.
    """

    def __init__(self, size: int, rank: int) -> None:
        super().__init__()
        if not isinstance(rank, int) or rank < 1:
            raise ValueError(f"rank must be at least 1, got {rank}")
        rank = min(rank, size)
        # U V is small, but V alone is not, or the gradient of U would be small too.
        self.u = nn.Parameter(0.1 * torch.randn(size, rank) / size**0.5)
        self.v = nn.Parameter(torch.randn(rank, size) / size**0.5)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            y: Tensor = x + (x @ self.v.mT) @ self.u.mT
            return y

    def inverse(self, x: Tensor) -> Tensor:
        """The inverse map, by a system of as many equations as the rank."""
        with torch.autocast(x.device.type, enabled=False):
            # Not by `torch.linalg.solve`, whose rule for forward mode has no derivative in that mode.
            solved = torch.linalg.inv(self._core()) @ self.v
            y: Tensor = x - (x @ solved.mT) @ self.u.mT
            return y

    def logabsdet(self) -> Tensor:
        """The log-determinant of :math:`I + U V`."""
        return logabsdet(self._core())

    def _core(self) -> Tensor:
        with torch.autocast(self.u.device.type, enabled=False):
            return self.v @ self.u + torch.eye(len(self.v), dtype=self.v.dtype, device=self.v.device)
