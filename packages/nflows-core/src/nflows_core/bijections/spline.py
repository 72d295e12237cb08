r"""A learned monotone activation."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, softplus

from nflows_core.bijections.base import Bijection, Shape
from nflows_core.bijections.channel_spline import channel_spline, inverse_channel_spline

_MIN = 1e-3
"""Least width and height of a bin, relative to the sum of all, and least derivative (Durkan et al. 2019, code)."""


class SplineActivation(Bijection):
    r"""A rational-quadratic spline of each entry, learned for each channel (Durkan et al. 2019).

    On :math:`[-\text{tail}, \text{tail}]` it is monotone with :math:`K` bins whose widths, heights and inner
    derivatives are learned; outside it is the identity, with a continuous derivative. It starts as the identity.

    Arguments:
        shape: The event shape :math:`(C, H, W)`.
        bins: How many, :math:`K`, at least two.
        tail: Where the identity begins.
    """

    def __init__(self, shape: Shape, bins: int = 5, tail: float = 20.0) -> None:
        if not 2 <= bins < 1 / _MIN or tail <= 0:
            raise ValueError(
                f"SplineActivation: takes from 2 to 999 bins and a positive tail, got {bins} bins and tail {tail}"
            )
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
        bins = self.widths.shape[1]
        fractions = torch.stack([self.widths, self.heights]).softmax(2).cumsum(2)
        # Each bin has its least part of the range, and its fraction of what remains.
        least, rest = 2 * self.tail * _MIN, 2 * self.tail * (1 - _MIN * bins)
        start = torch.linspace(
            least - self.tail, least * bins - self.tail, bins, dtype=fractions.dtype, device=fractions.device
        )
        # The raw parameter zero stands for the derivative one.
        inner = softplus(self.derivatives + math.log(math.expm1(1 - _MIN))) + _MIN
        knots = pad(torch.add(start, fractions, alpha=rest), (1, 0), value=-self.tail)
        return knots, pad(inner, (1, 1), value=1.0)
