"""Colours where a picture is transparent, which must not bleed into what is seen."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

_RADII = (1, 3, 8)
REACH = sum(_RADII)
"""How far colours are carried, in pixels."""


def filled(colours: Tensor, alpha: Tensor) -> Tensor:
    r"""The colours, those of transparent pixels replaced by the mean of what is seen near them.

    What a file holds under transparent pixels is often black, or left over, and each pixel of an enlarged picture is a
    sum over several. The mean is over a square, :math:`\sum \alpha c / \sum \alpha`, and the square grows until it
    holds something.

    Arguments:
        colours: The colours, :math:`(C, h, w)`.
        alpha: The share of each pixel that is seen, :math:`(1, h, w)`, in [0, 1].
    """
    for radius in _RADII:
        weight = _mean(alpha, radius)
        means = _mean(colours * alpha, radius) / weight.clamp(min=1e-6)
        is_new = (alpha == 0) & (weight > 0)
        colours = means.where(is_new, colours)
        alpha = alpha.where(~is_new, weight.new_ones(()))
    return colours


def _mean(values: Tensor, radius: int) -> Tensor:
    """The mean of each square, of those pixels of it that the tile holds."""
    side = 2 * radius + 1
    columns = F.avg_pool2d(values, (side, 1), 1, (radius, 0), count_include_pad=False)
    return F.avg_pool2d(columns, (1, side), 1, (0, radius), count_include_pad=False)
