"""Parts of a picture side by side, as they are: noise, blur and blocks show only there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.tiles import Rows
from nflows_heritage.views.reduced import reduced

PART = 64
DOWN, ACROSS = 3, 4


def mosaic(picture: Rows) -> NDArray[np.uint8]:
    r"""Eleven parts of a picture from all over it, and in the last place the whole of it small, :math:`(192, 256, 3)`.

    What differs from place to place, such as a zoom, shows as well as what is alike.

    Arguments:
        picture: The picture, grey or in colour, with or without alpha, of 8 or 16 bits.
    """
    bands = [_band(picture, number) for number in range(DOWN)]
    whole = np.concatenate(bands)
    small = _in_colour(np.rint(255 * reduced(picture, PART)).astype(np.uint8))
    whole[-PART:, -PART:] = small
    return whole


def _band(picture: Rows, number: int) -> NDArray[np.uint8]:
    height, width, _ = picture.shape
    top = _places(height, DOWN)[number]
    rows = _in_colour(_in_8_bits(picture.rows(top, min(top + PART, height))))
    parts = [rows[:, left : left + PART] for left in _places(width, ACROSS)]
    return np.concatenate([_filled(part) for part in parts], axis=1)


def _places(length: int, count: int) -> list[int]:
    """Where parts begin: in the middles of equal shares of a side."""
    middles = [(2 * number + 1) * length / (2 * count) for number in range(count)]
    return [min(max(0, round(middle - PART / 2)), max(0, length - PART)) for middle in middles]


def _filled(part: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A part of a picture that is smaller goes on mirrored."""
    height, width, _ = part.shape
    return np.pad(part, ((0, PART - height), (0, PART - width), (0, 0)), mode="symmetric")


def _in_colour(pixels: NDArray[Any]) -> NDArray[Any]:
    colours = pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., :1]
    return np.broadcast_to(colours, (*pixels.shape[:2], 3))


def _in_8_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    return (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels
