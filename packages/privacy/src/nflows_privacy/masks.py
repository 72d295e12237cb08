"""Where a picture may change: regions, grown outwards to whole pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.regions import Box, Region

MASK_SCALE = 1.3
"""How many times as wide and high what is filled is as what was found, unless a person says otherwise."""


class Rectangle(NamedTuple):
    """A part of a picture in whole pixels: rows from ``top`` to before ``bottom``, columns likewise."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def moved(self, down: int, across: int) -> Rectangle:
        """The rectangle so many pixels further down and to the right."""
        return Rectangle(self.top + down, self.left + across, self.bottom + down, self.right + across)

    def shares_pixels(self, other: Rectangle) -> bool:
        """Whether a pixel is in both.

        Example:
            >>> Rectangle(0, 0, 2, 2).shares_pixels(Rectangle(1, 1, 3, 3))
            True
        """
        rows = self.top < other.bottom and other.top < self.bottom
        return rows and self.left < other.right and other.left < self.right


def cover(box: Box, height: int, width: int, block: int = 1) -> Rectangle | None:
    """The smallest rectangle of whole blocks that holds a box, cut off at the picture's edges; none outside of it.

    Arguments:
        box: The box.
        height: The height of the picture in pixels.
        width: The width.
        block: The side of a block: 2 where two by two pixels share their colour, as in 4:2:0 video.

    Example:
        >>> cover(Box(1.2, 2.0, 3.1, 4.0), 10, 10)
        Rectangle(top=2, left=1, bottom=4, right=4)
    """
    top, left = (max(0, math.floor(low / block) * block) for low in (box.top, box.left))
    bottom = min(height, math.ceil(box.bottom / block) * block)
    right = min(width, math.ceil(box.right / block) * block)
    return Rectangle(top, left, bottom, right) if top < bottom and left < right else None


def covers(regions: Iterable[Region], height: int, width: int, block: int = 1) -> list[Rectangle]:
    """The rectangles of regions that reach into a picture."""
    found = (cover(region.box, height, width, block) for region in regions)
    return [rectangle for rectangle in found if rectangle is not None]


def mask_of(rectangles: Sequence[Rectangle], height: int, width: int) -> NDArray[np.bool_]:
    """The pixels :math:`(H, W)` in any of the rectangles."""
    mask = np.zeros((height, width), np.bool_)
    for rectangle in rectangles:
        mask[rectangle.slices] = True
    return mask
