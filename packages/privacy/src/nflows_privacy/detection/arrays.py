"""From the arrays of a network to regions, and from a picture to what a network sees."""

from __future__ import annotations

from collections.abc import Iterator

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


def resized(pixels: NDArray[np.uint8], long_side: int) -> NDArray[np.uint8]:
    """A picture :math:`(H, W, 3)` whose longer side has so many pixels: means, or linear where it grows."""
    import cv2

    height, width = pixels.shape[:2]
    scale = long_side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)


def scaled(regions: list[Region], small: tuple[int, ...], whole: tuple[int, ...]) -> list[Region]:
    """Regions of a picture that was resized, in the picture as it was; both by their shapes."""
    down, across = whole[0] / small[0], whole[1] / small[1]
    return [Region(one.box.scaled(across, down), one.kind, one.score) for one in regions]


def tiles(shape: tuple[int, ...], height: int, width: int, overlap: float) -> Iterator[tuple[int, int]]:
    """The upper left corners of as few tiles as cover a picture evenly, with at least a share of each in the next.

    Arguments:
        shape: The height and width of the picture.
        height: The height of a tile; where the picture is smaller, there is one at 0.
        width: The width.
        overlap: The share, in [0, 1).
    """
    for top in _starts(shape[0], height, overlap):
        for left in _starts(shape[1], width, overlap):
            yield top, left


def _starts(length: int, tile: int, overlap: float) -> list[int]:
    if length <= tile:
        return [0]
    steps = int(np.ceil((length - tile) / (tile * (1 - overlap))))
    return [round(step * (length - tile) / steps) for step in range(steps + 1)]
