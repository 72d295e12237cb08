"""A picture of what a categoriser looked at: where the road speaks for the class, and which hole it takes for one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from nflows_privacy.masks import Rectangle

_SIDE = 640
_FOR, _AGAINST = np.array((235, 60, 30)), np.array((40, 90, 220))
_STRONGEST = 0.55  # of the colour, so that the road still shows
_HOLE, _TAKEN = (255, 210, 0), (255, 255, 255)

Pixels = NDArray[np.uint8]


def shown_reasons(
    pixels: Pixels, holes: Sequence[Rectangle], held: NDArray[np.float64], reasons: NDArray[np.float64]
) -> Pixels:
    """A picture made smaller, red where it speaks for the class and blue where against it, its holes outlined.

    Arguments:
        pixels: The picture, :math:`(H, W, 3)`.
        holes: Its holes, in yellow; that which most likely held a sign is white.
        held: How likely each held one, :math:`(n,)`.
        reasons: How much each place speaks for the class, :math:`(h, w)`.

    Returns:
        The picture, its longer side at most 640 pixels.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float64)
    strength = np.clip(cv2.resize(reasons, size, interpolation=cv2.INTER_LINEAR) / _largest(reasons), -1, 1)[..., None]
    colour = np.where(strength > 0, _FOR, _AGAINST)
    weight = _STRONGEST * np.abs(strength)
    drawn: Pixels = np.rint((1 - weight) * small + weight * colour).astype(np.uint8)
    for number, hole in enumerate(holes):
        outline = _TAKEN if number == int(held.argmax()) else _HOLE
        corners = [(math.floor(x * scale), math.floor(y * scale)) for x, y in (hole[1::-1], hole[3:1:-1])]
        cv2.rectangle(drawn, corners[0], corners[1], outline, 1)
    return drawn


def _largest(reasons: NDArray[np.float64]) -> float:
    """What counts as the full colour: all but one of a hundred places have less."""
    return float(np.quantile(np.abs(reasons), 0.99)) or 1.0
