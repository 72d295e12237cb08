r"""What time does to colours: dirt makes them dull, light makes them fade."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from nflows_heritage.distortions.levels import at_level

_CONTRASTS = (0.85, 0.72, 0.6, 0.49, 0.4)
_SATURATIONS = (0.8, 0.65, 0.5, 0.37, 0.25)
_DARKNESS = (0.96, 0.92, 0.88, 0.84, 0.8)
_FADED = (0.12, 0.22, 0.32, 0.42, 0.52)
_PAPER = (0.93, 0.88, 0.76)
"""Old paper and varnish."""
_VARIED = 0.1
"""How far the parameters of two pictures at one level are apart, as a part of them."""
_GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601


def grey_of(image: Tensor) -> Tensor:
    """The luma (1, H, W) of a picture in colour, or the picture itself."""
    return image if len(image) == 1 else torch.einsum("c,chw->hw", image.new_tensor(_GREY), image)[None]


def dulled(image: Tensor, contrast: float, saturation: float, gain: float) -> Tensor:
    r"""A picture of less contrast, less colour and less light.

    .. math:: y = g \left(m + c \, (u - m)\right), \qquad u = \ell + s \, (x - \ell)

    with the luma :math:`\ell` of each pixel and its mean :math:`m` over the picture.
    """
    grey = grey_of(image)
    coloured = grey + saturation * (image - grey)
    return gain * (grey.mean() + contrast * (coloured - grey.mean()))


def faded(image: Tensor, share: float, paper: Tensor) -> Tensor:
    r"""A picture through which its paper shows: :math:`y = (1 - a) x + a p`, with the colour :math:`p` (C, 1, 1)."""
    return (1 - share) * image + share * paper


def dull(image: Tensor, level: float, generator: Generator) -> Tensor:
    """Contrast, saturation and light lost to dirt."""
    varied = _varied(3, generator)
    parameters = (at_level(level, values) for values in (_CONTRASTS, _SATURATIONS, _DARKNESS))
    contrast, saturation, gain = (1 - (1 - value) * by for value, by in zip(parameters, varied, strict=True))
    return dulled(image, contrast, saturation, gain)


def fade(image: Tensor, level: float, generator: Generator) -> Tensor:
    """Colours that light has bleached towards those of old paper, by an eighth to a half."""
    (share,) = _varied(1, generator)
    paper = torch.tensor(_PAPER) + 0.08 * (torch.rand(3, generator=generator) - 0.5)
    return faded(
        image,
        at_level(level, _FADED) * share,
        grey_of(paper[:, None, None]) if len(image) == 1 else paper[:, None, None],
    )


def _varied(count: int, generator: Generator) -> list[float]:
    factors: list[float] = (1 + _VARIED * (2 * torch.rand(count, generator=generator) - 1)).tolist()
    return factors
