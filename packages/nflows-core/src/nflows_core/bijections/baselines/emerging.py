r"""Emerging convolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from invconv.nn import InvertibleConv2d
from nflows_core.bijections.base import Bijection, Shape
from nflows_core.bijections.baselines.kernels import check_odd


class EmergingConv2d(Bijection):
    r"""Two autoregressive convolutions of opposite directions (Hoogeboom et al. 2019, section 3.1).

    .. math:: z = T_\text{br} \operatorname{diag}(e^{s}) \, T_\text{tl} \, x, \qquad \log |\det J| = H W \sum_c s_c

    :math:`T_\text{tl}` sees the pixels above and to the left, :math:`T_\text{br}` those below and to the right, each
    with a kernel of :math:`(k + 1) / 2` rows and columns, so that together they have the receptive field of a
    convolution :math:`k \times k`. Their anchors are unit triangular: an `ActNorm` before the layer is the second of
    the paper's two diagonals, and a `Conv1x1` beside it, as in the paper, mixes the channels both ways.

    The inverse is two triangular solves by `invconv`. The authors' own substitutes pixel by pixel in serial code: times
    of sampling measured with this layer are not those of the paper's.

    Arguments:
        shape: The event shape :math:`(C, H, W)`.
        kernel_size: Height and width :math:`k` of the kernel, odd.
    """

    def __init__(self, shape: Shape, kernel_size: int = 3) -> None:
        super().__init__(shape)
        check_odd(kernel_size, "EmergingConv2d")
        self.first = InvertibleConv2d(shape[0], (kernel_size + 1) // 2, "tl")
        self.second = InvertibleConv2d(shape[0], (kernel_size + 1) // 2, "br")
        self.log_scale = nn.Parameter(torch.zeros(shape[0], 1, 1))

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        z = self.second(self.first(x) * self.log_scale.exp())
        logdet = self.shape[1] * self.shape[2] * self.log_scale.sum()
        return z, logdet.expand(x.shape[0])

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        return self.first.inverse(self.second.inverse(z) * (-self.log_scale).exp())
