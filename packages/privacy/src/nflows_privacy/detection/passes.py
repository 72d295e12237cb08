"""One network, many sizes of a picture: which sizes, what counts at each, and how large ones are cut into tiles.

A network that has learned faces of 16 to 64 pixels finds those of any size, where the picture is looked at once for
each octave of sizes. Each look but the smallest leaves larger things to the next one: at large sizes a network takes
shirts for faces, which it does not at small ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.detection.base import Look
from nflows_privacy.regions import Box

Pixels = NDArray[np.uint8]

TILE = 2880
"""The longest side of what a network sees at once, in pixels."""
_LARGEST_ENLARGEMENT = 4.0
_QUICK_SIDES = (640, 1600)
_SMALLEST_SIDE = 320  # a pass below it would see no face that the one above does not
_OVERLAP = 256  # of two tiles; twice the widest thing that counts where there are several


@dataclass(frozen=True)
class Pass:
    """One look at the whole picture.

    Arguments:
        scale: How many times the picture is enlarged.
        widest: The width from which things are left to a smaller pass, in pixels of the enlarged picture.
    """

    scale: float
    widest: float


class Tile(NamedTuple):
    """A part of the picture as a network sees it, and the way back."""

    pixels: Pixels
    place: Box
    """Where it lies in the picture."""
    core: Box
    """What has its middle here is told by this tile alone, in the picture."""


def passes(height: int, width: int, look: Look) -> list[Pass]:
    """The looks at a picture of a size, the largest first.

    `Look.THOROUGH` begins with the picture doubled or quadrupled where that fits into one tile, and goes down by
    octaves. `Look.CHECK` looks half an octave below that; where this were coarser than the picture, half an octave
    above, if one tile holds it. `Look.QUICK` looks once, at a long side of 640 to 1600 pixels, and for what is large at
    a quarter of that, which costs a sixteenth; `Look.QUICK_CHECK` half an octave below.
    """
    side = max(height, width)
    if look.is_quick:
        scale = min(_LARGEST_ENLARGEMENT, min(max(side, _QUICK_SIDES[0]), _QUICK_SIDES[1]) / side)
        scale *= math.sqrt(0.5) if look.is_check else 1
        return [Pass(scale, 128), Pass(scale / 4, math.inf)]
    scale = 2.0 ** max(0, math.floor(math.log2(min(_LARGEST_ENLARGEMENT, TILE / side))))
    if look is Look.CHECK:
        scale *= math.sqrt(0.5) if scale > 1 or math.sqrt(2) * side > TILE else math.sqrt(2)
    smaller = max(0, math.floor(math.log2(scale * side / _SMALLEST_SIDE)))
    return [Pass(scale / 2**step, 64 if step < smaller else math.inf) for step in range(smaller + 1)]


def tiles(pixels: Pixels, scale: float) -> Iterator[Tile]:
    """The picture enlarged, in as few tiles as no side of which is longer than `TILE`; one after the other."""
    height, width = pixels.shape[:2]
    for top, bottom, first, last in _spans(height, scale):
        for left, right, start, end in _spans(width, scale):
            part = resized(pixels[top:bottom, left:right], scale)
            yield Tile(part, Box(left, top, right, bottom), Box(start, first, end, last))


def resized(pixels: Pixels, scale: float) -> Pixels:
    """The picture enlarged by cubic interpolation, or shrunk: halved by the mean of four pixels, the rest linearly."""
    import cv2

    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    while scale <= 0.5:
        halves = tuple(max(1, side // 2) for side in pixels.shape[1::-1])
        pixels, scale = cv2.resize(pixels, halves, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False), 2 * scale
    if (height, width) == pixels.shape[:2]:
        return np.ascontiguousarray(pixels)
    # The mean of all that falls into a pixel takes ten times as long, unless it is of whole pixels.
    how = cv2.INTER_LINEAR if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(pixels, (width, height), interpolation=how).astype(np.uint8, copy=False)


def _spans(size: int, scale: float) -> Iterator[tuple[int, int, float, float]]:
    """The begin and the end of each tile along one axis, and of its core."""
    overlap = _OVERLAP / scale
    count = max(1, math.ceil((size - overlap) / (TILE / scale - overlap)))
    step = (size - overlap) / count
    for index in range(count):
        low, high = index * step, (index + 1) * step + overlap
        core = (low + overlap / 2 if index else -math.inf, high - overlap / 2 if index < count - 1 else math.inf)
        yield math.floor(low), min(size, math.ceil(high)), *core
