r"""A learned monotone activation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nflows_core.bijections.base import Bijection, Shape
from nflows_core.bijections.channel_spline import channel_spline, inverse_channel_spline
from nflows_core.bijections.rational_quadratic import check_bins, knots_and_derivatives


class SplineActivation(Bijection):
    r"""A rational-quadratic spline of each entry, learned for each channel (Durkan et al. 2019).

    On :math:`[-\text{tail}, \text{tail}]` it is monotone with :math:`K` bins whose widths, heights and inner
    derivatives are learned; outside it is the identity, with a continuous derivative. It starts as the identity.

    Arguments:
        shape: The event shape :math:`(C, H, W)`.
        bins: The number of bins, :math:`K`, at least two.
        tail: The absolute value from which on it is the identity.
    """

    def __init__(self, shape: Shape, bins: int = 5, tail: float = 20.0) -> None:
        check_bins("SplineActivation", bins, tail)
        super().__init__(shape)
        self.tail = tail
        self.widths = nn.Parameter(torch.zeros(shape[0], bins))
        self.heights = nn.Parameter(torch.zeros(shape[0], bins))
        self.derivatives = nn.Parameter(torch.zeros(shape[0], bins - 1))

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        return channel_spline(x, *self._spline())

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        return inverse_channel_spline(z, *self._spline())

    def _spline(self) -> tuple[Tensor, Tensor]:
        return knots_and_derivatives(self.widths, self.heights, self.derivatives, self.tail)
