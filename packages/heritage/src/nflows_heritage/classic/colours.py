r"""Colours that dirt has made dull and light has bleached.

What a picture has lost is not in it: it is judged by how pictures are as a rule. The factors below are least squares on
455 photographs that were made dull, or faded, by known amounts; what they say is done in part only, so that a picture
that is pale by nature does not suffer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nflows_heritage.classic.cosines import Samples

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_PAPER = (0.93, 0.88, 0.76)
"""Old paper and varnish."""
_RARE = 0.01
"""The part of the pixels that are darker than a picture's black, and that are lighter than its white."""

_CONTRAST = (0.125, 0.697, -0.201, 0.147)
_SATURATION = (0.283, 1.035, -0.291, 0.234)
_LIGHT = (0.033, 0.159, -0.044, 0.037)
_GREY_CONTRAST = (-0.425, 1.033, -0.37)
_GREY_LIGHT = (-0.103, 0.243, -0.086)
_CAREFUL_DULL = 0.7

_VEIL = (-0.004, 0.917, -0.216, -0.049, 0.535, 0.482)
_GREY_VEIL = (0.034, 0.83, -0.29, 0.697)
_CAREFUL_FADED = 0.8


@dataclass(frozen=True)
class Dull:
    r"""Gives back contrast, saturation and light: what has become :math:`y = g \, (m + c \, (u - m))` with
    :math:`u = \ell + s \, (x - \ell)` is :math:`x` again, with the luma :math:`\ell` of a pixel.

    Arguments:
        contrast: The factor :math:`c` that is left of the contrast.
        saturation: The factor :math:`s` that is left of the saturation.
        light: The factor :math:`g` that is left of the light.
        mean: The mean luma of the picture as it is, :math:`g m`.
    """

    contrast: float
    saturation: float
    light: float
    mean: float

    @property
    def is_idle(self) -> bool:
        return self.contrast == self.saturation == self.light == 1

    @property
    def halo(self) -> int:
        return 0

    def __call__(self, tile: Samples, corner: tuple[int, int] = (0, 0)) -> Samples:
        if self.is_idle:
            return tile.copy()
        mean = np.float32(self.mean / self.light)
        mixed = mean + (tile / np.float32(self.light) - mean) / np.float32(self.contrast)
        luma = _luma(mixed)[..., None]
        return np.clip(luma + (mixed - luma) / np.float32(self.saturation if tile.shape[2] == 3 else 1), 0, 1)


@dataclass(frozen=True)
class Faded:
    r"""Takes off the paper that shows through, :math:`x = (y - a p) / (1 - a)`.

    Arguments:
        share: How much of it shows, :math:`a`, below 1.
        paper: The colour :math:`p` of the paper, one value a channel.
    """

    share: float
    paper: Sequence[float]

    @property
    def is_idle(self) -> bool:
        return self.share == 0

    @property
    def halo(self) -> int:
        return 0

    def __call__(self, tile: Samples, corner: tuple[int, int] = (0, 0)) -> Samples:
        if self.is_idle:
            return tile.copy()
        veil = np.asarray(self.paper, np.float32) * np.float32(self.share)
        return np.clip((tile - veil) / np.float32(1 - self.share), 0, 1)


def dull_of(overview: Samples) -> Dull:
    """What dirt has left, by the range and the spread of the luma and by how far colours are from grey."""
    luma = _luma(overview)
    low, high = np.quantile(luma, (_RARE, 1 - _RARE))
    measures = [1, np.log(high - low + 0.02), np.log(luma.std() + 0.01)]
    if overview.shape[2] == 3:
        chroma = np.sqrt(np.mean((overview - luma[..., None]) ** 2))
        measures.append(np.log(chroma + 0.01))
        factors = np.array([_CONTRAST, _SATURATION, _LIGHT])
    else:
        factors = np.array([_GREY_CONTRAST, (0, 0, 0), _GREY_LIGHT])
    left = np.exp(_CAREFUL_DULL * factors @ np.array(measures))
    contrast, saturation, light = np.clip(left, (0.35, 0.25, 0.75), 1).tolist()
    return Dull(contrast, saturation, light, float(luma.mean()))


def faded_of(overview: Samples) -> Faded:
    """How much paper shows: not more than in the darkest places, and by the luma's range and the colours."""
    luma = _luma(overview)
    low, high = np.quantile(luma, (_RARE, 1 - _RARE))
    if overview.shape[2] == 3:
        paper: tuple[float, ...] = _PAPER
        red, _, blue = overview.mean((0, 1))
        chroma = np.sqrt(np.mean((overview - luma[..., None]) ** 2))
        further, factors = [red - blue, luma.std(), chroma], np.array(_VEIL)
    else:
        paper = (float(np.dot(_PAPER, _LUMA)),)
        further, factors = [luma.std()], np.array(_GREY_VEIL)
    darkest = float((np.quantile(overview, _RARE, axis=(0, 1)) / paper).min())
    share = min(darkest, float(factors @ [1, darkest, high - low, *further]))
    return Faded(float(np.clip(_CAREFUL_FADED * share, 0, 0.7)), list(paper))


def _luma(samples: Samples) -> Samples:
    return samples[..., 0] if samples.shape[2] == 1 else samples @ _LUMA
