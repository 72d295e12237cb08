r"""From the unit interval to the real line."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nflows_core.bijections.base import Bijection, Shape


class Logit(Bijection):
    r"""The logit of each entry, kept off the ends of the interval (Dinh et al. 2017, section 4.1).

    .. math:: z = \operatorname{logit}(p), \qquad p = \alpha + (1 - 2 \alpha) x, \qquad
        \log |\det J| = \sum \left( \log (1 - 2 \alpha) - \log p - \log (1 - p) \right)

    Far from zero a latent is more than an image holds: with :math:`u` the rounding of 1, half of ``eps``, a rounding of
    :math:`x` moves :math:`z` by about :math:`u \, e^{|z|}`, and beyond :math:`|z| \approx -\log u` (16.6 in float32,
    36.7 in float64) all latents give the same image, whose own latent is finite and at the end of this range. So
    ``forward(inverse(z))`` is :math:`z` to 1e-3 for :math:`|z| < 9` in float32, and 29 in float64, while
    ``inverse(forward(x))`` is :math:`x` to rounding for every image. What no latent gives has none: NaN.

    Arguments:
        shape: The event shape :math:`(C, H, W)` of images with values in :math:`[0, 1]`.
        alpha: The margin :math:`\alpha` in :math:`(0, 1/2)`; the larger, the smaller are the slopes at black and white.
    """

    def __init__(self, shape: Shape, alpha: float = 0.05) -> None:
        if not 0 < alpha < 0.5:
            raise ValueError(f"Logit: alpha must lie between 0 and 0.5, got {alpha}")
        super().__init__(shape)
        self.alpha = alpha

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        inner = 1 - 2 * self.alpha
        log_p = self._log(self.alpha + inner * x)
        # Not log(1 - p): in float32 that loses the digits of a small 1 - x.
        log_q = self._log(self.alpha + inner * (1 - x))
        logdet = math.prod(self.shape) * math.log(inner) - (log_p + log_q).sum((1, 2, 3))
        return log_p - log_q, logdet

    def _log(self, p: Tensor) -> Tensor:
        # The brightest and darkest images of latents round to a p about zero, on either side of it.
        eps = torch.finfo(p.dtype).eps
        least = min(eps / 4, self.alpha)
        return torch.where((p < least) & (p > -8 * eps), least, p).log()

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        return 0.5 + (0.5 / (1 - 2 * self.alpha)) * (0.5 * z).tanh()
