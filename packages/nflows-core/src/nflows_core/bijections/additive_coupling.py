r"""Additive coupling."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nflows_core.bijections.base import Bijection, Shape
from nflows_core.bijections.coupling import halves
from nflows_core.bijections.coupling_network import CouplingNetwork


class ConditionalShift(Bijection):
    r"""Shifts the last channels, given the first (Dinh et al. 2014, section 3.2).

    .. math:: z_1 = x_1, \qquad z_2 = x_2 + t(x_1), \qquad \log |\det J| = 0

    It keeps volumes: a flow needs another layer, such as `ActNorm`, that scales.

    Arguments:
        shape: The event shape :math:`(C, H, W)`.
        kept: Channels of :math:`x_1`.
        network: The network that maps :math:`x_1` and the context to :math:`t`.
    """

    def __init__(self, shape: Shape, kept: int, network: nn.Module) -> None:
        super().__init__(shape)
        self.kept = kept
        self.network = network

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        x1, x2 = x.tensor_split([self.kept], dim=1)
        return torch.cat([x1, x2 + self._shift(x1, context)], dim=1), x.new_zeros(x.shape[0])

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        z1, z2 = z.tensor_split([self.kept], dim=1)
        return torch.cat([z1, z2 - self._shift(z1, context)], dim=1)

    def _shift(self, x1: Tensor, context: Tensor | None) -> Tensor:
        # Under autocast the network may give a lower precision than the image has.
        return self.network(x1, context).to(x1.dtype)  # type: ignore[no-any-return]


class AdditiveCoupling(ConditionalShift):
    r"""Additive coupling with a convolutional network; it starts as the identity.

    The first :math:`\lceil C / 2 \rceil` channels condition the others.

    Arguments:
        shape: The event shape :math:`(C, H, W)`, with at least two channels.
        width: Channels of the network's hidden layers.
        context_features: Entries of a context; 0 without one.
    """

    def __init__(self, shape: Shape, width: int = 64, context_features: int = 0) -> None:
        kept, changed = halves(shape)
        super().__init__(shape, kept, CouplingNetwork(kept, changed, width, context_features))
