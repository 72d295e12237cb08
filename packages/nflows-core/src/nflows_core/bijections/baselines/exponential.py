r"""Convolution exponential."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nflows_core.bijections.base import Bijection, Shape
from nflows_core.bijections.baselines.kernels import check_odd, zero_padded_conv2d


class ConvExponential(Bijection):
    r"""The matrix exponential of a zero-padded convolution (Hoogeboom et al. 2020, section 3).

    .. math::
        z = e^{M} x = \sum_{i \ge 0} \frac{M^i x}{i!}, \qquad x = e^{-M} z, \qquad
        \log |\det J| = \operatorname{tr} M = H W \sum_c K_{cc}(0)

    where :math:`K(0)` is the kernel's center. The kernel is scaled down where
    :math:`\sqrt{\|M\|_1 \|M\|_\infty} \ge \|M\|_2` exceeds 1, so that neither direction amplifies more than
    :math:`e` times and as many terms as float32 or float64 can tell from zero are few: 11 or 19 convolutions. The paper
    bounds the spectral norm itself, by power iteration, and stops after 6 terms in training. It starts as the identity;
    a `Conv1x1` beside it, as in the paper's experiments, reaches what is far from it.

    Arguments:
        shape: The event shape :math:`(C, H, W)`.
        kernel_size: Height and width :math:`k` of the kernel, odd.
    """

    def __init__(self, shape: Shape, kernel_size: int = 3) -> None:
        super().__init__(shape)
        check_odd(kernel_size, "ConvExponential")
        self.weight = nn.Parameter(torch.zeros(shape[0], shape[0], kernel_size, kernel_size))

    @property
    def kernel(self) -> Tensor:
        """The weight, scaled so that the norm of the convolution is at most 1."""
        row = self.weight.abs().sum((1, 2, 3)).max()
        column = self.weight.abs().sum((0, 2, 3)).max()
        # Clamped before the root, whose derivative at zero is infinite.
        return self.weight / (row * column).clamp(min=1).sqrt()

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        kernel = self.kernel
        center = kernel[:, :, kernel.shape[2] // 2, kernel.shape[3] // 2]
        logdet = self.shape[1] * self.shape[2] * center.trace()
        return _exponential(kernel, x), logdet.expand(x.shape[0])

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        return _exponential(-self.kernel, z)


def _exponential(kernel: Tensor, x: Tensor) -> Tensor:
    result = term = x
    rest, i = 1.0, 0
    while rest > torch.finfo(x.dtype).eps:
        i += 1
        term = zero_padded_conv2d(term, kernel) / i
        rest /= i
        result = result + term
    return result
