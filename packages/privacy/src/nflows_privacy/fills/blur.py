"""Regions blurred."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from nflows_privacy.fills.pasting import Hole, Way

_SAMPLES = 24  # across a region: sigma is 8 of them or more, which leaves nothing that 24 would not hold


@dataclass(frozen=True)
class Blur(Way):
    r"""The convolution with a Gaussian, of the region alone, mirrored at its edges; so nothing darkens there.

    .. math:: \sigma = s \cdot \mathrm{side} / 3

    with the strength s and the longer side of the region. Of a mirrored region of side n it leaves the cosine of k half
    waves across times :math:`\exp(-(\pi k s / 3)^2 / 2)`.

    It is computed on means of blocks, since what is smaller is lost either way.

    Arguments:
        strength: The strength.
    """

    strength: float = 1.0

    context, blind = 0.0, False

    def __call__(self, hole: Hole, seed: int) -> NDArray[Any]:
        import cv2

        height, width = hole.pixels.shape[:2]
        scale = min(1.0, _SAMPLES / hole.side)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        means = cv2.resize(hole.pixels, size, interpolation=cv2.INTER_AREA)
        sigma = self.strength * hole.side * scale / 3
        blurred = cv2.GaussianBlur(means, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
        return cv2.resize(blurred, (width, height), interpolation=cv2.INTER_CUBIC).reshape(hole.pixels.shape)
