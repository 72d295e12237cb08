r"""The nearest picture that becomes a small one exactly, when it is made smaller bicubically."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from nflows_sr.degradations.bicubic import resize_bicubic

REACH = 10
"""How far a projection reaches, in pixels of the small picture, to a thousandth of what it changes."""

_TURNS = 4


def project(large: Tensor, small: Tensor) -> Tensor:
    r"""Moves large pictures as little as makes them, smaller again, the small ones.

    With D the reduction of `resize_bicubic`, it is the orthogonal projection onto all y with :math:`D y = x`,

    .. math:: y \mapsto y + D^T (D D^T)^{-1} (x - D y)

    Where the small picture is the reduction of an original, no projection is farther from that than what it is of.
    Iterated back-projection (Irani & Peleg 1991) converges to such a picture; D works on rows and columns apart, so
    that here two small systems of equations are solved instead. What is projected may leave [0, 1] a little.

    Arguments:
        large: The large pictures, :math:`(..., sh, sw)`.
        small: The small ones, :math:`(..., h, w)`.

    Raises:
        ValueError: The sides of the large ones are not the same multiple of those of the small ones.
    """
    size, target = small.shape[-2:], large.shape[-2:]
    scale = target[0] // size[0]
    if (size[0] * scale, size[1] * scale) != tuple(target):
        raise ValueError(f"`large`: {tuple(target)} is no multiple of `small`, {tuple(size)}")
    missing = small - resize_bicubic(large, (size[0], size[1]))
    rows, columns = (_inverse_gram(side, scale).to(large) for side in size)
    back = resize_bicubic(rows @ missing @ columns, (target[0], target[1]))
    return large + back


def project_within(large: Tensor, small: Tensor) -> Tensor:
    """Moves large pictures onto those in [0, 1] that become the small ones, but for little: by turns onto either.

    Both are convex sets, and the turns come ever nearer to what they share (von Neumann; Bregman 1965). Where nothing
    is clipped, one is exact; after four, photographs are 53 dB from the small ones and better. Of small pictures
    that are reductions of none, as a board of black and white pixels is, the sets share nothing: 12 to 30 dB are left.
    """
    for _ in range(_TURNS):
        large = project(large, small).clamp(0, 1)
    return large


@lru_cache(maxsize=64)
def _inverse_gram(length: int, scale: int) -> Tensor:
    r""":math:`(s D D^T)^{-1}` of one axis, :math:`(h, h)`; enlargement is :math:`s D^T`."""
    unit = torch.eye(length, dtype=torch.float64)[:, :, None]
    gram = resize_bicubic(resize_bicubic(unit, (scale * length, 1)), (length, 1))[:, :, 0]
    inverse: Tensor = torch.linalg.inv(gram)
    return inverse
