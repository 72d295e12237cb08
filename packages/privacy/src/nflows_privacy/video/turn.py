"""How the stored picture of a video is turned to be upright on a screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.regions import Box


class Turn(NamedTuple):
    """One of the eight ways in which a rectangle lies on itself.

    Arguments:
        swapped: Whether rows become columns, before all else.
        mirrored: Whether left and right change places.
        flipped: Whether top and bottom do.
    """

    swapped: bool = False
    mirrored: bool = False
    flipped: bool = False

    @classmethod
    def of_matrix(cls, matrix: Sequence[int]) -> Turn:
        """The turn of a display matrix, which a file may give for any angle: the nearest quarter.

        Arguments:
            matrix: The nine numbers a, b, u, c, d, v, x, y, w (ISO/IEC 14496-12, 8.3.2): a point (p, q) of the stored
                picture is shown at (a p + c q + x, b p + d q + y).
        """
        a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(False, a < 0, d < 0)
        return cls(True, c < 0, b < 0)

    def upright(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """The stored pixels :math:`(H, W, C)` as a screen shows them."""
        turned = pixels.swapaxes(0, 1) if self.swapped else pixels
        turned = turned[:: -1 if self.flipped else 1, :: -1 if self.mirrored else 1]
        return np.ascontiguousarray(turned)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The width and height that a screen shows of a stored picture, and the other way round."""
        return (height, width) if self.swapped else (width, height)

    def stored(self, box: Box, width: int, height: int) -> Box:
        """The place in the stored picture of a box on the screen.

        Arguments:
            box: The box on the screen.
            width: The width of the stored picture.
            height: The height of the stored picture.
        """
        across, down = self.size(width, height)
        left, top, right, bottom = box
        if self.mirrored:
            left, right = across - right, across - left
        if self.flipped:
            top, bottom = down - bottom, down - top
        return Box(top, left, bottom, right) if self.swapped else Box(left, top, right, bottom)
