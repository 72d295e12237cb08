r"""From the unit interval to the real line."""

from __future__ import annotations

import math

from torch import Tensor

from nflows_core.bijections.base import Bijection, Shape


class Logit(Bijection):
    r"""The logit of each entry, kept off the ends of the interval (Dinh et al. 2017, section 4.1).

    .. math:: z = \operatorname{logit}(p), \qquad p = \alpha + (1 - 2 \alpha) x, \qquad
        \log |\det J| = \sum \left( \log (1 - 2 \alpha) - \log p - \log (1 - p) \right)

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
        log_p = (self.alpha + inner * x).log()
        # Not log(1 - p): in float32 that loses the digits of a small 1 - x.
        log_q = (self.alpha + inner * (1 - x)).log()
        logdet = math.prod(self.shape) * math.log(inner) - (log_p + log_q).sum((1, 2, 3))
        return log_p - log_q, logdet

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        return 0.5 + (0.5 / (1 - 2 * self.alpha)) * (0.5 * z).tanh()
