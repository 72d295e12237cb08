"""Bicubic enlargement, as MATLAB's ``imresize`` does it: what every network is compared with."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from nflows_sr.engines.base import Engine, EngineSettings

_SCALE = 2
_REACH = 2  # pixels to each side that the kernel covers


class Bicubic(Engine):
    r"""Convolution with Keys's kernel of :math:`a = -1/2`, separably; pixels beyond an edge mirror those inside.

    .. math:: k(x) = \begin{cases} \tfrac32 |x|^3 - \tfrac52 |x|^2 + 1 & |x| \le 1 \\
        -\tfrac12 |x|^3 + \tfrac52 |x|^2 - 4 |x| + 2 & 1 < |x| \le 2 \end{cases}

    (Keys 1981, "Cubic convolution interpolation for digital image processing", equation 15.)

    Arguments:
        scale: How many times the sides grow.
    """

    margin = _REACH
    tile = 512

    def __init__(self, scale: int) -> None:
        self.scale = scale

    def __call__(self, tile: Tensor) -> Tensor:
        height, width = tile.shape[1:]
        padded = tile[:, _mirrored(height)][:, :, _mirrored(width)]
        size = [self.scale * length for length in padded.shape[1:]]
        # Without antialias torch takes the kernel of a = -3/4; with it, one that only shrinking would widen.
        enlarged = F.interpolate(padded[None], size, mode="bicubic", antialias=True)[0]
        edge = self.scale * _REACH
        return enlarged[:, edge:-edge, edge:-edge]


def load_bicubic(settings: EngineSettings) -> Bicubic:
    """The engine, of scale 2 if none is asked for."""
    return Bicubic(_SCALE if settings.scale is None else settings.scale)


def _mirrored(length: int) -> Tensor:
    """The indices of a row with so many pixels, and of those beyond its ends, the last pixel itself repeated."""
    index = torch.arange(-_REACH, length + _REACH) % (2 * length)
    return torch.minimum(index, 2 * length - 1 - index)
