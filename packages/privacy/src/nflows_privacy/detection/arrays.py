"""From the arrays of a network to regions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.regions import Box, Region


def regions_of(boxes: NDArray[np.floating], scores: NDArray[np.floating], kind: str, threshold: float) -> list[Region]:
    """The regions of boxes that have an area and a score from a threshold on.

    Arguments:
        boxes: The boxes :math:`(N, 4)`: left, top, right, bottom.
        scores: The scores :math:`(N)`; what rounding takes out of [0, 1] is cut off.
        kind: The kind of all.
        threshold: The lowest score that counts.
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    good = (scores >= threshold) & np.isfinite(boxes).all(axis=1) & (sides > 0).all(axis=1)
    kept = zip(boxes[good].tolist(), scores[good].clip(0, 1).tolist(), strict=True)
    return [Region(Box(*box), kind, score) for box, score in kept]


def scaled(regions: list[Region], small: tuple[int, ...], whole: tuple[int, ...]) -> list[Region]:
    """Regions of a picture that was resized, in the picture as it was; both by their shapes."""
    down, across = whole[0] / small[0], whole[1] / small[1]
    return [Region(one.box.scaled(across, down), one.kind, one.score) for one in regions]
