r"""Ridges and valleys of a picture: what is darker or lighter than what lies to both of its sides."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

SCALES = (1.0, 1.8, 3.0)
"""The standard deviations at which lines are looked for, in pixels; a line of the width w is found best at w / 2."""
_LUMA = (0.299, 0.587, 0.114)
_SIGMAS = 3


class RidgeFilter(nn.Module):
    r"""How much each pixel looks like a line, of two kinds: dark and light.

    With the eigenvalues :math:`|\lambda_1| \geq |\lambda_2|` of the Hessian of the luma, smoothed by a Gaussian of
    :math:`\sigma`,

    .. math:: \text{dark} = \max_\sigma \sigma^2 \max(\lambda_1 - |\lambda_2|, 0), \qquad
        \text{light} = \max_\sigma \sigma^2 \max(-\lambda_1 - |\lambda_2|, 0),

    so that a spot, which bends both ways alike, is no line (Lindeberg 1998, "Edge detection and ridge detection with
    automatic scale selection", for the scales).

    Arguments:
        scales: The values of sigma, in pixels.
    """

    def __init__(self, scales: Sequence[float] = SCALES) -> None:
        super().__init__()
        self.kernels = [_kernels(sigma) for sigma in scales]

    def forward(self, x: Tensor) -> Tensor:
        """Pictures in [0, 1], :math:`(B, C, H, W)`, grey or RGB, to :math:`(B, 2, H, W)`, dark and light."""
        luma = x if x.shape[1] == 1 else (x * x.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)
        lines = torch.stack([_lines(luma, kernels.to(x)) for kernels in self.kernels])
        return lines.amax(0)

    @property
    def reach(self) -> int:
        """How far a pixel sees, in pixels."""
        return max(kernels.shape[1] // 2 for kernels in self.kernels)


def _kernels(sigma: float) -> Tensor:
    """A Gaussian and its first and second derivatives, times sigma and its square, (3, N)."""
    reach = math.ceil(_SIGMAS * sigma)
    x = torch.arange(-reach, reach + 1.0, dtype=torch.float64)
    bell = torch.exp(-(x**2) / (2 * sigma**2))
    bell /= bell.sum()
    first = bell * x / sigma
    second = bell * (x**2 / sigma**2 - 1)
    second -= bell * second.sum()  # an even surface has no ridges
    # What the sampled kernel makes of x² / 2 is sigma² then.
    return torch.stack([bell, first, second * 2 * sigma**2 / (second * x**2).sum()]).float()


def _lines(luma: Tensor, kernels: Tensor) -> Tensor:
    xx, yy = _filtered(luma, kernels[2], kernels[0]), _filtered(luma, kernels[0], kernels[2])
    xy = _filtered(luma, kernels[1], kernels[1])
    mean, spread = (xx + yy) / 2, torch.hypot((xx - yy) / 2, xy)
    # The eigenvalues are mean ± spread; the larger one by magnitude minus the other's is what follows for either sign.
    strength = torch.minimum(2 * mean.abs(), 2 * spread)
    none = torch.zeros_like(strength)
    return torch.cat([torch.where(mean > 0, strength, none), torch.where(mean < 0, strength, none)], 1)


def _filtered(luma: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """A picture :math:`(B, 1, H, W)`, filtered along both axes; beyond its border it goes on as it ends."""
    reach = len(across) // 2
    padded = pad(luma, (reach, reach, reach, reach), mode="replicate")
    return conv2d(conv2d(padded, across[None, None, None]), down[None, None, :, None])
