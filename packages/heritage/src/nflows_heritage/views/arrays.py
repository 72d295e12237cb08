"""Pictures as rows: pixels in memory where an open file is expected, and colours without alpha."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.tiles import Rows

Pixels = NDArray[np.uint8 | np.uint16]


@dataclass(frozen=True)
class InMemory:
    """The rows of an array.

    Arguments:
        pixels: The pixels, :math:`(H, W, C)`.
    """

    pixels: Pixels

    @property
    def shape(self) -> tuple[int, int, int]:
        height, width, channels = self.pixels.shape
        return height, width, channels

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.pixels.dtype

    def rows(self, top: int, bottom: int) -> Pixels:
        """The rows from ``top`` to before ``bottom``."""
        return self.pixels[top:bottom]


@dataclass(frozen=True)
class Colours:
    """The rows of a picture without its alpha.

    Arguments:
        picture: The picture.
    """

    picture: Rows

    @property
    def shape(self) -> tuple[int, int, int]:
        height, width, channels = self.picture.shape
        return height, width, 3 if channels >= 3 else 1

    def rows(self, top: int, bottom: int) -> NDArray[Any]:
        """The rows from ``top`` to before ``bottom``."""
        return self.picture.rows(top, bottom)[..., : self.shape[2]]
