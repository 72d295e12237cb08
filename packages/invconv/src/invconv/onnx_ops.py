r"""What ONNX has no operators for, by those that it has: ``torch.onnx.export(..., dynamo=True)`` gets these.

A back substitution over pixels cannot be said in ONNX, but the iteration
:math:`x \leftarrow K_0^{-1} (y - (T - K_0) x)` can, and :math:`H + W - 2` of its convolutions are all, for no pixel
depends on another by more steps. The inverse of a triangular matrix is written out by halves; it is made of constants
of the graph, so that a runtime computes it once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from invconv import torch_methods
from invconv.anchor_ops import anchors, folded


def is_exported() -> bool:
    """Whether ``torch.onnx.export`` looks at what is computed."""
    return torch.compiler.is_exporting() and torch.onnx.is_in_onnx_export()


def inverse_conv2d(y: Tensor, weight: Tensor, corners: tuple[str, ...]) -> Tensor:
    """The inverse of a convolution whose anchors are lower triangular, as those of `invconv.nn` are."""
    inverses = lower_inverse(anchors(weight, corners))
    kernel = folded(weight, inverses, corners)
    constant = torch_methods.apply_to_groups(inverses, y)
    x = constant
    for _ in range(y.shape[2] + y.shape[3] - 2):
        x = constant - torch_methods.conv2d(x, kernel, corners)
    return x


def lower_inverse(matrices: Tensor) -> Tensor:
    r"""The inverses of lower triangular matrices, :math:`(*, n, n)`, as exact as back substitution.

    .. math::
        \begin{pmatrix} A & 0 \\ B & C \end{pmatrix}^{-1}
        = \begin{pmatrix} A^{-1} & 0 \\ -C^{-1} B A^{-1} & C^{-1} \end{pmatrix}
    """
    n = matrices.shape[-1]
    if n == 1:
        return 1 / matrices
    k = n // 2
    first, last = lower_inverse(matrices[..., :k, :k]), lower_inverse(matrices[..., k:, k:])
    below = -last @ matrices[..., k:, :k] @ first
    return torch.cat([torch.cat([first, torch.zeros_like(below.mT)], -1), torch.cat([below, last], -1)], -2)
