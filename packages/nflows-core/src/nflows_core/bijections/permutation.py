r"""A fixed permutation of the channels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nflows_core.bijections.base import Bijection, Shape


class Permutation(Bijection):
    r"""Reorders the channels, so that the next coupling changes others (Dinh et al. 2017, section 3.4).

    .. math:: z_c = x_{\pi(c)}, \qquad \log |\det J| = 0

    The order is part of the state: a model that is loaded has the one that it was trained with.

    Arguments:
        shape: The event shape :math:`(C, H, W)`.
        order: The order :math:`\pi`, each channel once, as in ``torch.randperm(C).tolist()``; the
            reverse order unless given.
    """

    order: Tensor

    def __init__(self, shape: Shape, order: Sequence[int] | None = None) -> None:
        super().__init__(shape)
        channels = range(shape[0])
        chosen = list(reversed(channels) if order is None else order)
        if sorted(chosen) != list(channels):
            raise ValueError(f"Permutation: the order must name each of {shape[0]} channels from 0 once, got {chosen}")
        self.register_buffer("order", torch.tensor(chosen))

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        return x[:, self.order], x.new_zeros(x.shape[0])

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        return z[:, self.order.argsort()]
