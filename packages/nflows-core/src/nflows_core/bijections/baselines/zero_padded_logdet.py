r"""The exact log-determinant of a zero-padded convolution."""

from __future__ import annotations

import torch
from torch import Tensor

from nflows_core.bijections.baselines.kernels import zero_padded_conv2d


@torch.no_grad()
def zero_padded_logdet(kernel: Tensor, size: tuple[int, int]) -> Tensor:
    r"""The log-determinant of the zero-padded convolution with a kernel of odd size.

    Its matrix is block tridiagonal, with the same blocks :math:`L, A, U` in every block row of :math:`\max(1, (k-1)/2)`
    image rows. So for small kernels block elimination takes :math:`O(H W^3 C^3)`, where the dense determinant takes
    :math:`O(H^3 W^3 C^3)`:

    .. math:: \log |\det T| = \sum_i \log |\det S_i|, \qquad S_1 = A, \qquad S_{i+1} = A - L S_i^{-1} U

    In float64, because blocks are not exchanged for better pivots.

    Arguments:
        kernel: The kernel, :math:`(C, C, k, k)`.
        size: Height and width of the images.

    Returns:
        A scalar of the dtype of the kernel, without a gradient.
    """
    height, width = size
    rows = max(1, kernel.shape[-1] // 2)
    lower, diagonal, upper = _blocks(kernel.double(), rows, width)
    schur, total = diagonal, kernel.new_zeros((), dtype=torch.float64)
    for start in range(0, height, rows):
        if start:
            schur = diagonal - lower @ torch.linalg.solve(schur, upper)
        used = min(rows, height - start) * len(diagonal) // rows
        total += torch.linalg.slogdet(schur[:used, :used]).logabsdet
    return total.to(kernel.dtype)


def _blocks(kernel: Tensor, rows: int, width: int) -> Tensor:
    """The matrices from one block of rows to the one below it, to itself and to the one above it."""
    channels, n = len(kernel), rows * len(kernel) * width
    impulses = torch.eye(n, dtype=kernel.dtype, device=kernel.device).view(n, rows, channels, width).transpose(1, 2)
    responses = zero_padded_conv2d(torch.nn.functional.pad(impulses, (0, 0, rows, rows)), kernel)
    above, same, below = responses.transpose(1, 2).reshape(n, 3, n).unbind(1)
    return torch.stack([below.mT, same.mT, above.mT])
