r"""Periodic convolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nflows_core.bijections.base import Bijection, Shape
from nflows_core.bijections.baselines.kernels import check_odd, orthogonal_center
from nflows_core.bijections.baselines.log_determinant import logabsdet


class PeriodicConv2d(Bijection):
    r"""A convolution on a torus, which the Fourier transform takes apart (Hoogeboom et al. 2019, section 3.2).

    .. math::
        \hat z_f = \hat K_f \hat x_f, \qquad \hat K_f = \sum_t K_t \, e^{-2 \pi i \langle f, t \rangle}, \qquad
        \log |\det J| = \sum_f \log |\det \hat K_f|

    with one matrix :math:`C \times C` for each of the :math:`H W` frequencies :math:`f`. Nothing keeps these matrices
    away from singular ones but the log-determinant in the likelihood. It starts as a random orthogonal mixing of the
    channels.

    Arguments:
        shape: The event shape :math:`(C, H, W)`.
        kernel_size: Height and width :math:`k` of the kernel, odd.
    """

    def __init__(self, shape: Shape, kernel_size: int = 3) -> None:
        super().__init__(shape)
        check_odd(kernel_size, "PeriodicConv2d")
        self.kernel = nn.Parameter(orthogonal_center(shape[0], kernel_size))

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        symbol = self._symbol()
        logdet = (logabsdet(symbol) * self._multiplicity()).sum()
        return self._filter(symbol, x), logdet.expand(x.shape[0])

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        return self._filter(torch.linalg.inv(self._symbol()), z)

    def _symbol(self) -> Tensor:
        r"""The matrices :math:`\hat K_f`, :math:`(H, W // 2 + 1, C, C)`."""
        channels, height, width = self.shape
        torus = self.kernel.new_zeros(channels, channels, height * width)
        torus = torus.index_add(2, self._places(), self.kernel.flatten(2))
        symbol: Tensor = torch.fft.rfft2(torus.reshape(channels, channels, height, width))
        return symbol.permute(2, 3, 0, 1)

    def _places(self) -> Tensor:
        """Where the taps lie on the torus, row by row."""
        _, height, width = self.shape
        size = self.kernel.shape[-1]
        taps = torch.arange(size, device=self.kernel.device) - size // 2
        return ((taps[:, None] % height) * width + taps % width).flatten()

    def _multiplicity(self) -> Tensor:
        """How many columns of the spectrum, which is symmetric for a real image, each of the kept half stands for."""
        width = self.shape[2]
        multiplicity = self.kernel.new_full((width // 2 + 1,), 2.0)
        multiplicity[:: width // 2 if width % 2 == 0 else width] = 1
        return multiplicity

    def _filter(self, symbol: Tensor, x: Tensor) -> Tensor:
        if x.shape[0] == 0:  # which not every FFT takes
            return x
        with torch.autocast(x.device.type, enabled=False):
            spectrum = torch.einsum("hwoi,bihw->bohw", symbol, torch.fft.rfft2(x))
            y: Tensor = torch.fft.irfft2(spectrum, s=self.shape[1:])
            return y
