"""Regions blurred."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.fills.pasting import Hole, Way
from nflows_privacy.fills.settings import FillSettings

Means = NDArray[np.float32]

_SAMPLES = 24  # along a region: sigma is 8 of them or more, which leaves nothing that 24 would not hold
_EDGE = 0.5  # samples: the sigma by which the surroundings go on into a region, and the region fades
_NEVER_ZERO = np.float32(1e-6)


@dataclass(frozen=True)
class Blur(Way):
    r"""The convolution of a region with a Gaussian, divided by that of its mask, so that nothing darkens at the edge.

    .. math:: \sigma = s \cdot \mathrm{side} / 3

    with the strength s and the longer side of the region: what has f waves along the side is left times
    :math:`\exp(-2 (\pi f s / 3)^2)`.

    At its edge the region fades into the surroundings, which are continued inwards: nothing of it shows there. All is
    computed on means of blocks, since what is smaller is lost either way.

    Arguments:
        strength: The strength.
    """

    strength: float = 1.0

    context, blind = 0.125, False

    def __call__(self, hole: Hole, seed: int) -> NDArray[Any]:
        import cv2

        height, width = hole.hidden.shape
        scale = min(1.0, _SAMPLES / hole.side)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        region, share = _means(hole.pixels, hole.mask, size)
        blurred = _convolved(region, share, self.strength * hole.side * scale / 3)
        around = _convolved(*_means(hole.pixels, ~hole.hidden, size), _EDGE, blurred)
        inside = np.clip(2 * _gaussian(share, _EDGE) - 1, 0, 1)  # from 0 at the edge of a mask to 1
        made = np.rint(around + inside * (blurred - around)).clip(0, hole.top).astype(hole.pixels.dtype)
        return cv2.resize(made, (width, height), interpolation=cv2.INTER_CUBIC).reshape(hole.pixels.shape)


def _means(pixels: NDArray[Any], mask: NDArray[np.bool_], size: tuple[int, int]) -> tuple[Means, Means]:
    """The share of each block that is in a mask, and before it the sum of the pixels there by those of the block."""
    import cv2

    inside = cv2.copyTo(pixels, mask.view(np.uint8))
    sums = cv2.resize(inside, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    share = cv2.resize(255 * mask.view(np.uint8), size, interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(
        255
    )
    return sums.reshape(*share.shape, -1), share[..., None]


def _convolved(sums: Means, share: Means, sigma: float, otherwise: Means | float = 0.0) -> Means:
    """The normalized convolution with a Gaussian: the weighted mean of what is in the mask; far from it another."""
    weights = _gaussian(share, sigma)
    return np.asarray((_gaussian(sums, sigma) + _NEVER_ZERO * otherwise) / (weights + _NEVER_ZERO), np.float32)


def _gaussian(means: Means, sigma: float) -> Means:
    import cv2

    blurred = cv2.GaussianBlur(means, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float32).reshape(means.shape)


def load(settings: FillSettings) -> Blur:
    """The way of settings."""
    return Blur(settings.strength)
