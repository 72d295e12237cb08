"""The anchor taps of torch kernels, and the check that they can be inverted."""

from __future__ import annotations

import torch
from torch import Tensor

from invconv import geometry


def anchors(weight: Tensor, corners: tuple[str, ...]) -> Tensor:
    """The anchor tap of each channel group, [G, n, n]."""
    blocks = weight.reshape(len(corners), -1, *weight.shape[1:])
    return torch.stack([blocks[(g, ..., *geometry.anchor_index(corner))] for g, corner in enumerate(corners)])


def anchor_inverses(weight: Tensor, corners: tuple[str, ...]) -> Tensor:
    """The inverse of each anchor tap in float64, [G, n, n]; ValueError for a kernel without one, or not finite."""
    if not weight.isfinite().all():
        index = [int(i) for i in (~weight.isfinite()).nonzero()[0]]
        raise ValueError(f"weight: not finite at {index}")
    blocks = anchors(weight, corners).double()
    inverses = torch.linalg.inv_ex(blocks).inverse
    # The condition number of a singular matrix is that of rounding errors. The compiled solver asks likewise.
    condition = blocks.abs().sum(2).amax(1) * inverses.abs().sum(2).amax(1)
    tolerance = 0.1 / (blocks.shape[1] * torch.finfo(torch.float64).eps)
    singular = (~(condition < tolerance)).nonzero()
    if len(singular):
        raise ValueError(
            f"weight: the anchor tap of channel group {int(singular[0])} is singular, so the convolution has no inverse"
        )
    return inverses  # type: ignore[no-any-return]


def folded(weight: Tensor, inverses: Tensor, corners: tuple[str, ...]) -> Tensor:
    """The kernel of N in K_0^-1 T = I + N: every tap times the inverse of its anchor, and no anchor."""
    blocks = torch.einsum(
        "gcd,gdeij->gceij", inverses, weight.reshape(len(corners), -1, *weight.shape[1:]).to(inverses.dtype)
    )
    for g, corner in enumerate(corners):
        blocks[(g, ..., *geometry.anchor_index(corner))] = 0
    return blocks.flatten(0, 1).to(weight.dtype)
