"""A part of a picture as each model makes it, where the bicubic enlargement is farthest from the original."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from nflows_core.runtime.pictures.thumbnails import as_png, on_screen
from nflows_sr.degradations import Pixels, imresize
from nflows_sr.evaluation.pairs import Pair

_SIDE = 96
_SHOWN = 192
_BLOCK = 16


@dataclass(frozen=True)
class Crop:
    """A square of the original.

    Arguments:
        top: Its first row.
        left: Its first column.
    """

    top: int
    left: int

    def png(self, pixels: Pixels, shrink: int = 1) -> bytes:
        """The square as a PNG file, its pixels magnified.

        Arguments:
            pixels: A picture of the original's size, or of one smaller by ``shrink``.
            shrink: How many times smaller it is.
        """
        top, left, side = self.top // shrink, self.left // shrink, _SIDE // shrink
        part = pixels[top : top + side, left : left + side]
        shown = Image.fromarray(on_screen(np.divide(part, np.iinfo(part.dtype).max, dtype=np.float32), None))
        size = (_SHOWN * part.shape[1] // side, _SHOWN * part.shape[0] // side)
        return as_png(np.asarray(shown.resize(size, Image.Resampling.NEAREST)))


def find_crop(pair: Pair, scale: int) -> Crop:
    """The square around the block of 16 x 16 pixels with the largest mean squared error of the bicubic enlargement."""
    error = np.square(imresize(pair.small, float(scale)) - pair.large.astype(np.float32)).mean(2)
    side = min(_BLOCK, *error.shape)
    rows, columns = error.shape[0] // side, error.shape[1] // side
    blocks = error[: rows * side, : columns * side].reshape(rows, side, columns, side).mean((1, 3))
    row, column = (int(place) for place in np.unravel_index(np.argmax(blocks), blocks.shape))
    return Crop(_start(row * side, error.shape[0], scale), _start(column * side, error.shape[1], scale))


def _start(block: int, length: int, scale: int) -> int:
    """The first pixel of a square with a block in its middle, moved inwards, where a small pixel begins too."""
    start = min(block + _BLOCK // 2 - _SIDE // 2, length - _SIDE)
    return max(start, 0) // scale * scale
