r"""Quad-coupling."""

from __future__ import annotations

from itertools import accumulate, pairwise

import torch
from torch import Tensor, nn

from nflows_core.bijections.base import Bijection, Shape
from nflows_core.bijections.coupling import ConditionalAffine
from nflows_core.bijections.coupling_network import CouplingNetwork


class QuadCoupling(Bijection):
    r"""Scales and shifts each of four parts of the channels given all before it (Nagar 2025, section 2.3).

    .. math:: z_1 = x_1, \qquad z_i = (x_i + f_i(x_1, \dots, x_{i-1})) \, e^{g_i(x_1, \dots, x_{i-1})}

    for :math:`i = 2, 3, 4`. One pass lets three quarters of the channels change, where an affine coupling changes half.
    The inverse recovers the parts one after the other, since each network sees the data and not the latents. It starts
    as the identity.

    Arguments:
        shape: The event shape :math:`(C, H, W)`, with at least four channels.
        width: Channels of the networks' hidden layers.
        context_features: Entries of a context; 0 without one.
    """

    def __init__(self, shape: Shape, width: int = 64, context_features: int = 0) -> None:
        super().__init__(shape)
        if shape[0] < 4:
            raise ValueError(f"QuadCoupling: four parts need at least four channels, got an image of shape {shape}")
        parts = [len(part) for part in torch.arange(shape[0]).tensor_split(4)]
        self.couplings = nn.ModuleList(
            ConditionalAffine(
                (end, *shape[1:]), start, CouplingNetwork(start, 2 * (end - start), width, context_features)
            )
            for start, end in pairwise(accumulate(parts))
        )

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        parts, logdet = [x[:, : self._couplings()[0].kept]], x.new_zeros(x.shape[0])
        for coupling in self._couplings():
            z, term = coupling(x[:, : coupling.shape[0]], context)
            parts.append(z[:, coupling.kept :])
            logdet = logdet + term
        return torch.cat(parts, dim=1), logdet

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        x = z[:, : self._couplings()[0].kept]
        for coupling in self._couplings():
            x = coupling.inverse(torch.cat([x, z[:, coupling.kept : coupling.shape[0]]], dim=1), context)
        return x

    def _couplings(self) -> list[ConditionalAffine]:
        return list(self.couplings)  # type: ignore[arg-type]
