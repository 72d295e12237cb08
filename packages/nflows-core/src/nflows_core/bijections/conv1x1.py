r"""Invertible 1 x 1 convolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from invconv import onnx_ops
from nflows_core.bijections.base import Bijection, Shape


class Conv1x1(Bijection):
    r"""A learned mixing of the channels by one matrix at every pixel.

    .. math:: z_{:, i, j} = W x_{:, i, j}, \qquad W = P L (U + \operatorname{diag}(\text{sign} \cdot e^{s})), \qquad
        \log |\det J| = H W \sum_c s_c

    with a fixed permutation :math:`P` and fixed signs, :math:`L` unit lower and :math:`U` strictly upper triangular
    (Kingma & Dhariwal 2018, section 3.2), so that :math:`W` cannot become singular. It starts as a random
    orthogonal matrix. The three learned factors share one matrix: :math:`L` lies below its diagonal, :math:`s` on
    it and :math:`U` above.

    Arguments:
        shape: The event shape :math:`(C, H, W)`.
    """

    permutation: Tensor
    sign: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        rotation = torch.linalg.qr(torch.randn(shape[0], shape[0]))[0]
        permutation, lower, upper = torch.linalg.lu(rotation)
        diagonal = upper.diagonal()
        self.factors = nn.Parameter(lower.tril(-1) + upper.triu(1) + diagonal.abs().log().diag())
        self.register_buffer("permutation", permutation)
        self.register_buffer("sign", diagonal.sign())

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        lower, upper = self._triangles()
        logdet = x.shape[2] * x.shape[3] * self.factors.diagonal().sum()
        return _mix(x, self.permutation, lower, upper), logdet.expand(x.shape[0])

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        lower, upper = self._triangles()
        if onnx_ops.is_exported():
            return _mix(z, onnx_ops.lower_inverse(upper.mT).mT, onnx_ops.lower_inverse(lower), self.permutation.mT)
        y = torch.linalg.solve_triangular(lower, self.permutation.mT, upper=False, unitriangular=True)
        return _mix(z, torch.linalg.solve_triangular(upper, y, upper=True))

    def _triangles(self) -> tuple[Tensor, Tensor]:
        lower = self.factors.tril(-1) + torch.eye(self.shape[0], dtype=self.sign.dtype, device=self.sign.device)
        upper = self.factors.triu(1) + (self.sign * self.factors.diagonal().exp()).diag()
        return lower, upper


def _mix(x: Tensor, *factors: Tensor) -> Tensor:
    # Neither autocast nor conv2d, which PyTorch runs in TF32 by default: the inverse would only be good to 1e-3.
    with torch.autocast(x.device.type, enabled=False):
        matrix = factors[0]
        for factor in factors[1:]:
            matrix = matrix @ factor
        return torch.einsum("oi,bihw->bohw", matrix, x)
