r"""Affine coupling of the channels of images of any size."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nflows_core.bijections import ConditionalAffine


class Coupling(ConditionalAffine):
    r"""Affine coupling whose halves change places, so that of two in a row the second changes what the first kept.

    .. math:: z = [(x_2 + t(x_1)) \, e^{s(x_1)}, \; x_1]

    See `nflows_core.bijections.ConditionalAffine` for :math:`s` and :math:`t`.

    Arguments:
        channels: Channels of the image, an even number.
        network: The network that maps half of the channels, and nothing as a context, to :math:`t` and the raw
            log-scale, one after the other.
    """

    has_fixed_size = False

    def __init__(self, channels: int, network: nn.Module) -> None:
        if channels % 2:
            raise ValueError(f"channels: expected an even number, got {channels}")
        super().__init__((channels, 1, 1), channels // 2, network)

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        x1, x2 = x.chunk(2, dim=1)
        shift, log_scale = self._shift_and_log_scale(x1, context)
        # Put together in the new order at once: a roll afterwards would copy all of it again.
        return torch.cat([(x2 + shift) * log_scale.exp(), x1], dim=1), log_scale.sum((1, 2, 3))

    def _shift_and_log_scale(self, x1: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        shift, raw = self.network(x1, context).to(x1.dtype).chunk(2, dim=1)
        # It is 2 tanh(r / 2), but torch's tanh takes six times as long on a CPU; so does sigmoid of what lies apart.
        return shift, 4 * raw.clone().sigmoid() - 2

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        return super()._inverse(z.roll(self.kept, 1), context)
