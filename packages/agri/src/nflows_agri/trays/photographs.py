"""Photographs of whatever file as sRGB of eight bits, in which seeds are looked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nflows_agri.trays.colours import Pixels
from nflows_core.runtime.images import Picture, read_picture
from nflows_core.runtime.pictures.thumbnails import on_screen

_STRIP = 2**21
_UNUSED = 6
"""The most of 16 bits that no camera uses."""


def read_photograph(path: str | Path) -> Pixels:
    """A photograph, upright, in sRGB, :math:`(H, W, 3)`: grey becomes RGB, 16 bits become 8, profiles are applied.

    Samples of 16 bits whose greatest one is of 10, 12 or 14 bits, as cameras store them, are of so many.

    Raises:
        PictureError: The file is no picture, damaged or too large.
        ValueError: Some of it is transparent.
        OSError: It cannot be read.
    """
    return in_srgb(read_picture(path))


def in_srgb(picture: Picture) -> Pixels:
    """The same of a picture in memory."""
    if picture.channels == 3 and picture.bits == 8 and picture.icc is None:
        return np.asarray(picture.pixels, np.uint8)
    colours = picture.pixels[..., :-1] if picture.has_alpha else picture.pixels
    if picture.has_alpha and picture.pixels[..., -1].min() < np.iinfo(colours.dtype).max:
        raise ValueError(
            "some of it is transparent, and nobody knows what is behind: flatten it onto the tray's colour"
        )
    height, width = colours.shape[:2]
    rows = max(1, _STRIP // width)
    most = 2 ** max(picture.bits - _UNUSED, int(colours.max()).bit_length()) - 1 if picture.bits > 8 else 255
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, rows):
        strip = np.divide(colours[top : top + rows], most, dtype=np.float32)
        pixels[top : top + rows] = on_screen(strip, picture.icc)
    return pixels
