r"""Activation normalization."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nflows_core.bijections.base import Bijection, Shape


class ActNorm(Bijection):
    r"""A shift and a scale of each channel (Kingma & Dhariwal 2018, section 3.1).

    .. math:: z = (x + \text{loc}) \exp(\text{log\_scale}), \qquad
        \log |\det J| = H W \sum_c \text{log\_scale}_c

    It starts as the identity. `initialize` sets both so that the latent of one batch has zero mean and unit
    variance in each channel, but only once: a trained or loaded layer keeps what it has. Under data-parallel
    training call it before the processes diverge, on the same batch or before the parameters are broadcast.

    Arguments:
        shape: The event shape :math:`(C, H, W)`.
    """

    initialized: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.loc = nn.Parameter(torch.zeros(shape[0], 1, 1))
        self.log_scale = nn.Parameter(torch.zeros(shape[0], 1, 1))
        self.register_buffer("initialized", torch.tensor(False))

    @torch.no_grad()
    def initialize(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Normalizes the channels of the batch ``x``; a channel that is constant in it is only centered."""
        self._check(x, self.shape)
        if not self.initialized:
            if x.shape[0] == 0 or not x.isfinite().all():
                raise ValueError("ActNorm: initialize needs a batch that is not empty and has only finite values")
            std, mean = torch.std_mean(x, dim=(0, 2, 3), keepdim=True, correction=0)
            self.loc.copy_(-mean[0])
            self.log_scale.copy_(_log_scale(std[0], mean[0]))
            self.initialized.fill_(True)
        return super().initialize(x, context)

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        logdet = x.shape[2] * x.shape[3] * self.log_scale.sum()
        return (x + self.loc) * self.log_scale.exp(), logdet.expand(x.shape[0])

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        return z * (-self.log_scale).exp() - self.loc


def _log_scale(std: Tensor, mean: Tensor) -> Tensor:
    # Below this, what is left of a constant channel is rounding, and 1 / std would amplify it without bound.
    rounding = 8 * torch.finfo(std.dtype).eps * mean.abs().clamp(min=1)
    return torch.where(std > rounding, -std.log(), 0)
