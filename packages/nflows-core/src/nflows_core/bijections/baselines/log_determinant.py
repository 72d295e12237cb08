"""Log-determinants that are differentiable as often as anyone likes, in either mode."""

from __future__ import annotations

import torch
from torch import Tensor


def logabsdet(matrices: Tensor) -> Tensor:
    r"""The natural logarithm of :math:`|\det A|` of each matrix, :math:`(*, n, n)`, real or complex.

    By the factors of :math:`P A = L U`, which torch's rules see: forward mode takes what ``torch.linalg.slogdet`` keeps
    of them for constants, so that ``jvp`` of ``jvp`` would be wrong, without a word.
    """
    factors: Tensor = torch.linalg.lu_factor_ex(matrices).LU
    return factors.diagonal(dim1=-2, dim2=-1).abs().log().sum(-1)
