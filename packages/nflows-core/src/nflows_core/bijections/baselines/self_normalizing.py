r"""Self-normalizing convolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from invconv.torch_internals import is_transformed
from nflows_core.bijections.base import Bijection, Shape
from nflows_core.bijections.baselines.kernels import check_odd, orthogonal_center, zero_padded_conv2d
from nflows_core.bijections.baselines.zero_padded_logdet import zero_padded_logdet


class SelfNormalizingConv2d(Bijection):
    r"""A zero-padded convolution beside one that learns to undo it (Keller et al. 2021, sections 3 and 4).

    .. math:: z = W * x, \qquad x \approx R * z

    APPROXIMATE: ``inverse`` is only as good as :math:`R` is trained, and few convolutions have one of the same size for
    their inverse. The log-determinant is exact, computed anew when the kernel has changed; its gradient is the paper's,

    .. math::
        \frac{\partial \log |\det T_W|}{\partial W_{oit}} = \sum_p (T_W^{-1})_{(i, p + t), (o, p)}
        \approx n_t \, R_{io,-t}, \qquad n_t = (H - |t_1|) (W - |t_2|)

    for taps :math:`t` that meet :math:`n_t` pixels, and costs no matrix inverse. In training mode the log-determinant
    of an image also carries the gradient of :math:`-\lambda \|x - R * (W * x)\|^2` for both kernels, with value zero:
    whoever maximizes the likelihood trains :math:`R`. The paper's mixture with the density of the inverse model is left
    out. It starts as a random orthogonal mixing of the channels and its exact inverse.

    Arguments:
        shape: The event shape :math:`(C, H, W)`.
        kernel_size: Height and width :math:`k` of the kernel, odd.
        penalty: The weight :math:`\lambda` of an inexact inverse, in nats for a squared error of 1; the authors' code
            takes 100, and ``docs/reproduction.md`` compares.
    """

    is_exact = False

    def __init__(self, shape: Shape, kernel_size: int = 3, penalty: float = 10.0) -> None:
        super().__init__(shape)
        check_odd(kernel_size, "SelfNormalizingConv2d")
        self.penalty = penalty
        self.weight = nn.Parameter(orthogonal_center(shape[0], kernel_size))
        self.inverse_weight = nn.Parameter(_adjoint(self.weight.detach()).clone(memory_format=torch.contiguous_format))
        self._known: tuple[Tensor, Tensor] | None = None

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        logdet = self._logdet().expand(x.shape[0])
        if self.training:
            logdet = logdet - _gradient_only(self.penalty * self._reconstruction_error(x.detach()))
        return zero_padded_conv2d(x, self.weight), logdet

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        return zero_padded_conv2d(z, self.inverse_weight)

    def _logdet(self) -> Tensor:
        slope = _adjoint(self.inverse_weight.detach()) * self._multiplicity()
        return self._exact_logdet() + _gradient_only((self.weight * slope).sum())

    def _multiplicity(self) -> Tensor:
        """How many pixels :math:`n_t` each tap meets."""
        size = self.weight.shape[-1]
        distance = (torch.arange(size, device=self.weight.device) - size // 2).abs()
        rows, columns = ((pixels - distance).clamp(min=0) for pixels in self.shape[1:])
        return torch.outer(rows, columns)

    def _exact_logdet(self) -> Tensor:
        # Kept: it costs more than the convolution, and evaluation needs the same one for every batch.
        weight = self.weight.detach()
        # What `torch.func` puts there has no values to compare, and ends with the transform; nor has a compiler's.
        if is_transformed() or torch.compiler.is_compiling():
            return zero_padded_logdet(weight, self.shape[1:])
        if self._known is None or not _same(self._known[0], weight):
            self._known = weight.clone(), zero_padded_logdet(weight, self.shape[1:])
        return self._known[1]

    def _reconstruction_error(self, x: Tensor) -> Tensor:
        reconstruction = self._inverse(zero_padded_conv2d(x, self.weight), None)
        return (x - reconstruction).square().sum((1, 2, 3))


def _adjoint(kernel: Tensor) -> Tensor:
    """The kernel of the transposed convolution."""
    return kernel.transpose(0, 1).flip(2, 3)


def _same(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and a.device == b.device and torch.equal(a, b)


def _gradient_only(term: Tensor) -> Tensor:
    """Zero, with the gradient of the term."""
    return term - term.detach()
