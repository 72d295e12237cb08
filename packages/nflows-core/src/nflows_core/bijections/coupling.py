r"""Affine coupling."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nflows_core.bijections.base import Bijection, Shape, check_shape
from nflows_core.bijections.coupling_network import CouplingNetwork


class Scaling(Bijection):
    r"""A bijection that scales by :math:`e^s`, :math:`s = b \tanh(r / b)`, for an :math:`r` that a network gives.

    No scale leaves :math:`[e^{-b}, e^b]`, so that samples do not explode and an inverse stays exact.

    Attributes:
        max_log_scale: The bound :math:`b`; 2, or less where the bijection is one of many in a flow.
    """

    max_log_scale = 2.0

    def _bounded(self, raw: Tensor) -> Tensor:
        return self.max_log_scale * (raw / self.max_log_scale).tanh()


class ConditionalAffine(Scaling):
    r"""Scales and shifts the last channels, given the first.

    .. math:: z_1 = x_1, \qquad z_2 = (x_2 + t(x_1)) \, e^{s(x_1)}, \qquad \log |\det J| = \sum s(x_1)

    The network gives :math:`t` and, unbounded, :math:`s`; see `Scaling`.

    Arguments:
        shape: The event shape :math:`(C, H, W)`.
        kept: Channels of :math:`x_1`.
        network: The network that maps :math:`x_1` and the context to :math:`t` and :math:`r`, one after the other.
    """

    def __init__(self, shape: Shape, kept: int, network: nn.Module) -> None:
        super().__init__(shape)
        self.kept = kept
        self.network = network

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        x1, x2 = x.tensor_split([self.kept], dim=1)
        shift, log_scale = self._shift_and_log_scale(x1, context)
        return torch.cat([x1, (x2 + shift) * log_scale.exp()], dim=1), log_scale.sum((1, 2, 3))

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        z1, z2 = z.tensor_split([self.kept], dim=1)
        shift, log_scale = self._shift_and_log_scale(z1, context)
        return torch.cat([z1, z2 * (-log_scale).exp() - shift], dim=1)

    def _shift_and_log_scale(self, x1: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        # Under autocast the network may give a lower precision than the image has.
        shift, raw = self.network(x1, context).to(x1.dtype).chunk(2, dim=1)
        return shift, self._bounded(raw)


class AffineCoupling(ConditionalAffine):
    r"""Affine coupling (Dinh et al. 2017, equation 8) with a convolutional network; it starts as the identity.

    The first :math:`\lceil C / 2 \rceil` channels condition the others.

    Arguments:
        shape: The event shape :math:`(C, H, W)`, with at least two channels.
        width: Channels of the network's hidden layers.
        context_features: Entries of a context; 0 without one.
    """

    def __init__(self, shape: Shape, width: int = 64, context_features: int = 0) -> None:
        kept, changed = halves(shape)
        super().__init__(shape, kept, CouplingNetwork(kept, 2 * changed, width, context_features))


def halves(shape: Shape) -> tuple[int, int]:
    """How many channels condition, and how many are changed given them: the odd one out conditions."""
    shape = check_shape(shape)
    if shape[0] < 2:
        raise ValueError(
            f"an image of shape {shape} has no channels to condition others on: it takes two; put a Squeeze before"
        )
    return shape[0] - shape[0] // 2, shape[0] // 2
