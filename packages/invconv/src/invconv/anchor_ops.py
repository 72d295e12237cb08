"""The anchor taps of torch kernels, and the check that they can be inverted."""

from __future__ import annotations

import torch
from torch import Tensor

from invconv import geometry


def anchors(weight: Tensor, corners: tuple[str, ...]) -> Tensor:
    """The anchor tap of each channel group, [G, n, n]."""
    blocks = weight.reshape(len(corners), weight.shape[1], *weight.shape[1:])
    return torch.stack([blocks[(g, ..., *geometry.anchor_index(corner))] for g, corner in enumerate(corners)])


def anchor_inverses(weight: Tensor, corners: tuple[str, ...]) -> Tensor:
    """The inverse of each anchor tap in float64, [G, n, n]; ValueError for a kernel without one, or not finite."""
    if not weight.isfinite().all():
        index = [int(i) for i in (~weight.isfinite()).nonzero()[0]]
        raise ValueError(f"weight: not finite at {index}")
    blocks = anchors(weight, corners).double()
    inverses, condition = _inverses_and_condition(blocks)
    # A singular matrix seldom meets a pivot of exactly 0, but then its condition number is that of rounding errors.
    tolerance = 0.1 / (blocks.shape[1] * torch.finfo(torch.float64).eps)
    singular = (~(condition < tolerance)).nonzero()
    if len(singular):
        group = int(singular[0])
        end = (
            " to working precision: rounding would leave no digit of the inverse"
            if condition[group].isfinite()
            else ", so the convolution has no inverse"
        )
        raise ValueError(f"weight: the anchor tap of channel group {group} is singular{end}")
    return inverses


def _inverses_and_condition(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """The inverses and their condition numbers, which do not depend on the scale of rows and columns.

    A triangular matrix has an inverse if its diagonal has no zero, however large it is: there substitution divides by
    nothing else, so that it counts as well conditioned. The compiled solvers do likewise.
    """
    rows = _unit(blocks.abs().amax(2, keepdim=True))
    columns = _unit((blocks * rows).abs().amax(1, keepdim=True))
    scaled = blocks * rows * columns
    inverses = torch.linalg.inv_ex(scaled).inverse
    condition = scaled.abs().sum(2).amax(1) * inverses.abs().sum(2).amax(1)
    identity = torch.eye(blocks.shape[1], dtype=blocks.dtype, device=blocks.device)
    for triangle, upper in ((scaled.tril(), False), (scaled.triu(), True)):
        is_triangular = (triangle == scaled).all(2).all(1)
        substituted = torch.linalg.solve_triangular(triangle, identity, upper=upper)
        regular = (scaled.diagonal(dim1=1, dim2=2) != 0).all(1)
        inverses = torch.where(is_triangular[:, None, None], substituted, inverses)
        condition = torch.where(is_triangular, torch.where(regular, 1.0, torch.inf), condition)
    return inverses * rows.mT * columns.mT, condition


def _unit(sizes: Tensor) -> Tensor:
    """The powers of two that bring sizes between 1 and 2, which round nothing; 1 for zeros."""
    exponents = torch.frexp(sizes).exponent - 1
    return torch.where(sizes > 0, torch.ldexp(torch.ones_like(sizes), -exponents.clamp(min=-1023)), 1)


def folded(weight: Tensor, inverses: Tensor, corners: tuple[str, ...]) -> Tensor:
    """The kernel of N in K_0^-1 T = I + N: every tap times the inverse of its anchor, and no anchor."""
    blocks = torch.einsum(
        "gcd,gdeij->gceij", inverses, weight.reshape(len(corners), -1, *weight.shape[1:]).to(inverses.dtype)
    )
    for g, corner in enumerate(corners):
        blocks[(g, ..., *geometry.anchor_index(corner))] = 0
    return blocks.flatten(0, 1).to(weight.dtype)
