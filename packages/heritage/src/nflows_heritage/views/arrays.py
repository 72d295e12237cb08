"""Pixels in memory where an open file is expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
